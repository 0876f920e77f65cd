//! Sets that are read by position: what is computed from tiles, by one process or by several, is what clouds in memory give.

use std::{io, thread};

use kd2m_ot::{
    Cloud, Options, OtError, Real, Side, Solution, Status,
    divergence::{AnyDivergence, Divergence, Request, registry},
    ranks::threads::threads,
    sets::{Held, Over, Set, Source},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Those that can be had of sets.
const METRICS: [&str; 9] = ["w2", "w1", "bounds", "sinkhorn", "unbalanced", "mmd-rbf", "fid", "gaussian-w2", "sw2"];

fn numbers<T: Real>(count: usize, seed: u64, spread: f64, shift: f64) -> Vec<T> {
    let mut random = Pcg64::seed_from_u64(seed);
    (0..count).map(|_| T::of(spread * random.random_range(-1.0..1.0) + shift)).collect()
}

fn metric(name: &str, options: &[(&str, &str)]) -> Box<dyn AnyDivergence> {
    registry::build(&options.iter().fold(Options::new(name), |all, (key, value)| all.set(key, value))).unwrap()
}

/// Two samples with or without weights.
struct Two<T> {
    x: Vec<T>,
    y: Vec<T>,
    d: usize,
    weights: Option<[Vec<f64>; 2]>,
}

impl<T: Real> Two<T>
where
    dyn AnyDivergence: Divergence<T>,
{
    fn new(n: usize, m: usize, d: usize) -> Self {
        Self { x: numbers(n * d, 1, 1.0, 0.0), y: numbers(m * d, 2, 1.2, 0.3), d, weights: None }
    }

    fn weighted(mut self) -> Self {
        let of = |n: usize, step: usize| (0..n).map(|i| (i % step) as f64).collect::<Vec<f64>>();
        self.weights = Some([of(self.x.len() / self.d, 5), of(self.y.len() / self.d, 4)]);
        self
    }

    fn whole(&self, of: &(dyn AnyDivergence + 'static)) -> Solution<T> {
        let [a, b] = [(Side::A, &self.x, 0), (Side::B, &self.y, 1)].map(|(side, values, at)| {
            let cloud = Cloud::new(side, values, values.len() / self.d, self.d).unwrap();
            match &self.weights {
                Some(weights) => cloud.with_weights(&weights[at]).unwrap(),
                None => cloud,
            }
        });
        Divergence::<T>::evaluate(of, &a, &b, Request::VALUE).unwrap()
    }

    /// What each of so many ranks is told.
    fn over(&self, of: &(dyn AnyDivergence + 'static), size: usize) -> Vec<Solution<T>> {
        let held = [&self.x, &self.y].map(|values| Held::new(values.clone(), self.d).unwrap());
        thread::scope(|scope| {
            let one = |thread: kd2m_ot::ranks::threads::Thread| {
                let held = &held;
                // Each with threads of its own, which may wait for those of others.
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1 + size % 2).build().unwrap();
                let work = move || {
                    let set = |side, at: usize| {
                        let set = Set::new(side, &held[at]).unwrap();
                        match &self.weights {
                            Some(weights) => set.with_weights(&weights[at]).unwrap(),
                            None => set,
                        }
                    };
                    let over = Over { ranks: &thread, keep: None };
                    let found =
                        Divergence::<T>::evaluate_sets(of, &set(Side::A, 0), &set(Side::B, 1), Request::VALUE, over);
                    found.unwrap().unwrap()
                };
                scope.spawn(move || pool.install(work))
            };
            let all: Vec<_> = threads(size).into_iter().map(one).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }
}

fn check<T: Real>(two: &Two<T>, what: &str)
where
    dyn AnyDivergence: Divergence<T>,
{
    let single = size_of::<T>() == 4;
    for name in METRICS {
        let of = metric(
            name,
            match name {
                "bounds" => &[("block", "100")],
                // Nothing is held.
                "w1" | "w2" => &[("memory", "0")],
                _ => &[],
            },
        );
        let whole = two.whole(&*of);
        let one = two.over(&*of, 1).remove(0);
        // Products of tiles round otherwise than those of whole clouds; iterations end by their tolerance.
        let tolerance = match (name, single) {
            ("sinkhorn" | "unbalanced", _) => 1e-3,
            ("bounds", _) => 0.05,
            (_, true) => 2e-5,
            (_, false) => 1e-9,
        };
        assert!(
            (one.value - whole.value).abs() <= tolerance * whole.value,
            "{name}, {what}: {} {}",
            one.value,
            whole.value
        );
        assert_eq!(one.status, whole.status, "{name}, {what}");
        for size in [2, 3] {
            for found in two.over(&*of, size) {
                assert_eq!(found.value.to_bits(), one.value.to_bits(), "{name}, {what}: {size} ranks");
                assert_eq!(found.gap, one.gap, "{name}, {what}: {size} ranks");
                assert_eq!(found.diagnostics, one.diagnostics, "{name}, {what}: {size} ranks");
            }
        }
    }
}

#[test]
fn every_number_of_ranks_gives_the_value_of_whole_clouds() {
    check(&Two::<f32>::new(300, 300, 7), "equal sizes, f32");
    check(&Two::<f64>::new(260, 260, 3), "equal sizes, f64");
    check(&Two::<f32>::new(210, 333, 5), "other sizes");
    check(&Two::<f64>::new(150, 190, 4).weighted(), "weights");
}

#[test]
fn sets_that_every_rank_can_hold_are_an_assignment_whose_passes_ranks_share() {
    // Room for the features but not for the costs, and room for both.
    for (name, memory) in [("w2", "0.001"), ("w1", "0.001"), ("w2", "1")] {
        let of = metric(name, &[("memory", memory)]);
        share_an_assignment(&Two::<f32>::new(700, 700, 9), &*of, name);
        share_an_assignment(&Two::<f64>::new(500, 500, 5), &*of, name);
        share_an_assignment(&Two::<f32>::new(2, 2, 3), &*of, name);
    }
}

fn share_an_assignment<T: Real>(two: &Two<T>, of: &(dyn AnyDivergence + 'static), what: &str)
where
    dyn AnyDivergence: Divergence<T>,
{
    let whole = two.whole(of);
    for size in [1, 2, 3] {
        for found in two.over(of, size) {
            assert_eq!(found.value.to_bits(), whole.value.to_bits(), "{what}: {size} ranks");
            assert_eq!(found.status, Status::Optimal, "{what}: {size} ranks");
        }
    }
}

#[test]
fn bounds_of_tiles_hold_the_exact_value_between_them() {
    for (n, m, d) in [(1, 1, 2), (1, 70, 3), (500, 500, 12), (130, 300, 6)] {
        let two = Two::<f32>::new(n, m, d);
        let exact = two.over(&*metric("w2", &[("memory", "0")]), 2).remove(0);
        assert_eq!(exact.status, Status::Optimal, "{n} × {m}");
        for block in ["40", "1000"] {
            let found = two.over(&*metric("bounds", &[("block", block)]), 2).remove(0);
            let (lower, upper) = (found.value - found.gap.unwrap(), found.value);
            assert!(
                lower <= exact.value * (1.0 + 1e-9) && exact.value <= upper * (1.0 + 1e-6),
                "{lower} {} {upper}",
                exact.value
            );
        }
    }
}

#[test]
fn bounds_of_many_samples_are_those_of_double_precision() {
    // So many that columns are left out by products of bytes, where the processor has them.
    let single = Two::<f32>::new(8500, 8300, 6);
    let wide = |values: &[f32]| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let double = Two { x: wide(&single.x), y: wide(&single.y), d: single.d, weights: None };
    let of = metric("bounds", &[("block", "500")]);
    let (found, exact) = (single.over(&*of, 2).remove(0), double.over(&*of, 1).remove(0));
    let lower = |value: f64, gap: Option<f64>| value - gap.unwrap();
    let (found, exact) = (lower(found.value, found.gap), lower(exact.value, exact.gap));
    assert!((found - exact).abs() <= 2e-3 * exact, "{found} {exact}");
    // One process or several: the same sample, the same rows.
    let alone = single.over(&*of, 1).remove(0);
    assert_eq!(lower(alone.value, alone.gap).to_bits(), found.to_bits());
}

#[test]
fn a_plan_of_sets_has_the_marginals_and_the_cost_that_are_said() {
    let two = Two::<f64>::new(90, 120, 3);
    let held = [&two.x, &two.y].map(|values| Held::new(values.clone(), two.d).unwrap());
    let (a, b) = (Set::new(Side::A, &held[0]).unwrap(), Set::new(Side::B, &held[1]).unwrap());
    let request = Request { plan: true, ..Request::VALUE };
    let found = metric("w2", &[("memory", "0")]).evaluate_sets(&a, &b, request, Over::ALONE).unwrap().unwrap();
    let dense = found.plan.unwrap().to_dense();
    let mut cost = 0.0;
    for (i, row) in dense.chunks(120).enumerate() {
        assert!((row.iter().sum::<f64>() - 1.0 / 90.0).abs() < 1e-12);
        let squared = |j: usize| (0..3).map(|k| (two.x[i * 3 + k] - two.y[j * 3 + k]).powi(2)).sum::<f64>();
        cost += row.iter().enumerate().map(|(j, mass)| mass * squared(j)).sum::<f64>();
    }
    assert!((cost - found.value).abs() < 1e-12 * cost);
    let potentials = found.potentials.unwrap();
    let dual = potentials.u.iter().sum::<f64>() / 90.0 + potentials.v.iter().sum::<f64>() / 120.0;
    assert!((dual - found.value).abs() < 1e-9 * found.value, "{dual} {}", found.value);
}

#[test]
fn potentials_are_kept_and_begun_from() {
    let two = Two::<f32>::new(200, 240, 6);
    let held = [&two.x, &two.y].map(|values| Held::new(values.clone(), two.d).unwrap());
    let (a, b) = (Set::new(Side::A, &held[0]).unwrap(), Set::new(Side::B, &held[1]).unwrap());
    let w2 = metric("w2", &[]);
    let kept = std::sync::Mutex::new(Vec::new());
    let keep = |v: &[f64]| {
        kept.lock().unwrap().push(v.to_vec());
        Ok(())
    };
    let over = Over { keep: Some(&keep), ..Over::ALONE };
    let found = Divergence::<f32>::evaluate_sets(&*w2, &a, &b, Request::VALUE, over).unwrap().unwrap();
    let last = kept.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.len(), 240);
    let start = kd2m_ot::Potentials { u: Vec::new(), v: last };
    let request = Request { start: Some(&start), ..Request::VALUE };
    let again = Divergence::<f32>::evaluate_sets(&*w2, &a, &b, request, Over::ALONE).unwrap().unwrap();
    assert!((again.value - found.value).abs() <= 1e-12 * found.value);
    assert!(again.iterations < found.iterations / 4, "{} {}", again.iterations, found.iterations);
    // What cannot be kept ends the solve with its reason.
    let full = |_: &[f64]| Err(io::Error::other("cannot write duals.npy: no space left"));
    let over = Over { keep: Some(&full), ..Over::ALONE };
    let error = Divergence::<f32>::evaluate_sets(&*w2, &a, &b, Request::VALUE, over).unwrap().unwrap_err();
    assert_eq!(error, OtError::Unkept { why: "cannot write duals.npy: no space left".to_owned() });
}

#[test]
fn potentials_of_an_assignment_are_kept_while_it_goes_on() {
    let two = Two::<f32>::new(1200, 1200, 24);
    let held = [&two.x, &two.y].map(|values| Held::new(values.clone(), two.d).unwrap());
    let (a, b) = (Set::new(Side::A, &held[0]).unwrap(), Set::new(Side::B, &held[1]).unwrap());
    let w2 = metric("w2", &[]);
    let kept = std::sync::Mutex::new(Vec::new());
    let keep = |v: &[f64]| {
        kept.lock().unwrap().push(v.to_vec());
        Ok(())
    };
    let over = Over { keep: Some(&keep), ..Over::ALONE };
    let found = Divergence::<f32>::evaluate_sets(&*w2, &a, &b, Request::VALUE, over).unwrap().unwrap();
    let kept = kept.into_inner().unwrap();
    assert!(kept.len() >= 3, "{}", kept.len());
    let from = |v: &Vec<f64>| {
        let start = kd2m_ot::Potentials { u: Vec::new(), v: v.clone() };
        let request = Request { start: Some(&start), ..Request::VALUE };
        let again = Divergence::<f32>::evaluate_sets(&*w2, &a, &b, request, Over::ALONE).unwrap().unwrap();
        assert_eq!(again.value.to_bits(), found.value.to_bits());
        assert_eq!(again.status, Status::Optimal);
        again.iterations
    };
    let all: Vec<usize> = kept.iter().map(from).collect();
    // Those of the end leave few rows to search for.
    assert!(all[all.len() - 1] <= found.iterations / 2, "{} {all:?}", found.iterations);
}

/// Rows of which one cannot be read.
#[derive(Debug)]
struct Broken {
    held: Held<f32>,
    from: usize,
}

impl Source<f32> for Broken {
    fn len(&self) -> usize {
        self.held.len()
    }

    fn width(&self) -> usize {
        self.held.width()
    }

    fn read(&self, first: usize, into: &mut [f32]) -> io::Result<()> {
        if first + into.len() / self.width() > self.from {
            return Err(io::Error::other("part-3.npy: is shorter than when it was opened"));
        }
        self.held.read(first, into)
    }
}

#[test]
fn what_cannot_be_read_or_is_no_number_is_told() {
    let two = Two::<f32>::new(300, 300, 4);
    let whole = Held::new(two.x.clone(), 4).unwrap();
    let broken = Broken { held: Held::new(two.y.clone(), 4).unwrap(), from: 250 };
    let mut values = two.y.clone();
    values[257 * 4 + 2] = f32::NAN;
    let odd = Held::new(values, 4).unwrap();
    let quick = |name: &str| metric(name, if matches!(name, "w1" | "w2") { &[("memory", "0")] } else { &[] });
    for (name, of) in METRICS.iter().flat_map(|name| [(name, metric(name, &[])), (name, quick(name))]) {
        let told = |b: &dyn Source<f32>| {
            let (a, b) = (Set::new(Side::A, &whole).unwrap(), Set::new(Side::B, b).unwrap());
            Divergence::<f32>::evaluate_sets(&*of, &a, &b, Request::VALUE, Over::ALONE)
                .unwrap()
                .unwrap_err()
                .to_string()
        };
        assert_eq!(told(&broken), "B: part-3.npy: is shorter than when it was opened", "{name}");
        assert_eq!(told(&odd), "B: row 257, column 2 is NaN: features must be finite", "{name}");
    }
}

#[test]
fn what_sets_have_not_is_said() {
    let two = Two::<f32>::new(20, 20, 4);
    let held = [&two.x, &two.y].map(|values| Held::new(values.clone(), 4).unwrap());
    let narrow = Held::new(two.y.clone(), 2).unwrap();
    let (a, b) = (Set::new(Side::A, &held[0]).unwrap(), Set::new(Side::B, &held[1]).unwrap());
    let n = Set::new(Side::B, &narrow).unwrap();
    for name in METRICS {
        let of = metric(name, &[]);
        let error =
            Divergence::<f32>::evaluate_sets(&*of, &a, &b, Request::GRADIENT, Over::ALONE).unwrap().unwrap_err();
        assert!(error.to_string().starts_with(name), "{error}");
        let error = Divergence::<f32>::evaluate_sets(&*of, &a, &n, Request::VALUE, Over::ALONE).unwrap().unwrap_err();
        assert!(matches!(error, OtError::Widths { .. }), "{error}");
        // A set with itself: nothing, or the rounding of it.
        if name != "bounds" {
            let found = Divergence::<f32>::evaluate_sets(&*of, &a, &a, Request::VALUE, Over::ALONE).unwrap().unwrap();
            assert!(found.value.abs() < 1e-12, "{name}: {}", found.value);
        }
    }
    let plain = registry::ENTRIES.iter().map(|entry| (entry.name, entry.traits.sets));
    for (name, says) in plain.chain([("class-w2", false), ("joint-sinkhorn", false)]) {
        let found = Divergence::<f32>::evaluate_sets(&*metric(name, &[]), &a, &b, Request::VALUE, Over::ALONE);
        assert_eq!((found.is_some(), METRICS.contains(&name)), (says, says), "{name}");
    }
    assert!(Held::new(vec![0.0f32; 7], 2).is_err() && Held::<f32>::new(vec![], 0).is_err());
}

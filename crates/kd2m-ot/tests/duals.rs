//! Potentials out and in: what an exact plan answers with proves it, and what a caller begins from changes the time, never the answer.

use kd2m_ot::{
    Cloud, Options, Plan, Potentials, Real, Side, Solution,
    divergence::{AnyDivergence, Divergence, Request, registry},
    internals::network_simplex,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn numbers<T: Real>(count: usize, seed: u64) -> Vec<T> {
    let mut random = Pcg64::seed_from_u64(seed);
    (0..count).map(|_| T::of(random.random_range(-1.0..1.0) + random.random_range(-1.0..1.0))).collect()
}

/// Two clouds in d dimensions; weights on A where they are asked for.
struct Pair<T> {
    x: Vec<T>,
    y: Vec<T>,
    weights: Option<Vec<f64>>,
    sizes: (usize, usize),
    d: usize,
}

impl<T: Real> Pair<T> {
    fn new(sizes: (usize, usize), d: usize, weighted: bool) -> Self {
        let weights = weighted.then(|| (0..sizes.0).map(|i| (i % 5) as f64 + 0.25 * f64::from(i % 7 == 0)).collect());
        Self { x: numbers(sizes.0 * d, 1), y: numbers(sizes.1 * d, 2), weights, sizes, d }
    }

    /// The same with every feature of A moved a little.
    fn moved(&self, by: f64) -> Self {
        let x = self.x.iter().zip(numbers::<f64>(self.x.len(), 3)).map(|(x, z)| T::of(x.wide() + by * z)).collect();
        Self { x, y: self.y.clone(), weights: self.weights.clone(), ..*self }
    }

    fn solve(&self, name: &str, start: Option<&Potentials>) -> Solution<T>
    where
        dyn AnyDivergence: Divergence<T>,
    {
        let (n, m) = self.sizes;
        let a = Cloud::new(Side::A, &self.x, n, self.d).unwrap();
        let a = match &self.weights {
            Some(weights) => a.with_weights(weights).unwrap(),
            None => a,
        };
        let b = Cloud::new(Side::B, &self.y, m, self.d).unwrap();
        let metric = registry::build(&Options::new(name)).unwrap();
        Divergence::<T>::evaluate(&*metric, &a, &b, Request { plan: true, start, ..Request::VALUE }).unwrap()
    }

    fn cost(&self, name: &str, i: usize, j: usize) -> f64 {
        let (x, y) = (&self.x[i * self.d..][..self.d], &self.y[j * self.d..][..self.d]);
        let squared: f64 = x.iter().zip(y).map(|(x, y)| (x.wide() - y.wide()).powi(2)).sum();
        if name == "w1" { squared.sqrt() } else { squared }
    }

    fn weight(&self, i: usize) -> f64 {
        match &self.weights {
            Some(weights) => weights[i] / weights.iter().sum::<f64>(),
            None => 1.0 / self.sizes.0 as f64,
        }
    }
}

const PROBLEMS: &[((usize, usize), bool)] =
    &[((150, 150), false), ((300, 300), false), ((300, 280), false), ((130, 130), true), ((200, 260), true)];

fn check_duals<T: Real>()
where
    dyn AnyDivergence: Divergence<T>,
{
    for &(sizes, weighted) in PROBLEMS {
        let pair = Pair::<T>::new(sizes, 7, weighted);
        for name in ["w1", "w2"] {
            let found = pair.solve(name, None);
            let (what, (n, m)) = (format!("{name} {sizes:?} {weighted}"), sizes);
            let Potentials { u, v } = found.potentials.unwrap();
            assert_eq!((u.len(), v.len()), (n, m), "{what}");
            for (i, u) in u.iter().enumerate() {
                for (j, v) in v.iter().enumerate() {
                    let cost = pair.cost(name, i, j);
                    assert!(u + v <= cost + 1e-10 * found.value, "{what}: {} > {cost}", u + v);
                }
            }
            let dual = (0..n).map(|i| pair.weight(i) * u[i]).sum::<f64>() + v.iter().sum::<f64>() / m as f64;
            let open = found.value - dual;
            assert!(
                open.abs() <= found.gap.unwrap() + 1e-12 * found.value,
                "{what}: {open} is open, {:?} said",
                found.gap
            );
            assert!(found.gap.unwrap() <= 1e-10 * found.value, "{what}");
            for (i, j, mass) in found.plan.unwrap().entries() {
                let slack = pair.cost(name, i, j) - u[i] - v[j];
                let allowed = found.gap.unwrap() + 1e-12 * found.value;
                assert!(mass * slack <= allowed, "{what}: a pair of the plan has the slack {slack}");
            }
        }
    }
}

#[test]
fn duals_are_feasible_and_prove_the_value_in_both_precisions() {
    check_duals::<f32>();
    check_duals::<f64>();
}

#[test]
fn a_start_changes_nothing_but_the_time() {
    for &(sizes, weighted) in PROBLEMS {
        let pair = Pair::<f32>::new(sizes, 7, weighted);
        for name in ["w1", "w2"] {
            let start = pair.solve(name, None).potentials;
            for by in [0.0, 0.01, 0.3] {
                let moved = pair.moved(by);
                let (cold, warm) = (moved.solve(name, None), moved.solve(name, start.as_ref()));
                let what = format!("{name} {sizes:?} {weighted} moved by {by}");
                assert_eq!(warm.value.to_bits(), cold.value.to_bits(), "{what}");
                assert_eq!((warm.plan, warm.status), (cold.plan, cold.status), "{what}");
            }
        }
    }
}

#[test]
fn the_answer_s_own_potentials_leave_nothing_to_pivot() {
    let pair = Pair::<f32>::new((300, 280), 7, false);
    let cold = pair.solve("w2", None);
    let warm = pair.solve("w2", cold.potentials.as_ref());
    assert!(warm.iterations <= cold.iterations / 20, "{} pivots of {}", warm.iterations, cold.iterations);
}

/// Starts that say nothing, or worse.
fn nonsense(n: usize, m: usize) -> Vec<Potentials> {
    let of = |value: fn(usize) -> f64| Potentials { u: (0..n).map(value).collect(), v: (0..m).map(value).collect() };
    vec![
        of(|_| f64::NAN),
        of(|i| if i == 1 { f64::NAN } else { 0.0 }),
        of(|_| f64::INFINITY),
        of(|i| if i % 2 == 0 { 1e308 } else { -1e308 }),
        of(|i| 1e12 * (i as f64).sin()),
        of(|i| if i == 0 { -1e30 } else { 1e-300 }),
        Potentials::default(),
        Potentials { u: vec![0.0; n + 1], v: vec![0.0; m + 3] },
    ]
}

#[test]
fn nonsense_as_start_does_no_harm() {
    for &(sizes, weighted) in PROBLEMS {
        let pair = Pair::<f32>::new(sizes, 7, weighted);
        for name in ["w1", "w2"] {
            let cold = pair.solve(name, None);
            for (k, start) in nonsense(sizes.0, sizes.1).iter().enumerate() {
                let found = pair.solve(name, Some(start));
                let what = format!("{name} {sizes:?} {weighted}, start {k}");
                assert_eq!(
                    (found.value, found.plan, found.status),
                    (cold.value, cold.plan.clone(), cold.status.clone()),
                    "{what}"
                );
            }
        }
    }
}

/// Ties, samples without mass and random starts: every first tree is feasible, and the simplex ends at the same value.
#[test]
fn any_start_of_the_simplex_gives_a_feasible_plan_of_the_same_value() {
    let mut random = Pcg64::seed_from_u64(9);
    for round in 0..300 {
        let (n, m) = (random.random_range(1..14), random.random_range(1..14));
        let levels = [2, 4, 1000][round % 3];
        let cost: Vec<f64> = (0..n * m).map(|_| f64::from(random.random_range(0..levels))).collect();
        let mut masses = |count: usize| -> Vec<f64> {
            let drawn: Vec<f64> = (0..count).map(|_| f64::from(random.random_range(0..4))).collect();
            if drawn.iter().sum::<f64>() > 0.0 { drawn } else { vec![1.0; count] }
        };
        let (a, b) = (masses(n), masses(m));
        let v = (0..m).map(|_| random.random_range(-5.0..5.0)).collect();
        let start = Potentials { u: vec![0.0; n], v };
        let cold = network_simplex(&cost, &a, &b, None);
        let warm = network_simplex(&cost, &a, &b, Some(&start));
        assert!((warm.value - cold.value).abs() < 1e-9, "round {round}: {} {}", warm.value, cold.value);
        assert_eq!(warm.status, cold.status, "round {round}");
        let Plan::Sparse { entries, .. } = warm.plan else { panic!("the simplex makes sparse plans") };
        for (side, weights) in [(0, &a), (1, &b)] {
            let total: f64 = weights.iter().sum();
            for (k, weight) in weights.iter().enumerate() {
                let at = |e: &(u32, u32, f64)| if side == 0 { e.0 } else { e.1 };
                let sum: f64 = entries.iter().filter(|e| at(e) as usize == k).map(|e| e.2).sum();
                assert!((sum - weight / total).abs() < 1e-12, "round {round}");
            }
        }
    }
}

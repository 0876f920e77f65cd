//! `w1` and `w2` against closed forms, brute force, and finite differences; every certificate is checked on the way.

use crate::{
    Cloud, Options, Plan, Potentials, Real, Side, Status, cost,
    divergence::{AnyDivergence, Divergence, Request, registry},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

fn metric(name: &str, memory: f64) -> Box<dyn AnyDivergence> {
    registry::build(&Options::new(name).set("memory", memory)).unwrap()
}

fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(seed);
    (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
}

fn clouds<'a>(x: &'a [f64], y: &'a [f64], d: usize) -> (Cloud<'a, f64>, Cloud<'a, f64>) {
    let cloud = |side, values: &'a [f64]| Cloud::new(side, values, values.len() / d, d).unwrap();
    (cloud(Side::A, x), cloud(Side::B, y))
}

/// Strong duality and complementary slackness against costs recomputed here, pair by pair.
fn assert_certified(name: &str, a: &Cloud<f64>, b: &Cloud<f64>) -> f64 {
    let cost = |i: usize, j: usize| {
        let squared = cost::squared_distance(a.row(i), b.row(j));
        if name == "w1" { squared.sqrt() } else { squared }
    };
    let largest =
        (0..a.len()).flat_map(|i| (0..b.len()).map(move |j| (i, j))).map(|(i, j)| cost(i, j)).fold(0.0, f64::max);
    let mut values = Vec::new();
    // Rows held, and rows computed again.
    for memory in [1.0, 0.0] {
        let found = metric(name, memory).evaluate(a, b, Request::ALL).unwrap();
        let (gap, potentials, plan) = (found.gap.unwrap(), found.potentials.unwrap(), found.plan.unwrap());
        let tolerance = largest * 1e-6 + 1e-300;
        assert!(gap <= tolerance, "{name}, n = {}: gap {gap}", a.len());
        let dual: f64 = potentials.u.iter().enumerate().map(|(i, u)| a.weight(i) * u).sum::<f64>()
            + potentials.v.iter().enumerate().map(|(j, v)| b.weight(j) * v).sum::<f64>();
        assert!((found.value - dual).abs() <= gap.max(0.0) + largest * 1e-9 + 1e-300, "{} {dual} {gap}", found.value);
        for i in 0..a.len() {
            for j in 0..b.len() {
                assert!(potentials.u[i] + potentials.v[j] <= cost(i, j) + largest * 1e-9);
            }
        }
        for (i, j, mass) in plan.entries() {
            let slack = cost(i, j) - potentials.u[i] - potentials.v[j];
            assert!(slack * mass <= gap.max(0.0) + largest * 1e-9 + 1e-300);
        }
        values.push(found.value);
    }
    assert!((values[0] - values[1]).abs() <= largest * 1e-6);
    values[0]
}

#[test]
fn certified_over_sizes_ties_duplicates_and_scales() {
    for (seed, n) in [1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65, 97, 128, 200].into_iter().enumerate() {
        for d in [1, 3, 20] {
            let (x, y) = (numbers(n * d, seed as u64), numbers(n * d, 1000 + seed as u64));
            let rounded = |v: &[f64]| v.iter().map(|x| (x * 1.5).round()).collect::<Vec<_>>();
            let constant = vec![2.5; n * d];
            let (tied_x, tied_y) = (rounded(&x), rounded(&y));
            for (x, y) in [(&x, &y), (&tied_x, &tied_y), (&x, &constant), (&constant, &constant), (&x, &x)] {
                for name in ["w1", "w2"] {
                    let (a, b) = clouds(x, y, d);
                    assert_certified(name, &a, &b);
                }
            }
            for scale in [1e-25, 1e25] {
                let by = |v: &[f64]| v.iter().map(|x| x * scale).collect::<Vec<_>>();
                let (x, y) = (by(&x), by(&y));
                let (a, b) = clouds(&x, &y, d);
                assert_certified("w2", &a, &b);
            }
        }
    }
}

#[test]
fn other_marginals_are_certified_too() {
    for (n, m) in [(1, 4), (7, 3), (20, 31)] {
        let (x, y) = (numbers(n * 2, 7), numbers(m * 2, 8));
        let (a, b) = clouds(&x, &y, 2);
        let weights: Vec<f64> = (0..n).map(|i| (i % 3) as f64 + if n == 1 { 1.0 } else { 0.0 }).collect();
        let a = a.with_weights(&weights).unwrap();
        for name in ["w1", "w2"] {
            assert_certified(name, &a, &b);
        }
    }
}

/// What two clouds are made of in [`any_marginals_are_solved_without_a_matrix`].
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    /// Whole numbers: many costs are equal.
    Tied,
    /// Every sample several times.
    Doubled,
    /// Far from each other.
    Apart,
    /// One sample a million times as far away as the others.
    Outlier,
}

fn of_kind<T: Real>(kind: Kind, values: Vec<f64>, d: usize, is_second: bool) -> Vec<T> {
    let change = |(k, x): (usize, &f64)| match kind {
        Kind::Plain => *x,
        Kind::Tied => (x * 1.5).round(),
        Kind::Doubled => values[k % (values.len() / d).div_ceil(3).max(1) * d + k % d],
        Kind::Apart if is_second => x + 300.0,
        Kind::Outlier if k < d && is_second => x * 1e6,
        Kind::Apart | Kind::Outlier => *x,
    };
    values.iter().enumerate().map(change).map(T::of).collect()
}

/// Equal values from held costs and from costs computed again, and for the second a whole certificate against costs from here.
fn check_without_a_matrix<T: Real>(name: &str, kind: Kind, (n, m, d): (usize, usize, usize), weighted: bool)
where
    dyn AnyDivergence: Divergence<T>,
{
    let (x, y) = (numbers(n * d, (n + 7 * m) as u64), numbers(m * d, (n + 11 * m + d) as u64));
    let (x, y) = (of_kind::<T>(kind, x, d, false), of_kind::<T>(kind, y, d, true));
    let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
    // A fifth of the weights is zero, the others differ by a hundred times.
    let weights = |count: usize| (0..count).map(|k| ((k * 7 + 1) % 5) as f64 * (1 + k % 37) as f64).collect::<Vec<_>>();
    let (of_a, of_b) = (weights(n), weights(m));
    let (a, b) = if weighted { (a.with_weights(&of_a).unwrap(), b.with_weights(&of_b).unwrap()) } else { (a, b) };
    let of = |memory: f64| metric(name, memory).as_ref().evaluate(&a, &b, Request::ALL).unwrap();
    let (held, found) = (of(1.0), of(0.0));
    let what = format!("{name}, {kind:?}, {n} × {m} × {d}, weighted: {weighted}, {}", std::any::type_name::<T>());

    let (value, gap) = (found.value, found.gap.unwrap());
    let beside = |of: f64| if kind == Kind::Outlier { 1e-9 * of } else { 1e-12 * of + 1e-300 };
    assert!((value - held.value).abs() <= beside(value), "{what}: {value} beside {}", held.value);
    assert!(gap >= 0.0 && gap <= 1e-10 * value + 1e-300, "{what}: gap {gap}");
    assert_eq!(found.status, Status::Optimal, "{what}");

    let cost = |i: usize, j: usize| {
        let squared = cost::squared_distance(a.row(i), b.row(j));
        if name == "w1" { squared.sqrt() } else { squared }
    };
    let (mut rows, mut columns, mut primal) = (vec![0.0; n], vec![0.0; m], 0.0);
    for (i, j, mass) in found.plan.unwrap().entries() {
        rows[i] += mass;
        columns[j] += mass;
        primal += mass * cost(i, j);
    }
    assert!((0..n).all(|i| (rows[i] - a.weight(i)).abs() < 1e-14), "{what}");
    assert!((0..m).all(|j| (columns[j] - b.weight(j)).abs() < 1e-14), "{what}");
    assert!((primal - value).abs() <= 1e-12 * value, "{what}: {primal} {value}");
    let Potentials { u, v } = found.potentials.unwrap();
    let largest = (0..n).map(|i| (0..m).map(|j| cost(i, j)).fold(0.0, f64::max)).fold(0.0, f64::max);
    for (i, u) in u.iter().enumerate() {
        for (j, v) in v.iter().enumerate() {
            assert!(u + v <= cost(i, j) + 1e-13 * largest, "{what}: {i}, {j}");
        }
    }
    let dual = u.iter().enumerate().map(|(i, u)| a.weight(i) * u).sum::<f64>()
        + v.iter().enumerate().map(|(j, v)| b.weight(j) * v).sum::<f64>();
    assert!((value - dual).abs() <= gap + 1e-13 * largest, "{what}: {value} {dual} {gap}");
}

#[test]
fn any_marginals_are_solved_without_a_matrix() {
    for kind in [Kind::Plain, Kind::Tied, Kind::Doubled, Kind::Apart, Kind::Outlier] {
        for sizes in [(1, 7, 3), (9, 1, 2), (3, 200, 2), (61, 130, 1), (90, 90, 4), (150, 97, 20)] {
            for name in ["w1", "w2"] {
                // Equal sizes without weights are an assignment.
                for weighted in [sizes.0 == sizes.1, true] {
                    check_without_a_matrix::<f32>(name, kind, sizes, weighted);
                    check_without_a_matrix::<f64>(name, kind, sizes, weighted);
                }
            }
        }
    }
}

/// Where lists of arcs are what costs that fit are solved by, too.
#[test]
fn large_problems_of_other_sizes_are_solved_by_lists() {
    check_without_a_matrix::<f32>("w2", Kind::Plain, (1100, 1000, 3), false);
    check_without_a_matrix::<f32>("w1", Kind::Plain, (1000, 1100, 3), true);
    check_without_a_matrix::<f64>("w2", Kind::Outlier, (1030, 1020, 2), false);
}

/// From its own potentials a problem needs hardly a pivot, with a matrix or without.
#[test]
fn the_last_potentials_are_a_start_without_a_matrix_too() {
    let (n, m, d) = (130, 90, 5);
    let (x, y) = (numbers(n * d, 61), numbers(m * d, 62));
    let (a, b) = clouds(&x, &y, d);
    for name in ["w1", "w2"] {
        let cold = metric(name, 0.0).evaluate(&a, &b, Request::ALL).unwrap();
        let start = cold.potentials.as_ref();
        let warm = metric(name, 0.0).evaluate(&a, &b, Request { start, ..Request::ALL }).unwrap();
        assert!((warm.value - cold.value).abs() <= 1e-13 * cold.value);
        assert!(warm.iterations <= cold.iterations / 4, "{} pivots after {}", warm.iterations, cold.iterations);
    }
}

#[test]
fn on_a_line_sorted_samples_are_matched() {
    let (x, y) = (numbers(101, 3), numbers(101, 4));
    let (a, b) = clouds(&x, &y, 1);
    let sorted = |v: &[f64]| {
        let mut v = v.to_vec();
        v.sort_by(f64::total_cmp);
        v
    };
    let pairs: Vec<f64> = sorted(&x).iter().zip(sorted(&y)).map(|(x, y)| (x - y).abs()).collect();
    let w1 = pairs.iter().sum::<f64>() / 101.0;
    let w2 = pairs.iter().map(|p| p * p).sum::<f64>() / 101.0;
    assert!((assert_certified("w1", &a, &b) - w1).abs() < 1e-9);
    assert!((assert_certified("w2", &a, &b) - w2).abs() < 1e-9);
}

#[test]
fn a_translation_moves_every_sample_by_it_and_a_permutation_costs_nothing() {
    let (n, d) = (60, 3);
    let x = numbers(n * d, 11);
    let by = [1.0, -2.0, 0.5];
    let y: Vec<f64> = x.iter().enumerate().map(|(k, x)| x + by[k % 3]).collect();
    let (a, b) = clouds(&x, &y, d);
    let found = metric("w2", 1.0).evaluate(&a, &b, Request::ALL).unwrap();
    assert!((found.value - 5.25).abs() < 1e-12);
    assert_eq!(found.plan, Some(Plan::Permutation((0..n as u32).collect())));
    let gradient = found.gradient.unwrap().features;
    assert!(gradient.iter().enumerate().all(|(k, g)| (g + 2.0 * by[k % 3] / n as f64).abs() < 1e-12));

    let order: Vec<usize> = (0..n).map(|i| (i * 7 + 3) % n).collect();
    let y: Vec<f64> = order.iter().flat_map(|&i| x[i * d..(i + 1) * d].to_vec()).collect();
    let (a, b) = clouds(&x, &y, d);
    for name in ["w1", "w2"] {
        let found = metric(name, 1.0).evaluate(&a, &b, Request::ALL).unwrap();
        assert_eq!(found.value, 0.0);
        // Coincident points: the kink of w1 included.
        assert!(found.gradient.unwrap().features.iter().all(|g| *g == 0.0));
    }
}

#[test]
fn gradients_match_finite_differences() {
    let (n, d, h) = (12, 4, 1e-6);
    let (x, y) = (numbers(n * d, 21), numbers(n * d, 22));
    for name in ["w1", "w2"] {
        let value = |x: &[f64]| {
            let (a, b) = clouds(x, &y, d);
            metric(name, 1.0).evaluate(&a, &b, Request::VALUE).unwrap().value
        };
        let (a, b) = clouds(&x, &y, d);
        let gradient = metric(name, 1.0).evaluate(&a, &b, Request::GRADIENT).unwrap().gradient.unwrap().features;
        for k in 0..n * d {
            let mut moved = x.clone();
            moved[k] += h;
            let up = value(&moved);
            moved[k] -= 2.0 * h;
            let slope = (up - value(&moved)) / (2.0 * h);
            assert!((slope - gradient[k]).abs() < 1e-7, "{name} {k}: {slope} {}", gradient[k]);
        }
    }
}

#[test]
fn the_last_potentials_as_start_give_the_same_answer() {
    let (n, d) = (150, 6);
    let (x, y) = (numbers(n * d, 31), numbers(n * d, 32));
    let (a, b) = clouds(&x, &y, d);
    for name in ["w1", "w2"] {
        let cold = metric(name, 1.0).evaluate(&a, &b, Request::ALL).unwrap();
        let start = cold.potentials.clone();
        let warm = metric(name, 1.0).evaluate(&a, &b, Request { start: start.as_ref(), ..Request::ALL }).unwrap();
        assert_eq!(warm.plan, cold.plan);
        assert!(warm.iterations <= n / 8, "{} paths from optimal potentials", warm.iterations);
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let (n, d) = (140, 30);
    let x: Vec<f32> = numbers(n * d, 41).iter().map(|x| *x as f32).collect();
    let y: Vec<f32> = numbers(n * d, 42).iter().map(|x| *x as f32).collect();
    let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let (wx, wy) = (wide(&x), wide(&y));
    for name in ["w1", "w2"] {
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, n, d).unwrap());
        let single = metric(name, 1.0).evaluate(&a, &b, Request::ALL).unwrap();
        let (a, b) = clouds(&wx, &wy, d);
        let double = metric(name, 1.0).evaluate(&a, &b, Request::ALL).unwrap();
        assert!((single.value - double.value).abs() < 1e-6 * double.value);
        assert!(single.gap.unwrap() < 1e-6 * double.value);
    }
}

/// Paired clouds, which end without a cost matrix where bytes are multiplied: the same plan and potentials as double precision finds.
#[test]
fn paired_clouds_have_the_identity_with_feasible_potentials() {
    let (n, d) = (130, 96);
    let x: Vec<f32> = numbers(n * d, 51).iter().map(|x| *x as f32).collect();
    let y: Vec<f32> = numbers(n * d, 52).iter().zip(&x).map(|(e, x)| x + 0.4 * *e as f32 + 0.3).collect();
    let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let (wx, wy) = (wide(&x), wide(&y));
    for name in ["w1", "w2"] {
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, n, d).unwrap());
        let single = metric(name, 1.0).evaluate(&a, &b, Request::ALL).unwrap();
        assert_eq!(single.plan, Some(Plan::Permutation((0..n as u32).collect())));
        let (a, b) = clouds(&wx, &wy, d);
        let value = assert_certified(name, &a, &b);
        assert!((single.value - value).abs() < 1e-12 * value);
        let potentials = single.potentials.unwrap();
        let dual = potentials.u.iter().chain(&potentials.v).sum::<f64>() / n as f64;
        assert!((single.value - dual).abs() < 1e-12 * value && single.gap.unwrap().abs() < 1e-5 * value);
        for i in 0..n {
            for j in 0..n {
                let squared = cost::squared_distance(a.row(i), b.row(j));
                let cost = if name == "w1" { squared.sqrt() } else { squared };
                assert!(potentials.u[i] + potentials.v[j] <= cost * (1.0 + 1e-9));
            }
        }
    }
}

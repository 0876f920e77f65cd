//! Given costs against all permutations, answers known by hand, points that give the same matrix, and plain loops.

use kd2m_ot::{
    Cloud, OtError, Real, Side, Solution, Status, Stop,
    divergence::{Request, Sinkhorn, W2},
    problem::{
        Problem,
        assignment::{Assignment, Goal},
    },
};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

fn normal(seed: u64, count: usize) -> Vec<f64> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// The best total over all ways to match rows with columns.
fn brute(cost: &[f64], n: usize, m: usize, better: fn(f64, f64) -> f64) -> f64 {
    if n > m {
        let turned: Vec<f64> = (0..m * n).map(|k| cost[k % n * m + k / n]).collect();
        return brute(&turned, m, n, better);
    }
    fn from(row: usize, taken: &mut [bool], cost: &[f64], better: fn(f64, f64) -> f64) -> f64 {
        let m = taken.len();
        if row * m == cost.len() {
            return 0.0;
        }
        let free: Vec<usize> = (0..m).filter(|j| !taken[*j]).collect();
        let totals = free.into_iter().map(|j| {
            taken[j] = true;
            let total = cost[row * m + j] + from(row + 1, taken, cost, better);
            taken[j] = false;
            total
        });
        totals.reduce(better).unwrap()
    }
    from(0, &mut vec![false; m], cost, better)
}

/// Every row and column at most once, as many as there are of the fewer; potentials that prove the total.
fn assert_assignment<T: Real>(found: &Assignment, cost: &[T], n: usize, m: usize, goal: Goal) {
    assert_eq!(found.pairs.len(), n.min(m));
    for of in [|p: &(usize, usize)| p.0, |p: &(usize, usize)| p.1] {
        let mut all: Vec<usize> = found.pairs.iter().map(of).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), found.pairs.len(), "{:?}", found.pairs);
    }
    assert!(found.pairs.is_sorted());
    let size = cost.iter().fold(0.0, |most: f64, c| most.max(c.wide().abs()));
    let sign = if goal == Goal::Least { 1.0 } else { -1.0 };
    let (u, v) = (&found.potentials.u, &found.potentials.v);
    for (k, c) in cost.iter().enumerate() {
        assert!(sign * (u[k / m] + v[k % m] - c.wide()) <= 1e-12 * size, "{u:?} {v:?} {cost:?}");
    }
    let dual: f64 = u.iter().chain(v).map(|x| x / size.max(f64::MIN_POSITIVE)).sum();
    let total = found.total / size.max(f64::MIN_POSITIVE);
    assert!((total - dual).abs() <= 1e-12 * (n + m) as f64 + found.gap / size.max(f64::MIN_POSITIVE), "{total} {dual}");
    assert_eq!(found.status, Status::Optimal);
}

#[test]
fn assignments_of_every_shape_sign_and_scale_equal_brute_force() {
    for (n, m) in [(1, 1), (1, 4), (4, 1), (2, 3), (3, 2), (4, 4), (3, 6), (6, 3), (6, 6), (2, 7), (7, 5)] {
        for (seed, scale) in [(1, 1.0), (2, 1e-300), (3, 1e300), (4, 1e-9), (5, 1e20), (6, 0.0)] {
            for kind in 0..3 {
                let numbers = normal(seed, n * m);
                let cost: Vec<f64> = numbers
                    .iter()
                    .map(|x| match kind {
                        0 => x * scale,
                        1 => (x * 2.0).round().abs() * scale,
                        _ => (x.abs() * 3.0 - 100.0) * scale,
                    })
                    .collect();
                for (goal, better) in [(Goal::Least, f64::min as fn(f64, f64) -> f64), (Goal::Most, f64::max)] {
                    let found = Problem::new(&cost, n, m).unwrap().assign(goal).unwrap();
                    assert_assignment(&found, &cost, n, m, goal);
                    let best = brute(&cost, n, m, better);
                    let size = cost.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
                    assert!((found.total - best).abs() <= 1e-13 * size, "{n}×{m} {goal:?}: {} {best}", found.total);
                }
            }
        }
    }
}

#[test]
fn single_precision_is_taken_as_given() {
    for (seed, scale) in [(1, 1.0f32), (2, 1e-38), (3, 1e37), (4, -1e5)] {
        for (n, m) in [(5, 5), (4, 6), (6, 4)] {
            let cost: Vec<f32> = normal(seed, n * m).iter().map(|x| *x as f32 * scale).collect();
            let wide: Vec<f64> = cost.iter().map(|x| f64::from(*x)).collect();
            let found = Problem::new(&cost, n, m).unwrap().assign(Goal::Least).unwrap();
            assert_assignment(&found, &cost, n, m, Goal::Least);
            let best = brute(&wide, n, m, f64::min);
            assert!((found.total - best).abs() <= 1e-13 * f64::from(scale.abs()), "{} {best}", found.total);
        }
    }
}

#[test]
fn a_wide_assignment_is_the_best_of_a_square_one_with_idle_rows() {
    let (n, m) = (40, 90);
    let cost = normal(7, n * m);
    let mut square = cost.clone();
    square.resize(m * m, 0.0);
    let found = Problem::new(&cost, n, m).unwrap().assign(Goal::Least).unwrap();
    assert_assignment(&found, &cost, n, m, Goal::Least);
    let expected = Problem::new(&square, m, m).unwrap().assign(Goal::Least).unwrap();
    assert!((found.total - expected.total).abs() < 1e-11, "{} {}", found.total, expected.total);
}

/// Masses, strong duality and feasibility of a plan.
fn assert_plan(found: &Solution<f64>, cost: &[f64], a: &[f64], b: &[f64]) {
    let m = b.len();
    let plan = found.plan.as_ref().unwrap().to_dense();
    let share = |w: &[f64], k: usize| w[k] / w.iter().sum::<f64>();
    for i in 0..a.len() {
        assert!((plan[i * m..][..m].iter().sum::<f64>() - share(a, i)).abs() < 1e-12);
    }
    for j in 0..m {
        assert!((plan[j..].iter().step_by(m).sum::<f64>() - share(b, j)).abs() < 1e-12);
    }
    let size = cost.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
    let p = found.potentials.as_ref().unwrap();
    assert!(cost.iter().enumerate().all(|(k, c)| p.u[k / m] + p.v[k % m] <= c + 1e-12 * size));
    let of = |p: &[f64], w: &[f64]| (0..w.len()).map(|k| p[k] * share(w, k)).sum::<f64>();
    assert!((of(&p.u, a) + of(&p.v, b) - found.value).abs() <= 1e-11 * size);
    let linear: f64 = plan.iter().zip(cost).map(|(g, c)| g * c).sum();
    assert!((linear - found.value).abs() <= 1e-12 * size);
    assert!(found.status == Status::Optimal && found.gap.unwrap() <= 1e-10 * size);
}

#[test]
fn any_masses_and_any_scale_are_certified() {
    for (n, m) in [(1, 5), (5, 1), (6, 6), (9, 14), (30, 20)] {
        for scale in [1.0, -1.0, 1e-290, 1e295, 1e8] {
            let cost: Vec<f64> = normal(3, n * m).iter().map(|x| x * scale).collect();
            let a: Vec<f64> = (0..n).map(|i| (i % 4) as f64 + f64::from(u8::from(i == 0))).collect();
            let b: Vec<f64> = (0..m).map(|j| 0.1 + (j % 3) as f64).collect();
            let problem = Problem::new(&cost, n, m).unwrap();
            assert_plan(&problem.exact().unwrap(), &cost, &vec![1.0; n], &vec![1.0; m]);
            let problem = problem.with_weights(Side::A, &a).unwrap().with_weights(Side::B, &b).unwrap();
            let found = problem.exact().unwrap();
            assert_plan(&found, &cost, &a, &b);
            let potentials = found.potentials.clone().unwrap();
            let again = problem.with_start(&potentials).exact().unwrap();
            assert!((again.value - found.value).abs() <= 1e-12 * scale.abs());
        }
    }
}

#[test]
fn on_the_line_it_is_the_area_between_the_distribution_functions() {
    let (x, y) = (normal(1, 12), normal(2, 7));
    let (a, b): (Vec<f64>, Vec<f64>) = ((1..=12).map(f64::from).collect(), vec![1.0, 0.0, 2.0, 5.0, 1.0, 1.0, 3.0]);
    let cost: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| (x - y).abs())).collect();
    let problem = Problem::new(&cost, 12, 7).unwrap();
    let found = problem.with_weights(Side::A, &a).unwrap().with_weights(Side::B, &b).unwrap().exact().unwrap();
    // ∫ |F − G| of the distribution functions.
    let mut ends = [x.clone(), y.clone()].concat();
    ends.sort_by(f64::total_cmp);
    let below = |z: &[f64], w: &[f64], t: f64| {
        z.iter().zip(w).filter(|(z, _)| **z <= t).map(|(_, w)| w).sum::<f64>() / w.iter().sum::<f64>()
    };
    let gap = |t: f64| (below(&x, &a, t) - below(&y, &b, t)).abs();
    let expected: f64 = ends.windows(2).map(|t| (t[1] - t[0]) * gap(t[0])).sum();
    assert!((found.value - expected).abs() < 1e-13);
}

#[test]
fn points_that_give_the_matrix_give_its_answer() {
    for (n, m, d) in [(20, 20, 3), (15, 23, 5)] {
        let (x, y) = (normal(1, n * d), normal(2, m * d));
        let rows = |z: &[f64], k: usize| z[k * d..][..d].to_vec();
        let pairs = (0..n * m)
            .map(|k| rows(&x, k / m).iter().zip(rows(&y, k % m)).map(|(x, y)| (x - y) * (x - y)).sum::<f64>());
        let cost: Vec<f64> = pairs.collect();
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let points = W2::default().evaluate(&a, &b, Request::ALL).unwrap();
        let matrix = Problem::new(&cost, n, m).unwrap().exact().unwrap();
        assert!((points.value - matrix.value).abs() < 1e-12);
        assert_eq!(points.plan.unwrap().to_dense(), matrix.plan.unwrap().to_dense());
    }
}

/// OT_ε by plain loops: (value, plan).
fn plain(cost: &[f64], a: &[f64], b: &[f64], epsilon: f64) -> (f64, Vec<f64>) {
    let m = b.len();
    let (mut u, mut v) = (vec![0.0; a.len()], vec![0.0; m]);
    for _ in 0..20_000 {
        for i in 0..a.len() {
            let sum: f64 = (0..m).map(|j| b[j] * ((v[j] - cost[i * m + j]) / epsilon).exp()).sum();
            u[i] = -epsilon * sum.ln();
        }
        for j in 0..m {
            let sum: f64 = (0..a.len()).map(|i| a[i] * ((u[i] - cost[i * m + j]) / epsilon).exp()).sum();
            v[j] = -epsilon * sum.ln();
        }
    }
    let density = |k: usize| ((u[k / m] + v[k % m] - cost[k]) / epsilon).exp();
    let plan: Vec<f64> = (0..cost.len()).map(|k| a[k / m] * b[k % m] * density(k)).collect();
    let entropy: f64 = plan.iter().enumerate().map(|(k, g)| if *g > 0.0 { g * density(k).ln() } else { 0.0 }).sum();
    (plan.iter().zip(cost).map(|(g, c)| g * c).sum::<f64>() + epsilon * entropy, plan)
}

#[test]
fn entropic_plans_equal_plain_loops_and_move_with_the_costs() {
    let (n, m) = (5, 7);
    let cost = normal(4, n * m);
    let (a, b) = ([0.1, 0.3, 0.2, 0.15, 0.25], [0.2, 0.1, 0.1, 0.3, 0.1, 0.15, 0.05]);
    let solve = |cost: &[f64], epsilon: f64| {
        let problem = Problem::new(cost, n, m).unwrap();
        let problem = problem.with_weights(Side::A, &a).unwrap().with_weights(Side::B, &b).unwrap();
        problem.entropic(&Sinkhorn::default().epsilon(epsilon).tolerance(1e-13)).unwrap()
    };
    let (value, plan) = plain(&cost, &a, &b, 0.5);
    let found = solve(&cost, 0.5);
    assert!((found.value - value).abs() < 1e-10, "{} {value}", found.value);
    assert!(found.plan.unwrap().to_dense().iter().zip(&plan).all(|(g, h)| (g - h).abs() < 1e-10));
    let linear: f64 = plan.iter().zip(&cost).map(|(g, c)| g * c).sum();
    let named = |s: &Solution<f64>, name| s.diagnostic(name).unwrap();
    assert!((found.diagnostics[1].1 - linear).abs() < 1e-10);
    for (factor, shift) in [(1e90, 0.0), (1e-90, 0.0), (3.0, -50.0)] {
        let moved: Vec<f64> = cost.iter().map(|c| factor * c + shift).collect();
        let found = solve(&moved, factor * 0.5);
        assert!((found.value - factor * value - shift).abs() <= 1e-10 * factor, "{}", found.value);
        let p = found.potentials.as_ref().unwrap();
        let dual: f64 = (0..n).map(|i| a[i] * p.u[i]).sum::<f64>() + (0..m).map(|j| b[j] * p.v[j]).sum::<f64>();
        assert!((dual - found.value).abs() <= 1e-10 * factor);
        assert!((named(&found, "cost") - factor * linear - shift).abs() <= 1e-10 * factor);
    }
    // ε by default is a share of the costs, at any scale.
    let by_default = |factor: f64| {
        let moved: Vec<f64> = cost.iter().map(|c| factor * c).collect();
        Problem::new(&moved, n, m).unwrap().entropic(&Sinkhorn::default().tolerance(1e-12)).unwrap().value / factor
    };
    for factor in [1e290, 1e-290] {
        assert!((by_default(factor) - by_default(1.0)).abs() < 1e-9);
    }
    // As ε falls the cost becomes the exact one.
    let problem = Problem::new(&cost, n, m).unwrap();
    let exact = problem.exact().unwrap().value;
    let near = problem.entropic(&Sinkhorn::default().epsilon(1e-3).tolerance(1e-9)).unwrap();
    assert!((named(&near, "cost") - exact).abs() < 1e-3, "{} {exact}", near.value);
}

#[test]
fn equal_costs_and_what_does_not_fit() {
    let found = Problem::new(&[-3.0; 6], 2, 3).unwrap().entropic(&Sinkhorn::default()).unwrap();
    assert!((found.value + 3.0).abs() < 1e-12);
    assert_eq!(found.plan.unwrap().to_dense(), [0.5 / 3.0; 6]);
    let problem = |cost: &'static [f64], n, m| Problem::new(cost, n, m);
    assert!(matches!(problem(&[], 0, 3), Err(OtError::Empty { side: Side::A })));
    assert!(matches!(problem(&[], 3, 0), Err(OtError::Empty { side: Side::B })));
    assert!(matches!(problem(&[1.0], 1, 2), Err(OtError::Length { found: 1, .. })));
    let error = problem(&[1.0, 2.0, f64::NAN, 0.0], 2, 2).unwrap_err().to_string();
    assert_eq!(error, "the cost of row 1, column 0 is NaN: costs must be finite");
    let two = problem(&[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
    assert!(matches!(two.clone().with_weights(Side::B, &[1.0]), Err(OtError::WeightCount { side: Side::B, .. })));
    let weighted = two.clone().with_weights(Side::A, &[1.0, 2.0]).unwrap();
    assert!(weighted.assign(Goal::Most).unwrap_err().to_string().contains("give no weights"));
    for epsilon in [1e-99, 1e99] {
        let error = two.entropic(&Sinkhorn::default().epsilon(epsilon)).unwrap_err().to_string();
        assert!(error.contains("for these costs"), "{error}");
    }
    assert!(two.entropic(&Sinkhorn::default().iterations(0)).is_err());
    let stop = Stop::new();
    stop.set();
    let stopped = two.with_stop(&stop);
    assert!(matches!(stopped.exact(), Err(OtError::Interrupted(_))));
    assert!(matches!(stopped.assign(Goal::Least), Err(OtError::Interrupted(_))));
    assert!(matches!(stopped.entropic(&Sinkhorn::default()), Err(OtError::Interrupted(_))));
}

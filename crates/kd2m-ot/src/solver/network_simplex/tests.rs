use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::solver::assignment;

/// Every property that an exact plan must have, checked from the plan and the potentials alone.
fn assert_optimal(cost: &[f64], a: &[f64], b: &[f64], found: &Transport) {
    let (n, m) = (a.len(), b.len());
    let scale = cost.iter().fold(1.0, |most: f64, c| most.max(c.abs()));
    let (mut rows, mut columns, mut value) = (vec![0.0; n], vec![0.0; m], 0.0);
    for (i, j, mass) in found.plan.entries() {
        assert!(mass > 0.0);
        rows[i] += mass;
        columns[j] += mass;
        value += mass * cost[i * m + j];
    }
    let off = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y).abs()).sum::<f64>();
    assert!(off(&rows, a) < 1e-14 && off(&columns, b) < 1e-14, "marginals");
    let Potentials { u, v } = &found.potentials;
    for i in 0..n {
        for j in 0..m {
            assert!(u[i] + v[j] <= cost[i * m + j] + 1e-12 * scale, "infeasible potentials at {i}, {j}");
        }
    }
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let dual = dot(a, u) + dot(b, v);
    assert!((value - dual).abs() < 1e-11 * scale, "strong duality: {value} {dual}");
    assert!((value - found.value).abs() < 1e-12 * scale && found.gap.abs() < 1e-11 * scale);
    assert_eq!(found.status, Status::Optimal);
}

/// The optimum for weights in whole shares of 1/k: split into k unit masses, the best of all k! pairings (Birkhoff).
fn brute_force(cost: &[f64], shares_a: &[usize], shares_b: &[usize]) -> f64 {
    let units = |shares: &[usize]| -> Vec<usize> {
        shares.iter().enumerate().flat_map(|(i, &s)| std::iter::repeat_n(i, s)).collect()
    };
    let (rows, m) = (units(shares_a), shares_b.len());
    let mut columns = units(shares_b);
    let k = rows.len();
    fn descend(at: usize, so_far: f64, columns: &mut [usize], cost: &dyn Fn(usize, usize) -> f64, best: &mut f64) {
        if at == columns.len() {
            *best = best.min(so_far);
            return;
        }
        for other in at..columns.len() {
            columns.swap(at, other);
            descend(at + 1, so_far + cost(at, columns[at]), columns, cost, best);
            columns.swap(at, other);
        }
    }
    let mut best = f64::INFINITY;
    descend(0, 0.0, &mut columns, &|at, j| cost[rows[at] * m + j], &mut best);
    best / k as f64
}

#[test]
fn equals_the_best_of_all_pairings_on_tiny_problems() {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    for case in 0..300 {
        let k = rng.random_range(1..8);
        let parts = |rng: &mut Pcg64Mcg| {
            // Zero shares included.
            let mut shares = vec![0; rng.random_range(1..6)];
            (0..k).for_each(|_| {
                let at = rng.random_range(0..shares.len());
                shares[at] += 1;
            });
            shares
        };
        let (shares_a, shares_b) = (parts(&mut rng), parts(&mut rng));
        // Every third problem has many ties, some costs are negative.
        let cost: Vec<f64> = (0..shares_a.len() * shares_b.len())
            .map(|_| if case % 3 == 0 { rng.random_range(0..3) as f64 } else { rng.random_range(-1.0..5.0) })
            .collect();
        let weights = |shares: &[usize]| shares.iter().map(|&s| s as f64 / k as f64).collect::<Vec<_>>();
        let (a, b) = (weights(&shares_a), weights(&shares_b));
        let found = solve(&cost, &a, &b, None);
        assert_optimal(&cost, &a, &b, &found);
        let best = brute_force(&cost, &shares_a, &shares_b);
        assert!((found.value - best).abs() < 1e-12, "{} against {best}: {shares_a:?} {shares_b:?}", found.value);
    }
}

#[test]
fn equals_the_assignment_on_equal_uniform_marginals() {
    let mut rng = Pcg64Mcg::seed_from_u64(2);
    for n in [1, 2, 3, 17, 64, 200] {
        let cost: Vec<f64> = (0..n * n).map(|_| rng.random_range(0.0..10.0)).collect();
        let weights = vec![1.0 / n as f64; n];
        let found = solve(&cost, &weights, &weights, None);
        assert_optimal(&cost, &weights, &weights, &found);
        let expected = assignment::solve(&cost, n, None).value;
        assert!((found.value - expected).abs() < 1e-12);
        // The optimum's own potentials as a start give the same value, sooner.
        let again = solve(&cost, &weights, &weights, Some(&found.potentials));
        assert!((again.value - expected).abs() < 1e-12 && again.iterations <= found.iterations);
    }
}

#[test]
fn ties_duplicates_zero_weights_and_unequal_sizes() {
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    for case in 0..60 {
        let (n, m) = (rng.random_range(1..60), rng.random_range(1..60));
        let grid = [1.0, 0.25, 1e-3][case % 3];
        let points = |count: usize, rng: &mut Pcg64Mcg| -> Vec<f64> {
            (0..count).map(|_| (rng.random_range(0.0f64..4.0) / grid).round() * grid).collect()
        };
        let (x, y) = (points(n, &mut rng), points(m, &mut rng));
        let cost: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| (x - y) * (x - y))).collect();
        let weights = |count: usize, rng: &mut Pcg64Mcg| {
            let mut weights: Vec<f64> =
                (0..count).map(|_| if rng.random_bool(0.3) { 0.0 } else { rng.random_range(1..4) as f64 }).collect();
            weights[0] += 1.0;
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|w| *w /= sum);
            weights
        };
        let (a, b) = (weights(n, &mut rng), weights(m, &mut rng));
        let found = solve(&cost, &a, &b, None);
        assert_optimal(&cost, &a, &b, &found);
        let expected = one_dimension(&x, &a, &y, &b);
        assert!((found.value - expected).abs() < 1e-11, "{} {expected}", found.value);
    }
}

/// W₂² on the line: sorted samples, mass by mass.
fn one_dimension(x: &[f64], a: &[f64], y: &[f64], b: &[f64]) -> f64 {
    let sorted = |x: &[f64], w: &[f64]| {
        let mut pairs: Vec<(f64, f64)> = x.iter().copied().zip(w.iter().copied()).collect();
        pairs.sort_by(|p, q| p.0.total_cmp(&q.0));
        pairs
    };
    let (p, q) = (sorted(x, a), sorted(y, b));
    let (mut i, mut j, mut left_p, mut left_q, mut value) = (0, 0, p[0].1, q[0].1, 0.0);
    loop {
        let mass = left_p.min(left_q);
        value += mass * (p[i].0 - q[j].0).powi(2);
        left_p -= mass;
        left_q -= mass;
        if left_p <= left_q {
            i += 1;
            if i == p.len() {
                return value;
            }
            left_p = p[i].1;
        } else {
            j += 1;
            if j == q.len() {
                return value;
            }
            left_q = q[j].1;
        }
    }
}

#[test]
fn a_cap_leaves_a_feasible_plan_and_an_honest_gap() {
    let mut rng = Pcg64Mcg::seed_from_u64(4);
    let (n, m) = (40, 30);
    let cost: Vec<f64> = (0..n * m).map(|_| rng.random_range(0.0..1.0)).collect();
    let (a, b) = (vec![1.0 / n as f64; n], vec![1.0 / m as f64; m]);
    let best = solve(&cost, &a, &b, None);
    for cap in [0, 1, 5, 20] {
        let found = solve_capped(&cost, &a, &b, None, cap);
        assert!(matches!(found.status, Status::Stopped { error } if (0.0..=1.0).contains(&error)));
        let total: f64 = found.plan.entries().iter().map(|e| e.2).sum();
        assert!((total - 1.0).abs() < 1e-12, "mass {total}");
        assert!(found.value >= best.value - 1e-12 && found.value - found.gap <= best.value + 1e-12);
    }
}

#[test]
fn single_precision_costs_are_solved_as_given() {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let cost: Vec<f32> = (0..23 * 31).map(|_| rng.random_range(0.0..900.0)).collect();
    let (a, b) = (vec![1.0 / 23.0; 23], vec![1.0 / 31.0; 31]);
    let wide: Vec<f64> = cost.iter().map(|c| f64::from(*c)).collect();
    let found = solve(&cost, &a, &b, None);
    assert_optimal(&wide, &a, &b, &found);
}

/// Found by fuzzing: rows that were left out when it was told to stop were costs of zero, whose scale is no number.
#[test]
fn whole_numbers_are_given_up_when_it_is_told_to_stop() {
    let (cost, stop) = ([3.0, 1.0, 2.0, 5.0], Stop::new());
    let (rounded, exact) = (&Rounded::exact(&cost, 2), &Held { cost: &cost, columns: 2 });
    let masses = Masses::new(&[1.0, 2.0], &[2.0, 1.0]);
    let finish = || whole::finish(Tree::new(&masses, 5.0), &masses, &Problem { rounded, exact, stop: &stop }, 100);
    assert!((finish().unwrap().proof.value - 5.0 / 3.0).abs() < 1e-12);
    stop.set();
    assert!(finish().is_none());
}

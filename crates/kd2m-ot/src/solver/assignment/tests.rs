//! Every solver on every instruction set through the same table of problems.

use super::*;
use crate::isa::Isa;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rows::Matrix;

/// Kinds of matrices, some awkward.
const KINDS: [&str; 8] = ["uniform", "clouds", "paired", "ties", "constant", "outlier", "line", "duplicates"];

fn problem(kind: &str, n: usize, seed: u64) -> Vec<f32> {
    let mut random = Pcg64::seed_from_u64(seed);
    let d = if kind == "line" { 1 } else { 8 };
    let mut cloud = |_: usize| -> Vec<f32> { (0..n * d).map(|_| random.random_range(-1.0f32..1.0)).collect() };
    let (mut x, mut y) = (cloud(0), cloud(1));
    match kind {
        "paired" => y.iter_mut().zip(&x).for_each(|(y, x)| *y = x + 0.05 * *y),
        "outlier" => x[..d].iter_mut().for_each(|x| *x += 1000.0),
        "duplicates" => {
            for i in 0..n {
                x.copy_within(i / 3 * d..(i / 3 + 1) * d, i * d);
                y.copy_within(i / 2 * d..(i / 2 + 1) * d, i * d);
            }
        }
        _ => {}
    }
    let square = |i: usize, j: usize| (0..d).map(|k| (x[i * d + k] - y[j * d + k]).powi(2)).sum::<f32>();
    match kind {
        "uniform" => (0..n * n).map(|_| random.random::<f32>()).collect(),
        "ties" => (0..n * n).map(|_| random.random_range(0..4) as f32).collect(),
        "constant" => vec![3.5; n * n],
        _ => (0..n * n).map(|k| square(k / n, k % n)).collect(),
    }
}

#[test]
fn the_fast_solver_agrees_with_the_plain_one_everywhere() {
    for isa in Isa::available() {
        for (seed, n) in (1..40).chain([47, 48, 63, 64, 65, 100, 127, 128, 129, 191, 200, 400]).enumerate() {
            for kind in KINDS {
                let cost = problem(kind, n, seed as u64);
                let plain = certified(&cost, n, dense::solve(&cost, n, None));
                assert!(certificate::is_permutation(&plain.columns));
                // By lists, and by whole rows.
                for small in [0, n] {
                    let tuning = fast::Tuning { small, ..fast::Tuning::default() };
                    let fast = fast::solve(isa, &Pool::alone(), &Matrix::new(&cost, n), None, tuning).unwrap();
                    let fast = certified(&cost, n, fast.matching());
                    let what = format!("{kind}, n = {n}, {}, small = {small}", isa.name());
                    assert!(certificate::is_permutation(&fast.columns), "{what}");
                    let largest = cost.iter().fold(0.0f32, |a, &b| a.max(b)) as f64;
                    let tolerance = largest * 2f64.powi(-24);
                    assert!((fast.value - plain.value).abs() <= tolerance, "{what}: {} {}", fast.value, plain.value);
                    assert!(fast.gap <= tolerance, "{what}: gap {}", fast.gap);
                }
            }
        }
    }
}

#[test]
fn the_direct_solver_agrees_with_the_plain_one_in_any_shape() {
    for isa in Isa::available() {
        for (seed, n) in (1..40).chain([63, 64, 65, 100, 129]).enumerate() {
            for kind in KINDS {
                let square = problem(kind, n, seed as u64);
                for few in [1, n.div_ceil(3), n.div_ceil(2), n] {
                    // Rows that cost nothing take the columns that are left.
                    let mut padded = square.clone();
                    padded[few * n..].fill(0.0);
                    let plain = dense::solve(&padded, n, None);
                    let cost = |i: usize, j: u32| f64::from(square[i * n + j as usize]);
                    let total = |columns: &[u32]| (0..few).map(|i| cost(i, columns[i])).sum::<f64>();
                    let found = direct::solve(isa, &square[..few * n], (few, n), &Stop::NEVER).unwrap();
                    let what = format!("{kind}, {few} x {n}, {}", isa.name());
                    let tolerance =
                        1e-12 * (total(&plain.columns).abs() + square.iter().fold(0.0, |a: f64, &c| a.max(c.into())));
                    assert!((total(&found.columns) - total(&plain.columns)).abs() <= tolerance, "{what}");
                    let mut seen = found.columns.clone();
                    seen.sort_unstable();
                    seen.dedup();
                    assert!(seen.len() == few && seen.iter().all(|&j| (j as usize) < n), "{what}");
                    // The proof: feasible, tight, and nothing for who stays alone.
                    assert!((0.0..=tolerance).contains(&found.gap), "{what}: gap {}", found.gap);
                    for i in 0..few {
                        for j in 0..n {
                            assert!(found.u[i] + found.v[j] <= cost(i, j as u32) + tolerance, "{what}: {i}, {j}");
                        }
                    }
                    for j in (0..n).filter(|_| few < n) {
                        assert!(found.v[j] <= 0.0, "{what}: {j}");
                        assert!(found.v[j] == 0.0 || found.columns.contains(&(j as u32)), "{what}: {j}");
                    }
                    let dual = found.u.iter().sum::<f64>() + found.v.iter().sum::<f64>();
                    assert!((dual - total(&found.columns)).abs() <= tolerance * n as f64, "{what}: {dual}");
                }
            }
        }
    }
}

/// A matrix that gives its rows as copies, and knows how many were asked for at once.
struct Copied<'a> {
    cost: &'a [f32],
    n: usize,
    most: std::sync::atomic::AtomicUsize,
}

impl rows::Rows for Copied<'_> {
    type Element = f32;

    fn size(&self) -> usize {
        self.n
    }

    fn fetch<'s>(&'s self, rows: &[u32], scratch: &'s mut Vec<f32>) -> rows::Fetched<'s, f32> {
        self.most.fetch_max(rows.len(), std::sync::atomic::Ordering::Relaxed);
        scratch.clear();
        rows.iter().for_each(|&i| scratch.extend(&self.cost[i as usize * self.n..(i as usize + 1) * self.n]));
        rows::Fetched::only(scratch, self.n)
    }

    fn block(&self, _: usize) -> usize {
        12
    }
}

/// One thread, too: 60,000 samples a side would be 14 GB.
#[test]
fn rows_that_are_computed_are_never_asked_for_all_at_once() {
    let n = 150;
    for kind in KINDS {
        let cost = problem(kind, n, 5);
        let rows = Copied { cost: &cost, n, most: Default::default() };
        let found = solve_rows(&Pool::alone(), &rows, None).unwrap();
        let held = solve(&cost, n, None);
        assert!((found.value - held.value).abs() <= 1e-6 * (1.0 + held.value.abs()), "{kind}");
        assert!(rows.most.into_inner() <= 12, "{kind}");
    }
}

/// What fixed point leaves open of costs in double precision is settled over few entries: refining them takes ten times as long.
#[test]
fn costs_in_double_precision_are_settled_without_being_refined() {
    let (n, d) = (1024, 32);
    let mut random = Pcg64::seed_from_u64(32);
    for _ in 0..3 {
        let mut cloud = || -> Vec<f64> { (0..n * d).map(|_| random.random_range(-1.0..1.0)).collect() };
        let (x, y) = (cloud(), cloud());
        let cost: Vec<f64> = x
            .chunks_exact(d)
            .flat_map(|x| y.chunks_exact(d).map(|y| x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum()))
            .collect();
        let (pool, rows) = (Pool::alone(), Matrix::new(&cost, n));
        let found = solve_rows(&pool, &rows, None).unwrap();
        let matching = Matching { columns: found.columns, v: found.potentials.v, iterations: found.iterations };
        let settled = certificate::certify(Isa::detect(), &pool, &rows::Settled(rows), matching).unwrap();
        assert!(is_at_rounding(settled.gap, settled.value), "{:e} of {}", settled.gap, settled.value);
    }
}

/// An optimum may have many potentials: which of them is found must not hang on which thread was first.
#[test]
fn several_threads_find_the_same_potentials_every_time() {
    let n = 600;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    for kind in KINDS {
        let cost = problem(kind, n, 9);
        let solved = || {
            let found = threads.install(|| {
                Pool::with(true, &Stop::NEVER, |pool| solve_rows(pool, &Matrix::new(&cost, n), None).unwrap())
            });
            (found.columns, found.potentials.v)
        };
        let first = solved();
        for _ in 0..20 {
            assert!(solved() == first, "{kind}");
        }
    }
}

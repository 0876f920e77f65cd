//! Time of value and gradient of the divergences that need no transport solver, on Gaussian clouds of 512 features in `f32`.
//!
//!     cargo bench -p kd2m-ot --bench divergences -- [NAME …]

use std::time::{Duration, Instant};

use kd2m_ot::{
    Cloud, Options, Side,
    divergence::{AnyDivergence, Divergence, Request, registry},
};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

const METRICS: &[&str] = &[
    "mse",
    "mmd-linear",
    "gaussian-w2-diag",
    "gaussian-w2",
    "gaussian-kl-diag",
    "gaussian-kl",
    "jeffreys",
    "bhattacharyya",
    "mmd-rbf",
    "mmd-poly",
    "energy",
    "sw2",
    "max-sw2",
    "coral",
    "cf",
];
const SIZES: &[usize] = &[128, 512, 2048];
const WIDTH: usize = 512;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    println!("{:<18}{:>6}{:>14}{:>22}", "metric", "n", "value (ms)", "value + gradient (ms)");
    for name in METRICS.iter().filter(|name| asked.is_empty() || asked.iter().any(|a| a == *name)) {
        let divergence = match registry::build(&Options::new(name)) {
            Ok(divergence) => divergence,
            Err(error) => panic!("{error}"),
        };
        for &n in SIZES {
            let (x, y) = (normal(1, n * WIDTH), normal(2, n * WIDTH));
            let value = median(&*divergence, &x, &y, Request::VALUE);
            let gradient = median(&*divergence, &x, &y, Request::GRADIENT);
            println!("{name:<18}{n:>6}{value:>14.3}{gradient:>22.3}");
        }
    }
}

/// Median milliseconds of a quarter of a second of calls, three at least.
fn median(divergence: &dyn AnyDivergence, x: &[f32], y: &[f32], request: Request) -> f64 {
    let n = x.len() / WIDTH;
    let (mut times, begin) = (Vec::new(), Instant::now());
    while times.len() < 4 || begin.elapsed() < Duration::from_millis(250) {
        let start = Instant::now();
        let clouds = Cloud::new(Side::A, x, n, WIDTH).and_then(|a| Ok((a, Cloud::new(Side::B, y, n, WIDTH)?)));
        let solution = clouds.and_then(|(a, b)| Divergence::<f32>::evaluate(divergence, &a, &b, request));
        assert!(solution.is_ok_and(|s| s.value.is_finite()));
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    // The first call draws directions and wakes the threads.
    times.remove(0);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

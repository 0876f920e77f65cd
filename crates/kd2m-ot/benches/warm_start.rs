//! What the potentials of the last call save the next one: exact plans between a cloud that moved a little and one that stayed,
//! from nothing and from those potentials, one after the other so that both meet the same machine.
//!
//!     cargo bench -p kd2m-ot --bench warm_start -- [NAME …]

use std::time::Instant;

use kd2m_ot::{
    Cloud, Options, Potentials, Side, Solution,
    divergence::{AnyDivergence, Divergence, Request, registry},
};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

const WIDTH: usize = 64;
const REPEATS: usize = 15;

/// How far every feature moves, in units of its spread.
const MOVES: &[f32] = &[0.0, 0.01, 0.05, 0.2];

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    println!(
        "{:<6}{:>6}{:>6}{:>8}{:>12}{:>12}{:>8}{:>16}",
        "metric", "n", "m", "move", "cold (ms)", "warm (ms)", "ratio", "steps"
    );
    for (name, n, m) in [
        ("w2", 512, 512),
        ("w2", 2048, 2048),
        ("w1", 512, 512),
        ("w1", 2048, 2048),
        ("w2", 512, 500),
        ("w2", 2048, 2000),
    ] {
        if !asked.is_empty() && !asked.iter().any(|a| a == name) {
            continue;
        }
        let metric = match registry::build(&Options::new(name)) {
            Ok(metric) => metric,
            Err(error) => panic!("{error}"),
        };
        let (x, y) = (normal(1, n * WIDTH), normal(2, m * WIDTH));
        let before = solve(&*metric, &x, &y, None).0.potentials;
        for &by in MOVES {
            let moved: Vec<f32> = x.iter().zip(normal(3, n * WIDTH)).map(|(x, z)| x + by * z).collect();
            let (mut cold, mut warm) = (Vec::new(), Vec::new());
            let mut steps = (0, 0);
            for _ in 0..REPEATS {
                let (from_nothing, ms) = solve(&*metric, &moved, &y, None);
                cold.push(ms);
                let (from_last, ms) = solve(&*metric, &moved, &y, before.as_ref());
                warm.push(ms);
                assert_eq!((from_nothing.value, from_nothing.plan), (from_last.value, from_last.plan));
                steps = (from_nothing.iterations, from_last.iterations);
            }
            let (cold, warm) = (least(&cold), least(&warm));
            let steps = format!("{} / {}", steps.0, steps.1);
            println!("{name:<6}{n:>6}{m:>6}{by:>8}{cold:>12.3}{warm:>12.3}{:>8.2}{steps:>16}", cold / warm);
        }
    }
}

fn solve(metric: &dyn AnyDivergence, x: &[f32], y: &[f32], start: Option<&Potentials>) -> (Solution<f32>, f64) {
    let begin = Instant::now();
    let clouds = Cloud::new(Side::A, x, x.len() / WIDTH, WIDTH)
        .and_then(|a| Ok((a, Cloud::new(Side::B, y, y.len() / WIDTH, WIDTH)?)));
    let request = Request { plan: true, start, ..Request::VALUE };
    match clouds.and_then(|(a, b)| Divergence::<f32>::evaluate(metric, &a, &b, request)) {
        Ok(found) => (found, begin.elapsed().as_secs_f64() * 1e3),
        Err(error) => panic!("{error}"),
    }
}

/// The least of all: what other work on the machine adds is not the solver's.
fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

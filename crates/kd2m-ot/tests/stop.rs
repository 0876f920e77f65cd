//! Long solves end soon after they are told to, with an error and never with a value: one row for each family of solvers.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use kd2m_ot::{
    Cloud, Options, OtError, Side, Stop,
    divergence::{AnyDivergence, Request, registry},
    stop::Interrupted,
};

/// What tests allow for on a busy machine. Alone, solvers end within a tenth of a second, and the system takes as long again to have
/// a gigabyte of costs back.
const SLACK: Duration = Duration::from_secs(5);

/// Features that look like noise, different for each seed.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count).map(|_| next() + next() + next()).collect()
}

/// A problem that takes seconds.
struct Long {
    name: &'static str,
    options: &'static [(&'static str, &'static str)],
    n: usize,
    m: usize,
    d: usize,
    /// Values on a grid of this many steps: ties everywhere.
    levels: Option<f32>,
}

impl Long {
    const fn new(name: &'static str, n: usize, m: usize, d: usize) -> Self {
        Self { name, options: &[], n, m, d, levels: None }
    }

    const fn with(self, options: &'static [(&'static str, &'static str)]) -> Self {
        Self { options, ..self }
    }

    fn metric(&self) -> Box<dyn AnyDivergence> {
        registry::build(&self.options.iter().fold(Options::new(self.name), |all, (k, v)| all.set(k, v))).unwrap()
    }

    /// How long it went on after it was told to stop at `after`.
    fn overrun(&self, after: Duration) -> Duration {
        let features = |count: usize, seed: u64| -> Vec<f32> {
            let values = noise(count, seed);
            match self.levels {
                Some(levels) => values.iter().map(|x| (x * levels).floor()).collect(),
                None => values,
            }
        };
        let (x, y) = (features(self.n * self.d, 1), features(self.m * self.d, 2));
        let labels = |n: usize| (0..n as u32).map(|i| i % 2).collect::<Vec<u32>>();
        let (p, q) = (labels(self.n), labels(self.m));
        let a = Cloud::new(Side::A, &x, self.n, self.d).unwrap().with_labels(&p).unwrap();
        let b = Cloud::new(Side::B, &y, self.m, self.d).unwrap().with_labels(&q).unwrap();
        let (metric, stop) = (self.metric(), Stop::new());
        let (told, when) = mpsc::channel();
        let outcome = thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                thread::sleep(after);
                told.send(Instant::now()).unwrap();
                stop.set();
            });
            let gradient = registry::resolve(self.name).unwrap().0.traits.trains;
            metric.evaluate(&a, &b, Request { gradient, stop, ..Request::ALL }).map(|_| ())
        });
        let ended = Instant::now();
        let told = when.recv().unwrap();
        assert_eq!(outcome, Err(OtError::Interrupted(Interrupted)), "{} took less than {after:?}", self.name);
        ended.duration_since(told)
    }
}

const LONG: &[Long] = &[
    Long::new("w2", 14_000, 14_000, 64),
    Long::new("w2", 20_000, 20_000, 64).with(&[("memory", "0")]),
    Long::new("w1", 12_000, 12_000, 64),
    Long { levels: Some(2.0), ..Long::new("w2", 12_000, 12_000, 4) },
    Long::new("w2", 16_000, 20_000, 32),
    Long::new("jw2", 4_000, 5_000, 32),
    Long::new("class-w2", 30_000, 30_000, 64),
    Long::new("joint-w2", 12_000, 12_000, 64),
    Long::new("bounds", 30_000, 30_000, 64),
    Long::new("sinkhorn", 12_000, 12_000, 64).with(&[("tolerance", "1e-9")]),
    Long::new("unbalanced", 12_000, 12_000, 64).with(&[("tolerance", "1e-9"), ("memory", "1")]),
    Long::new("gw", 2_000, 2_000, 16),
    Long::new("fgw", 2_000, 1_500, 16),
    Long::new("sw2", 50_000, 50_000, 64).with(&[("directions", "4096")]),
    Long::new("max-sw2", 50_000, 50_000, 64).with(&[("directions", "4096")]),
    Long::new("mmd-rbf", 40_000, 40_000, 64),
    Long::new("energy", 40_000, 40_000, 64),
    Long::new("kid", 8_000, 8_000, 256).with(&[("size", "8000")]),
];

#[test]
fn solves_end_soon_after_they_are_told_to() {
    let mut slowest = (Duration::ZERO, "");
    for long in LONG {
        // Early, among the costs, and later, in the search.
        for after in [50, 300] {
            let overrun = long.overrun(Duration::from_millis(after));
            eprintln!("{} {:?}: {overrun:?} after {after} ms", long.name, long.options);
            assert!(overrun < SLACK, "{} went on for {overrun:?}", long.name);
            slowest = slowest.max((overrun, long.name));
        }
    }
    eprintln!("slowest: {} {:?}", slowest.1, slowest.0);
}

#[test]
fn a_flag_that_was_set_before_ends_every_solve_and_another_ends_none() {
    let (x, y) = (noise(300 * 8, 1), noise(300 * 8, 2));
    let (a, b) = (Cloud::new(Side::A, &x, 300, 8).unwrap(), Cloud::new(Side::B, &y, 300, 8).unwrap());
    let (set, other) = (Stop::new(), Stop::new());
    set.set();
    for name in ["w2", "w1", "sinkhorn", "gw", "bounds", "max-sw2", "mmd-rbf", "kid"] {
        let metric = registry::build(&Options::new(name)).unwrap();
        let answer = |stop| metric.evaluate(&a, &b, Request { stop, ..Request::VALUE });
        assert_eq!(answer(&set), Err(OtError::Interrupted(Interrupted)), "{name}");
        assert_eq!(answer(&other), metric.evaluate(&a, &b, Request::VALUE), "{name}");
    }
}

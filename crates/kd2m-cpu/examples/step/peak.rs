//! The rate of multiply–adds that this processor reaches when they need no memory: what every step is measured against.

use std::time::Instant;

use kd2m_cpu::isa::{Isa, Kernel, Lanes};

/// Independent sums: enough to fill the pipes, few enough for 16 registers.
const SUMS: usize = 12;
const ROUNDS: usize = 2_000_000;
const RUNS: usize = 60;

struct Sums;

impl Kernel for Sums {
    type Output = f64;
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) -> f64 {
        let (factor, addend) = (lanes.splat(std::hint::black_box(0.999)), lanes.splat(std::hint::black_box(0.001)));
        let mut sums = [lanes.zero(); SUMS];
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = lanes.mul_add(*sum, factor, addend);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let mut out = [0.0; 16];
        for sum in sums {
            // SAFETY: a register has at most sixteen numbers.
            unsafe { lanes.store(out.as_mut_ptr(), sum) };
            std::hint::black_box(&out);
        }
        (ROUNDS * SUMS * S::COUNT) as f64 / seconds
    }
}

/// Multiply–adds a second of so many threads at once: each one's best of many runs, as threads first find their cores.
pub fn peak(isa: Isa, threads: usize) -> f64 {
    let best = || (0..RUNS).map(|_| isa.run(Sums)).fold(0.0, f64::max);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(best)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(0.0)).sum()
    })
}

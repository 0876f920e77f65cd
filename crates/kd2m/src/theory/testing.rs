//! Seeded random numbers for the tests of this module.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// The generator.
pub struct Random(Pcg64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// Uniform in 0…1.
    pub fn uniform(&mut self) -> f64 {
        self.0.random_range(0.0..1.0)
    }
}

/// Standard normal numbers (Box and Muller).
pub fn normal(random: &mut Random, count: usize) -> Vec<f64> {
    let one = |random: &mut Random| {
        let radius = (-2.0 * (1.0 - random.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * random.uniform()).cos()
    };
    (0..count).map(|_| one(random)).collect()
}

//! Random draws that are functions of (purpose, seed, a, b) alone: PCG64 (O'Neill 2014), seeded through SplitMix64 (Steele et al. 2014).
//! Ranges and shuffles are written out here because `rand` may change the values of its own between versions; runs must not change with it.
//! Read next: `order.rs` and `augment/`, which draw from here.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// What a stream of draws is for, so that the same seed gives unrelated streams to unrelated uses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Split = 1,
    Limit = 2,
    Order = 3,
    Augment = 4,
    Portion = 5,
    Mixture = 6,
    Draw = 7,
    Thin = 8,
    Mix = 9,
}

/// A stream of random draws.
pub(crate) struct Draws(Pcg64);

impl Draws {
    /// The stream of `(purpose, seed, a, b)`; `a` and `b` are what the use counts by, as epoch and sample index.
    pub(crate) fn new(purpose: Purpose, seed: u64, a: u64, b: u64) -> Self {
        let key = [purpose as u64, seed, a, b].into_iter().fold(0, |key, part| split_mix(key ^ split_mix(part)));
        let (high, low) = (split_mix(key ^ 1), split_mix(key ^ 2));
        // One fixed increment: the state alone carries the key.
        Self(Pcg64::new(u128::from(high) << 64 | u128::from(low), 0x6b64_326d))
    }

    /// A whole number in `0..bound`, 0 where `bound` is 0; its bias is below `bound`/2⁶⁴.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in −1…1.
    pub(crate) fn symmetric(&mut self) -> f32 {
        let unit = (self.0.next_u64() >> 40) as f32 / (1u64 << 24) as f32;
        2.0 * unit - 1.0
    }

    /// A number in 0…1, below 1, of 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number between these two.
    pub(crate) fn uniform(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + self.unit() * (high - low)
    }

    /// A number between these two.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        self.uniform([f64::from(low), f64::from(high)]) as f32
    }

    /// A share of Beta(α, α), α above 0.
    pub(crate) fn beta(&mut self, alpha: f64) -> f64 {
        // Of two gamma draws, by their logarithms: small α make numbers that are none in any other way.
        let (a, b) = (self.ln_gamma_draw(alpha), self.ln_gamma_draw(alpha));
        1.0 / (1.0 + (b - a).exp())
    }

    /// The logarithm of a draw of Gamma(α, 1), by the method of Marsaglia and Tsang (2000) for α + 1 and a power of a uniform draw.
    fn ln_gamma_draw(&mut self, alpha: f64) -> f64 {
        let d = alpha + 1.0 - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        let power = (1.0 - self.unit()).ln() / alpha;
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return (d * v).ln() + power;
            }
        }
    }

    /// A standard normal draw (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A uniform permutation of `items` (Fisher–Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// `n` whole numbers below `bound`, each drawn alike: a function of (seed, a, b).
pub fn draw(n: usize, bound: u64, seed: u64, a: u64, b: u64) -> Vec<u64> {
    let mut draws = Draws::new(Purpose::Draw, seed, a, b);
    (0..n).map(|_| draws.below(bound)).collect()
}

/// SplitMix64's step: increment by the golden ratio, then a mixing bijection.
fn split_mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_the_published_sequence() {
        // SplitMix64 from state 0: the first outputs of the reference implementation.
        assert_eq!(split_mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(split_mix(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn draws_below_a_bound_are_uniform() {
        let mut draws = Draws::new(Purpose::Order, 3, 1, 4);
        let mut counts = [0.0f64; 10];
        for _ in 0..100_000 {
            counts[draws.below(10) as usize] += 1.0;
        }
        // χ² with 9 degrees of freedom: 27.9 is its 99.9 % point.
        let chi_squared: f64 = counts.iter().map(|count| (count - 1e4).powi(2) / 1e4).sum();
        assert!(chi_squared < 27.9, "χ² = {chi_squared}");
    }

    #[test]
    fn every_part_of_the_key_changes_the_stream() {
        let first = |purpose, seed, a, b| Draws::new(purpose, seed, a, b).below(u64::MAX);
        let values = [
            first(Purpose::Order, 0, 0, 0),
            first(Purpose::Augment, 0, 0, 0),
            first(Purpose::Order, 1, 0, 0),
            first(Purpose::Order, 0, 1, 0),
            first(Purpose::Order, 0, 0, 1),
        ];
        for (i, value) in values.iter().enumerate() {
            assert!(!values[..i].contains(value));
        }
    }

    /// Beta(α, α) has mean ½ and variance 1/(4(2α + 1)); Beta(1, 1) is uniform, Beta(2, 2) has the distribution function 3x² − 2x³.
    #[test]
    fn shares_have_the_distribution_of_beta() {
        let n = 40_000;
        for alpha in [0.01, 0.2, 1.0, 2.0, 8.0] {
            let mut draws = Draws::new(Purpose::Mix, 1, 2, 3);
            let mut shares: Vec<f64> = (0..n).map(|_| draws.beta(alpha)).collect();
            assert!(shares.iter().all(|x| (0.0..=1.0).contains(x)));
            let mean = shares.iter().sum::<f64>() / f64::from(n);
            let variance = shares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 4.0 * (expected / f64::from(n)).sqrt(), "{alpha}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.03, "{alpha}: variance {variance}, expected {expected}");
            let below: fn(f64) -> f64 = match alpha {
                1.0 => |x| x,
                2.0 => |x| x * x * (3.0 - 2.0 * x),
                _ => continue,
            };
            shares.sort_by(f64::total_cmp);
            let apart = shares.iter().enumerate().map(|(i, x)| (below(*x) - (i as f64 + 0.5) / f64::from(n)).abs());
            // Kolmogorov and Smirnov: 1.95/√n is the 99.9 % point.
            assert!(apart.fold(0.0, f64::max) < 1.95 / f64::from(n).sqrt(), "{alpha}");
        }
    }

    #[test]
    fn symmetric_draws_fill_minus_one_to_one_evenly() {
        let mut draws = Draws::new(Purpose::Augment, 9, 0, 0);
        let values: Vec<f32> = (0..20_000).map(|_| draws.symmetric()).collect();
        assert!(values.iter().all(|value| (-1.0..=1.0).contains(value)));
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / 20_000.0;
        // The mean's standard error is √(1/3)/√20000 = 0.0041; the variance of a uniform draw on −1…1 is 1/3.
        assert!(mean.abs() < 0.0163 && (variance - 1.0 / 3.0).abs() < 0.01, "mean {mean}, variance {variance}");
    }
}

//! Marginals as whole numbers: flows then add and subtract without rounding, ties are ties, and a strongly feasible tree stays one,
//! which is what guarantees the end of the simplex. Weights are taken as the numbers that they are: where both sides' sums have a
//! common multiple within 120 bits, as counts and weights of equal sums have, no mass is rounded at all; else the unit is 2⁻¹²⁰ of
//! the total, so that what rounding leaves over costs nothing even across 10³⁰.

/// Log₂ of the total mass in units, at most: leaves headroom in `i128` for sums of both sides.
const TOTAL_BITS: u32 = 120;

/// Bits to which weights are kept where their own range is wider.
const WEIGHT_BITS: i32 = 96;

/// Both marginals in units of 1/total.
pub(super) struct Masses {
    pub a: Vec<i128>,
    pub b: Vec<i128>,
    total: u128,
}

impl Masses {
    /// Of finite weights from zero on with a positive sum on each side: shares of those sums.
    pub(super) fn new(a: &[f64], b: &[f64]) -> Self {
        let (a, b) = (whole(a), whole(b));
        let (sum_a, sum_b) = (a.iter().sum::<u128>(), b.iter().sum::<u128>());
        let multiple = (sum_a / gcd(sum_a, sum_b)).checked_mul(sum_b).filter(|total| *total >> TOTAL_BITS == 0);
        let total = multiple.unwrap_or(1 << TOTAL_BITS);
        Self { a: units(&a, sum_a, total), b: units(&b, sum_b, total), total }
    }

    /// Units as a share of the total mass.
    pub(super) fn share(&self, units: i128) -> f64 {
        units as f64 / self.total as f64
    }
}

/// Weights as whole multiples of one unit, without a common factor: exact unless they span more than [`WEIGHT_BITS`].
fn whole(weights: &[f64]) -> Vec<u128> {
    let positive = || weights.iter().copied().filter(|w| *w > 0.0);
    let highest = positive().map(exponent).max().unwrap_or(0);
    let lowest = positive().map(|w| exponent(w) - 52 + mantissa(w).trailing_zeros() as i32).min().unwrap_or(0);
    let unit = lowest.max(highest - WEIGHT_BITS);
    let of = |w: f64| {
        let shift = exponent(w) - 52 - unit;
        let mantissa = u128::from(mantissa(w));
        match shift {
            0.. => mantissa << shift,
            -63..0 => (mantissa + (1 << (-shift - 1))) >> -shift,
            _ => 0,
        }
    };
    let mut whole: Vec<u128> = weights.iter().map(|&w| if w > 0.0 { of(w) } else { 0 }).collect();
    let common = whole.iter().fold(0, |common, &w| gcd(common, w)).max(1);
    whole.iter_mut().for_each(|w| *w /= common);
    whole
}

/// `w = mantissa · 2^(exponent − 52)`.
fn exponent(w: f64) -> i32 {
    ((w.to_bits() >> 52) as i32 & 0x7ff).max(1) - 1023
}

fn mantissa(w: f64) -> u64 {
    let fraction = w.to_bits() & ((1 << 52) - 1);
    if w.to_bits() >> 52 & 0x7ff == 0 { fraction } else { fraction | 1 << 52 }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn units(whole: &[u128], sum: u128, total: u128) -> Vec<i128> {
    if total.is_multiple_of(sum) {
        return whole.iter().map(|w| (w * (total / sum)) as i128).collect();
    }
    let mut units: Vec<i128> = whole.iter().map(|&w| scaled(w, sum, total.ilog2()) as i128).collect();
    // What rounding left over is far less than the largest weight, which takes it.
    let left = total as i128 - units.iter().sum::<i128>();
    if let Some(largest) = units.iter_mut().max() {
        *largest += left;
    }
    units
}

/// ⌊w · 2^bits / sum⌋ by long division: the product itself has up to 240 bits.
fn scaled(w: u128, sum: u128, bits: u32) -> u128 {
    let (mut quotient, mut rest) = (w / sum, w % sum);
    for _ in 0..bits {
        rest <<= 1;
        quotient = quotient << 1 | u128::from(rest >= sum);
        if rest >= sum {
            rest -= sum;
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_equal_sums_are_exact_in_any_order() {
        let masses = Masses::new(&[1.0; 7], &[1.0; 12]);
        assert_eq!((masses.total, masses.a[0], masses.b[0]), (84, 12, 7));
        let (a, b) = ([0.1, 0.7, 0.3, 1.0 + 1e-7], [1.0 + 1e-7, 0.3, 0.1, 0.7]);
        let masses = Masses::new(&a, &b);
        assert_eq!(
            [masses.a[0], masses.a[1], masses.a[2], masses.a[3]],
            [masses.b[2], masses.b[3], masses.b[1], masses.b[0]]
        );
        assert_eq!(masses.a.iter().sum::<i128>(), masses.total as i128);
    }

    #[test]
    fn any_weights_become_masses_of_one_total() {
        let awkward: Vec<f64> =
            (0..50).map(|k| ((k * 7919 % 101) as f64 / 101.0).powi(3) * 10f64.powi(k % 30 - 20)).collect();
        for other in [vec![1.0; 3], awkward.iter().rev().map(|w| w * 0.3).collect(), vec![5e-324, 1e300, 0.0]] {
            let masses = Masses::new(&awkward, &other);
            assert_eq!(masses.a.iter().sum::<i128>(), masses.total as i128);
            assert_eq!(masses.b.iter().sum::<i128>(), masses.total as i128);
            let sum: f64 = awkward.iter().sum();
            for (w, units) in awkward.iter().zip(&masses.a) {
                assert!((masses.share(*units) - w / sum).abs() <= 1e-15 * (w / sum) + 1e-25, "{w}");
            }
        }
    }
}

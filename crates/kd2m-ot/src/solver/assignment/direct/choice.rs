//! Whether a square matrix is sooner matched directly or through fixed point, lists and threads.
//!
//! Fixed point is quick where its bits hold the costs, as they do whole numbers, or where what it rounds off is small beside the value.
//! Where the costs that a matching takes are small beside the largest, as among uniform noise or points of the plane, much is left to
//! finish in `f64`; the direct way has no such detour. The bounds were measured on two Zen 5 cores, n from 16 to 3,000, in both
//! precisions.

use super::super::rows::BITS;
use crate::real::Real;

/// Rows up to which setting up lists takes longer than the direct way takes for everything.
const SMALL: usize = 48;
/// Rows up to which the direct way is ahead wherever fixed point is not exact.
const MIDDLE: usize = 256;
/// Rows up to which it is ahead where the least costs are small beside the largest; beyond, threads decide.
const LARGE: usize = 2048;
/// Least costs of rows above this share of the largest are a value beside which fixed point's rounding is small.
const HIGH: f64 = 0.17;
/// Rows looked at, and entries of each of these.
const ROWS: usize = 8;
const ENTRIES: usize = 8;

/// Whether the direct way is the quicker one for a row-major `[n, n]` matrix: a guess from few of its entries.
pub(crate) fn is_quicker<T: Real>(cost: &[T], n: usize) -> bool {
    if n <= SMALL {
        return true;
    }
    // Neighbours share a line of the cache.
    let rows = || cost.chunks_exact(n).step_by(n.div_ceil(ROWS));
    let sample = || rows().flat_map(|row| &row[..ENTRIES]).map(|c| c.wide());
    let largest = sample().fold(0.0, |most: f64, c| most.max(c.abs()));
    if n > LARGE || is_held(sample(), largest) {
        return false;
    }
    n <= MIDDLE || {
        let least = rows().map(|row| row.iter().fold(f64::INFINITY, |least, c| least.min(c.wide())));
        let (sum, count) = least.fold((0.0, 0), |(sum, count), c| (sum + c, count + 1));
        sum <= HIGH * largest * f64::from(count)
    }
}

/// Whether fixed point holds all of these costs without rounding.
fn is_held(costs: impl Iterator<Item = f64>, largest: f64) -> bool {
    if largest == 0.0 {
        return true;
    }
    let unit = 2f64.powi(largest.log2().ceil() as i32 - BITS);
    costs.into_iter().all(|c| (c / unit).fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    #[test]
    fn whole_numbers_go_through_fixed_point_and_noise_does_not() {
        let n = 300;
        let mut random = Pcg64::seed_from_u64(7);
        let uniform: Vec<f64> = (0..n * n).map(|_| random.random()).collect();
        let whole: Vec<f64> = uniform.iter().map(|u| (u * 1000.0).floor()).collect();
        let high: Vec<f64> = uniform.iter().map(|u| u + 1.0).collect();
        assert!(is_quicker(&uniform, n) && !is_quicker(&whole, n) && !is_quicker(&high, n));
        assert!(is_quicker(&high[..200 * 200], 200) && is_quicker(&whole[..30 * 30], 30));
    }
}

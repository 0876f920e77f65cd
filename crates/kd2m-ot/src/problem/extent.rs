//! How large costs are, in one pass at the speed of memory: small problems take less time than a plain loop over their costs.

use crate::{
    isa::{Isa, Kernel, LANES, Simd},
    real::Real,
};

/// The largest size of these numbers; `None` if one is not finite.
pub(super) fn largest<T: Real>(values: &[T]) -> Option<f64> {
    Isa::detect().run(Largest(values))
}

struct Largest<'a, T>(&'a [T]);

impl<T: Real> Kernel for Largest<'_, T> {
    type Output = Option<f64>;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> Self::Output {
        let (whole, rest) = self.0.as_chunks::<LANES>();
        let zero = simd.splat_d(0.0);
        // Minima know no NaN; zero times anything that is not finite is one, and stays.
        let (mut least, mut most, mut finite) = (zero, zero, zero);
        for chunk in whole {
            let values = T::widen(simd, chunk);
            least = simd.min_d(least, values);
            most = simd.max_d(most, values);
            finite = simd.fma_d(values, zero, finite);
        }
        let mut of_lanes = [[0.0; LANES]; 3];
        for (to, of) in of_lanes.iter_mut().zip([least, most, finite]) {
            simd.store_d(of, to);
        }
        let mut largest = 0.0f64;
        let mut is_finite = of_lanes[2].iter().sum::<f64>() == 0.0;
        for value in of_lanes[0].iter().chain(&of_lanes[1]).copied().chain(rest.iter().map(|x| x.wide())) {
            is_finite &= value.is_finite();
            largest = largest.max(value.abs());
        }
        is_finite.then_some(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_found_and_what_is_no_number_refused() {
        for isa in Isa::available() {
            for n in [1, 15, 16, 17, 100] {
                for at in [0, n / 2, n - 1] {
                    let mut values = vec![0.5f64; n];
                    for value in [-3.0, 7.0, f64::MAX, f64::MIN] {
                        values[at] = value;
                        assert_eq!(isa.run(Largest(&values)), Some(value.abs()), "{} {n} {at}", isa.name());
                    }
                    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                        values[at] = value;
                        assert_eq!(isa.run(Largest(&values)), None, "{} {n} {at} {value}", isa.name());
                        values[(at + 1) % n] = 1.0;
                    }
                }
            }
        }
    }
}

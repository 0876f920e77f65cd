//! Certified bounds of W₂² in O(n) memory, for clouds too large for an exact plan: lower ≤ W₂² ≤ upper, whatever the input.
//! Lower: ⟨a, u⟩ + ⟨b, v⟩ with u_i = min_j (c_ij − v_j) for any v (weak duality), and Gelbrich's distance of the moments (1990).
//! Upper: the cost of a feasible plan, exact within blocks of samples. The v are the blocks' own potentials.

mod dual;

use super::{
    Divergence, Request, blocks,
    entry::{Entry, Traits, build},
    gaussian_w2::bures,
    w2::W2,
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    parameters::{Parameters, domain::ROWS, parameters},
    precision::Estimate,
    real::Real,
    sets::{
        self, Over, Set, moments,
        tiles::{Fault, Reader},
    },
    solution::{Solution, Status},
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "bounds",
    aliases: &[],
    formula: "lower ≤ W₂² ≤ upper: dual potentials and Gelbrich's distance below, a plan exact within blocks above; value = upper, gap = upper − lower",
    source: "weak duality (Kantorovich 1942); Gelbrich (1990)",
    cost: "O(nmd) time in one streaming pass; O((n + m) d) memory and block² floats",
    when: "sets too large for an exact plan; kd2m distance only, no gradient",
    traits: Traits { trains: false, sets: true, ..Traits::SQUARED },
    options: Bounds::OPTIONS,
    build: build::<Bounds>,
};

parameters! {
    /// Lower and upper bound of W₂²; the value is the upper one, and value − gap the lower.
    #[derive(Copy)]
    pub struct Bounds for ENTRY {
        /// samples that are matched exactly with each other for the upper bound; larger blocks give tighter bounds and take block² floats
        block: usize = 4096 in ROWS,
    }
}

impl<T: Real> Divergence<T> for Bounds {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        self.of_sets(&Set::of_cloud(a), &Set::of_cloud(b), request, Over::ALONE)
    }

    fn evaluate_sets(
        &self,
        a: &Set<T>,
        b: &Set<T>,
        request: Request,
        over: Over,
    ) -> Option<Result<Solution<T>, OtError>> {
        Some(sets::equal_widths(ENTRY.name, a, b).and_then(|()| self.of_sets(a, b, request, over)))
    }
}

impl Bounds {
    fn of_sets<T: Real>(&self, a: &Set<T>, b: &Set<T>, request: Request, over: Over) -> Result<Solution<T>, OtError> {
        self.check(ENTRY.name)?;
        if request.gradient {
            let message = "bounds has no gradient: it answers with an interval; train with w2".to_owned();
            return Err(OtError::Numeric { metric: ENTRY.name.to_owned(), message });
        }
        let fault = Fault::default();
        let readers = [a, b].map(|set| Reader::new(set, request.stop, &fault));
        let found = self.of_readers(&readers[0], &readers[1], request, over);
        fault.or(found)
    }

    fn of_readers<T: Real>(
        &self,
        a: &Reader<T>,
        b: &Reader<T>,
        request: Request,
        Over { ranks, .. }: Over,
    ) -> Result<Solution<T>, OtError> {
        // Of a single sample there is no covariance.
        let moments = match a.len().min(b.len()) {
            1 => None,
            _ => Some([moments::of(ENTRY.name, ranks, a)?, moments::of(ENTRY.name, ranks, b)?]),
        };
        let moments = moments.as_ref().map(|[of_a, of_b]| [of_a, of_b]);
        let gelbrich = match moments {
            Some([of_a, of_b]) => gelbrich(bures::<f64>(ENTRY.name, of_a, of_b, Request::VALUE))?,
            None => 0.0,
        };
        let solve = |x: &Cloud<T>, y: &Cloud<T>| W2::default().evaluate(x, y, request);
        let blocks::Coupling { upper, v } = blocks::coupling(ranks, a, b, moments, self.block, solve)?;
        // What blocks leave open is more than the rounding of small integers.
        let roughly = a.len().max(b.len()) > self.block;
        let dual = dual::bound(ranks, a, b, &v, roughly)?;
        let lower = gelbrich.max(dual).clamp(0.0, upper);
        let relative = if upper > 0.0 { (upper - lower) / upper } else { 0.0 };
        Ok(Solution {
            gap: Some(upper - lower),
            status: Status::Closed,
            diagnostics: vec![
                ("lower", lower),
                ("upper", upper),
                ("relative_gap", relative),
                ("lower_dual", dual),
                ("lower_gelbrich", gelbrich),
            ],
            ..Solution::closed(upper)
        })
    }
}

/// Gelbrich's distance of the moments, less what its decompositions can have rounded; 0, which always holds, where the moments leave the
/// range of numbers.
fn gelbrich<T>(found: Result<Estimate<T>, OtError>) -> Result<f64, OtError> {
    match found {
        // Estimates of rounding are rough; a bound has to hold.
        Ok(found) => Some(found.solution.value * (1.0 - 1e-9) - 10.0 * found.error),
        Err(OtError::TooFewSamples { .. } | OtError::Numeric { .. }) => None,
        Err(error) => return Err(error),
    }
    .filter(|bound| *bound > 0.0)
    .map_or(Ok(0.0), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Side;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut random = Pcg64::seed_from_u64(seed);
        (0..count).map(|_| random.random_range(-1.0f32..1.0)).collect()
    }

    #[test]
    fn bounds_enclose_the_exact_value() {
        for (n, d, block, shift) in
            [(1, 1, 10, 0.0), (7, 1, 3, 0.5), (90, 6, 40, 0.0), (130, 20, 50, 3.0), (64, 3, 4096, 1.0)]
        {
            let x = numbers(n * d, 1);
            let y: Vec<f32> = numbers(n * d, 2).iter().map(|y| y + shift).collect();
            let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, n, d).unwrap());
            let exact = W2::default().evaluate(&a, &b, Request::VALUE).unwrap().value;
            let found = Bounds::default().block(block).evaluate(&a, &b, Request::VALUE).unwrap();
            let (upper, lower) = (found.value, found.value - found.gap.unwrap());
            assert!(lower <= exact * (1.0 + 1e-12) && exact <= upper * (1.0 + 1e-6), "{lower} {exact} {upper}");
            if block > n {
                assert!(found.gap.unwrap() < 1e-4 * exact, "one block is exact: {lower} {exact} {upper}");
            }
        }
    }

    #[test]
    fn a_gradient_is_refused_and_one_sample_has_bounds() {
        let (x, y) = ([1.0, 2.0], [3.0, 4.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 1, 2).unwrap(), Cloud::new(Side::B, &y, 1, 2).unwrap());
        let error = Bounds::default().evaluate(&a, &b, Request::GRADIENT).unwrap_err();
        assert!(error.to_string().contains("no gradient"), "{error}");
        let found = Bounds::default().evaluate(&a, &b, Request::VALUE).unwrap();
        assert!((found.value - 8.0).abs() < 1e-12 && found.gap.unwrap() < 1e-9);
    }

    #[test]
    fn any_marginals_are_enclosed_too() {
        let (n, m, d) = (20, 33, 4);
        let (x, y) = (numbers(n * d, 3), numbers(m * d, 4));
        let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
        let a = Cloud::new(Side::A, &x, n, d).unwrap().with_weights(&weights).unwrap();
        let b = Cloud::new(Side::B, &y, m, d).unwrap();
        let exact = W2::default().evaluate(&a, &b, Request::VALUE).unwrap().value;
        let found = Bounds::default().evaluate(&a, &b, Request::VALUE).unwrap();
        assert!(found.value - found.gap.unwrap() <= exact && exact <= found.value);
    }
}

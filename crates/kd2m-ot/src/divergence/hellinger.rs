//! Squared Hellinger distance 1 − ∫√(pq) = −expm1(−B) of the Gaussians fitted to the two clouds, B the Bhattacharyya distance.
//! In high dimension B is large: the value sticks at 1 and its gradient vanishes; the solution's diagnostic `saturated` says so.
//! Next: [`super::bhattacharyya`], which does not saturate.

use super::{
    Divergence, Request, bhattacharyya,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::Cloud,
    error::OtError,
    gaussian::compare,
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "hellinger",
    aliases: &[],
    formula: "1 − exp(−B), B the Bhattacharyya distance of the fitted Gaussians",
    source: "Hellinger (1909); shrinkage OAS, Chen et al. (2010)",
    cost: "as bhattacharyya",
    when: "a bounded figure in 0 … 1 to report; to train with only in few dimensions: it saturates at 1 with zero gradient",
    traits: Traits::PLAIN,
    options: Hellinger::OPTIONS,
    build: build::<Hellinger>,
};

/// From this Bhattacharyya distance on the gradient is below a thousandth of that distance's own.
const SATURATED_FROM: f64 = 7.0;

pub use crate::gaussian::Shrinkage;

parameters! {
    /// Squared Hellinger distance of the fitted Gaussians.
    #[derive(Copy)]
    pub struct Hellinger for ENTRY {
        shrinkage: Shrinkage,
    }
}

impl<T: Real> Divergence<T> for Hellinger {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Hellinger {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        let mut distance = 0.0;
        let mut found = compare(ENTRY.name, a, b, self.shrinkage, request, |pair| {
            let mut found = bhattacharyya::distance(ENTRY.name, pair)?;
            distance = found.value;
            found.value = -(-distance).exp_m1();
            found.error *= (-distance).exp();
            if let Some(slopes) = &mut found.slopes {
                let slope = (-distance).exp();
                slopes.mean.iter_mut().chain(&mut slopes.rows).for_each(|g| *g *= slope);
                slopes.trace *= slope;
            }
            Ok(found)
        })?;
        let saturated = f64::from(u8::from(distance >= SATURATED_FROM));
        found.solution.diagnostics.extend([("bhattacharyya", distance), ("saturated", saturated)]);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, testing};

    #[test]
    fn in_one_dimension() {
        let (x, y) = ([1.0f64, 3.0], [0.0f64, 8.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        // N(2, 1) and N(4, 16): 1 − √(2·1·4/17) exp(−¼·4/17)
        let expected = 1.0 - (8.0f64 / 17.0).sqrt() * (-1.0f64 / 17.0).exp();
        let found = Hellinger { shrinkage: Shrinkage::Oas }.evaluate(&a, &b, Request::VALUE).unwrap();
        assert!((found.value - expected).abs() < 1e-12);
        assert!(found.diagnostics.contains(&("saturated", 0.0)));
    }

    #[test]
    fn says_when_it_saturates() {
        let (x, y) = ([0.0f64, 1.0], [100.0f64, 101.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        let found = Hellinger { shrinkage: Shrinkage::Oas }.evaluate(&a, &b, Request::VALUE).unwrap();
        assert_eq!(found.value, 1.0);
        assert!(found.diagnostics.contains(&("saturated", 1.0)));
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (x, y) = (testing::normal(1, 12 * 3), testing::normal(2, 10 * 3));
        testing::check_gradient(&Hellinger { shrinkage: Shrinkage::Fixed(0.3) }, &x, 12, &y, 10, 3, 1e-6);
    }
}

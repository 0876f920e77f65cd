//! Paired squared error (1/n) Σ ‖x_i − y_i‖², summed over features: FitNet's loss, and the upper end of the chain of distances,
//! since the identity pairing is one coupling (`w2` ≤ `mse`). Next: [`super::w2`].

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    cost::squared_distance,
    error::OtError,
    parameters::parameters,
    precision::{Estimate, Estimated, evaluate, growth},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "mse",
    aliases: &[],
    formula: "(1/n) Σ ‖x_i − y_i‖², paired, summed over d",
    source: "Romero et al., FitNets (2015); the bound ‖g_S − g_T‖²_L2(P) of KD²M's theorem",
    cost: "O(nd) time, no memory",
    when: "both clouds come from the same inputs and each sample should match its own counterpart, not only the distribution",
    traits: Traits { paired: true, ..Traits::SQUARED },
    options: Mse::OPTIONS,
    build: build::<Mse>,
};

parameters! {
    /// Paired squared error; with weights, which must be the same on both sides, Σ a_i ‖x_i − y_i‖².
    pub struct Mse for ENTRY;
}

impl<T: Real> Divergence<T> for Mse {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Mse {
    const WIDE: bool = true;

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        if a.len() != b.len() {
            return Err(OtError::Unpaired { metric: ENTRY.name.to_owned(), a: a.len(), b: b.len() });
        }
        if let Some(row) = (0..a.len()).find(|&i| (a.weight(i) - b.weight(i)).abs() > 1e-9 * a.weight(i)) {
            let message = format!(
                "a pair has one weight, but A gives sample {row} {} and B {}: pass the same weights on both sides",
                a.weight(row),
                b.weight(row)
            );
            return Err(OtError::Numeric { metric: ENTRY.name.to_owned(), message });
        }
        let value: f64 = (0..a.len()).map(|i| a.weight(i) * squared_distance(a.row(i), b.row(i))).sum();
        let gradient = request.gradient.then(|| {
            let mut gradient = Vec::with_capacity(a.features().len());
            for i in 0..a.len() {
                let scale = 2.0 * a.weight(i);
                gradient.extend(a.row(i).iter().zip(b.row(i)).map(|(x, y)| T::of(scale * (x.wide() - y.wide()))));
            }
            gradient
        });
        // A sum of squares of exact differences loses nothing; squares below the least number are lost whole.
        let error = growth(a.len() + a.width()) * f64::EPSILON * value + a.width() as f64 * f64::MIN_POSITIVE;
        Ok(Estimate::new(Solution::closed(value).with_gradient(gradient), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Side;

    #[test]
    fn sums_over_features_and_averages_over_samples() {
        let (x, y) = ([1.0f32, 2.0, 3.0, 4.0], [0.0f32, 2.0, 3.0, 7.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 2).unwrap(), Cloud::new(Side::B, &y, 2, 2).unwrap());
        let found = Mse.evaluate(&a, &b, Request::GRADIENT).unwrap();
        assert_eq!(found.value, 5.0);
        assert_eq!(found.gradient.unwrap().features, [1.0, 0.0, 0.0, -3.0]);
    }

    #[test]
    fn refuses_unpaired_clouds_and_unequal_weights() {
        let (x, y) = ([1.0f64, 2.0], [0.0f64, 2.0, 5.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 1).unwrap(), Cloud::new(Side::B, &y, 3, 1).unwrap());
        assert!(matches!(Mse.evaluate(&a, &b, Request::VALUE), Err(OtError::Unpaired { .. })));
        let b = Cloud::new(Side::B, &x, 2, 1).unwrap().with_weights(&[1.0, 3.0]).unwrap();
        assert!(matches!(Mse.evaluate(&a, &b, Request::VALUE), Err(OtError::Numeric { .. })));
    }
}

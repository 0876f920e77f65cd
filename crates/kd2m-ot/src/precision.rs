//! How far the digits of a value go, and what is done about it: the one place that knows. A divergence is a difference of larger
//! sums; it answers with its value and with how large its error can be ([`Estimate`]). Where single precision does not carry the
//! value, it is computed again in `f64`; where `f64` does not either, the answer says so ([`ROUNDING`]); a value that is no number
//! is an error and never becomes 0.

pub(crate) mod sets;

use crate::{
    cloud::{Cloud, all_finite},
    divergence::Request,
    error::OtError,
    matrix::norm_squared,
    parameters::Named,
    real::Real,
    solution::{Gradient, Solution},
};

/// The diagnostic with the relative error that a value may have, present where it is above [`REPORTED_FROM`]. From 1 on no digit
/// is certain; it ends at 1000, which stands for everything beyond.
pub const ROUNDING: &str = "rounding";
/// The same error in the value's own units.
pub const ROUNDING_ABSOLUTE: &str = "rounding_absolute";
/// Relative errors above are reported.
pub const REPORTED_FROM: f64 = 1e-3;

/// Relative errors of a gradient in single precision, in norm, above are not accepted.
const GRADIENT_REDONE_FROM: f64 = 3e-3;
/// Relative errors of single precision above are not accepted: estimates are rough, so well below what is reported.
const REDONE_FROM: f64 = 2e-4;
/// Sums of squares of features beyond which gradients are looked through for what is not finite.
const MODERATE: std::ops::RangeInclusive<f64> = 1e-12..=1e12;
/// The largest relative error that is told.
const LARGEST: f64 = 1e3;

/// An answer and the largest absolute error that its value is estimated to have.
pub(crate) struct Estimate<T> {
    pub solution: Solution<T>,
    pub error: f64,
    /// The norm of the error that its gradient is estimated to have: looked at only to decide whether single precision is enough.
    pub gradient_error: f64,
    /// Features that no formula's gradient can carry out of the range of its precision where its value stays within.
    is_moderate: bool,
}

/// A divergence that says how large its error can be.
pub(crate) trait Estimated<T: Real>: Named {
    /// Whether everything is computed in `f64` already, so that doing it again would change nothing.
    const WIDE: bool = false;

    /// Whether equal clouds are 0 apart, with gradient 0 (unbiased estimators are not).
    fn vanishes_on_equals(&self) -> bool {
        true
    }

    /// The answer in this precision. A part that left the range of numbers makes value or error infinite or NaN.
    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError>;
}

impl<T: Real> Estimate<T> {
    /// An answer whose error is below this.
    pub(crate) fn new(solution: Solution<T>, error: f64) -> Self {
        Self { solution, error, gradient_error: 0.0, is_moderate: false }
    }

    /// The same with this estimate for the gradient.
    pub(crate) fn with_gradient_error(mut self, error: f64) -> Self {
        self.gradient_error = error;
        self
    }

    /// The answer where all samples were found to coincide: 0 if they do. If they do not, their squared differences are below the
    /// least number of this precision, and the value is unknown.
    pub(crate) fn of_coincident(a: &Cloud<T>, b: &Cloud<T>, gradient: bool) -> Self {
        let first = a.row(0);
        let coincide = |cloud: &Cloud<T>| (0..cloud.len()).all(|i| cloud.weight(i) == 0.0 || cloud.row(i) == first);
        let starts_with_mass = a.weight(0) > 0.0;
        let error = if starts_with_mass && coincide(a) && coincide(b) { 0.0 } else { f64::INFINITY };
        let gradient = gradient.then(|| vec![T::zero(); a.features().len()]);
        Self::new(Solution::closed(0.0).with_gradient(gradient), error)
    }

    /// Whether single precision is enough for value and gradient.
    fn is_enough(&self) -> bool {
        let size = |g: &Gradient<T>| norm_squared(&g.features).sqrt();
        let share = |g: &Gradient<T>| self.gradient_error <= GRADIENT_REDONE_FROM * size(g);
        let gradient = self.solution.gradient.as_ref();
        is_accepted(self.error, self.solution.value) && self.is_finite() && gradient.is_none_or(share)
    }

    fn is_finite(&self) -> bool {
        let is_finite = |g: &Gradient<T>| all_finite(&g.features) && g.soft_labels.as_deref().is_none_or(all_finite);
        let gradient = || self.is_moderate || self.solution.gradient.as_ref().is_none_or(is_finite);
        self.solution.value.is_finite() && self.error.is_finite() && gradient()
    }
}

/// What [`Estimated::estimate`] says, in the precision that it takes, with what is left of the error among the diagnostics.
///
/// # Errors
/// A parameter out of its range, those of the divergence, and a value or gradient that is not finite in `f64` either.
pub(crate) fn evaluate<T: Real, D>(
    divergence: &D,
    a: &Cloud<T>,
    b: &Cloud<T>,
    request: Request,
) -> Result<Solution<T>, OtError>
where
    D: Estimated<T> + Estimated<f64>,
{
    divergence.check(D::NAME)?;
    let mut found = Estimated::<T>::estimate(divergence, a, b, request)?;
    found.is_moderate = [a, b].iter().all(|cloud| MODERATE.contains(&cloud.sum_of_squares()));
    if Estimated::<T>::vanishes_on_equals(divergence) && a.is_same_as(b) {
        found.solution.value = 0.0;
        (found.error, found.gradient_error) = (0.0, 0.0);
        let gradient = found.solution.gradient.iter_mut().flat_map(|g| g.features.iter_mut());
        gradient.for_each(|g| *g = T::zero());
    }
    let is_single = T::singles(&[]).is_some();
    if is_single && !<D as Estimated<T>>::WIDE && !found.is_enough() {
        let (x, y) = (a.widened(), b.widened());
        found = narrowed(Estimated::<f64>::estimate(divergence, &a.with_features(&x), &b.with_features(&y), request)?);
    }
    reported(D::NAME, found)
}

/// Whether an answer in single precision is so far off that `f64` will have to give it, whatever else is added to it.
pub(crate) fn is_hopeless<T: Real>(error: f64, value: f64) -> bool {
    const FAR: f64 = 10.0;
    T::singles(&[]).is_some() && (error > FAR * REDONE_FROM * value.abs() || error.is_nan())
}

/// Whether the error of a value in single precision would be accepted: for divergences that can save work by knowing it early.
pub(crate) fn is_accepted(error: f64, value: f64) -> bool {
    error <= REDONE_FROM * value.abs()
}

/// An answer whose error is told where it matters.
///
/// # Errors
/// A value or a gradient that is no number.
pub(crate) fn reported<T: Real>(metric: &str, found: Estimate<T>) -> Result<Solution<T>, OtError> {
    if !(found.solution.value.is_finite() && found.error.is_finite()) {
        return Err(out_of_range(metric, "the value", found.solution.value));
    }
    if !found.is_finite() {
        return Err(out_of_range(metric, "an entry of the gradient", f64::INFINITY));
    }
    let Estimate { mut solution, error, .. } = found;
    let relative = relative(error, solution.value);
    if relative > REPORTED_FROM {
        solution.diagnostics.extend([(ROUNDING, relative), (ROUNDING_ABSOLUTE, error)]);
    }
    Ok(solution)
}

/// The error for a number that left the range of its precision on its way.
fn out_of_range(metric: &str, what: &str, value: f64) -> OtError {
    let message = format!(
        "{what} comes out as {value:e}, which is no answer: features, or an option beside them, are too large or too small for the \
         numbers in between, so bring both sets to a scale near 1"
    );
    OtError::Numeric { metric: metric.to_owned(), message }
}

/// The error as a share of what the value may be at least.
fn relative(error: f64, value: f64) -> f64 {
    if error <= 0.0 {
        return 0.0;
    }
    error / (value.abs() - error).max(error / LARGEST)
}

/// The error of a whole whose parts report theirs, each with its share in the whole.
pub(crate) fn combined<'s, T: 's>(parts: impl Iterator<Item = (f64, &'s Solution<T>)>) -> f64 {
    parts.map(|(share, part)| share * part.diagnostic(ROUNDING_ABSOLUTE).unwrap_or(0.0)).sum()
}

/// Takes rounding below zero off a value that cannot be negative; NaN stays NaN, where `f64::max` would make it 0.
pub(crate) fn non_negative(value: f64) -> f64 {
    if value < 0.0 { 0.0 } else { value }
}

/// The error of ‖v‖² = `square` where v has an error of this norm.
pub(crate) fn of_square(square: f64, error: f64) -> f64 {
    2.0 * square.sqrt() * error + error * error
}

/// How much a sum of `count` rounded terms loses in units of ε times the sum of their sizes: between the √count of errors that go
/// either way and what pairwise sums reach.
pub(crate) fn growth(count: usize) -> f64 {
    4.0 + (count as f64).sqrt()
}

fn narrowed<T: Real>(found: Estimate<f64>) -> Estimate<T> {
    let narrow = |values: Vec<f64>| values.into_iter().map(T::of).collect::<Vec<T>>();
    let Estimate { solution, error, gradient_error, is_moderate } = found;
    let Solution { value, gradient, plan, potentials, gap, status, iterations, diagnostics } = solution;
    let gradient = gradient.map(|g| Gradient { features: narrow(g.features), soft_labels: g.soft_labels.map(narrow) });
    let solution = Solution { value, gradient, plan, potentials, gap, status, iterations, diagnostics };
    Estimate { solution, error, gradient_error, is_moderate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Side, options::Options, parameters::Parameters};

    /// Answers with a given value and a given error in units of ε.
    struct Given {
        value: f64,
        units: f64,
    }

    impl Parameters for Given {
        fn read(_: &Options) -> Result<Self, OtError> {
            Ok(Self { value: 0.0, units: 0.0 })
        }

        fn check(&self, _: &str) -> Result<(), OtError> {
            Ok(())
        }
    }

    impl Named for Given {
        const NAME: &'static str = "given";
    }

    impl<T: Real> Estimated<T> for Given {
        fn estimate(&self, _: &Cloud<T>, _: &Cloud<T>, _: Request) -> Result<Estimate<T>, OtError> {
            let mut solution = Solution::closed(self.value);
            solution.diagnostics.push(("epsilon", T::epsilon().wide()));
            Ok(Estimate::new(solution, self.units * T::epsilon().wide()))
        }
    }

    fn ask(value: f64, units: f64) -> Result<Solution<f32>, OtError> {
        let (x, y) = ([1.0f32, 2.0], [3.0f32, 2.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 1).unwrap(), Cloud::new(Side::B, &y, 2, 1).unwrap());
        evaluate(&Given { value, units }, &a, &b, Request::VALUE)
    }

    #[test]
    fn single_precision_where_it_is_enough_double_where_not_and_a_word_where_neither() {
        let precision = |s: &Solution<f32>| s.diagnostic("epsilon").unwrap();
        let s = ask(1.0, 10.0).unwrap();
        assert_eq!((precision(&s), s.diagnostic(ROUNDING)), (f64::from(f32::EPSILON), None));
        let s = ask(1e-6, 10.0).unwrap();
        assert_eq!((precision(&s), s.diagnostic(ROUNDING)), (f64::EPSILON, None));
        let s = ask(1e-14, 10.0).unwrap();
        let error = 10.0 * f64::EPSILON;
        assert_eq!(precision(&s), f64::EPSILON);
        assert!((s.diagnostic(ROUNDING).unwrap() - error / (1e-14 - error)).abs() < 1e-12);
        assert_eq!(s.diagnostic(ROUNDING_ABSOLUTE), Some(error));
        assert_eq!(ask(0.0, 10.0).unwrap().diagnostic(ROUNDING), Some(1e3));
    }

    #[test]
    fn what_is_no_number_is_refused_and_never_zero() {
        for value in [f64::NAN, f64::INFINITY] {
            let error = ask(value, 1.0).unwrap_err().to_string();
            assert!(error.starts_with("given: ") && error.contains("scale"), "{error}");
        }
        assert!(ask(1.0, f64::NAN).is_err());
        assert!(non_negative(f64::NAN).is_nan());
        assert_eq!((non_negative(-1.0), non_negative(2.0)), (0.0, 2.0));
    }
}

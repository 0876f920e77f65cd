//! The digits of a value of sets that are not held: what is asked of clouds, asked of all rows. Next: [`super`].

use super::{Estimate, Estimated, narrowed, reported};
use crate::{
    divergence::Request,
    error::OtError,
    real::Real,
    sets::{
        Over, Set, Widened, equal_widths,
        tiles::{Fault, Reader},
    },
    solution::Solution,
};

/// A divergence that says the same of sets that are not held.
pub(crate) trait EstimatedOfSets<T: Real>: Estimated<T> {
    /// The value in this precision: [`Estimated::estimate`] of all rows. Faults in reading are `fault`'s.
    fn estimate_sets(&self, a: &Reader<T>, b: &Reader<T>, request: Request, over: Over)
    -> Result<Estimate<T>, OtError>;
}

/// [`super::evaluate`] of sets that are not held: values alone.
///
/// # Errors
/// As there; rows that cannot be read, and a gradient or a plan, which would be as large as what is not held.
pub(crate) fn evaluate_sets<T: Real, D>(
    divergence: &D,
    a: &Set<T>,
    b: &Set<T>,
    request: Request,
    over: Over,
) -> Result<Solution<T>, OtError>
where
    D: EstimatedOfSets<T> + EstimatedOfSets<f64>,
{
    divergence.check(D::NAME)?;
    equal_widths(D::NAME, a, b)?;
    if request.gradient || request.plan {
        return Err(no_more_than_a_value(D::NAME));
    }
    let mut found = of_sets::<T, D>(divergence, a, b, request, over)?;
    let is_single = T::singles(&[]).is_some();
    if is_single && !<D as Estimated<T>>::WIDE && !found.is_enough() {
        let (x, y) = (Widened(a.source()), Widened(b.source()));
        found = narrowed(of_sets::<f64, D>(divergence, &a.with_source(&x), &b.with_source(&y), request, over)?);
    }
    reported(D::NAME, found)
}

/// What to say where a gradient or a plan of sets is asked for that are not held.
pub(crate) fn no_more_than_a_value(metric: &str) -> OtError {
    let message =
        "of sets that are read in tiles, or by several processes, there is a value alone: leave gradient and plan out"
            .to_owned();
    OtError::Numeric { metric: metric.to_owned(), message }
}

fn of_sets<T: Real, D: EstimatedOfSets<T>>(
    divergence: &D,
    a: &Set<T>,
    b: &Set<T>,
    request: Request,
    over: Over,
) -> Result<Estimate<T>, OtError> {
    let fault = Fault::default();
    let found = {
        let (a, b) = (Reader::new(a, request.stop, &fault), Reader::new(b, request.stop, &fault));
        match divergence.vanishes_on_equals() && are_same(&a, &b) {
            true => Ok(Estimate::new(Solution::closed(0.0), 0.0)),
            false => divergence.estimate_sets(&a, &b, request, over),
        }
    };
    let mut found = fault.or(found)?;
    // There is no gradient to look through.
    found.is_moderate = true;
    Ok(found)
}

/// Whether both sets hold the same samples under the same weights in the same order.
fn are_same<T: Real>(a: &Reader<T>, b: &Reader<T>) -> bool {
    a.len() == b.len()
        && a.set.weights() == b.set.weights()
        && a.tiles().into_iter().all(|tile| a.rows(tile.clone()).values == b.rows(tile).values)
}

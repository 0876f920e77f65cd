//! What a metric says of two sets, as it is shown and written, and how far it is to be trusted.

use std::process::ExitCode;

use kd2m_ot::{OtError, Solution, precision};

use super::metrics::Metric;
use crate::{arguments::DistanceArguments, say::say};

/// One metric's answer, and how long it took.
pub struct Answer<T> {
    pub solution: Solution<T>,
    pub seconds: f64,
}

/// A solution whose value is a number.
///
/// # Errors
/// [`OtError::Numeric`] for any other.
pub fn finite<T>(metric: &Metric, solution: Solution<T>) -> Result<Solution<T>, OtError> {
    if solution.value.is_finite() {
        return Ok(solution);
    }
    let value = solution.value;
    let message = format!("the value is {value}: the features are too large for its arithmetic, scale both sets down");
    Err(OtError::Numeric { metric: metric.name.clone(), message })
}

/// Why an answer is not to be trusted, if so.
pub fn doubt<T>(solution: &Solution<T>) -> Option<&'static str> {
    if !solution.status.is_trusted() {
        return Some("not everything converged");
    }
    solution.diagnostic(precision::ROUNDING).map(|_| "rounding leaves less than three digits")
}

/// What one answer comes to.
pub fn verdict_of<T>(arguments: &DistanceArguments, solution: &Solution<T>) -> ExitCode {
    verdict(arguments, doubt(solution))
}

/// 1 where `--strict` was asked for and something is in doubt.
pub fn verdict(arguments: &DistanceArguments, doubt: Option<&str>) -> ExitCode {
    match doubt {
        Some(doubt) if arguments.strict => fail(doubt),
        _ => ExitCode::SUCCESS,
    }
}

pub fn fail(what: &str) -> ExitCode {
    say!("error: {what} (an error because of --strict)");
    ExitCode::from(1)
}

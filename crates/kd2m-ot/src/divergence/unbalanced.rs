//! Sinkhorn divergence with KL-relaxed marginals: mass may be created and destroyed at the price ρ·KL, so that a few samples far
//! from all others do not drag the whole plan (Séjourné et al. 2019). Debiased as [`super::sinkhorn`], whose code this is.

use super::{AnyDivergence, sinkhorn};
use crate::{
    error::OtError,
    options::{OptionSpec, Options},
};

/// What [`build`] reads.
pub const OPTIONS: &[OptionSpec] = sinkhorn::UNBALANCED_OPTIONS;

/// The registry's constructor.
///
/// # Errors
/// [`OtError::BadOption`].
pub fn build(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    sinkhorn::build_unbalanced(options)
}

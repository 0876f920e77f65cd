//! Fused Gromov–Wasserstein: (1−α) Σ γ_ij ‖x_i − y_j‖² + α Σ (C_ik − C'_jl)² γ_ij γ_kl, places and shapes together.
//! Vayer et al. (2019). The code is that of [`super::gw`].

use super::{AnyDivergence, gw};
use crate::{
    error::OtError,
    options::{OptionSpec, Options},
};

/// What [`build`] reads.
pub const OPTIONS: &[OptionSpec] = gw::FUSED_OPTIONS;

/// The registry's constructor.
///
/// # Errors
/// [`OtError::BadOption`].
pub fn build(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    gw::build_fused(options)
}

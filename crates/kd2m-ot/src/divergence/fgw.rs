//! Fused Gromov–Wasserstein: (1−α) Σ γ_ij ‖x_i − y_j‖² + α Σ (C_ik − C'_jl)² γ_ij γ_kl, places and shapes together.
//! Vayer et al. (2019). The code is that of [`super::gw`].

use super::{
    Request,
    entry::{Entry, Traits, build},
    gw::{COMFORTABLE, declare},
};
use crate::{
    cloud::Cloud,
    error::OtError,
    parameters::domain::SHARE,
    precision::{Estimate, Estimated},
    real::Real,
};

pub use super::gw::{Inner, Starts};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "fgw",
    aliases: &[],
    formula: "(1−α) Σ γ_ij ‖x_i − y_j‖² + α Σ (C_ik − C'_jl)² γ_ij γ_kl",
    source: "Vayer et al. (2019)",
    cost: "as gw",
    when: "places and shapes both matter; features of equal width",
    traits: Traits { iterates: true, comfortable: Some(COMFORTABLE), ..Traits::PLAIN },
    options: Fgw::OPTIONS,
    build: build::<Fgw>,
};

declare! {
    /// Fused Gromov–Wasserstein; O(n²m + nm²) a step, the n² + m² + 2nm of the matrices in `f64`.
    pub struct Fgw for ENTRY {
        /// share of gw; 0: w2, 1: gw
        alpha: f64 = 0.5 in SHARE,
    }
}

impl<T: Real> Estimated<T> for Fgw {
    const WIDE: bool = true;

    // As gw.
    fn vanishes_on_equals(&self) -> bool {
        false
    }

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        self.gromov(Some(self.alpha)).estimate(a, b, request)
    }
}

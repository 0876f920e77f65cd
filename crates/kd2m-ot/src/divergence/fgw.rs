//! Fused Gromov–Wasserstein: (1−α) Σ γ_ij ‖x_i − y_j‖² + α Σ (C_ik − C'_jl)² γ_ij γ_kl, places and shapes together.
//! Vayer et al. (2019). The code is that of [`super::gw`].

use super::{
    entry::{Entry, Traits},
    gw,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "fgw",
    aliases: &[],
    formula: "(1−α) Σ γ_ij ‖x_i − y_j‖² + α Σ (C_ik − C'_jl)² γ_ij γ_kl",
    source: "Vayer et al. (2019)",
    cost: "as gw",
    when: "places and shapes both matter; features of equal width",
    traits: Traits { comfortable: Some(gw::COMFORTABLE), ..Traits::PLAIN },
    options: gw::FUSED_OPTIONS,
    build: gw::build_fused,
};

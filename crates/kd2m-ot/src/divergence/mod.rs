//! The divergences, one file each, behind one trait and one registry.
//! A file holds formula, source, cost in n and d, when to choose it, the code and its tests; the list at the foot of this page names them.

pub(crate) mod base;
mod blocks;
pub mod entry;
mod exact;
#[cfg(test)]
mod exact_tests;
#[cfg(test)]
#[allow(unreachable_pub)]
mod extending;
pub mod registry;
mod sampled;

pub use base::{AnyDivergence, Divergence, Request, evaluate_all};

/// Makes a file of each name a module, its `ENTRY` a line of the registry, and its type one of this module's.
macro_rules! divergences {
    ($($file:ident::$divergence:ident),* $(,)?) => {
        $(
            pub mod $file;
            pub use $file::$divergence;
        )*

        /// All divergences, in the order in which tables show them.
        pub const ENTRIES: &[entry::Entry] = &[$($file::ENTRY),*];

        /// What holds of each declaration.
        #[cfg(test)]
        pub(crate) const DECLARED: &[fn(&entry::Entry)] = &[$(crate::parameters::tests::holds::<$divergence>),*];
    };
}

divergences! {
    w2::W2,
    w1::W1,
    bounds::Bounds,
    jw2::Jw2,
    mse::Mse,
    mmd_linear::MmdLinear,
    mmd_rbf::MmdRbf,
    mmd_poly::MmdPoly,
    energy::Energy,
    gaussian_w2_diag::GaussianW2Diag,
    gaussian_w2::GaussianW2,
    fid::Fid,
    sinkhorn::Sinkhorn,
    unbalanced::Unbalanced,
    gaussian_kl::GaussianKl,
    gaussian_kl_diag::GaussianKlDiag,
    jeffreys::Jeffreys,
    bhattacharyya::Bhattacharyya,
    hellinger::Hellinger,
    coral::Coral,
    sliced::Sliced,
    max_sliced::MaxSliced,
    cf::CharacteristicFunction,
    sliced_cf::SlicedCf,
    kid::Kid,
    gw::Gw,
    fgw::Fgw,
}

//! Solvers: costs and marginals in, plan and potentials out. They know nothing of features; [`crate::divergence`] calls them.

pub(crate) mod assignment;
pub(crate) mod costs;
pub(crate) mod gromov;
pub(crate) mod network_simplex;
pub(crate) mod one_dimension;
mod plan;
pub(crate) mod sinkhorn;
pub(crate) mod streaming;
pub(crate) mod transport;

//! Solvers: costs and marginals in, plan and potentials out. They know nothing of features; [`crate::divergence`] calls them.

pub mod assignment;
pub mod costs;
pub mod gromov;
pub mod network_simplex;
pub mod one_dimension;
mod plan;
pub mod sinkhorn;
pub mod transport;

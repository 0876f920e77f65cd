//! The extension module `kd2m._kd2m`: arrays in, answers out. What a person sees is in `python/kd2m` beside this folder.

mod array;
mod batch;
mod criterion;
mod divergence;
mod error;
mod interrupt;
mod transport;

use pyo3::prelude::*;

/// Exact transport and divergences on NumPy arrays.
#[pymodule(gil_used = false)]
mod _kd2m {
    #[pymodule_export]
    use super::batch::{assignment_batch, w2_batch};
    #[pymodule_export]
    use super::criterion::{Criterion, criteria};
    #[pymodule_export]
    use super::divergence::{evaluate, metrics};
    #[pymodule_export]
    use super::error::Kd2mError;
    #[pymodule_export]
    use super::transport::{assignment, transport};
}

//! Errors of Rust as exceptions of Python, with their own words.

use kd2m_ot::OtError;
use pyo3::{create_exception, exceptions::PyValueError, prelude::*};

create_exception!(
    kd2m,
    Kd2mError,
    PyValueError,
    "Input that no distance can be computed of; the message says what, where and what to do.

A `ValueError`.

>>> import kd2m
>>> try:
...     kd2m.distance([[0.0]], [[1.0]], \"sinkhorm\")
... except kd2m.Kd2mError as error:
...     print(error)
unknown metric `sinkhorm`; did you mean sinkhorn?
"
);

/// The same sentence as an exception.
pub fn raised(error: OtError) -> PyErr {
    Kd2mError::new_err(error.to_string())
}

/// An exception of this module's own.
pub fn wrong(why: impl Into<String>) -> PyErr {
    Kd2mError::new_err(why.into())
}

//! Many problems of one size in one call: threads are shared over the problems.

use kd2m_ot::{
    Cloud, OtError, Side, Solution, Stop,
    divergence::{Divergence, Request, W2},
};
use numpy::{Element, IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::{
    array::values,
    error::{raised, wrong},
    interrupt::detached,
    transport::{Matches, best, pairs},
};

/// Values and, where asked for, gradients with respect to X.
type Found<'py> = (Bound<'py, PyArray1<f64>>, Option<Bound<'py, PyAny>>);

/// W₂² of `X[b]` and `Y[b]` for every b.
#[pyfunction]
#[pyo3(signature = (x, y, gradient=false))]
pub fn w2_batch<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
    gradient: bool,
) -> PyResult<Found<'py>> {
    if let (Ok(x), Ok(y)) = (x.extract::<PyReadonlyArray3<f32>>(), y.extract::<PyReadonlyArray3<f32>>()) {
        return all(py, &x, &y, gradient);
    }
    match (x.extract::<PyReadonlyArray3<f64>>(), y.extract::<PyReadonlyArray3<f64>>()) {
        (Ok(x), Ok(y)) => all(py, &x, &y, gradient),
        _ => Err(wrong("X and Y are no B × n × d arrays, both of float32 or both of float64")),
    }
}

fn all<'py, T: Element + Copy + kd2m_ot::Real>(
    py: Python<'py>,
    x: &PyReadonlyArray3<'py, T>,
    y: &PyReadonlyArray3<'py, T>,
    gradient: bool,
) -> PyResult<Found<'py>>
where
    W2: Divergence<T>,
{
    let ([b, n, d], [b2, m, d2]) = (shape(x), shape(y));
    if b != b2 || d != d2 {
        return Err(wrong(format!("X is {b} × {n} × {d} and Y {b2} × {m} × {d2}: B and d must be the same")));
    }
    let (x, y) = (values(x), values(y));
    let w2 = W2::default();
    let solve = |stop: &Stop| -> Result<Vec<Solution<T>>, OtError> {
        let request = Request { gradient, stop, ..Request::VALUE };
        let one = |i: usize| {
            let a = Cloud::new(Side::A, &x[i * n * d..(i + 1) * n * d], n, d)?;
            let b = Cloud::new(Side::B, &y[i * m * d..(i + 1) * m * d], m, d)?;
            w2.evaluate(&a, &b, request)
        };
        (0..b).into_par_iter().map(one).collect()
    };
    let found = detached(py, false, solve)?.map_err(raised)?;
    let of_values: Vec<f64> = found.iter().map(|solution| solution.value).collect();
    let gradients = match gradient {
        true => {
            let all: Vec<T> = found.into_iter().filter_map(|s| s.gradient).flat_map(|g| g.features).collect();
            Some(all.into_pyarray(py).reshape([b, n, d])?.into_any())
        }
        false => None,
    };
    Ok((of_values.into_pyarray(py), gradients))
}

fn shape<T: Element>(array: &PyReadonlyArray3<'_, T>) -> [usize; 3] {
    [array.shape()[0], array.shape()[1], array.shape()[2]]
}

/// The best assignment of every `C[b]`: all rows and columns of the first, then of the second, and so on; min(n, m) a problem.
#[pyfunction]
#[pyo3(signature = (cost, maximize=false))]
pub fn assignment_batch<'py>(py: Python<'py>, cost: &Bound<'py, PyAny>, maximize: bool) -> PyResult<Matches<'py>> {
    if let Ok(cost) = cost.extract::<PyReadonlyArray3<f32>>() {
        return all_matched(py, &cost, maximize);
    }
    match cost.extract::<PyReadonlyArray3<f64>>() {
        Ok(cost) => all_matched(py, &cost, maximize),
        Err(_) => Err(wrong("C is no B × n × m array of float32 or float64")),
    }
}

fn all_matched<'py, T: Element + Copy + kd2m_ot::Real>(
    py: Python<'py>,
    cost: &PyReadonlyArray3<'py, T>,
    maximize: bool,
) -> PyResult<Matches<'py>> {
    let [b, n, m] = shape(cost);
    let cost = values(cost);
    let solve = |stop: &Stop| -> Result<Vec<(usize, usize)>, OtError> {
        let one = |i: usize| Ok(best(&cost[i * n * m..(i + 1) * n * m], n, m, maximize, stop)?.pairs);
        let found: Result<Vec<_>, OtError> = (0..b).into_par_iter().map(one).collect();
        Ok(found?.concat())
    };
    Ok(pairs(py, &detached(py, false, solve)?.map_err(raised)?))
}

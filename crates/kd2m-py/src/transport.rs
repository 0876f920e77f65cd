//! Transport at costs that are given: assignment as SciPy has it, the exact plan as POT has it.

use kd2m_ot::{
    OtError, Potentials, Real, Side, Solution, Stop,
    problem::{
        Problem,
        assignment::{Assignment, Goal},
    },
};
use numpy::{Element, IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    array::{Matrix, values},
    divergence::coupling,
    error::raised,
    interrupt::detached,
};

/// Matrices of fewer entries are solved before a person would notice that Ctrl-C has to wait.
const SHORT: usize = 1 << 20;

/// Rows and columns of an assignment.
pub type Matches<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

/// The best assignment at these costs.
#[pyfunction]
#[pyo3(signature = (cost, maximize=false))]
pub fn assignment<'py>(py: Python<'py>, cost: &Bound<'py, PyAny>, maximize: bool) -> PyResult<Matches<'py>> {
    let found = match Matrix::of(cost, "the cost matrix")? {
        Matrix::F32(cost) => matched(py, &cost, maximize)?,
        Matrix::F64(cost) => matched(py, &cost, maximize)?,
    };
    Ok(pairs(py, &found.pairs))
}

fn matched<T: Element + Copy + Real>(
    py: Python<'_>,
    cost: &PyReadonlyArray2<'_, T>,
    maximize: bool,
) -> PyResult<Assignment> {
    let (n, m) = (cost.shape()[0], cost.shape()[1]);
    let cost = values(cost);
    let solve = |stop: &Stop| best(&cost, n, m, maximize, stop);
    detached(py, n * m < SHORT, solve)?.map_err(raised)
}

/// The best assignment of one matrix.
///
/// # Errors
/// A cost that is not finite.
pub fn best<T: Real>(cost: &[T], n: usize, m: usize, maximize: bool, stop: &Stop) -> Result<Assignment, OtError> {
    let goal = if maximize { Goal::Most } else { Goal::Least };
    Problem::new(cost, n, m)?.with_stop(stop).assign(goal)
}

/// As two arrays.
pub fn pairs<'py>(py: Python<'py>, pairs: &[(usize, usize)]) -> Matches<'py> {
    let rows: Vec<i64> = pairs.iter().map(|pair| pair.0 as i64).collect();
    let columns: Vec<i64> = pairs.iter().map(|pair| pair.1 as i64).collect();
    (rows.into_pyarray(py), columns.into_pyarray(py))
}

/// The exact plan at these costs and masses, as a dictionary.
#[pyfunction]
#[pyo3(signature = (cost, a=None, b=None, start=None))]
pub fn transport<'py>(
    py: Python<'py>,
    cost: &Bound<'py, PyAny>,
    a: Option<PyReadonlyArray1<'py, f64>>,
    b: Option<PyReadonlyArray1<'py, f64>>,
    start: Option<(PyReadonlyArray1<'py, f64>, PyReadonlyArray1<'py, f64>)>,
) -> PyResult<Bound<'py, PyDict>> {
    let masses = [a.as_ref(), b.as_ref()];
    let start = start.map(|(u, v)| Potentials { u: values(&u).into_owned(), v: values(&v).into_owned() });
    match Matrix::of(cost, "the cost matrix")? {
        Matrix::F32(cost) => planned(py, &cost, masses, start.as_ref()),
        Matrix::F64(cost) => planned(py, &cost, masses, start.as_ref()),
    }
}

fn planned<'py, T: Element + Copy + Real>(
    py: Python<'py>,
    cost: &PyReadonlyArray2<'py, T>,
    masses: [Option<&PyReadonlyArray1<'py, f64>>; 2],
    start: Option<&Potentials>,
) -> PyResult<Bound<'py, PyDict>> {
    let (n, m) = (cost.shape()[0], cost.shape()[1]);
    let (cost, [a, b]) = (values(cost), masses.map(|masses| masses.map(values)));
    let solve = |stop: &Stop| -> Result<Solution<T>, OtError> {
        let mut problem = Problem::new(&cost, n, m)?.with_stop(stop);
        for (side, masses) in [(Side::A, &a), (Side::B, &b)] {
            if let Some(masses) = masses {
                problem = problem.with_weights(side, masses)?;
            }
        }
        match start {
            Some(start) => problem.with_start(start).exact(),
            None => problem.exact(),
        }
    };
    let found = detached(py, n * m < SHORT, solve)?.map_err(raised)?;
    let out = PyDict::new(py);
    out.set_item("value", found.value)?;
    out.set_item("status", found.status.word())?;
    out.set_item("gap", found.gap)?;
    out.set_item("iterations", found.iterations)?;
    if let Some(plan) = found.plan {
        out.set_item("plan", coupling(py, &plan))?;
    }
    if let Some(Potentials { u, v }) = found.potentials {
        out.set_item("potentials", (u.into_pyarray(py), v.into_pyarray(py)))?;
    }
    Ok(out)
}

//! Any divergence of the registry, by name and options.

use kd2m_ot::{
    Options, OtError, Plan, Potentials, Real, Side, Solution, Status, Stop,
    divergence::{Divergence, ENTRIES, Request, registry},
};
use numpy::{Element, IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    array::{Labels, Matrix, Numbers, values},
    error::{raised, wrong},
    interrupt::detached,
};

/// Whether an answer comes before a person would notice that Ctrl-C has to wait for it: such a call stays on this thread, since to
/// hand it to another costs up to half of it, and more beside the busy threads of PyTorch.
fn short(metric: &str, [n, m, d]: [usize; 3]) -> bool {
    let limit: usize = match registry::resolve(metric) {
        Ok((entry, _)) if entry.traits.iterates => 1 << 21,
        _ => 1 << 28,
    };
    // A pair of samples takes more than its features: what 512 of them take.
    n.saturating_mul(m).saturating_mul(d.max(512)) < limit
}

/// One row of `metrics`: name, aliases, formula, source, cost, when to choose it, options with defaults.
type Row = (&'static str, Vec<&'static str>, &'static str, &'static str, &'static str, &'static str, Vec<[String; 3]>);

/// What there is to choose from.
#[pyfunction]
pub fn metrics() -> Vec<Row> {
    let option = |o: &kd2m_ot::options::OptionSpec| [o.name.to_owned(), o.default.to_owned(), o.help.to_owned()];
    let row = |e: &kd2m_ot::divergence::entry::Entry| {
        (e.name, e.aliases.to_vec(), e.formula, e.source, e.cost, e.when, e.options.iter().map(option).collect())
    };
    ENTRIES.iter().map(row).collect()
}

/// What is asked of a divergence beside its value.
struct Asked<'a> {
    metric: &'a str,
    gradient: bool,
    plan: bool,
    start: Option<Potentials>,
}

/// The value of a divergence between two matrices, with what else was asked for, as a dictionary.
#[pyfunction]
#[pyo3(signature = (metric, options, a, b, labels_a=None, labels_b=None, weights_a=None, weights_b=None, gradient=false, plan=false, start=None))]
#[expect(clippy::too_many_arguments, reason = "one call across the border costs less than several")]
pub fn evaluate<'py>(
    py: Python<'py>,
    metric: &str,
    options: Vec<(String, String)>,
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
    labels_a: Option<&Bound<'py, PyAny>>,
    labels_b: Option<&Bound<'py, PyAny>>,
    weights_a: Option<PyReadonlyArray1<'py, f64>>,
    weights_b: Option<PyReadonlyArray1<'py, f64>>,
    gradient: bool,
    plan: bool,
    start: Option<(PyReadonlyArray1<'py, f64>, PyReadonlyArray1<'py, f64>)>,
) -> PyResult<Bound<'py, PyDict>> {
    let options = options.into_iter().fold(Options::new(metric), |all, (name, value)| all.set(&name, value));
    let divergence = registry::build(&options).map_err(raised)?;
    let start = start.map(|(u, v)| Potentials { u: values(&u).into_owned(), v: values(&v).into_owned() });
    let asked = Asked { metric, gradient, plan, start };
    let divergence = divergence.as_ref();
    match (Matrix::of(a, "x")?, Matrix::of(b, "y")?) {
        (Matrix::F32(a), Matrix::F32(b)) => {
            let labels = [Labels::of(labels_a, "labels_x")?, Labels::of(labels_b, "labels_y")?];
            compare::<f32>(py, divergence, [&a, &b], &labels, [weights_a.as_ref(), weights_b.as_ref()], &asked)
        }
        (Matrix::F64(a), Matrix::F64(b)) => {
            let labels = [Labels::of(labels_a, "labels_x")?, Labels::of(labels_b, "labels_y")?];
            compare::<f64>(py, divergence, [&a, &b], &labels, [weights_a.as_ref(), weights_b.as_ref()], &asked)
        }
        _ => Err(wrong("x and y have different precisions: give both as float32 or both as float64")),
    }
}

fn compare<'py, T: Element + Copy + Real>(
    py: Python<'py>,
    divergence: &(impl Divergence<T> + ?Sized),
    features: [&PyReadonlyArray2<'py, T>; 2],
    labels: &[Labels<'py, T>; 2],
    weights: [Option<&PyReadonlyArray1<'py, f64>>; 2],
    asked: &Asked<'_>,
) -> PyResult<Bound<'py, PyDict>> {
    let a = Numbers::of(features[0], weights[0], &labels[0]);
    let b = Numbers::of(features[1], weights[1], &labels[1]);
    let ([n, d], [m, _]) = (a.shape(), b.shape());
    let work = |stop: &Stop| -> Result<Solution<T>, OtError> {
        let request = Request { gradient: asked.gradient, plan: asked.plan, start: asked.start.as_ref(), stop };
        divergence.evaluate(&a.cloud(Side::A)?, &b.cloud(Side::B)?, request)
    };
    let solution = detached(py, short(asked.metric, [n, m, d]), work)?.map_err(raised)?;
    answer(py, solution, [n, d])
}

/// A solution as a dictionary of arrays and numbers.
fn answer<'py, T: Element + Copy>(
    py: Python<'py>,
    solution: Solution<T>,
    [n, d]: [usize; 2],
) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("value", solution.value)?;
    out.set_item("status", solution.status.word())?;
    if let Status::Stopped { error } = solution.status {
        out.set_item("error", error)?;
    }
    out.set_item("gap", solution.gap)?;
    out.set_item("iterations", solution.iterations)?;
    out.set_item("diagnostics", solution.diagnostics)?;
    if let Some(gradient) = solution.gradient {
        out.set_item("gradient", matrix(py, gradient.features, n, d)?)?;
        if let Some(soft) = gradient.soft_labels {
            let classes = soft.len() / n.max(1);
            out.set_item("gradient_labels", matrix(py, soft, n, classes)?)?;
        }
    }
    if let Some(plan) = solution.plan {
        out.set_item("plan", coupling(py, &plan))?;
    }
    if let Some(Potentials { u, v }) = solution.potentials {
        out.set_item("potentials", (u.into_pyarray(py), v.into_pyarray(py)))?;
    }
    Ok(out)
}

/// Row-major numbers as a matrix.
///
/// # Errors
/// Never for as many numbers as the shape has.
pub fn matrix<'py, T: Element + Copy>(
    py: Python<'py>,
    values: Vec<T>,
    n: usize,
    d: usize,
) -> PyResult<Bound<'py, numpy::PyArray2<T>>> {
    use numpy::PyArrayMethods;
    values.into_pyarray(py).reshape([n, d])
}

/// Rows, columns and masses of a coupling, and its shape.
type Coupling<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>, (usize, usize));

/// The entries of a coupling.
pub fn coupling<'py>(py: Python<'py>, plan: &Plan) -> Coupling<'py> {
    let entries = plan.entries();
    let rows: Vec<i64> = entries.iter().map(|e| e.0 as i64).collect();
    let columns: Vec<i64> = entries.iter().map(|e| e.1 as i64).collect();
    let masses: Vec<f64> = entries.iter().map(|e| e.2).collect();
    (rows.into_pyarray(py), columns.into_pyarray(py), masses.into_pyarray(py), plan.shape())
}

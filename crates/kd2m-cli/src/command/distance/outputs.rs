//! `--grad-out` and `--plan-out`: what is asked for decides what is computed, and is checked before it is.

use std::path::{Path, PathBuf};

use kd2m::Error;
use kd2m_data::features::{Number, write_coupling, write_matrix};
use kd2m_ot::{Plan, Solution, Stop, divergence::Request};

use super::{metrics::Metric, show::Sizes};
use crate::arguments::DistanceArguments;
use crate::say::say;

/// A dense coupling above this many entries (1 GiB) is refused; its sparse form is smaller and quicker to read.
const MOST_DENSE: usize = 1 << 27;

/// Where gradient and coupling go.
pub struct Outputs {
    gradient: Option<PathBuf>,
    plan: Option<PathBuf>,
}

impl Outputs {
    /// Takes the paths, which must be writable in principle and say their format.
    ///
    /// # Errors
    /// Another extension, or a folder that does not exist.
    pub fn parse(arguments: &DistanceArguments) -> Result<Self, Error> {
        let (gradient, plan) = (arguments.grad_out.clone(), arguments.plan_out.clone());
        check_place("--grad-out", gradient.as_deref(), &["npy"])?;
        check_place("--plan-out", plan.as_deref(), &["npy", "npz"])?;
        check_place("--duals", arguments.duals.as_deref(), &["npy"])?;
        Ok(Self { gradient, plan })
    }

    /// What the metric has to compute, until `stop` is set.
    pub fn request<'s>(&self, stop: &'s Stop) -> Request<'s> {
        Request { gradient: self.gradient.is_some(), plan: self.plan.is_some(), stop, ..Request::VALUE }
    }

    /// Refuses a dense coupling that would fill the disk.
    ///
    /// # Errors
    /// More than 2²⁷ entries as .npy.
    pub fn check_size(&self, n: usize, m: usize) -> Result<(), Error> {
        match &self.plan {
            Some(path) if is(path, "npy") && n.saturating_mul(m) > MOST_DENSE => Err(Error::Config(format!(
                "--plan-out {}: a coupling of {n} × {m} takes {:.0} GB as .npy: write it as .npz, which scipy.sparse.load_npz opens",
                path.display(),
                n as f64 * m as f64 * 8e-9
            ))),
            _ => Ok(()),
        }
    }

    /// Writes what was asked for.
    ///
    /// # Errors
    /// The metric has no such thing, or the file cannot be written.
    pub fn write<T: Number>(&self, metric: &Metric, solution: &Solution<T>, sizes: &Sizes) -> Result<(), Error> {
        if let Some(path) = &self.gradient {
            let gradient = solution.gradient.as_ref().ok_or_else(|| missing(metric, "gradient", "--grad-out"))?;
            write_matrix(path, sizes.n, sizes.d[0], gradient.features.iter().copied())?;
            say!("gradient to A, {} × {}: {}", sizes.n, sizes.d[0], path.display());
        }
        if let Some(path) = &self.plan {
            let plan = solution.plan.as_ref().ok_or_else(|| missing(metric, "coupling", "--plan-out"))?;
            write_plan(path, plan)?;
            say!("coupling, {} × {}: {}", sizes.n, sizes.m, path.display());
        }
        Ok(())
    }
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

fn check_place(flag: &str, path: Option<&Path>, extensions: &[&str]) -> Result<(), Error> {
    let Some(path) = path else { return Ok(()) };
    if !extensions.iter().any(|e| is(path, e)) {
        let names = extensions.iter().map(|e| format!(".{e}")).collect::<Vec<_>>().join(" or ");
        return Err(Error::Config(format!("{flag} {}: the name must end in {names}", path.display())));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            Err(Error::Config(format!("{flag} {}: the folder {} does not exist", path.display(), folder.display())))
        }
        _ => Ok(()),
    }
}

fn missing(metric: &Metric, what: &str, flag: &str) -> Error {
    Error::Config(format!("{} has no {what}: leave {flag} out", metric.name))
}

fn write_plan(path: &Path, plan: &Plan) -> Result<(), Error> {
    let (n, m) = plan.shape();
    if is(path, "npz") {
        write_coupling(path, n, m, || entries(plan))?;
    } else if let Plan::Dense { mass, .. } = plan {
        write_matrix(path, n, m, mass.iter().copied())?;
    } else {
        write_matrix(path, n, m, plan.to_dense())?;
    }
    Ok(())
}

/// The plan's entries by rows, without a list of them.
fn entries(plan: &Plan) -> Box<dyn Iterator<Item = (usize, usize, f64)> + '_> {
    match plan {
        Plan::Permutation(columns) => {
            let mass = 1.0 / columns.len() as f64;
            Box::new(columns.iter().enumerate().map(move |(i, &j)| (i, j as usize, mass)))
        }
        Plan::Sparse { entries, .. } => Box::new(entries.iter().map(|&(i, j, g)| (i as usize, j as usize, g))),
        Plan::Dense { m, mass, .. } => {
            let present = mass.iter().enumerate().filter(|(_, g)| **g > 0.0);
            Box::new(present.map(move |(k, &g)| (k / m, k % m, g)))
        }
    }
}

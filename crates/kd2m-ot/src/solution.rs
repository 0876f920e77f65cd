//! What every divergence and every solver returns: value, gradient, coupling, potentials, and how far to trust them.

/// How a solver ended. What is not exact is said, with its size.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// A formula was evaluated; nothing was iterated.
    Closed,
    /// Optimal; the duality gap in [`Solution::gap`] is the certificate where there is one.
    Optimal,
    /// An iteration met its tolerance.
    Converged,
    /// An iteration stopped at its cap.
    Stopped {
        /// What its stopping rule measures (for transport, the marginal error).
        error: f64,
    },
}

impl Status {
    /// True unless a cap ended the computation.
    pub fn is_trusted(&self) -> bool {
        !matches!(self, Status::Stopped { .. })
    }

    /// One word for tables and JSON: `closed`, `optimal`, `converged` or `stopped`.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Closed => "closed",
            Status::Optimal => "optimal",
            Status::Converged => "converged",
            Status::Stopped { .. } => "stopped",
        }
    }
}

/// The derivative of a value with respect to the first cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient<T> {
    /// With respect to the features, row-major `[n, d]`.
    pub features: Vec<T>,
    /// With respect to soft labels, row-major `[n, classes]`, where the divergence uses them.
    pub soft_labels: Option<Vec<T>>,
}

/// A coupling of two clouds: how much mass goes from sample i of A to sample j of B.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Sample i goes whole (mass 1/n) to sample `[i]`.
    Permutation(Vec<u32>),
    /// Entries (i, j, mass), sorted by i then j, without zeros.
    Sparse {
        /// Samples of A.
        n: usize,
        /// Samples of B.
        m: usize,
        /// (i, j, mass) of each pair that shares mass.
        entries: Vec<(u32, u32, f64)>,
    },
    /// All masses.
    Dense {
        /// Samples of A.
        n: usize,
        /// Samples of B.
        m: usize,
        /// Row-major `[n, m]`.
        mass: Vec<f64>,
    },
}

impl Plan {
    /// All entries (i, j, mass) with mass above zero, by rows.
    pub fn entries(&self) -> Vec<(usize, usize, f64)> {
        match self {
            Plan::Permutation(p) => {
                let mass = 1.0 / p.len() as f64;
                p.iter().enumerate().map(|(i, &j)| (i, j as usize, mass)).collect()
            }
            Plan::Sparse { entries, .. } => entries.iter().map(|&(i, j, g)| (i as usize, j as usize, g)).collect(),
            Plan::Dense { m, mass, .. } => {
                mass.iter().enumerate().filter(|(_, g)| **g > 0.0).map(|(k, &g)| (k / m, k % m, g)).collect()
            }
        }
    }

    /// The plan as a row-major `[n, m]` matrix.
    pub fn to_dense(&self) -> Vec<f64> {
        let (n, m) = self.shape();
        let mut dense = vec![0.0; n * m];
        for (i, j, g) in self.entries() {
            dense[i * m + j] += g;
        }
        dense
    }

    /// (n, m).
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Plan::Permutation(p) => (p.len(), p.len()),
            Plan::Sparse { n, m, .. } | Plan::Dense { n, m, .. } => (*n, *m),
        }
    }
}

/// Dual potentials: u over the samples of A, v over those of B, with u_i + v_j ≤ c_ij for exact transport.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Potentials {
    /// One for each sample of A, `[n]`, in units of the cost.
    pub u: Vec<f64>,
    /// One for each sample of B, `[m]`, in units of the cost.
    pub v: Vec<f64>,
}

/// The answer of a divergence.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution<T> {
    /// The divergence; squared for the W2 family, as in the paper.
    pub value: f64,
    /// Its gradient with respect to A, when it was asked for.
    pub gradient: Option<Gradient<T>>,
    /// The coupling, when it was asked for and there is one.
    pub plan: Option<Plan>,
    /// Dual potentials where the solver makes them.
    pub potentials: Option<Potentials>,
    /// Duality gap (rounding bound of the cost matrix included), where there is one.
    pub gap: Option<f64>,
    /// How the computation ended.
    pub status: Status,
    /// Iterations or augmentations; 0 for closed forms.
    pub iterations: usize,
    /// What else a person may want to see, by name: bandwidth, classes skipped, deviation over subsets …
    pub diagnostics: Vec<(&'static str, f64)>,
}

impl<T> Solution<T> {
    /// A value from a formula, with nothing else known yet.
    pub fn closed(value: f64) -> Self {
        Self {
            value,
            gradient: None,
            plan: None,
            potentials: None,
            gap: None,
            status: Status::Closed,
            iterations: 0,
            diagnostics: Vec::new(),
        }
    }

    /// What is noted under this name.
    pub fn diagnostic(&self, name: &str) -> Option<f64> {
        self.diagnostics.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The same with this gradient to the features.
    pub fn with_gradient(mut self, features: Option<Vec<T>>) -> Self {
        self.gradient = features.map(|features| Gradient { features, soft_labels: None });
        self
    }
}

"""Calls of other packages and ours, which give the same value: the table of docs/python.md, and what test_peers.py runs.

    python crates/kd2m-py/tests/pairs.py > docs/tables/python.md
"""

# Package, its call, ours, relative difference allowed. Names that may be used: x (40 × 5), y (50 × 5), y40 (40 × 5), M (40 × 50), a, b (masses),
# tx, ty (x and y as torch tensors of float64), C (30 × 30), and the packages under the names that people give them.
PAIRS = [
    ("SciPy", "M40[linear_sum_assignment(M40)].mean()", "kd2m.w2(x, y40).value", 1e-10),
    ("SciPy", "C[linear_sum_assignment(C)].sum()", "C[kd2m.linear_sum_assignment(C)].sum()", 1e-12),
    ("SciPy", "M[linear_sum_assignment(M, maximize=True)].sum()", "M[kd2m.linear_sum_assignment(M, maximize=True)].sum()", 1e-12),
    ("SciPy", "wasserstein_distance(x[:, 0], y[:, 0])", "kd2m.w1(x[:, :1], y[:, :1]).value", 1e-10),
    ("SciPy", "energy_distance(x[:, 0], y[:, 0]) ** 2", 'kd2m.distance(x[:, :1], y[:, :1], "energy").value', 1e-9),
    ("lapx", "lap.lapjv(C, cost_limit=0.05)[0]", "C[kd2m.linear_sum_assignment(C, cost_limit=0.05)].sum()", 1e-9),
    ("POT", "ot.emd2(a, b, M)", "kd2m.emd2(a, b, M)", 1e-10),
    ("POT", "(ot.emd(a, b, M) * M).sum()", "(kd2m.emd(a, b, M) * M).sum()", 1e-10),
    ("POT", "ot.solve(M, a, b).value", "kd2m.solve(M, a, b).value", 1e-10),
    ("POT", "ot.solve_sample(x, y).value", "kd2m.solve_sample(x, y).value", 1e-10),
    ("POT", "ot.emd2_1d(x[:, 0], y[:, 0])", "kd2m.w2(x[:, :1], y[:, :1]).value", 1e-10),
    ("POT", "ot.gaussian.empirical_bures_wasserstein_distance(x, y, reg=0) ** 2", 'kd2m.distance(x, y, "gaussian-w2").value', 1e-6),
    ("geomloss", 'SamplesLoss("sinkhorn", p=2, blur=0.5, scaling=0.99)(tx, ty)', 'kd2m.torch.SamplesLoss("sinkhorn", p=2, blur=0.5)(tx, ty)', 5e-3),
    ("geomloss", 'SamplesLoss("energy")(tx, ty)', 'kd2m.torch.SamplesLoss("energy")(tx, ty)', 1e-4),
    ("geomloss", 'SamplesLoss("gaussian", blur=0.7)(tx, ty)', 'kd2m.torch.SamplesLoss("gaussian", blur=0.7)(tx, ty)', 1e-6),
    ("pytorch-fid", "calculate_frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))", "kd2m.frechet(x, y)", 1e-7),
    ("torchmetrics", "poly_mmd(tx, ty40)", "kd2m.kid(x, y40, subsets=1, size=40)[0]", 1e-6),
]


def table() -> str:
    """The pairs as Markdown."""
    lines = ["| package | there | here |", "|---|---|---|"]
    return "\n".join(lines + [f"| {package} | `{theirs}` | `{ours}` |" for package, theirs, ours, _ in PAIRS]) + "\n"


if __name__ == "__main__":
    print(table(), end="")

#!/usr/bin/env python3
"""What the field's libraries print for the same features, and how that becomes kd2m's value.

Writes crates/kd2m/tests/peers/figures.json, which the test `peers` of the crate kd2m holds our values against, and the page
docs/tables/peers.md. Both sides make the inputs from a formula, so that only figures are stored.
Needs: pip install numpy scipy torch torchvision POT geomloss ott-jax torchmetrics torch-fidelity clean-fid pytorch-fid ckatorch
Run:   python scripts/golden/peers.py
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import importlib.metadata
import json
import pathlib

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
import ot
import scipy.optimize
import scipy.spatial.distance
import scipy.stats
import torch
import torch_fidelity.metric_fid
import torch_fidelity.metric_kid
from ckatorch.core import cka_base
from cleanfid import fid as cleanfid
from geomloss import SamplesLoss
from ott.geometry.pointcloud import PointCloud
from ott.tools.sinkhorn_divergence import sinkhorn_divergence
from pytorch_fid.fid_score import calculate_frechet_distance
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

ROOT = pathlib.Path(__file__).resolve().parents[2]


def wave(n, d, phase, shift):
    """x_ik = sin(0.7 + 1.3 i + 2.1 k + phase (i + 1)(k + 1)) + shift: numbers without structure that any language can repeat."""
    i, k = np.arange(n)[:, None], np.arange(d)[None, :]
    return np.sin(0.7 + 1.3 * i + 2.1 * k + phase * (i + 1) * (k + 1)) + shift


# (n, d, phase, shift) of A and of B.
SETS = {
    "points": [(40, 3, 0.11, 0.0), (30, 3, 0.23, 0.2)],
    "many": [(40, 6, 0.11, 0.0), (40, 6, 0.23, 0.2)],
    "few": [(8, 20, 0.11, 0.0), (8, 20, 0.23, 0.2)],
    "line": [(40, 1, 0.11, 0.0), (30, 1, 0.23, 0.2)],
    "widths": [(40, 6, 0.11, 0.0), (40, 4, 0.23, 0.2)],
}


class Features(torch.nn.Module):
    """Stands for a network whose features are given."""

    def __init__(self, width):
        super().__init__()
        self.num_features = width

    def forward(self, images):
        return images.reshape(len(images), -1)


def gaussians(x, y):
    return np.mean(x, 0), np.cov(x, rowvar=False), np.mean(y, 0), np.cov(y, rowvar=False)


def torchmetrics_of(metric, x, y):
    for features, real in [(x, True), (y, False)]:
        metric.update(torch.from_numpy(features)[:, :, None, None], real=real)
    return metric.compute()


def fid_of_torchmetrics(x, y):
    metric = FrechetInceptionDistance(feature=Features(x.shape[1]), input_img_size=(x.shape[1], 1, 1), normalize=True)
    return torchmetrics_of(metric.set_dtype(torch.float64), x, y)


def kid_of_torchmetrics(x, y):
    metric = KernelInceptionDistance(feature=Features(x.shape[1]), subsets=1, subset_size=len(x), normalize=True)
    return torchmetrics_of(metric.set_dtype(torch.float64), x, y)[0]


def statistics(x):
    return {"mu": np.mean(x, 0), "sigma": np.cov(x, rowvar=False)}


def samples_loss(x, y, **options):
    return SamplesLoss(**options, backend="tensorized")(torch.from_numpy(x), torch.from_numpy(y))


def debiased(x, y, reg):
    value = lambda u, v: ot.solve_sample(u, v, reg=reg, tol=1e-12, max_iter=100_000).value
    return value(x, y) - 0.5 * value(x, x) - 0.5 * value(y, y)


def diagonal(x, y):
    return np.linalg.norm(x.mean(0) - y.mean(0)) ** 2 + np.sum((x.std(0) - y.std(0)) ** 2)


def assignment(x, y):
    costs = scipy.spatial.distance.cdist(x, y, "sqeuclidean")
    return costs[scipy.optimize.linear_sum_assignment(costs)].mean()


# Package, what a person calls, inputs, their value, what it takes to be ours, our metric and its options, how near it must be.
ROWS = [
    ("scipy", "linear_sum_assignment(cdist(x, y, \"sqeuclidean\")), mean cost", "many", assignment, "×1", "w2", {}, 1e-12),
    ("scipy", "wasserstein_distance(x, y), 1-D", "line",
     lambda x, y: scipy.stats.wasserstein_distance(x[:, 0], y[:, 0]), "×1", "w1", {}, 1e-12),
    ("scipy", "wasserstein_distance_nd(x, y)", "points", scipy.stats.wasserstein_distance_nd, "×1", "w1", {}, 1e-9),
    ("scipy", "energy_distance(x, y), 1-D", "line",
     lambda x, y: scipy.stats.energy_distance(x[:, 0], y[:, 0]), "squared", "energy", {}, 1e-9),
    ("POT", "emd2([], [], dist(x, y))", "points",
     lambda x, y: ot.emd2([], [], ot.dist(x, y)), "×1", "w2", {}, 1e-12),
    ("POT", "emd2([], [], dist(x, y, \"euclidean\"))", "points",
     lambda x, y: ot.emd2([], [], ot.dist(x, y, "euclidean")), "×1", "w1", {}, 1e-12),
    ("POT", "solve_sample(x, y, reg=0.3).value, debiased by hand", "points",
     lambda x, y: debiased(x, y, 0.3), "×1", "sinkhorn", {"epsilon": "0.3", "tolerance": "1e-10", "iterations": "100000"}, 1e-6),
    ("POT", "gaussian.empirical_bures_wasserstein_distance(x, y, reg=0)", "points",
     lambda x, y: ot.gaussian.empirical_bures_wasserstein_distance(x, y, reg=0.0), "squared", "gaussian-w2", {}, 1e-7),
    ("POT", "sliced_wasserstein_distance(x, y), 1-D", "line",
     lambda x, y: ot.sliced_wasserstein_distance(x, y, n_projections=64, seed=0), "squared", "sw2", {}, 1e-9),
    ("POT", "gromov_wasserstein2(cdist(x, x), cdist(y, y))", "widths",
     lambda x, y: ot.gromov_wasserstein2(scipy.spatial.distance.cdist(x, x), scipy.spatial.distance.cdist(y, y)),
     "no less: one start", "gw", {}, 1e-9),
    ("geomloss", "SamplesLoss(\"sinkhorn\", p=2, blur=0.5, scaling=0.999)", "points",
     lambda x, y: samples_loss(x, y, loss="sinkhorn", p=2, blur=0.5, scaling=0.999), "×2", "sinkhorn",
     {"epsilon": "0.5", "tolerance": "1e-10", "iterations": "100000"}, 1e-3),
    ("geomloss", "the same with reach=1", "points",
     lambda x, y: samples_loss(x, y, loss="sinkhorn", p=2, blur=0.5, reach=1.0, scaling=0.999), "×2", "unbalanced",
     {"epsilon": "0.5", "rho": "2", "tolerance": "1e-10", "iterations": "100000"}, 5e-3),
    ("geomloss", "SamplesLoss(\"energy\")", "points",
     lambda x, y: samples_loss(x, y, loss="energy"), "×2", "energy", {}, 1e-4),
    ("geomloss", "SamplesLoss(\"gaussian\", blur=0.7)", "points",
     lambda x, y: samples_loss(x, y, loss="gaussian", blur=0.7), "×2", "mmd-rbf", {"bandwidth": "0.7"}, 1e-9),
    ("OTT-JAX", "sinkhorn_divergence(PointCloud, x, y, epsilon=0.3)", "points",
     lambda x, y: sinkhorn_divergence(PointCloud, jnp.asarray(x), jnp.asarray(y), epsilon=0.3,
                                      solve_kwargs={"threshold": 1e-12, "max_iterations": 100_000})[0],
     "×1", "sinkhorn", {"epsilon": "0.3", "tolerance": "1e-10", "iterations": "100000"}, 1e-6),
    ("pytorch-fid", "calculate_frechet_distance(μ₁, Σ₁, μ₂, Σ₂)", "many",
     lambda x, y: calculate_frechet_distance(*gaussians(x, y)), "×1", "fid", {}, 1e-9),
    ("pytorch-fid", "the same, n < d", "few",
     lambda x, y: calculate_frechet_distance(*gaussians(x, y)), "×1", "fid", {}, 1e-4),
    ("clean-fid", "frechet_distance(μ₁, Σ₁, μ₂, Σ₂)", "many",
     lambda x, y: cleanfid.frechet_distance(*gaussians(x, y)), "×1", "fid", {}, 1e-9),
    ("torch-fidelity", "fid_statistics_to_metric(a, b, False)", "many",
     lambda x, y: torch_fidelity.metric_fid.fid_statistics_to_metric(statistics(x), statistics(y), False)[
         "frechet_inception_distance"], "×1", "fid", {}, 1e-9),
    ("torchmetrics", "FrechetInceptionDistance, set_dtype(float64)", "many", fid_of_torchmetrics, "×1", "fid", {}, 1e-7),
    ("torchmetrics", "KernelInceptionDistance(subsets=1, subset_size=n)", "many", kid_of_torchmetrics, "×1", "kid",
     {"subsets": "1", "size": "40"}, 1e-5),
    ("torch-fidelity", "kid_features_to_metric, one subset of n", "many",
     lambda x, y: torch_fidelity.metric_kid.kid_features_to_metric(
         torch.from_numpy(x), torch.from_numpy(y), kid_subsets=1, kid_subset_size=len(x), rng_seed=0, verbose=False)[
         "kernel_inception_distance_mean"], "×1", "kid", {"subsets": "1", "size": "40"}, 1e-5),
    ("clean-fid", "kernel_distance(x, y, num_subsets=1, max_subset_size=n)", "many",
     lambda x, y: cleanfid.kernel_distance(x, y, num_subsets=1, max_subset_size=len(x)), "×1", "kid",
     {"subsets": "1", "size": "40"}, 1e-5),
    ("torch", "mse_loss(x, y)", "many",
     lambda x, y: torch.nn.functional.mse_loss(torch.from_numpy(x), torch.from_numpy(y)), "×d", "mse", {}, 1e-12),
    ("ckatorch", "cka_base(x, y, kernel=\"linear\", method=\"fro_norm\")", "widths",
     lambda x, y: cka_base(torch.from_numpy(x), torch.from_numpy(y), kernel="linear", method="fro_norm"), "×1",
     "cka_to_teacher", {}, 1e-5),
]


def row(package, call, inputs, figure, conversion, metric, options, within):
    x, y = (wave(*parameters) for parameters in SETS[inputs])
    value = float(figure(x, y))
    version = importlib.metadata.version(package.lower())
    print(f"{package} {version}: {call}: {value!r}", file=sys.stderr)
    sides = [dict(zip(("n", "d", "phase", "shift"), parameters)) for parameters in SETS[inputs]]
    return {
        "package": package, "version": version, "call": call, "a": sides[0], "b": sides[1], "figure": value,
        "conversion": conversion, "metric": metric, "options": options, "within": within,
    }


def page(rows):
    lines = [
        "# Your figure and ours", "",
        "Made by `scripts/golden/peers.py`; the test `peers` holds kd2m to each line.", "",
        "x and y are n × d arrays of f64. *Take it* says what their value needs to be kd2m's; *to* is how near the two come, as a share.", "",
        "| package | you have | take it | kd2m's metric | options | to |", "|---|---|---|---|---|--:|",
    ]
    for row in rows:
        options = " ".join(f"`{name}={value}`" for name, value in row["options"].items())
        lines.append(f"| {row['package']} {row['version']} | `{row['call']}` | {row['conversion']} | `{row['metric']}` | {options} | {row['within']:.0e} |")
    return "\n".join(lines) + "\n"


rows = [row(*entry) for entry in ROWS]
(ROOT / "crates/kd2m/tests/peers/figures.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
(ROOT / "docs/tables/peers.md").write_text(page(rows))

#!/usr/bin/env python3
"""Values of POT and geomloss that the tests of kd2m-ot's network simplex, Sinkhorn and Gromov-Wasserstein are held against.

Both sides make the same inputs from a formula, so that only results are stored (in crates/kd2m-ot/tests/entropic_golden.rs).
Needs: pip install POT geomloss torch numpy.   Run: python scripts/golden/entropic.py
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import numpy as np
import ot
import torch
from geomloss import SamplesLoss


def wave(n, d, phase):
    """x_ik = sin(0.7 + 1.3 i + 2.1 k + phase (i + 1)(k + 1)): numbers without structure that any language can repeat."""
    i, k = np.arange(n)[:, None], np.arange(d)[None, :]
    return np.sin(0.7 + 1.3 * i + 2.1 * k + phase * (i + 1) * (k + 1))


def weights(n, phase):
    w = 1.5 + np.sin(phase + np.arange(n) * 0.9)
    return w / w.sum()


def show(name, value):
    print(f"{name} = {value!r}")


x, y = wave(9, 3, 0.11), wave(7, 3, 0.23) + 0.2
a, b = weights(9, 0.3), weights(7, 1.1)
cost = ot.dist(x, y, metric="sqeuclidean")
uniform_a, uniform_b = ot.unif(9), ot.unif(7)

show("ot.emd2 weighted", ot.emd2(a, b, cost))
show("ot.emd2 uniform 9 x 7", ot.emd2(uniform_a, uniform_b, cost))


def entropic(p, q, c, epsilon):
    """min <P, C> + epsilon KL(P | p q^T), from POT's plan."""
    plan = ot.bregman.sinkhorn_log(p, q, c, epsilon, numItermax=100_000, stopThr=1e-13)
    return (plan * c).sum() + epsilon * (plan * np.log(plan / (p[:, None] * q[None, :]))).sum()


def relaxed(p, q, c, epsilon, rho):
    """min <P, C> + epsilon KL(P | p q^T) + rho KL(P1 | p) + rho KL(P^T 1 | q), from POT's plan, generalised KL."""
    plan = ot.unbalanced.sinkhorn_unbalanced(p, q, c, epsilon, rho, reg_type="kl", numItermax=200_000, stopThr=1e-14)
    kl = lambda s, t: (s * np.log(s / t) - s + t).sum()
    return (plan * c).sum() + epsilon * kl(plan, p[:, None] * q[None, :]) + rho * (kl(plan.sum(1), p) + kl(plan.sum(0), q))


inner_x, inner_y = ot.dist(x, x, metric="sqeuclidean"), ot.dist(y, y, metric="sqeuclidean")
for epsilon in (0.1, 0.5):
    value = entropic(a, b, cost, epsilon) - 0.5 * entropic(a, a, inner_x, epsilon) - 0.5 * entropic(b, b, inner_y, epsilon)
    show(f"Sinkhorn divergence, POT, epsilon {epsilon}", value)
value = relaxed(a, b, cost, 0.3, 1.7) - 0.5 * relaxed(a, a, inner_x, 0.3, 1.7) - 0.5 * relaxed(b, b, inner_y, 0.3, 1.7)
show("unbalanced Sinkhorn divergence, POT, epsilon 0.3, rho 1.7", value)

# geomloss has the cost |x-y|^2 / 2: our value is twice its, at epsilon = 2 blur^2.
tensors = [torch.tensor(t, dtype=torch.float64) for t in (a, x, b, y)]
tensors[1].requires_grad_(True)
loss = SamplesLoss("sinkhorn", p=2, blur=0.5, scaling=0.999, debias=True, backend="tensorized")
value = 2 * loss(*tensors)
show("Sinkhorn divergence, geomloss, blur 0.5 (epsilon 0.5)", value.item())
show("its gradient, first row", torch.autograd.grad(value, tensors[1])[0][0].tolist())

# Gromov-Wasserstein from the product coupling, and the best of 300 random starts.
w = wave(7, 2, 0.37)
for name, metric in (("euclidean", "euclidean"), ("sqeuclidean", "sqeuclidean"), ("cosine", "cosine")):
    c1, c2 = ot.dist(x, x, metric=metric), ot.dist(w, w, metric=metric)
    show(f"gw {name} from product", float(ot.gromov.gromov_wasserstein2(c1, c2, a, b, tol_rel=1e-14, tol_abs=1e-14)))
    best, rng = np.inf, np.random.default_rng(0)
    for _ in range(300):
        start = ot.sinkhorn(a, b, rng.random((9, 7)), 0.05, numItermax=5000)
        best = min(best, float(ot.gromov.gromov_wasserstein2(c1, c2, a, b, G0=start, tol_rel=1e-14, tol_abs=1e-14)))
    show(f"gw {name} best of 300", best)
c1, c2 = ot.dist(x, x, metric="euclidean"), ot.dist(y, y, metric="euclidean")
fused = ot.gromov.fused_gromov_wasserstein2(cost, c1, c2, a, b, alpha=0.4, tol_rel=1e-14, tol_abs=1e-14)
show("fgw euclidean alpha 0.4 from product", float(fused))

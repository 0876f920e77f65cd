#!/usr/bin/env python3
"""Values of POT, geomloss, scipy, torch and pytorch-fid that the tests of kd2m-ot's closed forms are held against.

Both sides make the same inputs from a formula, so that only results are stored (in crates/kd2m-ot/tests/closed_golden.rs).
Needs: pip install POT geomloss torch numpy scipy pytorch-fid torchvision.   Run: python scripts/golden/closed_forms.py
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import numpy as np
import ot
import scipy.spatial.distance
import scipy.stats
import torch
from geomloss import SamplesLoss
from pytorch_fid.fid_score import calculate_frechet_distance


def wave(n, d, phase):
    """x_ik = sin(0.7 + 1.3 i + 2.1 k + phase (i + 1)(k + 1)): numbers without structure that any language can repeat."""
    i, k = np.arange(n)[:, None], np.arange(d)[None, :]
    return np.sin(0.7 + 1.3 * i + 2.1 * k + phase * (i + 1) * (k + 1))


def weights(n, phase):
    w = 1.5 + np.sin(phase + np.arange(n) * 0.9)
    return w / w.sum()


def show(name, value):
    print(f"{name} = {float(value)!r}")


x, y = wave(9, 3, 0.11), wave(7, 3, 0.23) + 0.2
a, b = weights(9, 0.3), weights(7, 1.1)
tx, ty, ta, tb = map(torch.from_numpy, (x, y, a, b))

# One dimension.
show("ot.emd2_1d weighted, squared", ot.emd2_1d(x[:, 0], y[:, 0], a, b, metric="sqeuclidean"))
show("ot.wasserstein_1d weighted, p = 3", ot.wasserstein_1d(x[:, 0], y[:, 0], a, b, p=3))
show("scipy energy_distance squared, weighted", scipy.stats.energy_distance(x[:, 0], y[:, 0], a, b) ** 2)

# Sums over pairs. Energy from scipy's distances: geomloss takes a sample to be 1e-4 away from itself. Of the MMD it shows half.
cdist = scipy.spatial.distance.cdist
show("scipy cdist energy weighted", 2 * a @ cdist(x, y) @ b - a @ cdist(x, x) @ a - b @ cdist(y, y) @ b)
show("2 geomloss gaussian blur 0.9 weighted", 2 * SamplesLoss("gaussian", blur=0.9)(ta, tx, tb, ty))
show("numpy median of pdist", np.median(scipy.spatial.distance.pdist(np.vstack([x, y]))))
show("numpy mean of pdist", np.mean(scipy.spatial.distance.pdist(np.vstack([x, y]))))

# Gaussians, covariances with 1/n and with n - 1.
biased = lambda z: np.cov(z, rowvar=False, bias=True)
show("ot.gaussian.bures_wasserstein_distance squared", ot.gaussian.bures_wasserstein_distance(x.mean(0), y.mean(0), biased(x), biased(y)) ** 2)
weighted = lambda z, w: ((w @ z), np.cov(z, rowvar=False, aweights=w, bias=True))
(ma, ca), (mb, cb) = weighted(x, a), weighted(y, b)
show("the same weighted", ot.gaussian.bures_wasserstein_distance(ma, mb, ca, cb) ** 2)
show("pytorch-fid", calculate_frechet_distance(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False)))


def normal(z, shrinkage):
    c = biased(z)
    c = (1 - shrinkage) * c + shrinkage * np.trace(c) / len(c) * np.eye(len(c))
    return torch.distributions.MultivariateNormal(torch.from_numpy(z.mean(0)), torch.from_numpy(c))


def oas(z):
    """scikit-learn's form of OAS."""
    c, (n, d) = biased(z), z.shape
    alpha, mu = np.mean(c**2), np.trace(c) / d
    return min((alpha + mu**2) / ((n + 1) * (alpha - mu**2 / d)), 1)


kl = torch.distributions.kl_divergence
show("torch kl a-b, no shrinkage", kl(normal(x, 0), normal(y, 0)))
show("torch kl a-b, OAS", kl(normal(x, oas(x)), normal(y, oas(y))))
show("torch kl b-a, OAS", kl(normal(y, oas(y)), normal(x, oas(x))))
diagonal = lambda z: torch.distributions.Independent(torch.distributions.Normal(torch.from_numpy(z.mean(0)), torch.from_numpy(z.std(0))), 1)
show("torch kl of independent normals", kl(diagonal(x), diagonal(y)))

p, q = normal(x, 0.1), normal(y, 0.1)
sp, sq = p.covariance_matrix.numpy(), q.covariance_matrix.numpy()
delta, mean = x.mean(0) - y.mean(0), (sp + sq) / 2
distance = delta @ np.linalg.solve(mean, delta) / 8 + 0.5 * np.log(np.linalg.det(mean) / np.sqrt(np.linalg.det(sp) * np.linalg.det(sq)))
show("numpy Bhattacharyya, shrinkage 0.1", distance)
show("numpy CORAL", ((np.cov(x, rowvar=False) - np.cov(y, rowvar=False)) ** 2).sum() / (4 * 3**2))

#!/usr/bin/env python3
"""Sliced W2, RBF MMD, energy distance and Bures against POT, geomloss, pytorch-fid and plain torch.

Both sides take turns, each in its own process, on two threads; medians; a row shows peer time / ours with the best peer. Losses are
value and gradient, Bures is the value alone as POT has it. Values must agree to the tolerance that the row's sampling allows. Run by
`scripts/compare-peers distances`.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import ctypes
import os

import numpy as np
from turns import Side, compare, show

WIDTH, SIGMA = 512, 20.0

# What both sides must agree to, relative; of sliced W2 each has its own directions.
TOLERANCES = {"sliced W2, 128 directions": 0.3, "Fréchet, value": 1e-4}


class Ours:
    def __init__(self, path):
        library = ctypes.CDLL(os.path.abspath(path))
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.build, self.evaluate = library.kd2m_build, library.kd2m_evaluate_f32
        self.build.argtypes = [ctypes.c_char_p]
        self.build.restype, self.evaluate.restype = pointer, ctypes.c_double
        self.evaluate.argtypes = [pointer, pointer, size, pointer, size, size, pointer]

    def __call__(self, spec, x, y, gradient=True):
        divergence = self.build(spec.encode())

        def run():
            found = np.empty_like(x) if gradient else None
            out = found.ctypes.data if gradient else None
            return self.evaluate(divergence, x.ctypes.data, len(x), y.ctypes.data, len(y), x.shape[1], out)

        return run


def clouds(n):
    rng = np.random.default_rng(n)
    teacher = np.maximum(rng.standard_normal((n, WIDTH)), 0)
    student = np.maximum(teacher + 0.8 * rng.standard_normal((n, WIDTH)), 0)
    return student.astype(np.float32), teacher.astype(np.float32)


def rows_of(n):
    """Each row with our metric and whether it is with gradient."""
    found = {
        "sliced W2, 128 directions": ("sw2", True),
        "RBF MMD, median": ("mmd-rbf", True),
        "RBF MMD, given bandwidth": (f"mmd-rbf bandwidth={SIGMA}", True),
        "energy distance": ("energy", True),
        "Bures, value": ("gaussian-w2", False),
    }
    return found | ({"Fréchet, value": ("fid", False)} if n > WIDTH else {})


def ours(library):
    """Our side's runs."""
    call = Ours(library)

    def prepare(n):
        x, y = clouds(n)
        return {row: {"ours": [(call(spec, x, y, gradient), float)]} for row, (spec, gradient) in rows_of(n).items()}

    return prepare


def peers():
    """The peers' runs."""
    import ot
    import torch
    from geomloss import SamplesLoss
    from pytorch_fid.fid_score import calculate_frechet_distance

    torch.set_num_threads(2)

    def loss(function, x, y):
        """Value and gradient with torch."""

        def run():
            student = torch.from_numpy(x).requires_grad_(True)
            value = function(student, torch.from_numpy(y))
            value.backward()
            return value.item()

        return run

    def mmd(x, y, sigma=None):
        """What a torch user writes: one distance matrix of the union, median bandwidth, three means."""
        z = torch.cat([x, y])
        squared = torch.cdist(z, z).square()
        if sigma is None:
            with torch.no_grad():
                i, j = torch.triu_indices(len(z), len(z), 1)
                sigma = squared[i, j].sqrt().median()
        kernel = torch.exp(-squared / (2 * sigma**2))
        n = len(x)
        return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()

    def sliced(x, y, directions):
        """What a torch user writes for equal sizes: project, sort, compare."""
        return ((x @ directions).sort(0).values - (y @ directions).sort(0).values).square().mean()

    def bures(x, y):
        covariance = lambda z: np.cov(z, rowvar=False, bias=True)
        return ot.gaussian.bures_wasserstein_distance(x.mean(0), y.mean(0), covariance(x), covariance(y)) ** 2

    def frechet(x, y):
        covariance = lambda z: np.cov(z, rowvar=False)
        return calculate_frechet_distance(x.mean(0), covariance(x), y.mean(0), covariance(y))

    def prepare(n):
        x, y = clouds(n)
        directions = torch.randn(WIDTH, 128)
        directions /= directions.norm(dim=0)
        gaussian = SamplesLoss("gaussian", blur=SIGMA, backend="tensorized")
        energy = SamplesLoss("energy", backend="tensorized")
        pot = lambda a, b: ot.sliced_wasserstein_distance(a, b, projections=directions, p=2) ** 2
        found = {
            "sliced W2, 128 directions": {
                "POT": loss(pot, x, y),
                "torch": loss(lambda a, b: sliced(a, b, directions), x, y),
            },
            "RBF MMD, median": {"torch": loss(mmd, x, y)},
            "RBF MMD, given bandwidth": {
                "geomloss": loss(lambda a, b: 2 * gaussian(a, b), x, y),
                "torch": loss(lambda a, b: mmd(a, b, SIGMA), x, y),
            },
            "energy distance": {"geomloss": loss(lambda a, b: 2 * energy(a, b), x, y)},
            "Bures, value": {"POT": lambda: bures(x, y)},
            "Fréchet, value": {"pytorch-fid": lambda: frechet(x, y)},
        }
        return {row: {name: [(run, float)] for name, run in found[row].items()} for row in rows_of(n)}

    return prepare


def rows(library, sizes=(128, 512, 2048)):
    """The lines of the table, one after the other."""
    mine, theirs = Side(ours, library), Side(peers)
    for n in sizes:
        found, expected = mine.prepare(n), theirs.prepare(n)
        for row, of_peers in expected.items():
            for name, values in of_peers.items():
                # POT's Bures distance of singular covariances is NaN: the row says so.
                agree = np.isnan(values) | np.isclose(found[row]["ours"], values, rtol=TOLERANCES.get(row, 1e-2))
                if not agree.all():
                    raise SystemExit(f"{row}, n = {n}: ours {found[row]['ours']}, {name} {values}")
            spent, *times = compare(row, (mine, "ours"), *((theirs, name) for name in of_peers))
            shown = [name + ", value NaN" * bool(np.isnan(values).any()) for name, values in of_peers.items()]
            yield show(row, n, spent, dict(zip(shown, times)))

#!/usr/bin/env python3
"""Sliced W2, RBF MMD, energy distance and Bures against POT, geomloss, pytorch-fid and plain torch.

Both sides run in alternation on two threads, a pause before each run, medians; a row shows peer time / ours with the best peer.
Losses are value and gradient, Bures is the value alone as POT has it. Values must agree to the tolerance that the row's sampling
allows. Run by `scripts/compare-peers distances`.
"""

import ctypes
import os
import statistics
import time

import numpy as np
import ot
import torch
from geomloss import SamplesLoss
from pytorch_fid.fid_score import calculate_frechet_distance

torch.set_num_threads(2)
WIDTH = 512


class Ours:
    def __init__(self, path):
        library = ctypes.CDLL(os.path.abspath(path))
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.build, self.evaluate = library.kd2m_build, library.kd2m_evaluate_f32
        self.build.restype, self.evaluate.restype = pointer, ctypes.c_double
        self.evaluate.argtypes = [pointer, pointer, size, pointer, size, size, pointer]

    def __call__(self, spec, x, y, gradient=True):
        divergence = self.build(spec.encode())

        def run():
            found = np.empty_like(x) if gradient else None
            out = found.ctypes.data if gradient else None
            return self.evaluate(divergence, x.ctypes.data, len(x), y.ctypes.data, len(y), x.shape[1], out)

        return run


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


def bures_pot(x, y):
    covariance = lambda z: np.cov(z, rowvar=False, bias=True)
    return lambda: ot.gaussian.bures_wasserstein_distance(x.mean(0), y.mean(0), covariance(x), covariance(y)) ** 2


def fid(x, y):
    covariance = lambda z: np.cov(z, rowvar=False)
    return lambda: calculate_frechet_distance(x.mean(0), covariance(x), y.mean(0), covariance(y))


def row(what, n, ours, peers, tolerance):
    value = ours()
    for name, peer in peers.items():
        if abs(peer() - value) > tolerance * abs(value):
            raise SystemExit(f"{what}, n = {n}: ours {value}, {name} {peer()}")
    times = {name: [] for name in ("ours", *peers)}
    begin = time.perf_counter()
    while len(times["ours"]) < 3 or (time.perf_counter() - begin < 2.0 and len(times["ours"]) < 200):
        for name, run in (("ours", ours), *peers.items()):
            # OpenMP's threads spin for a while after their work: let them go to sleep before the other side runs.
            time.sleep(0.01)
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    times = {name: 1e3 * statistics.median(spent) for name, spent in times.items()}
    mine = times.pop("ours")
    best = min(times, key=times.get)
    return f"| {what} | {n} | {times[best]:.3f} ({best}) | {mine:.3f} | {times[best] / mine:.1f} |"


def rows(library, sizes=(128, 512, 2048)):
    """The lines of the table, one after the other."""
    ours = Ours(library)
    for n in sizes:
        rng = np.random.default_rng(n)
        teacher = np.maximum(rng.standard_normal((n, WIDTH)), 0)
        x = np.maximum(teacher + 0.8 * rng.standard_normal((n, WIDTH)), 0).astype(np.float32)
        y = teacher.astype(np.float32)
        directions = torch.randn(WIDTH, 128)
        directions /= directions.norm(dim=0)
        pot = lambda a, b: ot.sliced_wasserstein_distance(a, b, projections=directions, p=2) ** 2
        plain = lambda a, b: sliced(a, b, directions)
        # Each side has its own 128 directions.
        yield row("sliced W2, 128 directions", n, ours("sw2", x, y), {"POT": loss(pot, x, y), "torch": loss(plain, x, y)}, 0.3)
        yield row("RBF MMD, median", n, ours("mmd-rbf", x, y), {"torch": loss(mmd, x, y)}, 1e-2)
        sigma = 20.0
        gaussian = SamplesLoss("gaussian", blur=sigma, backend="tensorized")
        peers = {
            "geomloss": loss(lambda a, b: 2 * gaussian(a, b), x, y),
            "torch": loss(lambda a, b: mmd(a, b, sigma), x, y),
        }
        yield row("RBF MMD, given bandwidth", n, ours(f"mmd-rbf bandwidth={sigma}", x, y), peers, 1e-2)
        energy = SamplesLoss("energy", backend="tensorized")
        yield row("energy distance", n, ours("energy", x, y), {"geomloss": loss(lambda a, b: 2 * energy(a, b), x, y)}, 1e-2)
        yield row("Bures, value", n, ours("gaussian-w2", x, y, False), {"POT": bures_pot(x, y)}, 1e-2)
        if n > WIDTH:
            yield row("Fréchet, value", n, ours("fid", x, y, False), {"pytorch-fid": fid(x, y)}, 1e-4)

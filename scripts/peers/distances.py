#!/usr/bin/env python3
"""Exact plans against lapx (`lapjvh`, `lapjvr`) and, up to n = 512, scipy: from a given cost matrix, and from features.

Both sides run in alternation on two threads with OPENBLAS_* unset; medians over three seeds; a row shows peer time / ours with the
best peer. Ours pays for its call through ctypes. Every plan must cost what the peer's costs, to 1e-6.
Needs: pip install numpy scipy lapx, and `cargo build --release -p kd2m-ot --example bridge`.
Run: python scripts/peers/distances.py target/release/examples/libbridge.so [--out FILE] [--sizes 128,256]
"""

import os

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ.update(OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2", RAYON_NUM_THREADS="2")

import argparse
import ctypes
import statistics
import time

import lap
import numpy as np

SIZES, WIDTH, SEEDS = (128, 256, 512, 1024, 2048), 512, 3
FEATURES = ("independent", "paired", "classes")
MATRICES = ("whole numbers 0–4", "whole numbers below n/8", "uniform noise")


class Ours:
    def __init__(self, path):
        library = ctypes.CDLL(path)
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.assign, self.w2 = library.kd2m_assignment_f32, library.kd2m_w2_f32
        self.assign.restype = self.w2.restype = ctypes.c_double
        self.assign.argtypes = [pointer, size, pointer, pointer, pointer]
        self.w2.argtypes = [pointer, pointer, size, size, ctypes.c_double, pointer, pointer, pointer]

    def from_matrix(self, cost):
        n = len(cost)
        columns, u, v = np.empty(n, np.uint32), np.empty(n), np.empty(n)
        self.assign(cost.ctypes.data, n, columns.ctypes.data, u.ctypes.data, v.ctypes.data)
        return columns

    def from_features(self, x, y):
        columns, value = np.empty(len(x), np.uint32), np.empty(1)
        self.w2(x.ctypes.data, y.ctypes.data, *x.shape, 11.0, columns.ctypes.data, None, value.ctypes.data)
        return columns


def clouds(kind, n, rng):
    draw = lambda: rng.standard_normal((n, WIDTH), dtype=np.float32)
    if kind == "independent":
        return draw(), draw()
    if kind == "paired":
        teacher = np.maximum(draw(), 0)
        return np.maximum(teacher + np.float32(0.8) * draw(), 0), teacher
    centres = rng.standard_normal((10, WIDTH), dtype=np.float32)
    labels = rng.integers(0, 10, n)
    return centres[labels] + draw(), centres[labels] + draw()


def squared(x, y):
    """The peers' side of the work from features: what a numpy user writes."""
    return np.maximum((x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2 * (x @ y.T), 0)


def whole_numbers(kind, n, rng):
    if kind == "uniform noise":
        return rng.random((n, n), dtype=np.float32)
    return rng.integers(0, 5 if kind == MATRICES[0] else max(n // 8, 1), (n, n)).astype(np.float32)


def peers(cost, wide):
    from scipy.optimize import linear_sum_assignment

    found = {
        "lapjvh f32": lambda: np.asarray(lap.lapjvh(cost)[2]),
        "lapjvh f64": lambda: np.asarray(lap.lapjvh(wide)[2]),
        "lapjvr f64": lambda: np.asarray(lap.lapjvr(wide)[2]),
    }
    if len(cost) <= 512:
        found["scipy"] = lambda: linear_sum_assignment(cost)[1]
    return found


def alternate(runs, repeats):
    """Median seconds of each run, taken in turns."""
    times = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(spent) for name, spent in times.items()}


def row(what, n, problems, repeats):
    """One line of the table: each problem is (ours, peers, cost in f64)."""
    spent, best, who = [], [], []
    for ours, others, wide in problems:
        value = lambda columns: wide[np.arange(n), np.asarray(columns)].sum()
        reference = value(next(iter(others.values()))())
        if abs(value(ours()) - reference) > 1e-6 * abs(reference) + 1e-9:
            raise SystemExit(f"{what}, n = {n}: ours costs {value(ours())}, the peer's plan {reference}")
        times = alternate({"ours": ours, **others}, repeats)
        spent.append(times.pop("ours"))
        who.append(min(times, key=times.get))
        best.append(times[who[-1]])
    show = lambda seconds: " / ".join(f"{1e3 * s:.3f}" for s in seconds)
    ratios = " / ".join(f"{b / o:.1f}" for b, o in zip(best, spent))
    return f"| {what} | {n} | {show(best)} ({statistics.mode(who)}) | {show(spent)} | {ratios} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--out")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    options = parser.parse_args()
    ours = Ours(os.path.abspath(options.library))
    lines = ["| problem | n | best peer, ms (which) | ours, ms | ratio |", "|---|---|---|---|---|"]
    for n in map(int, options.sizes.split(",")):
        repeats = max(5, min(60, 20000 // n))
        seeds = [np.random.default_rng(1000 * n + seed) for seed in range(SEEDS)]
        for kind in FEATURES:
            matrices, features = [], []
            for rng in seeds:
                x, y = clouds(kind, n, rng)
                cost = np.ascontiguousarray(squared(x - x.mean(0), y - y.mean(0)))
                wide = cost.astype(np.float64)
                matrices.append((lambda c=cost: ours.from_matrix(c), peers(cost, wide), wide))
                with_product = {"numpy + lapjvh f32": lambda x=x, y=y: np.asarray(lap.lapjvh(squared(x, y))[2])}
                features.append((lambda x=x, y=y: ours.from_features(x, y), with_product, wide))
            lines.append(row(f"{kind}, from matrix", n, matrices, repeats))
            lines.append(row(f"{kind}, from features", n, features, repeats))
        for kind in MATRICES:
            costs = [whole_numbers(kind, n, rng) for rng in seeds]
            problems = [(lambda c=c: ours.from_matrix(c), peers(c, c.astype(np.float64)), c.astype(np.float64)) for c in costs]
            lines.append(row(kind, n, problems, max(3, repeats // 4)))
        print("\n".join(lines[-2 * len(FEATURES) - len(MATRICES) :]), flush=True)
    if options.out:
        with open(options.out, "w") as file:
            file.write("\n".join(lines) + "\n")


main()

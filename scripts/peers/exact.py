#!/usr/bin/env python3
"""Exact plans against lapx (`lapjvh`, `lapjvr`) and, up to n = 512, scipy: from a given cost matrix, from features, and as a loss.

Both sides run in alternation on two threads; medians over three seeds; a row shows peer time / ours with the best peer. Ours pays for
its call through ctypes. Every plan must cost what the peer's costs, to 1e-6. Run by `scripts/compare-peers distances`.
"""

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

        self.outputs = {}

    def output(self, n):
        """Room for the answers of one size, made once as a training loop would, and where it is."""
        if n not in self.outputs:
            arrays = np.empty(n, np.uint32), np.empty(n), np.empty(n), np.empty((n, WIDTH), np.float32)
            self.outputs[n] = arrays[0], arrays[3], *(array.ctypes.data for array in arrays), arrays
        return self.outputs[n]

    def from_matrix(self, cost):
        columns, _, to, u, v, _, _ = self.output(len(cost))
        self.assign(cost.ctypes.data, len(cost), to, u, v)
        return columns

    def from_features(self, x, y, gradient=False):
        columns, found, to, value, _, slope, _ = self.output(len(x))
        self.w2(x.ctypes.data, y.ctypes.data, *x.shape, 11.0, to, slope if gradient else None, value)
        return (columns, found) if gradient else columns


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


def peer_plan(x, y):
    return np.asarray(lap.lapjvh(squared(x, y))[2])


def peer_loss(x, y):
    """Value and gradient from the peer's plan."""
    columns = peer_plan(x, y)
    difference = x - y[columns]
    return columns, float((difference * difference).sum()) / len(x), difference * np.float32(2 / len(x))


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
        plan = lambda found: found[0] if isinstance(found, tuple) else found
        value = lambda found: wide[np.arange(n), np.asarray(plan(found))].sum()
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


def rows(library, sizes=SIZES):
    """The lines of the table, one after the other."""
    ours = Ours(library)
    for n in sizes:
        repeats = max(5, min(60, 20000 // n))
        seeds = [np.random.default_rng(1000 * n + seed) for seed in range(SEEDS)]
        for kind in FEATURES:
            matrices, features, losses = [], [], []
            for rng in seeds:
                x, y = clouds(kind, n, rng)
                cost = np.ascontiguousarray(squared(x - x.mean(0), y - y.mean(0)))
                wide = cost.astype(np.float64)
                matrices.append((lambda c=cost: ours.from_matrix(c), peers(cost, wide), wide))
                plan = {"numpy + lapjvh f32": lambda x=x, y=y: peer_plan(x, y)}
                features.append((lambda x=x, y=y: ours.from_features(x, y), plan, wide))
                loss = {"numpy + lapjvh f32": lambda x=x, y=y: peer_loss(x, y)}
                losses.append((lambda x=x, y=y: ours.from_features(x, y, True), loss, wide))
            yield row(f"exact plan, {kind}, from matrix", n, matrices, repeats)
            yield row(f"exact plan, {kind}, from features", n, features, repeats)
            yield row(f"W2 loss with gradient, {kind}", n, losses, repeats)
        for kind in MATRICES:
            costs = [whole_numbers(kind, n, rng) for rng in seeds]
            problems = [(lambda c=c: ours.from_matrix(c), peers(c, c.astype(np.float64)), c.astype(np.float64)) for c in costs]
            yield row(f"exact plan, {kind}", n, problems, max(3, repeats // 4))

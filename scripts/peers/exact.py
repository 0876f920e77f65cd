#!/usr/bin/env python3
"""Exact plans against lapx (`lapjvh`, `lapjvr`), laprust and, up to n = 512, scipy: from a given cost matrix, from features, and as a loss.

Both sides take turns, each in its own process, on two threads; medians for each of three seeds; a row shows peer time / ours with the
best peer. Ours pays for its call through ctypes. Every plan must cost what the peer's costs, to 1e-6. Run by
`scripts/compare-peers distances`.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import ctypes

import numpy as np
from turns import Side, compare, show

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


def valued(x, y, columns):
    """Value and gradient of a plan."""
    difference = x - y[columns]
    return columns, float((difference * difference).sum()) / len(x), difference * np.float32(2 / len(x))


def whole_numbers(kind, n, rng):
    if kind == "uniform noise":
        return rng.random((n, n), dtype=np.float32)
    return rng.integers(0, 5 if kind == MATRICES[0] else max(n // 8, 1), (n, n)).astype(np.float32)


def problems(kind, n):
    """Clouds (or nothing) and a cost matrix for each seed, the same in both processes."""
    for seed in range(SEEDS):
        rng = np.random.default_rng([n, seed, (FEATURES + MATRICES).index(kind)])
        if kind in MATRICES:
            yield None, whole_numbers(kind, n, rng)
        else:
            x, y = clouds(kind, n, rng)
            yield (x, y), np.ascontiguousarray(squared(x - x.mean(0), y - y.mean(0)))


def names(kind):
    """The rows of a kind: from a matrix and, for features, from those, as a plan and as a loss."""
    if kind in MATRICES:
        return [f"exact plan, {kind}"]
    return [f"exact plan, {kind}, from matrix", f"exact plan, {kind}, from features", f"W2 loss with gradient, {kind}"]


def total(cost):
    """The total cost of a plan, which is what a run returns, or the first of it."""
    wide = cost.astype(np.float64)
    plan = lambda found: np.asarray(found[0] if isinstance(found, tuple) else found)
    return lambda found: float(wide[np.arange(len(wide)), plan(found)].sum())


def ours(library):
    """Our side's runs."""
    call = Ours(library)

    def prepare(kind, n):
        runs = {name: {"ours": []} for name in names(kind)}
        for features, cost in problems(kind, n):
            value = total(cost)
            found = [lambda c=cost: call.from_matrix(c)]
            if features:
                x, y = features
                found += [lambda x=x, y=y: call.from_features(x, y), lambda x=x, y=y: call.from_features(x, y, True)]
            for row, run in zip(runs.values(), found):
                row["ours"].append((run, value))
        return runs

    return prepare


def peers():
    """The peers' runs."""
    import lap
    import laprust
    from scipy.optimize import linear_sum_assignment

    rust = lambda cost: laprust.lapjv(cost, return_cost=False)[1]

    def of_matrix(cost, wide):
        found = {
            "lapjvh f32": lambda: lap.lapjvh(cost)[2],
            "lapjvh f64": lambda: lap.lapjvh(wide)[2],
            "lapjvr f64": lambda: lap.lapjvr(wide)[2],
            "laprust f32": lambda: rust(cost),
            "laprust f64": lambda: rust(wide),
        }
        if len(cost) <= 512:
            found["scipy"] = lambda: linear_sum_assignment(cost)[1]
        return found

    def prepare(kind, n):
        runs = {name: {} for name in names(kind)}
        for features, cost in problems(kind, n):
            value = total(cost)
            found = [of_matrix(cost, cost.astype(np.float64))]
            if features:
                x, y = features
                plans = {
                    "numpy + lapjvh f32": lambda x=x, y=y: np.asarray(lap.lapjvh(squared(x, y))[2]),
                    "numpy + laprust f32": lambda x=x, y=y: rust(squared(x, y)),
                }
                losses = {name: lambda x=x, y=y, plan=plan: valued(x, y, plan()) for name, plan in plans.items()}
                found += [plans, losses]
            for row, of_row in zip(runs.values(), found):
                for name, run in of_row.items():
                    row.setdefault(name, []).append((run, value))
        return runs

    return prepare


def rows(library, sizes=SIZES, kinds=FEATURES + MATRICES):
    """The lines of the table, one after the other."""
    mine, theirs = Side(ours, library), Side(peers)
    for n in sizes:
        for kind in kinds:
            found, expected = mine.prepare(kind, n), theirs.prepare(kind, n)
            for row, of_peers in expected.items():
                for name, values in of_peers.items():
                    if not np.allclose(found[row]["ours"], values, rtol=1e-6, atol=1e-9):
                        raise SystemExit(f"{row}, n = {n}: ours costs {found[row]['ours']}, {name} {values}")
                spent, *times = compare(row, (mine, "ours"), *((theirs, name) for name in of_peers))
                yield show(row, n, spent, dict(zip(of_peers, times)))

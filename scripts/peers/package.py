#!/usr/bin/env python3
"""The Python package beside its peers, from a Python call to its result: assignment, batches, exact losses and others in torch.

Two threads, both sides in turns, each in its own process (but for `sets`); medians; ratio = best peer / ours. Values must agree.
Needs: the package (scripts/check-python says how it is built) and pip install numpy scipy torch lapx laprust fastlap lapcpp POT geomloss.
Run: scripts/compare-peers package [--python PYTHON] [--parts assignment,batch,loss,torch,call,sets] [--sizes 128,512] [--out FILE]
"""

import os
import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ.update(OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2", RAYON_NUM_THREADS="2")

import argparse
import pathlib
import time

import numpy as np
from turns import Side, compare, show

WIDTH = 512
COSTS = ("uniform", "whole numbers 0–4", "squared distances", "uniform, n × 2n")
CLOUDS = ("independent", "paired", "classes")
TORCH = ("mmd-rbf", "energy", "sw2", "sinkhorn")
SIZES = {"assignment": (128, 512, 1024, 2048, 4096), "batch": (64, 128, 256), "loss": (128, 512, 2048), "torch": (512,), "call": (16,),
         "sets": (50_000,)}
KINDS = {"assignment": COSTS, "batch": COSTS[:1], "loss": CLOUDS, "torch": TORCH, "call": ("w2", "W2 loss in torch")}
# Relative agreement of values: other projections, another schedule of ε and other end of iterations are no errors.
AGREE = {"sw2": 0.15, "sinkhorn": 0.02}


def costs(kind, n, rng):
    if kind == COSTS[1]:
        return rng.integers(0, 5, (n, n)).astype(np.float64)
    if kind == COSTS[2]:
        x, y = rng.standard_normal((n, 8)), rng.standard_normal((n, 8)) + 0.3
        return ((x[:, None] - y[None]) ** 2).sum(-1)
    return rng.random((n, 2 * n if kind == COSTS[3] else n))


def clouds(kind, n, rng):
    draw = lambda: rng.standard_normal((n, WIDTH), dtype=np.float32)
    if kind == "paired":
        teacher = np.maximum(draw(), 0)
        return np.maximum(teacher + np.float32(0.8) * draw(), 0), teacher
    if kind == "classes":
        centres, labels = rng.standard_normal((10, WIDTH), dtype=np.float32), rng.integers(0, 10, n)
        return centres[labels] + draw(), centres[labels] + draw()
    return draw(), draw() + np.float32(0.1)


def problem(part, kind, n):
    """The same arrays in both processes."""
    rng = np.random.default_rng([n, list(SIZES).index(part), KINDS[part].index(kind)])
    if part == "assignment":
        return (costs(kind, n, rng),)
    if part == "batch":
        return (rng.random((256, n, n)),)
    return clouds(kind, n, rng)


def total(cost):
    """The total of an assignment given as columns, rows left out by −1."""
    def of(columns):
        columns = np.asarray(columns)
        rows = np.flatnonzero(columns >= 0)
        return float(cost[rows, columns[rows]].sum())
    return of


def totals(cost):
    return lambda found: float(sum(total(c)(columns) for c, columns in zip(cost, found)))


def loss(module, x, y):
    """A training step's use of a loss: value and gradient."""
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def run():
        leaf = x.clone().requires_grad_(True)
        value = module(leaf, y)
        value.backward()
        return value

    return run


def ours():
    import kd2m
    import kd2m.torch
    import torch

    torch.set_num_threads(2)
    value = lambda found: float(found.detach() if hasattr(found, "detach") else found)

    def prepare(part, kind, n):
        data = problem(part, kind, n)
        if part == "assignment":
            return {kind: {"ours": [(lambda: kd2m.linear_sum_assignment(data[0])[1], total(data[0]))]}}
        if part == "batch":
            return {kind: {"ours": [(lambda: kd2m.batch.linear_sum_assignment(data[0])[1], totals(data[0]))]}}
        if part == "call" and kind == "w2":
            return {kind: {"ours": [(lambda: kd2m.w2(*data), value)]}}
        options = {"sw2": {"directions": 128}, "sinkhorn": {"epsilon": 50.0}, "mmd-rbf": {"bandwidth": 30.0}}
        name = kind if part == "torch" else "w2"
        return {kind: {"ours": [(loss(kd2m.torch.Divergence(name, **options.get(kind, {})), *data), value)]}}

    return prepare


def assignments(cost):
    """Columns by row from every peer that takes the shape."""
    import fastlap
    import lap
    import lapcpp
    import laprust
    from scipy.optimize import linear_sum_assignment

    wide = {"extend_cost": True} if cost.shape[0] != cost.shape[1] else {}
    found = {"lapx lapjv": lambda: lap.lapjv(cost, return_cost=False, **wide)[0]}
    if len(cost) > 2048:
        # Others take minutes among ties.
        return {"lapx lapjvh": lambda: lap.lapjvh(cost, return_cost=False)[1]} if not wide else found
    if len(cost) <= 1024:
        found["scipy"] = lambda: linear_sum_assignment(cost)[1]
    if not wide:
        found |= {
            "lapx lapjvh": lambda: lap.lapjvh(cost, return_cost=False)[1],
            "lapx lapjvr": lambda: lap.lapjvr(cost, return_cost=False)[1],
            "laprust": lambda: laprust.lapjv(cost, return_cost=False)[1],
            "lapcpp": lambda: lapcpp.lapjv(cost, return_cost=False)[1],
            "fastlap": lambda: fastlap.lapjv(cost, return_cost=False)[0],
        }
    return found


def batches(cost):
    import fastlap
    import lap
    import laprust

    return {
        "lapx lapjvh_batch": lambda: lap.lapjvh_batch(cost, return_cost=False)[-1],
        "laprust lapjv_batch": lambda: laprust.lapjv_batch(cost, return_cost=False)[-1],
        "fastlap lapjvx_batch": lambda: fastlap.lapjvx_batch(list(cost), return_cost=False)[-1],
    }


def losses(kind, n):
    """Losses of peers, as modules of (x, y)."""
    import geomloss
    import lap
    import ot
    import torch

    uniform = torch.full((n,), 1.0 / n)

    def by_hand(x, y):
        with torch.no_grad():
            # In torch: NumPy's threads beside torch's would wait for each other, 8 ms a call.
            cost = ((x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2 * (x @ y.T)).clamp_(min=0)
            columns = torch.from_numpy(np.asarray(lap.lapjvh(cost.numpy())[2]).astype(np.int64))
        return ((x - y[columns]) ** 2).sum() / n

    def kernels(x, y, k):
        return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()

    gauss = lambda a, b: torch.exp(torch.cdist(a, b) ** 2 * (-1 / (2 * 30.0**2)))
    far = lambda a, b: -torch.cdist(a, b)
    sinkhorn = geomloss.SamplesLoss("sinkhorn", p=2, blur=5.0, scaling=0.9, backend="tensorized")
    energy = geomloss.SamplesLoss("energy", backend="tensorized")
    return {
        "mmd-rbf": {"torch": lambda x, y: kernels(x, y, gauss)},
        "energy": {"torch": lambda x, y: kernels(x, y, far), "geomloss": lambda x, y: 2 * energy(x, y)},
        "sw2": {"POT": lambda x, y: ot.sliced_wasserstein_distance(x, y, n_projections=128, seed=0) ** 2},
        "sinkhorn": {"geomloss": lambda x, y: 2 * sinkhorn(x, y)},
    }.get(kind) or {
        # Its own limit of pivots ends it before the least cost at n = 2,048.
        "POT": lambda x, y: ot.emd2(uniform, uniform, ot.dist(x, y), numItermax=100_000_000),
        "lapjvh by hand": by_hand,
    }


def peers():
    import torch

    torch.set_num_threads(2)

    def prepare(part, kind, n):
        data = problem(part, kind, n)
        if part == "assignment":
            return {kind: {name: [(run, total(data[0]))] for name, run in assignments(data[0]).items()}}
        if part == "batch":
            return {kind: {name: [(run, totals(data[0]))] for name, run in batches(data[0]).items()}}
        value = lambda found: float(found.detach())
        return {kind: {name: [(loss(module, *data), value)] for name, module in losses(kind, n).items()}}

    return prepare


def rows(part, sizes):
    """The lines of one part, one after the other."""
    mine, theirs = Side(ours), Side(peers)
    for n in sizes:
        for kind in KINDS[part]:
            found, expected = mine.prepare(part, kind, n)[kind]["ours"], theirs.prepare(part, kind, n)[kind]
            for name, values in expected.items():
                if not np.allclose(found, values, rtol=AGREE.get(kind, 1e-4), atol=1e-6):
                    raise SystemExit(f"{part}, {kind}, n = {n}: ours gives {found}, {name} {values}")
            spent, *times = compare(kind, (mine, "ours"), *((theirs, name) for name in expected))
            # A loss has a goal beside each peer.
            for beside in [{name: time} for name, time in zip(expected, times)] if part == "loss" else [dict(zip(expected, times))]:
                yield show(f"{part}: {kind}", n, spent, beside)


def sets(n):
    """Exact W₂ of whole sets, costs held and not, beside the product of the two alone, into memory that has been touched. One after the
    other in this process: 50,000 samples' costs fill 10 GB, which is not there twice."""
    import kd2m

    x, y = np.random.default_rng(0).standard_normal((2, n, WIDTH), dtype=np.float32)
    product = np.empty((n, n), dtype=np.float32)
    into = lambda: np.matmul(x, y.T, out=product)
    into()
    bare = seconds(into)
    del product
    for name, memory in (("costs held", 11), ("in O(n k) memory", 0)):
        spent = seconds(lambda: kd2m.distance(x, y, "w2", memory=memory))
        yield show(f"sets: {name}", n, [spent], {"numpy's product alone": [bare]})


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(SIZES))
    parser.add_argument("--sizes", help="in place of each part's own")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    lines = ["| problem | n | best peer, ms (which) | ours, ms | ratio |", "|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for part in options.parts.split(","):
        sizes = map(int, options.sizes.split(",")) if options.sizes else SIZES[part]
        for line in (line for n in sizes for line in sets(n)) if part == "sets" else rows(part, sizes):
            print(line, flush=True)
            lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Is exact transport exact? `kd2m distance` over thousands of problems of every range, against SciPy's assignment in double
precision and, for weights and unequal sizes, against whole numbers of any length (networkx).

    python scripts/check_exact.py --kd2m target/release/kd2m --problems 10000      # needs numpy, scipy, networkx

A status is wrong if it is `optimal` and the value lies more than 1e-9 (of itself) above the reference, or if value - gap lies above
the reference. SciPy rounds its own potentials: where kd2m finds a cheaper matching, SciPy is counted as off. One line a wrong problem,
and a summary; exit status 1 if any is wrong or more than one in a hundred was given up.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
from fractions import Fraction


def problem(seed):
    """Clouds in one precision with weights or None, and what they are."""
    rng = np.random.default_rng(seed)
    single = bool(rng.integers(2))
    weighted = seed % 10 == 0
    unequal = seed % 10 == 1
    largest = 14 if weighted or unequal else (400 if seed % 50 == 2 else 60)
    n = int(rng.integers(1, largest + 1))
    m = int(rng.integers(1, largest + 1)) if unequal else n
    d = int(rng.integers(1, 9))
    kind = int(rng.integers(9))
    far = 10 ** rng.uniform(1, 10 if single else 14)
    x, y = rng.normal(size=(n, d)), rng.normal() + rng.normal(size=(m, d))
    if kind in (0, 1):
        k = min(int(rng.integers(1, 4)), n, m)
        x[:k] = far * rng.normal(size=(k, d))
        y[:k] = x[:k] + (rng.normal(size=(k, d)) if kind else 0)
    elif kind == 2:
        x[0] = far
    elif kind in (3, 4):
        centres = far * rng.normal(size=(int(rng.integers(2, 21)), d))
        x += centres[np.arange(n) % len(centres)]
        y += centres[rng.integers(len(centres), size=m) if kind == 4 else np.arange(m) % len(centres)]
    elif kind == 5:
        scales = 10 ** rng.uniform(-8, 8, size=d)
        x, y = x * scales, y * scales
    elif kind == 6:
        scale = 10 ** rng.uniform(-30, 12 if single else 100)
        x, y = x * scale, y * scale
    elif kind == 7:
        x, y = np.round(2 * x), np.round(2 * y)
    else:
        x, y = x + far, y + far
    kept = np.float32 if single else np.float64
    x, y = x.astype(kept), y.astype(kept)
    a = b = None
    if weighted:
        a = rng.integers(1, 4, n).astype(float) if rng.integers(2) else rng.uniform(0.1, 2, n)
        b = a.copy()
        b[1:] = b[1:][::-1]
    return x, y, a, b, f"seed {seed}: kind {kind}, {kept.__name__}, {n} x {m} x {d}, far {far:.1e}, weights {weighted}"


def by_scipy(x, y, power):
    costs = cdist(x.astype(float), y.astype(float), "sqeuclidean")
    costs = np.sqrt(costs) if power == 1 else costs
    i, j = linear_sum_assignment(costs)
    return costs[i, j].mean()


def in_whole_numbers(x, y, a, b):
    """The minimum of w2 without any rounding."""
    import networkx as nx

    n, m = len(x), len(y)
    a = [Fraction(float(w)) for w in (np.ones(n) if a is None else a)]
    b = [Fraction(float(w)) for w in (np.ones(m) if b is None else b)]
    a, b = [w / sum(a) for w in a], [w / sum(b) for w in b]
    x, y = ([[Fraction(float(v)) for v in row] for row in side] for side in (x, y))
    costs = [[sum((p - q) ** 2 for p, q in zip(r, s)) for s in y] for r in x]
    # Powers of two: the common denominator is the largest.
    under = max(c.denominator for row in costs for c in row)
    mass = math.lcm(*[w.denominator for w in a + b])
    graph = nx.DiGraph()
    for i, w in enumerate(a):
        graph.add_node(("x", i), demand=-int(w * mass))
    for j, w in enumerate(b):
        graph.add_node(("y", j), demand=int(w * mass))
    for i in range(n):
        for j in range(m):
            graph.add_edge(("x", i), ("y", j), weight=int(costs[i][j] * under))
    cost, _ = nx.network_simplex(graph)
    return float(Fraction(cost, under * mass))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kd2m", default="target/release/kd2m")
    parser.add_argument("--problems", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    options = parser.parse_args()
    # After --help, which needs none of them.
    global np, linear_sum_assignment, cdist
    import numpy as np
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    wrong = stopped = off = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for seed in range(options.first, options.first + options.problems):
            x, y, a, b, what = problem(seed)
            metric = "w2" if a is not None or len(x) != len(y) else ("w2", "w1")[seed % 4 == 3]
            np.save(folder / "x.npy", x)
            np.save(folder / "y.npy", y)
            command = [options.kd2m, "distance", folder / "x.npy", folder / "y.npy", "--metric", metric, "--json"]
            for name, weights in (("a", a), ("b", b)):
                if weights is not None:
                    np.save(folder / f"{name}.npy", weights)
                    command += [f"--weights-{name}", folder / f"{name}.npy"]
            said = subprocess.run([str(part) for part in command], capture_output=True, text=True)
            if said.returncode != 0:
                wrong += 1
                print(f"{what}: {metric} exit {said.returncode}: {said.stderr.strip()[-200:]}", flush=True)
                continue
            found = json.loads(said.stdout)
            value, gap, status = found["value"], found["gap"], found["status"]
            whole = a is not None or len(x) != len(y)
            right = in_whole_numbers(x, y, a, b) if whole else by_scipy(x, y, int(metric[1]))
            # A certificate is of double precision: its own last digits are not counted.
            is_wrong = gap < 0 or value - gap > right * (1 + 1e-12) or (status == "optimal" and value > right * (1 + 1e-9))
            if whole and value < right * (1 - 1e-12):
                is_wrong = True
            wrong += is_wrong
            off += not whole and value < right * (1 - 1e-9)
            stopped += status != "optimal"
            if is_wrong or status != "optimal":
                print(f"{'WRONG' if is_wrong else 'given up'}: {what}: {metric} {value!r} {status} gap {gap!r}, right {right!r}", flush=True)
    print(f"{options.problems} problems: {wrong} wrong, {stopped} given up, SciPy off by more than 1e-9 in {off}")
    return int(wrong > 0 or stopped * 100 > options.problems)


if __name__ == "__main__":
    sys.exit(main())

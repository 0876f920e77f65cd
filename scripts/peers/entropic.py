#!/usr/bin/env python3
"""Sinkhorn divergence against geomloss and batched Sinkhorn against POT and a torch loop, at equal final error.

Both sides take turns, each in its own process, on two threads; a row shows peer time / ours. Error: norm of the gradient's difference
to that of a converged run in f64, over its norm. Of ours the loosest tolerance that is at least as accurate as the peer counts.
Run by `scripts/compare-peers distances`.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import ctypes

import numpy as np
from turns import Side, compare

F32, F64 = ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_double)


def pointer(array, kind):
    return array.ctypes.data_as(kind)


class Ours:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        size = ctypes.c_size_t
        self.library.kd2m_divergence_f32.restype = ctypes.c_double
        self.library.kd2m_divergence_f32.argtypes = [ctypes.c_char_p, F32, size, F32, size, size, F32]
        self.library.kd2m_batched_sinkhorn_f32.restype = ctypes.c_double
        self.library.kd2m_batched_sinkhorn_f32.argtypes = [F64, F32, F32, size, size, ctypes.c_double, ctypes.c_double, F64, F32]

    def divergence(self, spec, x, y):
        gradient = np.empty_like(x)
        value = self.library.kd2m_divergence_f32(
            spec.encode(), pointer(x, F32), len(x), pointer(y, F32), len(y), x.shape[1], pointer(gradient, F32)
        )
        return value, gradient

    def batched(self, cost, p, q, epsilon, tolerance):
        values, gradient = np.empty(len(p)), np.empty_like(p)
        self.library.kd2m_batched_sinkhorn_f32(
            pointer(cost, F64), pointer(p, F32), pointer(q, F32), *p.shape, epsilon, tolerance, pointer(values, F64), pointer(gradient, F32)
        )
        return values, gradient


def clouds(kind, n, d, seed):
    rng = np.random.default_rng(seed)
    teacher = np.maximum(rng.standard_normal((n, d)), 0)
    student = np.maximum(teacher + 0.8 * rng.standard_normal((n, d)), 0) if kind == "paired" else np.maximum(rng.standard_normal((n, d)) + 0.1, 0)
    return student.astype(np.float32), teacher.astype(np.float32)


def exact_gradient(x, y, epsilon):
    """Converged in f64 (potentials to 1e-5 of epsilon) with torch alone: plain log-domain iterations, gradient by the envelope theorem."""
    import torch

    torch.set_num_threads(2)
    x, y = (torch.from_numpy(t).double() for t in (x, y))

    def plan(u, v):
        cost = torch.cdist(u, v, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        f, g = torch.zeros(len(u), dtype=torch.float64), torch.zeros(len(v), dtype=torch.float64)
        for _ in range(2000):
            f = -epsilon * torch.logsumexp((g[None] - cost) / epsilon - np.log(len(v)), 1)
            new = -epsilon * torch.logsumexp((f[:, None] - cost) / epsilon - np.log(len(u)), 0)
            done = (new - g).abs().max() < 1e-5 * epsilon
            g = new
            if done:
                break
        return torch.exp((f[:, None] + g[None] - cost) / epsilon) / (len(u) * len(v))

    return (2 * (plan(x, x) @ x - plan(x, y) @ y)).numpy()


ROW, BATCHED = "Sinkhorn divergence with gradient", "batched Sinkhorn on logits 128×100"
SCALINGS, TOLERANCES = (0.5, 0.9), (0.3, 0.1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5)
BATCH, CLASSES, EPSILON, TOLERANCE = 128, 100, 0.05, 1e-4


def problem(kind, n):
    """Two clouds and epsilon = 0.05 × mean cost."""
    x, y = clouds(kind, n, 512, n)
    means = x.mean(0, dtype=np.float64) @ y.mean(0, dtype=np.float64)
    mean = (x.astype(np.float64) ** 2).sum(1).mean() + (y.astype(np.float64) ** 2).sum(1).mean() - 2 * means
    return x, y, 0.05 * float(mean)


def histograms():
    """A cost between classes and two histograms a pair."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((2, BATCH, CLASSES)) * 3
    p, q = (np.exp(t - t.max(1, keepdims=True)) for t in logits)
    p, q = ((t / t.sum(1, keepdims=True)).astype(np.float32) for t in (p, q))
    embedding = rng.standard_normal((CLASSES, 32))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.ascontiguousarray(1 - embedding @ embedding.T), p, q


def error_to(reference, weight=1.0):
    """Relative distance of a gradient to the reference; of a batch both are weighted and free of a constant a pair."""
    return lambda gradient: float(np.linalg.norm((gradient - reference) * weight) / np.linalg.norm(reference * weight))


def ours(library):
    """Our side's runs: a name for each tolerance; the value of a run is its error."""
    call = Ours(library)

    def prepare(kind, n, reference):
        if kind is None:
            cost, p, q = histograms()
            run = lambda: call.batched(cost, p, q, EPSILON, TOLERANCE)[1]
            return {BATCHED: {"ours": [(run, error_to(reference, p))]}}
        x, y, epsilon = problem(kind, n)
        spec = lambda tolerance: f"sinkhorn epsilon={epsilon} tolerance={tolerance}"
        run = lambda tolerance: lambda: call.divergence(spec(tolerance), x, y)[1]
        return {ROW: {tolerance: [(run(tolerance), error_to(reference))] for tolerance in TOLERANCES}}

    return prepare


def peers():
    """The peers' runs; the value of a run is its error."""
    import ot.batch
    import torch
    from geomloss import SamplesLoss

    torch.set_num_threads(2)

    def geomloss(x, y, blur, scaling):
        loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, backend="tensorized")
        student, teacher = torch.from_numpy(x).requires_grad_(True), torch.from_numpy(y)
        return torch.autograd.grad(2 * loss(student, teacher), student)[0].numpy()

    def torch_batched(cost, p, q):
        """The shared-kernel loop that a careful PyTorch user would write, f32, marginals looked at every fourth sweep."""
        kernel = torch.exp(-cost / EPSILON)
        v = torch.ones_like(q)
        for sweep in range(10_000):
            u = p / (v @ kernel.T)
            columns = u @ kernel
            if sweep % 4 == 3 and (v * columns - q).abs().sum(1).max() <= TOLERANCE:
                break
            v = q / columns
        return EPSILON * torch.log(u / p)

    def batched(reference):
        cost, p, q = histograms()
        tensors = [torch.from_numpy(t) for t in (cost.astype(np.float32), p, q)]
        stacked = tensors[0].expand(BATCH, CLASSES, CLASSES).contiguous()
        solve = lambda method: ot.batch.solve_batch(
            stacked, EPSILON, tensors[1], tensors[2], tol=TOLERANCE, max_iter=10_000, method=method, grad="detach"
        ).potentials[0].numpy()
        runs = {
            "torch, shared kernel": lambda: torch_batched(*tensors).numpy(),
            "POT ot.batch sinkhorn": lambda: np.log(solve("sinkhorn") / p) * EPSILON,
            "POT ot.batch log_sinkhorn": lambda: solve("log_sinkhorn"),
        }
        error = error_to(reference, p)
        centred = lambda f: error(f - (f * p).sum(1, keepdims=True))
        return {BATCHED: {name: [(run, centred)] for name, run in runs.items()}}

    def prepare(kind, n, reference):
        if kind is None:
            return batched(reference)
        x, y, epsilon = problem(kind, n)
        run = lambda scaling: lambda: geomloss(x, y, (epsilon / 2) ** 0.5, scaling)
        return {ROW: {f"geomloss, scaling {s}": [(run(s), error_to(reference))] for s in SCALINGS}}

    return prepare


def lines(mine, theirs, what, row, problem):
    """One line a peer, with ours at the loosest tolerance that is at least as accurate, else at the tightest."""
    found, expected = mine.prepare(*problem)[row], theirs.prepare(*problem)[row]
    for name, (peer_error,) in expected.items():
        chosen = next((key for key, (error,) in found.items() if error <= peer_error), list(found)[-1])
        ((my_time,), (peer_time,)) = compare(row, (mine, chosen), (theirs, name))
        yield (
            f"| {what} | {problem[1]} | {peer_time * 1e3:.2f} ({name}, error {peer_error:.1e}) | "
            f"{my_time * 1e3:.2f} (error {found[chosen][0]:.1e}) | {peer_time / my_time:.1f} |"
        )


def rows(library, sizes=(128, 512, 2048)):
    """The lines of the table, one after the other."""
    exact = Ours(library).batched(*histograms(), EPSILON, 1e-12)[1]
    mine, theirs = Side(ours, library), Side(peers)
    if BATCH in sizes:
        yield from lines(mine, theirs, BATCHED, BATCHED, (None, BATCH, exact))
    for n in sizes:
        for kind in ("independent", "paired"):
            reference = exact_gradient(*problem(kind, n))
            yield from lines(mine, theirs, f"{ROW}, {kind}", ROW, (kind, n, reference))

#!/usr/bin/env python3
"""Sinkhorn divergence against geomloss and batched Sinkhorn against POT and a torch loop, at equal final error.

Both sides run in alternation on two threads; a row shows peer time / ours. Error: norm of the gradient's difference to that of a
converged run in f64, over its norm. Of ours the loosest tolerance that is at least as accurate as the peer counts.
Run by `scripts/compare-peers distances`.
"""

import ctypes
import statistics
import time

import numpy as np
import torch
from geomloss import SamplesLoss

torch.set_num_threads(2)
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


def alternate(runs, repeats):
    """Median seconds of each run, taken in turns."""
    times = [[] for _ in runs]
    for _ in range(repeats):
        for spent, run in zip(times, runs):
            start = time.perf_counter()
            run()
            spent.append(time.perf_counter() - start)
    return [statistics.median(spent) for spent in times]


def clouds(kind, n, d, seed):
    rng = np.random.default_rng(seed)
    teacher = np.maximum(rng.standard_normal((n, d)), 0)
    student = np.maximum(teacher + 0.8 * rng.standard_normal((n, d)), 0) if kind == "paired" else np.maximum(rng.standard_normal((n, d)) + 0.1, 0)
    return student.astype(np.float32), teacher.astype(np.float32)


def geomloss(x, y, blur, scaling):
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, backend="tensorized")
    student, teacher = torch.from_numpy(x).requires_grad_(True), torch.from_numpy(y)
    value = 2 * loss(student, teacher)
    return value.item(), torch.autograd.grad(value, student)[0].numpy()


def exact_gradient(x, y, epsilon):
    """Converged in f64 (potentials to 1e-5 of epsilon) with torch alone: plain log-domain iterations, gradient by the envelope theorem."""
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


def sinkhorn_rows(ours, sizes):
    """With gradient, d = 512, epsilon = 0.05 × mean cost; in brackets the gradient's error."""
    for kind in ("independent", "paired"):
        for n in sizes:
            x, y = clouds(kind, n, 512, n)
            means = x.mean(0, dtype=np.float64) @ y.mean(0, dtype=np.float64)
            mean = float((x.astype(np.float64) ** 2).sum(1).mean() + (y.astype(np.float64) ** 2).sum(1).mean() - 2 * means)
            epsilon = 0.05 * mean
            reference = exact_gradient(x, y, epsilon)
            error = lambda gradient: np.linalg.norm(gradient - reference) / np.linalg.norm(reference)
            for scaling in (0.5, 0.9):
                peer = lambda: geomloss(x, y, (epsilon / 2) ** 0.5, scaling)
                peer_error = error(peer()[1])
                for tolerance in (0.3, 0.1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5):
                    mine = lambda: ours.divergence(f"sinkhorn epsilon={epsilon} tolerance={tolerance}", x, y)
                    my_error = error(mine()[1])
                    if my_error <= peer_error:
                        break
                peer_time, my_time = alternate([peer, mine], 15 if n < 2048 else 5)
                yield (
                    f"| Sinkhorn divergence with gradient, {kind} | {n} | {peer_time * 1e3:.2f} (geomloss, scaling {scaling}, error "
                    f"{peer_error:.1e}) | {my_time * 1e3:.2f} (error {my_error:.1e}) | {peer_time / my_time:.1f} |"
                )


def torch_batched(cost, p, q, epsilon, tolerance):
    """The shared-kernel loop that a careful PyTorch user would write, f32, marginals looked at every fourth sweep."""
    kernel = torch.exp(-cost / epsilon)
    v = torch.ones_like(q)
    for sweep in range(10_000):
        u = p / (v @ kernel.T)
        columns = u @ kernel
        if sweep % 4 == 3 and (v * columns - q).abs().sum(1).max() <= tolerance:
            break
        v = q / columns
    return epsilon * torch.log(u / p)


def batched_rows(ours):
    """Over logits, 128 pairs × 100 classes, epsilon = 0.05; in brackets the gradient's error."""
    import ot.batch

    rng = np.random.default_rng(0)
    batch, classes, epsilon, tolerance = 128, 100, 0.05, 1e-4
    logits = rng.standard_normal((2, batch, classes)) * 3
    p, q = (np.exp(t - t.max(1, keepdims=True)) for t in logits)
    p, q = ((t / t.sum(1, keepdims=True)).astype(np.float32) for t in (p, q))
    embedding = rng.standard_normal((classes, 32))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    cost = np.ascontiguousarray(1 - embedding @ embedding.T)
    tensors = [torch.from_numpy(t) for t in (cost.astype(np.float32), p, q)]
    stacked = tensors[0].expand(batch, classes, classes).contiguous()
    mine = lambda: ours.batched(cost, p, q, epsilon, tolerance)[1]
    exact = ours.batched(cost, p, q, epsilon, 1e-12)[1]
    centred = lambda f: f - (f * p).sum(1, keepdims=True)
    peers = {
        "torch, shared kernel": lambda: torch_batched(*tensors, epsilon, tolerance).numpy(),
        "POT ot.batch sinkhorn": lambda: np.log(ot.batch.solve_batch(stacked, epsilon, tensors[1], tensors[2], tol=tolerance, max_iter=10_000, method="sinkhorn", grad="detach").potentials[0].numpy() / p) * epsilon,
        "POT ot.batch log_sinkhorn": lambda: ot.batch.solve_batch(stacked, epsilon, tensors[1], tensors[2], tol=tolerance, max_iter=10_000, method="log_sinkhorn", grad="detach").potentials[0].numpy(),
    }
    error = lambda gradient: np.linalg.norm((gradient - exact) * p) / np.linalg.norm(exact * p)
    for name, peer in peers.items():
        try:
            peer_error = f"{error(centred(peer())):.1e}"
        except Exception as failure:  # a peer that fails is a row that says so
            yield f"| batched Sinkhorn on logits 128×100 | 128 | failed ({name}: {failure}) |  |  |"
            continue
        peer_time, my_time = alternate([peer, mine], 9)
        yield (
            f"| batched Sinkhorn on logits 128×100 | 128 | {peer_time * 1e3:.2f} ({name}, error {peer_error}) | "
            f"{my_time * 1e3:.2f} (error {error(mine()):.1e}) | {peer_time / my_time:.1f} |"
        )


def rows(library, sizes=(128, 512, 2048)):
    """The lines of the table, one after the other."""
    ours = Ours(library)
    yield from batched_rows(ours)
    yield from sinkhorn_rows(ours, sizes)

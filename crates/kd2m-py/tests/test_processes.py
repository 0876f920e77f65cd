"""Two processes over loopback: what `kd2m.torch.gather` gives them is what one process with the whole batch has."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import torch
    import torch.distributed as dist
    import torch.nn.functional as F

    from kd2m.torch import Criterion, Divergence, gather
except ImportError as missing:
    raise unittest.SkipTest(str(missing)) from missing

WORLD, ROWS = 2, 6


class Student(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = torch.nn.Linear(5, 4), torch.nn.Linear(4, 3)

    def forward(self, x):
        features = torch.relu(self.body(x))
        return features, self.head(features)


def one_step(rank, world, wrap=lambda module: module):
    """The loss of the distances and every gradient, of rows `rank` of `world` parts of one batch."""
    torch.manual_seed(0)
    inputs, targets = torch.randn(WORLD * ROWS, 5, dtype=torch.float64), torch.randn(WORLD * ROWS, 4, dtype=torch.float64)
    labels = torch.arange(WORLD * ROWS) % 3
    student = Student().double()
    learned = Criterion("queue", student=4, teacher=6, size=8)
    wide = torch.randn(WORLD * ROWS, 6, dtype=torch.float64)
    own = slice(rank * len(inputs) // world, (rank + 1) * len(inputs) // world)
    # Kept by its name: a wrapper that is gone before the backward pass averages nothing.
    wrapped = wrap(student)
    features, logits = wrapped(inputs[own])
    classes = gather(labels[own])
    all_features = gather(features)
    distance = Divergence("cw2")(all_features, gather(targets[own]), classes, classes) + learned(all_features, gather(wide[own]))
    (F.cross_entropy(logits, labels[own]) + 0.5 * distance).backward()
    gradients = {name: p.grad for name, p in student.named_parameters()}
    gradients |= {name: p.grad for name, p in learned.named_parameters()}
    return distance.detach(), gradients


def uneven(rank):
    """Parts of other lengths, and gradients that are summed."""
    x = torch.full((2 + 3 * rank, 2), float(rank), requires_grad=True)
    whole = gather(x, averaged=False)
    (whole * torch.arange(7.0)[:, None]).sum().backward()
    return whole.detach(), x.grad


def work(rank, place):
    dist.init_process_group("gloo", init_method=f"file://{place}/meet", rank=rank, world_size=WORLD)
    try:
        result = one_step(rank, WORLD, torch.nn.parallel.DistributedDataParallel), uneven(rank)
        torch.save(result, f"{place}/rank-{rank}")
    finally:
        dist.destroy_process_group()


class Gathering(unittest.TestCase):
    def test_two_processes_are_one(self):
        if not (dist.is_available() and dist.is_gloo_available()):
            self.skipTest("this PyTorch has no gloo")
        with tempfile.TemporaryDirectory() as place:
            loopback = {**os.environ, "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo", "OMP_NUM_THREADS": "1"}
            command = [sys.executable, Path(__file__).resolve()]
            ranks = [subprocess.Popen([*command, str(rank), place], env=loopback, stderr=subprocess.PIPE, text=True) for rank in range(WORLD)]
            for rank in ranks:
                told = rank.communicate(timeout=120)[1]
                self.assertEqual(rank.returncode, 0, told)
            found = [torch.load(f"{place}/rank-{rank}") for rank in range(WORLD)]
        value, gradients = one_step(0, 1)
        for (distance, of_rank), _ in found:
            torch.testing.assert_close(distance, value)
            self.assertEqual(set(of_rank), set(gradients))
            for name, gradient in gradients.items():
                torch.testing.assert_close(of_rank[name], gradient, rtol=1e-6, atol=1e-9, msg=lambda why: f"{name}: {why}")
        for rank, (_, (whole, gradient)) in enumerate(found):
            self.assertEqual(whole[:, 0].tolist(), [0, 0, 1, 1, 1, 1, 1])
            self.assertEqual(gradient[:, 0].tolist(), [[0, 1], [2, 3, 4, 5, 6]][rank])

    def test_one_process_keeps_its_own(self):
        x = torch.ones(3, 2, requires_grad=True)
        self.assertIs(gather(x), x)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        work(int(sys.argv[1]), sys.argv[2])
    else:
        unittest.main()

#!/usr/bin/env python3
"""Gradients of a whole step with scale decoupled distillation in PyTorch, in f64: cross entropy + 0.9 · SD-KD of two small networks.

As its authors publish it the classifier is read at the pooled cells of the last map, so that it learns from all of them: kd2m pools what the
classifier says at every place. Weights and images follow a formula that the Rust side repeats. Maps of 6 × 6 and 5 × 5 make cells overlap.
Needs torch (made with 2.15.0).
Usage: scale_decoupled.py > crates/kd2m/tests/golden/scale_decoupled.json
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import json

import torch
from torch.nn import functional as F

N, CLASSES, SIDE, T, WEIGHT = 6, 4, 6, 4.0, 0.9
LABELS = torch.tensor([0, 1, 2, 3, 0, 2])


def wave(count, salt):
    """A value for each index in [-1, 1): a multiplicative hash, the same in Rust."""
    index = torch.arange(count, dtype=torch.int64)
    h = ((index + 1) * 2654435761 + salt * 40503) % 4294967296
    h = ((h ^ (h >> 15)) * 2246822519) % 4294967296
    h = h ^ (h >> 13)
    return (h.double() / 2147483648.0 - 1.0).float().double()


def network(channels, padding, salt):
    shapes = {"conv.weight": (channels, 2, 3, 3), "conv.bias": (channels,), "fc.weight": (CLASSES, channels), "fc.bias": (CLASSES,)}
    return padding, {key: wave(torch.Size(shape).numel(), salt + at).view(shape) for at, (key, shape) in enumerate(shapes.items())}


def run(net, images):
    """Logits of the whole, then of each cell at 1 × 1, 2 × 2 and 4 × 4."""
    padding, p = net
    f = F.relu(F.conv2d(images, p["conv.weight"], p["conv.bias"], padding=padding))
    say = lambda features: features @ p["fc.weight"].T + p["fc.bias"]
    cells = torch.cat([F.adaptive_avg_pool2d(f, k).flatten(2) for k in (1, 2, 4)], 2)
    return say(f.mean((2, 3))), [say(cells[:, :, at]) for at in range(cells.shape[2])]


images = wave(N * 2 * SIDE * SIDE, 7).view(N, 2, SIDE, SIDE) * 0.5 + 0.5
student, teacher = network(5, 1, 20), network(7, 0, 88)
leaves = {key: value.requires_grad_() for key, value in student[1].items()}
logits, own = run(student, images)
whole, given = run(teacher, images)
right = whole.argmax(1) == LABELS
total, counted = 0.0, 0
for x, y in zip(own, given):
    heavy = (y.argmax(1) == LABELS) != right
    counted += int(heavy.sum())
    kl = F.kl_div(F.log_softmax(x / T, 1), F.softmax(y.detach() / T, 1), reduction="none").sum(1) * T ** 2
    total = total + (torch.where(heavy, 2.0, 1.0) * kl).sum()
sdd = total / (len(own) * N)
(F.cross_entropy(logits, LABELS) + WEIGHT * sdd).backward()
gradients = {key: [float(f"{g:.9g}") for g in leaf.grad.flatten()] for key, leaf in leaves.items()}
print(f'{{"value":{float(sdd.detach()):.9g},"complementary":{counted},"gradients":{{')
print(",\n".join(f'"{key}":{json.dumps(values, separators=(",", ":"))}' for key, values in gradients.items()) + "\n}}")

#!/usr/bin/env python3
"""Calibration error and linear CKA on fixed inputs, in numpy f64: what crates/kd2m/src/measure tests against.

The error follows Guo et al. 2017 with a mask for each bin; CKA is the Gram form tr(K H L H), another formula than the code's.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import numpy as np

i, c = np.arange(400)[:, None], np.arange(10)[None, :]
logits = (4.0 * np.sin((i * 37 + c * 101 + i * c * 7) * 0.618)).astype(np.float32).astype(np.float64)
labels = (np.arange(400) ** 2 * 3 + np.arange(400)) % 10
p = np.exp(logits - logits.max(1, keepdims=True))
p /= p.sum(1, keepdims=True)
confidence, right = p.max(1), p.argmax(1) == labels
edges = np.linspace(0, 1, 16)
ece = 0.0
for low, high in zip(edges[:-1], edges[1:]):
    inside = (confidence > low) & (confidence <= high)
    if inside.any():
        ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
print("ece, percent:", repr(100 * ece))


def features(n, d, phase):
    i, j = np.arange(n)[:, None], np.arange(d)[None, :]
    return (3.0 + np.sin((i * 13 + j * 29 + i * j) * 0.37 + phase) * (1.0 + j)).astype(np.float32).astype(np.float64)


x, y = features(50, 6, 0.0), features(50, 9, 1.1)
h = np.eye(50) - 1 / 50
k, l = x @ x.T, y @ y.T
hsic = lambda a, b: np.trace(a @ h @ b @ h)
print("cka:", repr(hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))))

#!/usr/bin/env python3
"""Writes crates/kd2m/tests/golden/imagenet-eyes.{pth,json}: a small network that PyTorch trained under ImageNet's mean and deviation on
dark pictures, and PyTorch's own logits in float64 of the test pictures. crates/kd2m/tests/normalisation.rs reads them.

    python scripts/make_teacher_fixture.py

The pictures are made from whole numbers, so that the test makes the same ones. Needs torch and numpy.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parent.parent / "crates/kd2m/tests/golden"
PARTS = {"train": 20, "test": 10}  # images of each class
CLASSES, SIDE = 4, 8
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def picture(part, c, i):
    """A ramp in one of four directions under noise: [8, 8, 3] of 8 bits."""
    state = (part * 1000 + c * 100 + i + 1) * 2654435761 % 2**32
    out = np.zeros((SIDE, SIDE, 3), np.uint8)
    for y in range(SIDE):
        for x in range(SIDE):
            for channel in range(3):
                state = (state * 1664525 + 1013904223) % 2**32
                value = 20 + 3 * [x, y, 7 - x, 7 - y][c] + (state >> 27)
                out[y, x, channel] = value * [12, 10, 7][channel] // 10
    return out


class Net(nn.Module):
    """digits-cnn-student."""

    def __init__(self):
        super().__init__()
        channels = 3
        for i, (width, kernel) in enumerate([(3, 3), (6, 3), (64, 1)], 1):
            setattr(self, f"conv{i}", nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(width))
            channels = width
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
            x = F.max_pool2d(x, 2) if i == 1 else x
        return self.fc(x.mean((2, 3)))


def images(part):
    index = list(PARTS).index(part)
    all = [(picture(index, c, i), c) for c in range(CLASSES) for i in range(PARTS[part])]
    return torch.tensor(np.stack([p for p, _ in all])).permute(0, 3, 1, 2), torch.tensor([c for _, c in all])


def normalised(pixels, mean=MEAN, std=STD, dtype=torch.float32):
    of = lambda values: torch.as_tensor(values, dtype=dtype).view(1, 3, 1, 1)
    return (pixels.to(dtype) / 255 - of(mean)) / of(std)


torch.manual_seed(0)
(x, y), (xt, yt) = images("train"), images("test")
net, averaged = Net(), None
optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
for _ in range(60):
    for i in torch.randperm(len(x)).split(20):
        optimizer.zero_grad()
        F.cross_entropy(net(normalised(x[i])), y[i]).backward()
        optimizer.step()
net.eval()
state = OrderedDict((k, v.clone()) for k, v in net.state_dict().items())
averaged = OrderedDict((k, v * 0.5 if v.is_floating_point() else v) for k, v in state.items())
torch.save({"epoch": 60, "state_dict_ema": averaged, "state_dict": state}, FOLDER / "imagenet-eyes.pth")
net.double()
with torch.no_grad():
    logits = net(normalised(xt, dtype=torch.float64))
    own = (x / 255).double()
    data = [own.mean((0, 2, 3)).tolist(), own.std((0, 2, 3), unbiased=False).tolist()]
    misread = net(normalised(xt, *data, dtype=torch.float64))
accuracy = lambda z: 100 * (z.argmax(1) == yt).double().mean().item()
text = {
    "accuracy": accuracy(logits),
    "accuracy_under_the_data_s_own": accuracy(misread),
    "data": {"mean": data[0], "std": data[1]},
    "pixel_sums": [int(p.sum()) for p in xt],
    "logits": logits.tolist(),
}
(FOLDER / "imagenet-eyes.json").write_text(json.dumps(text, indent=None) + "\n")
print(text["accuracy"], text["accuracy_under_the_data_s_own"])

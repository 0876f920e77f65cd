#!/usr/bin/env python3
"""Writes the small PyTorch checkpoints under crates/kd2m-nn/tests/fixtures, which tests/checkpoints.rs reads.

    python scripts/make_checkpoint_fixtures.py

Values are simple functions of position, so that the tests know them without a second file. Needs torch.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import argparse
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent.parent / "crates/kd2m-nn/tests/fixtures"


def ramp(*shape):
    """0, ¼, ½, …: exact in every floating-point type here."""
    return (torch.arange(torch.Size(shape).numel()) / 4).view(shape)


def network():
    """The state of conv (1 → 2 channels, 3×3), batch norm and linear (2 → 3): a graph of the tests."""
    model = nn.Sequential(
        OrderedDict(conv1=nn.Conv2d(1, 2, 3, bias=False), bn1=nn.BatchNorm2d(2), relu=nn.ReLU(), fc=nn.Linear(2, 3))
    )
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(ramp(*tensor.shape))
    return model


FOLDER.mkdir(exist_ok=True)
model = network()
# As a training program saves it: nested, beside an optimizer's state and the program's arguments.
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
torch.save(
    {"epoch": 240, "args": argparse.Namespace(lr=0.1), "model": model.state_dict(), "optimizer": optimizer.state_dict()},
    FOLDER / "nested.pth",
)
# The format before 1.6, from a model in DataParallel.
torch.save(
    OrderedDict((f"module.{k}", v) for k, v in model.state_dict().items()),
    FOLDER / "legacy.pth",
    _use_new_zipfile_serialization=False,
)
# A whole model, which only its own program could read.
torch.save(model, FOLDER / "whole.pth")
# Other types, views with strides and an offset, storages that are shared, parameters.
base = ramp(3, 4)
torch.save(
    {
        "half": ramp(3).half(), "bfloat": ramp(3).bfloat16(), "double": ramp(3).double(),
        "transposed": base.t(), "part": base[1:, 2:], "parameter": nn.Parameter(ramp(2)), "scalar": torch.tensor(0.5),
    },
    FOLDER / "types.pth",
)  # fmt: skip
torch.save({"w": torch.zeros(2, dtype=torch.complex64)}, FOLDER / "complex.pth")

# Several networks in one file, each a quarter higher than the one before; the last has another classifier.
higher = lambda by: OrderedDict((k, v + by if v.is_floating_point() else v) for k, v in model.state_dict().items())
wide = OrderedDict(higher(0.75), **{"fc.weight": ramp(4, 2), "fc.bias": ramp(4)})
torch.save({"epoch": 3, "student": higher(0), "teacher_ema": higher(0.25), "teacher": higher(0.5), "nets": {"wide": wide}}, FOLDER / "several.pth")
# What an overflow in half precision leaves, in a bias and in running statistics.
broken = higher(0)
broken["fc.bias"][1] = float("nan")
broken["bn1.running_var"][:] = float("inf")
torch.save(broken, FOLDER / "overflow.pth")
# A name of 21 characters: its first entry is as long as the records that end the archive, which the zip crate 9.8.2 stumbles over.
torch.save(model.state_dict(), FOLDER / "checkpoint_cifar_best.pth")

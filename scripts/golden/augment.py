#!/usr/bin/env python3
"""Writes crates/kd2m-data/tests/augment.json: what torchvision's v2 makes of two small images of floats, operation by operation, which
crates/kd2m-data/src/augment/golden.rs repeats.

    python scripts/golden/augment.py

Needs torch and torchvision; the values were made with torch 2.15.0 and torchvision 0.29.2. Pixels are whole-number functions of their
place over 255, so that the test makes them itself. Values are millionths, rounded; of large images every so many, as `every` says.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import json
from pathlib import Path

import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

OUT = Path(__file__).resolve().parents[2] / "crates/kd2m-data/tests/augment.json"
STORED = 60


def picture(channels, height, width):
    """A ramp with noise from a linear congruence."""
    values, state = [], 12345
    for i in range(channels * height * width):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((40 * (i // (height * width)) + 9 * (i // width % height) + 5 * (i % width) + (state >> 26)) % 256)
    return torch.tensor(values, dtype=torch.float32).reshape(channels, height, width) / 255


def case(cases, name, image, result, **settings):
    flat = result.flatten().tolist()
    every = max(1, len(flat) // STORED)
    size = list(image.shape)
    cases.append(dict(operation=name, size=size, **settings, every=every, values=[round(1e6 * x) for x in flat[::every]]))


cases = []
small = [picture(3, 7, 6), picture(1, 8, 11)]
for image in small:
    for name, function, factors in (
        ("brightness", F.adjust_brightness, (0.6, 1.7)),
        ("contrast", F.adjust_contrast, (0.3, 1.8)),
        ("saturation", F.adjust_saturation, (0.0, 1.9)),
        ("hue", F.adjust_hue, (-0.5, -0.13, 0.08, 0.5)),
    ):
        for factor in factors:
            case(cases, name, image, function(image, factor), factor=factor)
    rows, columns = image.shape[1:]
    case(cases, "erase", image, F.erase(image, 2, 1, rows - 4, columns - 2, torch.zeros(1, 1, 1)), hole=[2, 1, rows - 4, columns - 2])

augment = v2.RandAugment()

for name, (table, signed) in augment._AUGMENTATION_SPACE.items():
    # Equalization has no effect on fewer pixels than it has steps.
    images = [picture(3, 23, 29)] if name == "Equalize" else small
    for image in images:
        magnitudes = table(31, *image.shape[1:])
        for magnitude in (9, 23, 30) if magnitudes is not None else (9,):
            for sign in (1, -1) if signed else (1,):
                value = sign * float(magnitudes[magnitude]) if magnitudes is not None else 0.0
                result = augment._apply_image_or_video_transform(image, name, value, "nearest", {})
                case(cases, name, image, result, magnitude=magnitude, negative=sign < 0)

OUT.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
print(len(cases), "cases")

#!/usr/bin/env python3
"""Writes crates/kd2m-data/tests/frames.json: images resized and cut by torchvision over Pillow, which tests/frames.rs repeats.

    python scripts/golden/resample.py

Needs Pillow, torchvision and torch; the values were made with Pillow 13.0.0 and torchvision 0.29.2. Pixels are whole-number functions of their
place, so that the test makes them itself. Pillow resizes columns first, but rows where these shrink much more than the columns; there the bytes
are kept themselves, as ours may differ by the rounding between the two.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

OUT = Path(__file__).resolve().parents[2] / "crates/kd2m-data/tests/frames.json"
MODES = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def picture(height, width):
    """The upper byte of a linear congruence, three channels of it."""
    values, state = np.empty(height * width * 3, np.uint8), 12345
    for i in range(values.size):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = state >> 24
    return Image.fromarray(values.reshape(height, width, 3))


cases = []
for (height, width), mode in ((size, mode) for size in ((32, 32), (37, 50), (120, 90), (7, 5)) for mode in MODES):
    for resize, crop in ((None, (20, 20)), ((16, 24), None), (48, (40, 40)), (20, (16, 16)), (64, (72, 72)), ((37, 50), None), (48, None)):
        steps = [transforms.Resize(resize, MODES[mode])] if resize else []
        steps += [transforms.CenterCrop(crop)] if crop else []
        out = np.asarray(transforms.Compose(steps)(picture(height, width)))
        planes = out.transpose(2, 0, 1).tobytes()
        rows_first = resize == (37, 50) and height == 120
        if rows_first and mode == "bicubic":
            continue  # what is cut off at 0 and 255 between the two differs by more on noise
        cases.append(dict(
            size=[height, width], interpolation=mode, resize=resize, crop=crop, out=list(out.shape[:2]),
            first=list(planes[:12]), sha256=hashlib.sha256(planes).hexdigest(),
            near=planes.hex() if rows_first else None,
        ))  # fmt: skip
OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
print(len(cases), "cases")

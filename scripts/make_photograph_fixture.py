#!/usr/bin/env python3
"""Writes crates/kd2m-cli/tests/fixtures/photographs/: JPEGs as Pillow saves them, and the logits that PyTorch gives them through torchvision's
transforms: a ResNet-18 of torchvision under the preset imagenet, and timm's tf_efficientnet_lite0 under lite.
crates/kd2m-cli/tests/photographs.rs compares those of kd2m: scripts/check-teachers in small, where there is no PyTorch.

    python scripts/make_photograph_fixture.py

Weights are whole-number arithmetic on their names and places, so that the test makes the same ones. Needs torch, torchvision, timm, numpy, pillow.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import json
import shutil
import zlib
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

FOLDER = Path(__file__).resolve().parent.parent / "crates/kd2m-cli/tests/fixtures/photographs"
CLASSES, COUNT = 10, 6
# Neither a multiple of a JPEG's blocks, nor the size that a preset resizes to, nor too small for one.
SIZE = (157, 131)


def drawn(name, shape):
    """Numbers in −1 … 1 by name and place."""
    x = (np.arange(int(np.prod(shape)), dtype=np.uint64) * 2654435761 + zlib.crc32(name.encode())) % 2**32
    for shift, by in ((15, 2246822519), (13, 3266489917)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(by)) % 2**32
    x ^= x >> np.uint64(16)
    return ((x >> np.uint64(8)).astype(np.float32) / np.float32(2**23) - np.float32(1)).reshape(shape)


def tensor(name, shape):
    """He's deviation for weights of several axes; scales about one, shifts about zero."""
    u, last = drawn(name, shape), name.rsplit(".", 1)[-1]
    if len(shape) > 1:
        return u * np.float32(np.sqrt(6 / np.prod(shape[1:])))
    if last == "running_var":
        return np.float32(1) + u * np.float32(0.25)
    return np.float32(1) + u * np.float32(0.1) if last == "weight" else u * np.float32(0.1)


def given(model):
    state = model.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            state[name] = torch.from_numpy(tensor(name, tuple(value.shape)))
    model.load_state_dict(state)
    return model.eval()


def photographs():
    """Waves of every direction under a camera's grain."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] / 19
    for index in range(COUNT):
        turn = np.pi * index / COUNT + np.arange(3) / 5
        image = 128 + 90 * np.sin(np.cos(turn) * x[..., None] + np.sin(turn) * y[..., None] + index)
        yield Image.fromarray((image + rng.normal(0, 12, image.shape)).clip(0, 255).astype(np.uint8))


shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
for index, image in enumerate(photographs()):
    image.save(FOLDER / f"{index}.jpg", quality=70 + 5 * index)
seen = [Image.open(FOLDER / f"{index}.jpg").convert("RGB") for index in range(COUNT)]
logits = {}
for name, model, interpolation, mean, std in [
    ("resnet18", torchvision.models.resnet18(num_classes=CLASSES), InterpolationMode.BILINEAR, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    (
        "tf_efficientnet_lite0", timm.create_model("tf_efficientnet_lite0", num_classes=CLASSES), InterpolationMode.BICUBIC, (127 / 255,) * 3,
        (128 / 255,) * 3,
    ),
]:  # fmt: skip
    see = transforms.Compose(
        [transforms.Resize(256, interpolation), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(mean, std)]
    )
    with torch.inference_mode():
        found = given(model)(torch.stack([see(image) for image in seen])).numpy()
    print(name, "spread over the images", found.std(0).mean(), "of", found.std())
    logits[name] = [[float(f"{value:.9g}") for value in row] for row in found]
(FOLDER / "logits.json").write_text(json.dumps(logits) + "\n")

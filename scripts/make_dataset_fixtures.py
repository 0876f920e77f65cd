#!/usr/bin/env python3
"""Writes crates/kd2m-data/tests/svhn/ and tests/tiny-imagenet/: data sets as the programs write them that the real ones come from, which
crates/kd2m-data/tests/written.rs reads.

    python scripts/make_dataset_fixtures.py

SVHN's two images have (x + 2 y + 5 c + 50 i) mod 256 at row y, column x, channel c of image i, and the labels 10 and 3, in every number type that
scipy writes, compressed or not. Tiny-ImageNet's are JPEGs of Pillow, one of them grey as some of the real ones are, beside the pixels (.rgb) that
torchvision's ImageFolder gives of them. Needs numpy, scipy, pillow, torchvision; made with scipy 1.17.1, Pillow 13.0.0, torchvision 0.29.2.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import ImageFolder

TESTS = Path(__file__).resolve().parent.parent / "crates/kd2m-data/tests"

svhn = TESTS / "svhn"
svhn.mkdir(exist_ok=True)
y, x, c, i = np.meshgrid(np.arange(32), np.arange(32), np.arange(3), np.arange(2), indexing="ij")
images = ((x + 2 * y + 5 * c + 50 * i) % 256).astype(np.uint8)
for kind in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]:
    labels = np.array([[10], [3]], dtype=kind)
    savemat(svhn / f"{kind}.mat", {"X": images, "y": labels}, do_compression=True)
savemat(svhn / "plain.mat", {"X": images, "y": np.array([[10], [3]], dtype="float64")}, do_compression=False)
# One image keeps its fourth dimension; what else a file holds is passed over.
savemat(
    svhn / "one.mat",
    {"note": "written by scipy", "X": images[..., :1], "s": {"a": 1.0}, "y": np.array([[7]], dtype="uint8")},
    do_compression=True,
)

tiny = TESTS / "tiny-imagenet"
wnids = {"n02058221": "albatross, mollymawk", "n01443537": "goldfish, Carassius auratus"}
rows = {}


def picture(place, seed, grey=False):
    waves = np.random.default_rng(seed).uniform(0.02, 0.3, (3, 2))
    height, width = np.mgrid[0:64, 0:64]
    planes = [127 + 120 * np.sin(a * height + b * width + seed) for a, b in waves]
    image = Image.fromarray(np.stack(planes, -1).astype(np.uint8))
    place.parent.mkdir(parents=True, exist_ok=True)
    (image.convert("L") if grey else image).save(place, "JPEG")


for k, wnid in enumerate(wnids):
    for j in range(2):
        picture(tiny / "train" / wnid / "images" / f"{wnid}_{j}.JPEG", 10 * k + j, grey=j == 1)
    (tiny / "train" / wnid / f"{wnid}_boxes.txt").write_text("".join(f"{wnid}_{j}.JPEG\t0\t0\t63\t63\n" for j in range(2)))
for j, wnid in enumerate(["n01443537", "n02058221"]):
    picture(tiny / "val/images" / f"val_{j}.JPEG", 100 + j)
    rows[f"val_{j}.JPEG"] = wnid
(tiny / "val/val_annotations.txt").write_text("".join(f"{name}\t{wnid}\t0\t0\t63\t63\n" for name, wnid in rows.items()))
(tiny / "wnids.txt").write_text("\n".join(wnids))
(tiny / "words.txt").write_text("".join(f"{wnid}\t{name}\n" for wnid, name in sorted(wnids.items())) + "n99999999\tnothing of it\n")

train = ImageFolder(tiny / "train")
pixels = [np.asarray(image) for image, _ in train] + [np.asarray(Image.open(tiny / "val/images" / name).convert("RGB")) for name in rows]
(tiny / "pixels.rgb").write_bytes(np.stack(pixels).tobytes())
(tiny / "labels.txt").write_text(" ".join(str(label) for _, label in train.samples) + "\n")

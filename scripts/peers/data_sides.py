#!/usr/bin/env python3
"""The inputs of data.py and its peers, each called as a process of its own: `data_sides.py make|pil|tensors …`.

make: FOLDER COUNT [PHOTOS …] writes `all/{train,test}/CLASS/*.jpg` and `few/`, links to a tenth of them. A peer: FOLDER SIDE BATCH WORKERS
prints `median N images/s` of one pass over `train`, workers started and a few batches taken before the clock.
"""

import argparse
import importlib.util
import itertools
import multiprocessing
import os
import pathlib
import shutil
import sys
import time

PACKAGES = {
    "skimage": [f"data/{name}" for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg", "hubble_deep_field.jpg")],
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
}
CLASSES, TESTED = 10, 50


def photographs(folders):
    """Files of these folders, or of the packages that are there."""
    if folders:
        found = [path for folder in folders for path in sorted(pathlib.Path(folder).rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    else:
        places = {name: importlib.util.find_spec(name) for name in PACKAGES}
        found = [pathlib.Path(spec.origin).parent / file for name, spec in places.items() if spec for file in PACKAGES[name]]
    return [path for path in found if path.is_file()] or sys.exit("no photographs: install scikit-image, scikit-learn or matplotlib, or give --photos")


def one(task):
    """Writes the image of a number: a part of a photograph, or, mirrored or not, of another."""
    import numpy
    from PIL import Image

    index, photo, path = task
    rng = numpy.random.default_rng(index)
    image = Image.open(photo).convert("RGB")
    width, height = int(rng.integers(450, 551)), int(rng.integers(340, 411))
    if rng.random() < 0.3:
        width, height = height, width
    # The largest part of that aspect, or less, down to half of its sides.
    scale = min(image.width / width, image.height / height) * rng.uniform(0.5, 1)
    left, top = rng.uniform(0, image.width - scale * width), rng.uniform(0, image.height - scale * height)
    image = image.resize((width, height), Image.Resampling.BICUBIC, (left, top, left + scale * width, top + scale * height))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    grained = numpy.asarray(image, numpy.float32) + rng.normal(0, rng.uniform(0, 5), (height, width, 1))
    Image.fromarray(grained.clip(0, 255).astype(numpy.uint8)).save(path, quality=int(rng.integers(75, 96)))


def make(folder, count, photos):
    found, folder = photographs(photos), pathlib.Path(folder)
    for kind in ("all", "few"):
        shutil.rmtree(folder / kind, ignore_errors=True)
    tasks, links = [], []
    for index in range(count + TESTED):
        part = "train" if index < count else "test"
        place = pathlib.Path(part) / str(index % CLASSES)
        (folder / "all" / place).mkdir(parents=True, exist_ok=True)
        tasks.append((index, found[index % len(found)], folder / "all" / place / f"{index:06}.jpg"))
        if part == "test" or index < count // 10:
            (folder / "few" / place).mkdir(parents=True, exist_ok=True)
            links.append((tasks[-1][2], folder / "few" / place / f"{index:06}.jpg"))
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered(one, tasks, chunksize=32):
            pass
    for file, link in links:
        os.link(file, link)


def decoded(path):
    import torchvision

    return torchvision.io.decode_image(path, torchvision.io.ImageReadMode.RGB)


def load(way, folder, side, batch, workers):
    import torch
    import torchvision
    from torchvision.transforms import v2

    start = [] if way == "tensors" else [v2.PILToTensor()]
    cut = [v2.RandomResizedCrop(side, antialias=True), v2.RandomHorizontalFlip()]
    steps = v2.Compose([*(cut if way == "pil" else []), *start, *(cut if way == "tensors" else []), v2.ToDtype(torch.float32, scale=True)])
    how = {"loader": decoded} if way == "tensors" else {}
    images = torchvision.datasets.ImageFolder(pathlib.Path(folder) / "train", transform=steps, **how)
    loader = torch.utils.data.DataLoader(images, batch, shuffle=True, num_workers=workers, persistent_workers=True)
    for _ in itertools.islice(loader, 2):
        pass
    began, count = time.perf_counter(), 0
    for pixels, _ in loader:
        count += len(pixels)
    print(f"median {count / (time.perf_counter() - began):.1f} images/s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "pil", "tensors"])
    parser.add_argument("arguments", nargs="+")
    a = parser.parse_args()
    if a.what == "make":
        make(a.arguments[0], int(a.arguments[1]), a.arguments[2:])
    else:
        folder, *numbers = a.arguments
        load(a.what, folder, *map(int, numbers))


if __name__ == "__main__":
    main()

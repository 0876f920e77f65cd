#!/usr/bin/env python3
"""The inputs of eval.py and its peers, each called as a process of its own: `eval_sides.py make|torch|onnxruntime|agreement|int8 …`.

A peer prints `median N images/s` from files to answers; agreement prints `off X`, the rms difference of kd2m's logits from PyTorch's over
their spread; int8 prints `accuracy X`, in %.
"""

import argparse
import pathlib
import shutil
import time

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Not square, and an exact multiple of nothing: what a preset does with photographs is done.
ENLARGED = (500, 376)
NETWORKS = {"jpeg": ["resnet50"], "onnx": ["resnet50", "mobilenet_v2"], "runtime": ["vit_tiny_patch16_224", "convnext_atto"]}


def cifar(data, count):
    """Test images of CIFAR-10 `[n, 32, 32, 3]` and labels, or waves whose direction is the label."""
    import tarfile

    import numpy

    if data:
        with tarfile.open(data) as archive:
            member = next(m for m in archive.getmembers() if m.name.endswith("test_batch.bin"))
            records = numpy.frombuffer(archive.extractfile(member).read(), numpy.uint8).reshape(-1, 3073)[:count]
        return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0]
    rng = numpy.random.default_rng(0)
    labels = rng.integers(0, 10, count)
    y, x = numpy.mgrid[:32, :32] / 5
    turn = labels[:, None, None, None] * numpy.pi / 10 + numpy.arange(3) / 5
    image = 128 + 90 * numpy.sin(numpy.cos(turn) * x[..., None] + numpy.sin(turn) * y[..., None])
    return (image + rng.normal(0, 25, image.shape)).clip(0, 255).astype(numpy.uint8), labels


def folders(folder, data, count):
    """`photos`, JPEGs with the grain of a camera, and `flat`, the middle of them at 224 without compression; each with ten images of `train`,
    which kd2m asks for."""
    import numpy
    from PIL import Image

    rng = numpy.random.default_rng(1)
    for index, (image, label) in enumerate(zip(*cifar(data, count + 10))):
        part, name = ("test", int(label)) if index < count else ("train", index % 10)
        large = numpy.asarray(Image.fromarray(image).resize(ENLARGED, Image.Resampling.BICUBIC), numpy.float32)
        large = Image.fromarray((large + rng.normal(0, 10, large.shape)).clip(0, 255).astype(numpy.uint8))
        for kind in ("photos", "flat"):
            (folder / kind / part / str(name)).mkdir(parents=True, exist_ok=True)
        large.save(folder / "photos" / part / str(name) / f"{index:05}.jpg", quality=90)
        left, top = (large.width - 224) // 2, (large.height - 224) // 2
        large.crop((left, top, left + 224, top + 224)).save(folder / "flat" / part / str(name) / f"{index:05}.bmp")


def network(name):
    """With random weights, and statistics under which values neither fade nor grow."""
    import timm
    import torch
    import torchvision

    torch.manual_seed(0)
    of_timm = name in NETWORKS["runtime"]
    model = timm.create_model(name, num_classes=10) if of_timm else torchvision.models.get_model(name, num_classes=10)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    if norms:
        with torch.no_grad():
            model.train()(torch.randn(16, 3, 224, 224))
    return model.eval()


def export(model, file, normalised):
    """An ONNX file of any number of images; with the normalisation inside, pixels in 0…1 are what it is given."""
    import warnings

    import torch
    from torchvision import transforms

    before = [transforms.Normalize(MEAN, STD)] if normalised else []
    whole = torch.nn.Sequential(*before, model).eval()
    axes = {"images": {0: "n"}, "logits": {0: "n"}}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        example, names = (torch.rand(2, 3, 224, 224),), {"input_names": ["images"], "output_names": ["logits"]}
        torch.onnx.export(whole, example, str(file), dynamo=False, dynamic_axes=axes, **names)


def make(a):
    import torch

    if {"jpeg", "onnx"} & set(a.rows.split(",")):
        # Whatever an earlier call left there is of other images.
        for kind in ("photos", "flat"):
            shutil.rmtree(a.folder / kind, ignore_errors=True)
        folders(a.folder, a.data, a.images)
    for row in a.rows.split(","):
        for name in NETWORKS.get(row, []):
            model = network(name)
            if row == "jpeg":
                torch.save(model.state_dict(), a.folder / f"{name}.pth")
            else:
                export(model, a.folder / f"{name}.onnx", row == "onnx")


def torch_peer(a):
    import torch
    import torchvision
    from torchvision import transforms

    torch.set_num_threads(a.threads)
    wide = torch.contiguous_format if a.way == "eager" else torch.channels_last
    see = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(MEAN, STD)])

    def load():
        with torch.device("meta"):
            model = torchvision.models.resnet50(num_classes=10)
        model.load_state_dict(torch.load(a.folder / "resnet50.pth"), assign=True)
        return model.eval().to(memory_format=wide)

    images = torchvision.datasets.ImageFolder(a.folder / "photos/test", see)
    compiled = None
    if a.way == "compiled":
        compiled = torch.compile(load())
        with torch.inference_mode():
            for n in sorted({min(32, len(images)), len(images) % 32} - {0}, reverse=True):
                compiled(torch.rand(n, 3, 224, 224).contiguous(memory_format=wide))
    start, answers = time.perf_counter(), []
    # Not `or`: a compiled network asks the network for its length.
    model = load() if compiled is None else compiled
    with torch.inference_mode():
        for batch, _ in torch.utils.data.DataLoader(images, 32, num_workers=a.workers):
            answers.append(model(batch.contiguous(memory_format=wide)))
    print(f"median {len(images) / (time.perf_counter() - start):.3f} images/s")
    torch.save(torch.cat(answers), a.folder / "right.pt")


def onnxruntime_peer(a):
    import numpy
    import onnxruntime
    from PIL import Image

    start = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    session = onnxruntime.InferenceSession(str(a.folder / f"{a.network}.onnx"), options, providers=["CPUExecutionProvider"])
    paths = sorted((a.folder / "flat/test").glob("*/*"))
    for begin in range(0, len(paths), a.batch):
        pixels = numpy.stack([numpy.asarray(Image.open(path)) for path in paths[begin : begin + a.batch]])
        pixels = numpy.ascontiguousarray(pixels.transpose(0, 3, 1, 2), numpy.float32)
        session.run(["logits"], {"images": pixels / 255})
    print(f"median {len(paths) / (time.perf_counter() - start):.3f} images/s")


def agreement(a):
    import numpy
    import torch
    from PIL import Image
    from torchvision import transforms

    found = numpy.load(a.found)["logits"]
    if a.network == "photos":
        right = torch.load(a.folder / "right.pt").numpy()
    else:
        model, see = network(a.network), transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
        paths = sorted((a.folder / "flat/test").glob("*/*"))
        with torch.inference_mode():
            right = torch.cat([model(see(Image.open(path))[None]) for path in paths]).numpy()
    print(f"off {numpy.sqrt(((found - right) ** 2).mean()) / right.std():.1e}")


def int8(a):
    import numpy
    import onnxruntime

    images, labels = cifar(a.data, 10_000)
    session, right = onnxruntime.InferenceSession(str(a.file), providers=["CPUExecutionProvider"]), 0
    for begin in range(0, len(labels), 500):
        pixels = numpy.ascontiguousarray(images[begin : begin + 500].transpose(0, 3, 1, 2), numpy.float32)
        right += (session.run(["logits"], {"images": pixels / 255})[0].argmax(1) == labels[begin : begin + 500]).sum()
    print(f"accuracy {100 * right / len(labels):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked = parser.add_subparsers(required=True)
    path = pathlib.Path
    for name, call, arguments in [
        ("make", make, {"folder": path, "rows": str, "images": int, "--data": path}),
        ("torch", torch_peer, {"folder": path, "way": str, "workers": int, "threads": int}),
        ("onnxruntime", onnxruntime_peer, {"folder": path, "network": str, "batch": int, "threads": int}),
        ("agreement", agreement, {"folder": path, "network": str, "found": path}),
        ("int8", int8, {"file": path, "data": path}),
    ]:
        part = asked.add_parser(name)
        part.set_defaults(call=call)
        for key, kind in arguments.items():
            part.add_argument(key, type=kind)
    a = parser.parse_args()
    a.call(a)


if __name__ == "__main__":
    main()

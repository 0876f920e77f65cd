#!/usr/bin/env python3
"""Networks of torchvision and timm on a few small images, in f64, and their own f32 error beside it: names and shapes of all tensors, logits in
evaluation, and one training pass: gradients of sum(logits * wave) and running statistics. Nothing is dropped.

Weights and images follow a formula that the Rust side repeats, so that only samples of the results are stored.
Usage: networks.py > crates/kd2m-cpu/tests/golden/networks.json
Needs torch, torchvision, timm.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import json
import math

import timm
import torch
import torchvision

N, CLASSES, HEIGHT, WIDTH = 3, 7, 65, 49

# Transformers read whole patches; torchvision's are square.
NAMES = {
    "resnet152": None, "wide_resnet50_2": None, "squeezenet1_1": None, "mnasnet1_0": None, "shufflenet_v2_x1_0": None,
    "regnet_y_400mf": None, "regnet_y_800mf": None, "densenet121": None, "convnext_tiny": None, "convnext_atto": None,
    "vit_b_16": (64, 64), "deit_tiny_patch16_224": (80, 48), "deit_small_patch16_224": (48, 32), "vit_tiny_cifar": (32, 32),
}  # fmt: skip


def wave(count, salt):
    """A value for each index in [-1, 1): a multiplicative hash, the same in Rust."""
    index = torch.arange(count, dtype=torch.int64)
    h = ((index + 1) * 2654435761 + salt * 40503) % 4294967296
    h = ((h ^ (h >> 15)) * 2246822519) % 4294967296
    h = h ^ (h >> 13)
    return (h.double() / 2147483648.0 - 1.0).float()


def tensors(model):
    return sorted((k, v) for k, v in model.state_dict().items() if "num_batches" not in k)


def fill(model):
    for salt, (name, tensor) in enumerate(tensors(model)):
        values = wave(tensor.numel(), salt).view(tensor.shape)
        if tensor.dim() == 4:
            values = values * math.sqrt(6.0 / (tensor.shape[1] * tensor.shape[2] * tensor.shape[3]))
        elif tensor.dim() == 2:
            values = values / math.sqrt(tensor.shape[1])
        elif name.endswith(("running_var", "weight")):
            values = 1.0 + 0.2 * values
        else:
            values = 0.1 * values
        tensor.copy_(values.float())


def build(name, sizes, dtype):
    if name == "vit_tiny_cifar":
        model = timm.create_model("deit_tiny_patch16_224", num_classes=CLASSES, img_size=sizes, patch_size=4)
    elif hasattr(torchvision.models, name):
        model = getattr(torchvision.models, name)(num_classes=CLASSES, **({"image_size": sizes[0]} if name.startswith("vit") else {}))
    else:
        model = timm.create_model(name, num_classes=CLASSES, **({"img_size": sizes} if "patch" in name else {}))
    for module in model.modules():
        if hasattr(module, "p") and "rop" in type(module).__name__ or "Depth" in type(module).__name__:
            module.p = 0.0
    with torch.no_grad():
        fill(model)
    return model.to(dtype)


def passes(name, sizes, dtype):
    images = (wave(N * 3 * sizes[0] * sizes[1], 77).view(N, 3, *sizes) * 0.5 + 0.5).to(dtype)
    model = build(name, sizes, dtype)
    with torch.no_grad():
        evaluated = model.eval()(images)
    logits = model.train()(images)
    (logits * wave(N * CLASSES, 99).view(N, CLASSES).to(dtype)).sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return evaluated, logits, gradients, model


def hashed(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) % (1 << 64)
    return h


def sample(tensor):
    flat = tensor.detach().double().flatten()
    return flat[:: max(1, flat.numel() // 12)][:12].tolist()


def spread(names, count=8):
    """Some of them, the first and the last among them."""
    return [names[i * (len(names) - 1) // (count - 1)] for i in range(count)]


def network(name, sizes):
    evaluated, logits, gradients, model = passes(name, sizes, torch.float64)
    _, rough, own, _ = passes(name, sizes, torch.float32)
    state = dict(tensors(model))
    running = [key for key in state if key.endswith("running_var")]
    return {
        "image": sizes,
        "tensors": len(state),
        # Of the sorted lines `KEY SIZE SIZE ...`.
        "names": f"{hashed(''.join(' '.join([key, *map(str, tensor.shape)]) + chr(10) for key, tensor in state.items())):016x}",
        "evaluated": evaluated.flatten().tolist(),
        "trained": logits.flatten().tolist(),
        "trained_error": ((rough.double() - logits).norm() / logits.norm()).item(),
        "gradients": {
            key: {
                "norm": gradients[key].norm().item(), "values": sample(gradients[key]),
                "f32_error": ((own[key].double() - gradients[key]).norm() / gradients[key].norm()).item(),
            } for key in spread([key for key in sorted(gradients) if gradients[key].norm() > 1e-9])
        },
        "running": {key: sample(state[key]) for key in (spread(running, 3) if running else [])},
    }  # fmt: skip


print(json.dumps({
    "torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__,
    "networks": {name: network(name, sizes or (HEIGHT, WIDTH)) for name, sizes in NAMES.items()},
}, separators=(",", ":")))  # fmt: skip

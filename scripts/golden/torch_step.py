#!/usr/bin/env python3
"""One training step of torchvision's ResNet-18 in PyTorch, in f64, and PyTorch's own f32 error beside it.

The images are those among 120 draws whose smallest |input of a ReLU| is largest: a unit whose sign depends on rounding would
change gradients by far more than rounding does, on any side.

Loss: cross entropy + 0.05 * mean over samples of |features|^2, so that gradients enter at both outputs. Weights and images follow
a formula that the Rust side repeats, so that only samples of the results are stored.
Usage: torch_step.py > crates/kd2m/tests/golden/torch_step.json
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import json
import math

import torch
import torchvision


def wave(count, salt):
    """A value for each index in [-1, 1): a multiplicative hash, the same in Rust."""
    index = torch.arange(count, dtype=torch.int64)
    h = ((index + 1) * 2654435761 + salt * 40503) % 4294967296
    h = ((h ^ (h >> 15)) * 2246822519) % 4294967296
    h = h ^ (h >> 13)
    return (h.double() / 2147483648.0 - 1.0).float()


def fill(model):
    for salt, (name, tensor) in enumerate(sorted((k, v) for k, v in model.state_dict().items() if "num_batches" not in k)):
        values = wave(tensor.numel(), salt).view(tensor.shape)
        if tensor.dim() == 4:
            values = values * math.sqrt(6.0 / (tensor.shape[0] * tensor.shape[2] * tensor.shape[3]))
        elif tensor.dim() == 2:
            values = values / math.sqrt(tensor.shape[1])
        elif name.endswith("running_var") or (name.endswith("weight")):
            values = 1.0 + 0.2 * values
        else:
            values = 0.1 * values
        tensor.copy_(values.float())


N = 8


def network(dtype):
    model = torchvision.models.resnet18(num_classes=10)
    with torch.no_grad():
        fill(model)
    return model.to(dtype).train()


def pixels(salt, dtype):
    return (wave(N * 3 * 32 * 32, salt).view(N, 3, 32, 32) * 0.5 + 0.5).to(dtype)


def margin(salt):
    """The smallest |input| of any ReLU."""
    model, smallest = network(torch.float64), []
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
            module.register_forward_pre_hook(lambda _, x: smallest.append(x[0].abs().min().item()))
    with torch.no_grad():
        model(pixels(salt, torch.float64))
    return min(smallest)


SALT = max(range(1000, 1120), key=margin)


def step(dtype):
    model = network(dtype)
    images = pixels(SALT, dtype)
    labels = torch.arange(N)
    head, model.fc = model.fc, torch.nn.Identity()
    features = model(images)
    logits = head(features)
    model.fc = head
    loss = torch.nn.functional.cross_entropy(logits, labels) + 0.05 * (features**2).sum(1).mean()
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4).step()
    return loss, logits, gradients, model.state_dict()


def sample(tensor):
    flat = tensor.detach().double().flatten()
    stride = max(1, flat.numel() // 48)
    return flat[::stride][:48].tolist()


loss, logits, gradients, state = step(torch.float64)
_, _, own, _ = step(torch.float32)
print(json.dumps({
    "torch": torch.__version__, "torchvision": torchvision.__version__,
    "salt": SALT, "margin": margin(SALT), "loss": loss.item(), "logits": logits.flatten().tolist(),
    "parameters": {
        name: {
            "norm": g.norm().item(), "gradient": sample(g), "after": sample(state[name]),
            "f32_error": ((own[name].double() - g).norm() / g.norm()).item(),
        } for name, g in gradients.items()
    },
    "running": {name: sample(t) for name, t in state.items() if "running" in name},
}))

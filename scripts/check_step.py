#!/usr/bin/env python3
"""Gradients of distillation steps: kd2m-cpu and PyTorch's f32, each against PyTorch's f64, from the same weights and batches.

    for seed in 1 2 3 4; do cargo run --release -p kd2m-cpu --example dump_step -- resnet34 resnet18 imagenet 32 16 /tmp/step-$seed $seed; done
    python scripts/check_step.py resnet34 resnet18 imagenet /tmp/step-*

Per tensor: norm of the difference over norm. A ReLU whose input rounds to the other side of zero moves gradients by 1e-3 to 1e-2, for
either side, so a batch counts as clean for a side if its worst tensor is below 1e-3. Passes if ours has clean batches, all of them
within twice PyTorch's own worst clean error or 1e-4, and no batch is off by more than 5e-2.
"""

import pathlib
import sys

import torch
import torchvision
from safetensors.torch import load_file

torch.set_num_threads(2)
teacher_name, student_name, stem, *folders = sys.argv[1:]
read = lambda folder, name: load_file(str(pathlib.Path(folder) / f"{name}.safetensors"))


def network(name, weights, dtype):
    model = getattr(torchvision.models, name)(weights=None, num_classes=10)
    if stem == "cifar":
        model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        model.maxpool = torch.nn.Identity()
    model.load_state_dict(weights, strict=False)
    return model.to(dtype)


def features_and_logits(model, x):
    kept = {}
    hook = model.avgpool.register_forward_hook(lambda _m, _i, out: kept.update(f=out.flatten(1)))
    logits = model(x)
    hook.remove()
    return kept["f"], logits


def step(folder, batch, dtype):
    teacher = network(teacher_name, read(folder, "teacher"), dtype).eval()
    student = network(student_name, read(folder, "student"), dtype).train()
    x = batch["images"].to(dtype)
    with torch.no_grad():
        target, _ = features_and_logits(teacher, x)
    features, logits = features_and_logits(student, x)
    loss = torch.nn.functional.cross_entropy(logits, batch["labels"].long()) + ((features - target) ** 2).mean()
    loss.backward()
    return {k: p.grad.double() for k, p in student.named_parameters()}, features.double().detach(), target.double()


relative = lambda a, b: ((a.double() - b).norm() / b.norm()).item()
worst = {"ours": [], "PyTorch f32": []}
for folder in folders:
    batch, ours = read(folder, "batch"), read(folder, "gradients")
    exact, features, target = step(folder, batch, torch.float64)
    single, features32, target32 = step(folder, batch, torch.float32)
    print(folder)
    print(f"  student features: ours {relative(batch['features'], features):.1e}, PyTorch f32 {relative(features32, features):.1e}")
    print(f"  teacher features: ours {relative(batch['teacher_features'], target):.1e}, PyTorch f32 {relative(target32, target):.1e}")
    for side, gradients in (("ours", ours), ("PyTorch f32", single)):
        errors = sorted(relative(gradients[key], g) for key, g in exact.items())
        worst[side].append(errors[-1])
        print(f"  gradients of {len(errors)} tensors, {side}: worst {errors[-1]:.1e}, median {errors[len(errors) // 2]:.1e}")
clean = {side: [e for e in errors if e < 1e-3] for side, errors in worst.items()}
bound = max(2 * max(clean["PyTorch f32"], default=0.0), 1e-4)
passed = clean["ours"] and max(clean["ours"]) <= bound and max(worst["ours"]) <= 5e-2
print(f"clean batches: ours {len(clean['ours'])}, PyTorch {len(clean['PyTorch f32'])} of {len(folders)}; {'passed' if passed else 'FAILED'}")
sys.exit(not passed)

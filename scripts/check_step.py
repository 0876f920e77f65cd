#!/usr/bin/env python3
"""Gradients of distillation steps: kd2m-cpu and PyTorch's f32, each against PyTorch's f64, from the same weights and batches.

    for seed in 1 2 3 4; do
        cargo run --release -p kd2m-cpu --example dump_step -- resnet34 resnet18 imagenet 32 16 /tmp/margin-$seed $seed margin
        cargo run --release -p kd2m-cpu --example dump_step -- resnet34 resnet18 imagenet 32 16 /tmp/plain-$seed $seed
    done
    python scripts/check_step.py resnet34 resnet18 imagenet /tmp/margin-* /tmp/plain-*

Per tensor: norm of the difference over norm. The gradient is discontinuous where a ReLU's input is zero, and among a million units
some lie within rounding of it: whichever side rounding picks, gradients move by 1e-3 to 1e-2. So the inputs of all ReLUs are looked
at in f64. In a batch none of which lies within 1e-4 deviations of zero, every tensor of ours must be within twice PyTorch's own f32
error or 1e-4; there must be such a batch. Of the other batches the errors are printed beside the count of such units, and must stay
below 5e-2.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import pathlib

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


NEAR = 1e-4


def step(folder, batch, dtype):
    teacher = network(teacher_name, read(folder, "teacher"), dtype).eval()
    student = network(student_name, read(folder, "student"), dtype).train()
    x = batch["images"].to(dtype)
    with torch.no_grad():
        target, _ = features_and_logits(teacher, x)
    near = []

    def look(_module, inputs):
        near.append(int((inputs[0].detach().abs() < NEAR * inputs[0].detach().std()).sum()))

    hooks = [m.register_forward_pre_hook(look) for m in student.modules() if isinstance(m, torch.nn.ReLU)]
    features, logits = features_and_logits(student, x)
    for hook in hooks:
        hook.remove()
    loss = torch.nn.functional.cross_entropy(logits, batch["labels"].long()) + ((features - target) ** 2).mean()
    loss.backward()
    return {k: p.grad.double() for k, p in student.named_parameters()}, features.double().detach(), target.double(), sum(near)


relative = lambda a, b: ((a.double() - b).norm() / b.norm()).item()
strict, passed = 0, True
for folder in folders:
    batch, ours = read(folder, "batch"), read(folder, "gradients")
    exact, features, target, near = step(folder, batch, torch.float64)
    single, features32, target32, _ = step(folder, batch, torch.float32)
    print(f"{folder}: {near} units within {NEAR:.0e} deviations of their kink")
    print(f"  student features: ours {relative(batch['features'], features):.1e}, PyTorch f32 {relative(features32, features):.1e}")
    print(f"  teacher features: ours {relative(batch['teacher_features'], target):.1e}, PyTorch f32 {relative(target32, target):.1e}")
    # Shifts that the next batch norm takes away again have gradients of exactly zero: nothing is measured relative to less than this.
    least = 1e-6 * max(g.norm() for g in exact.values())
    error = lambda a, b: ((a.double() - b).norm() / max(b.norm(), least)).item()
    errors = {key: (error(ours[key], g), error(single[key], g)) for key, g in exact.items()}
    for at, side in enumerate(("ours", "PyTorch f32")):
        sorted_errors = sorted(pair[at] for pair in errors.values())
        print(f"  gradients of {len(errors)} tensors, {side}: worst {sorted_errors[-1]:.1e}, median {sorted_errors[len(errors) // 2]:.1e}")
    bound = lambda theirs: 5e-2 if near else max(2 * theirs, 1e-4)
    beyond = {key: pair for key, pair in errors.items() if not pair[0] <= bound(pair[1])}
    strict += near == 0
    passed &= not beyond
    for key, (own, theirs) in beyond.items():
        print(f"  BEYOND THE BOUND: {key}: ours {own:.1e}, PyTorch f32 {theirs:.1e}")
passed &= strict > 0
print(f"{strict} of {len(folders)} batches held to the strict bound; {'passed' if passed else 'FAILED'}")
sys.exit(not passed)

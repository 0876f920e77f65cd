#!/usr/bin/env python3
"""The distillation step of PyTorch and of kd2m-cpu in alternation: frozen teacher forward, student forward and backward, SGD.

    cargo build --release -p kd2m-cpu --example step
    python scripts/peers/training.py target/release/examples/step [--rounds 3] [--rows imagenet-128,cifar-32] [--bf16] [--compile]

Each row runs every candidate once a round, in its own process, on two threads, random 3×32×32 images, mean squared distance of
features (where widths are equal) plus cross-entropy. Prints medians over the rounds as markdown. Needs torch and torchvision.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys

ROWS = {  # name: teacher, student, stem, batch, steps
    "imagenet-128": ("resnet34", "resnet18", "imagenet", 128, 14),
    "cifar-32": ("resnet34", "resnet18", "cifar", 32, 5),
    "cifar-64": ("resnet34", "resnet18", "cifar", 64, 4),
    "cifar-128": ("resnet34", "resnet18", "cifar", 128, 4),
    "resnet50-64": ("resnet50", "resnet18", "imagenet", 64, 8),
}


def peer(teacher, student, stem, batch, steps, options):
    """PyTorch's side; runs in a process of its own."""
    import time

    import torch
    import torchvision

    torch.set_num_threads(2)
    torch.manual_seed(0)

    def network(name):
        model = getattr(torchvision.models, name)(weights=None, num_classes=10)
        if stem == "cifar":
            model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            model.maxpool = torch.nn.Identity()
        head, model.fc = model.fc, torch.nn.Identity()
        return model, head

    (student_model, head), (teacher_model, _) = network(student), network(teacher)
    teacher_model.eval()
    wide = torch.channels_last if "channels_last" in options else torch.contiguous_format
    student_model, teacher_model = student_model.to(memory_format=wide), teacher_model.to(memory_format=wide)
    optimizer = torch.optim.SGD([*student_model.parameters(), *head.parameters()], lr=0.01, momentum=0.9)
    if "compiled" in options:
        student_model, teacher_model = torch.compile(student_model), torch.compile(teacher_model)
    rates = []
    for _ in range(steps + 2):
        images = torch.rand(batch, 3, 32, 32).contiguous(memory_format=wide)
        labels = torch.randint(0, 10, (batch,))
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled="bf16" in options):
            with torch.no_grad():
                target = teacher_model(images)
            features = student_model(images)
            loss = torch.nn.functional.cross_entropy(head(features).float(), labels)
            if target.shape == features.shape:
                loss = loss + ((features.float() - target.float()) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.append(batch / (time.perf_counter() - start))
    print(statistics.median(rates[2:]))


def run(command):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"failed: {' '.join(map(str, command))}\n{done.stderr[-500:]}", file=sys.stderr)
        return None
    found = re.search(r"median ([0-9.]+) images/s", done.stdout)
    return float(found.group(1) if found else done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", help="the built example `step` of kd2m-cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="imagenet-128,cifar-32,cifar-64")
    parser.add_argument("--bf16", action="store_true", help="PyTorch's bf16 autocast as well")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well (minutes)")
    arguments = parser.parse_args()
    kinds = ["eager", "channels_last"] + ["compiled"] * arguments.compile
    halves = ["bf16", "bf16,channels_last"] * arguments.bf16
    print("| step | " + " | ".join(f"PyTorch {k}" for k in kinds + halves) + " | kd2m | ratio to best f32 | to best bf16 |")
    print("|---" * (len(kinds + halves) + 4) + "|")
    for name in arguments.rows.split(","):
        teacher, student, stem, batch, steps = ROWS[name]
        ours = [arguments.step, teacher, student, stem, 32, batch, steps, 2]
        candidates = {kind: [sys.executable, __file__, "--peer", teacher, student, stem, batch, steps, kind] for kind in kinds + halves}
        candidates["kd2m"] = ours
        rates = {kind: [] for kind in candidates}
        for _ in range(arguments.rounds):
            for kind, command in candidates.items():
                rate = run([str(part) for part in command])
                rates[kind] += [rate] if rate else []
        median = {kind: statistics.median(values) if values else float("nan") for kind, values in rates.items()}
        ratio = lambda among: f"**{median['kd2m'] / max(median[k] for k in among):.2f}**" if among else "–"
        cells = [f"{median[k]:.0f}" for k in kinds + halves + ["kd2m"]]
        print(f"| {teacher} → {student}, {stem} stem, batch {batch} | " + " | ".join([*cells, ratio(kinds), ratio(halves)]) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        teacher, student, stem, batch, steps, options = sys.argv[2:8]
        peer(teacher, student, stem, int(batch), int(steps), options.split(","))
    else:
        main()

#!/usr/bin/env python3
"""The distillation step of PyTorch and of kd2m-cpu in alternation: frozen teacher forward, student forward and backward, SGD.

    cargo build --release -p kd2m-cpu --example step
    python scripts/peers/training.py target/release/examples/step [--rows imagenet-128,cifar-32] [--rounds 2]
        [--compile] [--bf16] [--avx2] [--threads 2] [--results FILE]

Each row runs every candidate once a round, in its own process, on random images, with the mean squared distance of the features
(where widths are equal) plus cross-entropy. Prints medians over the rounds as markdown: images a second, ratios, peak memory of
the process (maximum resident set), and the share of the limit that the processor's multiply–adds set. `--results` keeps what was
measured, so that a table can be made row by row. Rows of a network alone at 224 (`NAME-alone-BATCH`) have onnxruntime beside them.
Needs torch, torchvision and timm; those rows onnx and onnxruntime.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

ROWS = {  # name: teacher, student ("-": the teacher alone), stem, size of the images, batch, steps
    "imagenet-128": ("resnet34", "resnet18", "imagenet", "32", 128, 14),
    "cifar-32": ("resnet34", "resnet18", "cifar", "32", 32, 5),
    "cifar-64": ("resnet34", "resnet18", "cifar", "32", 64, 4),
    "cifar-128": ("resnet34", "resnet18", "cifar", "32", 128, 3),
    "resnet50-128": ("resnet50", "resnet18", "imagenet", "32", 128, 8),
    "resnet32x4-64": ("resnet32x4", "resnet8x4", "imagenet", "32", 64, 6),
    "wrn-64": ("wrn_40_2", "wrn_16_2", "imagenet", "32", 64, 8),
    "mlp-128": ("mlp-5", "mlp-3", "imagenet", "1x28", 128, 300),
    "teacher-32": ("resnet34", "-", "imagenet", "32", 128, 20),
    "teacher-224": ("resnet34", "-", "imagenet", "224", 16, 5),
    "imagenet-8": ("resnet34", "resnet18", "imagenet", "32", 8, 40),
    "imagenet-32": ("resnet34", "resnet18", "imagenet", "32", 32, 30),
    "imagenet-512": ("resnet34", "resnet18", "imagenet", "32", 512, 6),
    "resnet8x4-64": ("resnet8x4", "resnet8x4", "imagenet", "32", 64, 12),
    "resnet8-64": ("resnet8", "resnet8", "imagenet", "32", 64, 30),
    "mobilenet_v3-32": ("mobilenet_v3_large", "mobilenet_v3_small", "imagenet", "224", 32, 5),
    "efficientnet-32": ("efficientnet_b0", "mobilenet_v2", "imagenet", "224", 32, 4),
    "resnet50-mobilenet_v2-32": ("resnet50", "mobilenet_v2", "imagenet", "224", 32, 4),
    "convnext-16": ("convnext_tiny", "mobilenet_v2", "imagenet", "224", 16, 4),
    "deit-16": ("deit_small_patch16_224", "deit_tiny_patch16_224", "imagenet", "224", 16, 4),
    "MobileNetV2-64": ("MobileNetV2", "MobileNetV2", "imagenet", "32", 64, 20),
    "ShuffleV2-64": ("ShuffleV2", "ShuffleV2", "imagenet", "32", 64, 20),
}
ALONE = "mobilenet_v3_large mobilenet_v3_small mobilenet_v2 efficientnet_b0 resnet50 convnext_tiny".split()
ALONE += ["deit_small_patch16_224", "deit_tiny_patch16_224"]
# Inference beside onnxruntime: a batch's images one by one and sixteen at once.
ROWS |= {f"{name}-alone-{batch}": (name, "-", "imagenet", "224", batch, 64 // batch) for name in ALONE for batch in (1, 16)}


AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "KD2M_ISA": "avx2"}


def network(name, stem, channels, side):
    """A network of the zoo in PyTorch: what makes its features, and its classifier."""
    import torch

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    import zoo_reference

    model = zoo_reference.build(name, channels, side, classes=10)
    if stem == "cifar":
        model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        model.maxpool = torch.nn.Identity()
    # `fc`, `classifier.3`, `head`: each family calls its classifier something else, but it is the last linear layer of all.
    path, head = [(path, module) for path, module in model.named_modules() if isinstance(module, torch.nn.Linear)][-1]
    parent, _, last = path.rpartition(".")
    setattr(model.get_submodule(parent), last, torch.nn.Identity())
    return model, head


def runtime(name, stem, size, batch, steps, threads):
    """onnxruntime's side of a network alone, from PyTorch's own export; runs in a process of its own."""
    import tempfile
    import time

    import numpy as np
    import onnxruntime
    import torch

    channels, side = map(int, size.split("x")) if "x" in size else (3, int(size))
    model = torch.nn.Sequential(*network(name, stem, channels, side)).eval()
    images = torch.rand(batch, channels, side, side)
    with tempfile.TemporaryDirectory() as folder:
        torch.onnx.export(model, (images,), f"{folder}/model.onnx", dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options, providers=["CPUExecutionProvider"])
    rates, called = [], session.get_inputs()[0].name
    for _ in range(steps + 2):
        images = np.random.default_rng(0).random(images.shape, np.float32)
        start = time.perf_counter()
        session.run(None, {called: images})
        rates.append(batch / (time.perf_counter() - start))
    print(statistics.median(rates[2:]))


def peer(teacher, student, stem, size, batch, steps, threads, options):
    """PyTorch's side; runs in a process of its own."""
    import time

    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    channels, side = map(int, size.split("x")) if "x" in size else (3, int(size))
    if "onnxruntime" in options:
        return runtime(teacher, stem, size, batch, steps, threads)
    wide = torch.channels_last if "channels_last" in options else torch.contiguous_format
    teacher_model = network(teacher, stem, channels, side)[0].to(memory_format=wide).eval()
    compiled = torch.compile if "compiled" in options else lambda model: model
    if student != "-":
        student_model, head = network(student, stem, channels, side)
        student_model = student_model.to(memory_format=wide)
        optimizer = torch.optim.SGD([*student_model.parameters(), *head.parameters()], lr=0.01, momentum=0.9)
        student_model = compiled(student_model)
    teacher_model = compiled(teacher_model)
    rates = []
    for _ in range(steps + 2):
        images = torch.rand(batch, channels, side, side).contiguous(memory_format=wide)
        labels = torch.randint(0, 10, (batch,))
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled="bf16" in options):
            with torch.no_grad():
                target = teacher_model(images)
            if student != "-":
                features = student_model(images)
                loss = torch.nn.functional.cross_entropy(head(features).float(), labels)
                if target.shape == features.shape:
                    loss = loss + ((features.float() - target.float()) ** 2).mean()
        if student != "-":
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        rates.append(batch / (time.perf_counter() - start))
    print(statistics.median(rates[2:]))


def run(command, environment):
    """Images a second, peak memory in MB, and what was printed; none if it failed."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    process = subprocess.Popen(
        [str(part) for part in command], env=inherited | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        print(f"failed: {' '.join(map(str, command))}\n{err[-500:]}", file=sys.stderr)
        return None
    found = re.search(r"median ([0-9.]+) images/s", out)
    return float(found.group(1) if found else out.strip().splitlines()[-1]), usage.ru_maxrss / 1024, out


def measure(arguments, name):
    """Runs every candidate of a row in alternation and returns its medians."""
    teacher, student, stem, size, batch, steps = ROWS[name]
    kinds = ["eager", "channels_last"] + ["compiled"] * arguments.compile + ["onnxruntime"] * ("-alone-" in name)
    halves = ["bf16", "bf16,channels_last"] * arguments.bf16
    common = [teacher, student, stem, size, batch, steps, arguments.threads]
    candidates = {kind: [sys.executable, __file__, "--peer", *common, kind] for kind in kinds + halves}
    candidates["kd2m"] = [arguments.step, *common]
    environment = AVX2 if arguments.avx2 else {}
    rates, memory, text = {kind: [] for kind in candidates}, {}, ""
    for _ in range(arguments.rounds):
        for kind, command in candidates.items():
            found = run(command, environment)
            if found:
                rates[kind].append(found[0])
                memory[kind] = max(memory.get(kind, 0), found[1])
                text = found[2] if kind == "kd2m" else text
    row = {kind: statistics.median(values) for kind, values in rates.items() if values}
    limit = re.search(r"limit ([0-9.]+) images/s", text)
    return {"rates": row, "memory": memory, "limit": float(limit.group(1)) if limit else None, "text": text}


def title(name, avx2, threads):
    """What a row is called in tables."""
    teacher, student, stem, size, batch, _ = ROWS[name]
    pair = f"{teacher} alone" if student == "-" else f"{teacher} → {student}"
    stems = f", {stem} stem" if teacher in ("resnet34", "resnet50") and size != "224" else ""
    sizes = f" at {size}×{size}" if size == "224" else ""
    return f"{pair}{stems}{sizes}, batch {batch}" + ", AVX2" * avx2 + (f", {threads} thread" if threads != 2 else "")


def show(called, row):
    """One line of the table; a dash for what failed."""
    rates, memory = row["rates"], row["memory"]
    ours = rates.get("kd2m")
    best = lambda half: max((rate for kind, rate in rates.items() if kind != "kd2m" and ("bf16" in kind) == half), default=None)
    number = lambda rate: "–" if rate is None else f"{rate:.0f}" if rate >= 100 else f"{rate:.1f}"
    ratio = lambda rate: "–" if None in (rate, ours) else f"**{ours / rate:.2f}**"
    plain = [rates.get(kind) for kind in ("eager", "channels_last")]
    compiled = max((rate for kind, rate in rates.items() if kind.startswith("compiled")), default=None)
    peers = min((memory[kind] for kind in memory if kind != "kd2m"), default=None)
    size = lambda megabytes: "–" if megabytes is None else f"{megabytes:.0f}"
    cells = [number(rate) for rate in (*plain, compiled, best(True), rates.get("onnxruntime"), ours)]
    cells += [ratio(best(False)), ratio(best(True)), f"{size(memory.get('kd2m'))} / {size(peers)}"]
    cells += [f"{row['limit']:.0f} ({100 * ours / row['limit']:.0f} %)" if row["limit"] and ours else "–"]
    print(f"| {called} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", help="the built example `step` of kd2m-cpu")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", default="imagenet-128,cifar-32,cifar-64", help="or `none`, to print --results alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="PyTorch's bf16 autocast as well")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well (minutes)")
    parser.add_argument("--avx2", action="store_true", help="all sides without AVX-512")
    parser.add_argument("--results", type=pathlib.Path, help="JSON to which rows are added and from which the table is printed")
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text()) if arguments.results and arguments.results.exists() else {}
    for name in arguments.rows.split(",") if arguments.rows != "none" else []:
        results[title(name, arguments.avx2, arguments.threads)] = measure(arguments, name)
        if arguments.results:
            arguments.results.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    heads = "step|PyTorch eager|channels_last|compiled|bf16|onnxruntime|kd2m|to best f32|to best bf16|MB, kd2m / least of the others|limit (reached)"
    print("| " + heads.replace("|", " | ") + " |\n" + "|---" * 11 + "|")
    # Not `title`: that is the function above, which a variable of this name would hide in all of main.
    for called, row in results.items():
        show(called, row)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        teacher, student, stem, size, batch, steps, threads, options = sys.argv[2:10]
        peer(teacher, student, stem, size, int(batch), int(steps), int(threads), options.split(","))
    else:
        main()

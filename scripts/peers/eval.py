#!/usr/bin/env python3
"""Trained networks at work: `kd2m eval` beside PyTorch and onnxruntime, the ONNX runtime behind it beside tract, int8 beside f32.

    cargo build --release
    python scripts/compare-peers eval target/release/kd2m --data cifar-10-binary.tar.gz [--rows jpeg,onnx,runtime,int8]
        [--images 128] [--rounds 3] [--threads 2] [--runtimes PROGRAM] [--keep DIR] [--results FILE]

Parts, each measured in alternation, medians over the rounds:

- `jpeg`: ResNet-50 at 224 from a file of weights and a folder of JPEGs (test images of CIFAR-10 enlarged to 500 × 376, with a camera's
  grain; without --data waves) to the answers. kd2m: the whole process. PyTorch: torchvision's ImageFolder in a DataLoader, eager,
  channels_last and torch.compile under inference_mode; imports and compiling are left out.
- `onnx`: the same network and MobileNetV2 as ONNX in f32, from the file and uncompressed images of 224 to the answers. kd2m: the whole
  process. onnxruntime: batches of 1, 8 and 32; imports are left out.
- `runtime`: ViT-tiny and ConvNeXt-atto, which are no graphs of kd2m's, by rten, which runs them, and by tract: batches of 16, the network
  alone, in one program (scripts/peers/runtimes, built here by cargo in some minutes, or --runtimes).
- `int8`: a teacher and its student of over a million parameters each, trained on CIFAR-10 by kd2m, as ONNX in f32 and on eight bits:
  sizes, and accuracies by kd2m and by onnxruntime. Needs --data.

Beside the speeds stands the rms difference of the logits from PyTorch's (of tract's from rten's) over their spread. Needs torch,
torchvision, timm, onnx, onnxruntime, pillow. --small: a few images, to see that everything runs.
"""

import argparse
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SIDES = [sys.executable, HERE / "eval_sides.py"]
WAYS = [("eager", 2), ("channels_last", 0), ("channels_last", 2), ("compiled", 0), ("compiled", 2)]
ONNX = {"resnet50": "ResNet-50", "mobilenet_v2": "MobileNetV2"}
RUNTIME = {"vit_tiny_patch16_224": "ViT-tiny", "convnext_atto": "ConvNeXt-atto"}
GOALS = {"jpeg": 1.5, "onnx": 1.0}
PASS = "kd2m, without start and reading"
TEACHER, STUDENT = "resnet18", "mobilenet_v2"


def run(command, must=False):
    """What a command printed, and its seconds; none if it failed, which is said, and is the end where it must not."""
    start = time.perf_counter()
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    spent = time.perf_counter() - start
    if ran.returncode == 0:
        return ran.stdout, spent
    print(f"failed: {' '.join(map(str, command))}\n{ran.stderr[-800:]}", file=sys.stderr)
    if must:
        sys.exit(1)
    return None


def number(pattern, printed):
    found = re.search(pattern, printed[0]) if printed else None
    return float(found.group(1)) if found else None


def alternate(a, ours, peers):
    """Median images a second: kd2m's by the clock around its process, and of its evaluation alone; a peer's as it prints it."""
    rates = {name: [] for name in ["kd2m", PASS, *peers]}
    for _ in range(a.rounds):
        done = run(ours)
        found = json.loads(done[0]) if done else {}
        # As many as it looked at: a folder that was kept may hold others than were asked for now.
        rates["kd2m"] += [found["images"] / done[1]] if done else []
        rates[PASS] += [found["images_per_second"]] if done else []
        for name, command in peers.items():
            rate = number(r"median ([0-9.]+) images/s", run(command))
            rates[name] += [rate] if rate else []
    return {name: statistics.median(found) for name, found in rates.items() if found}


def compare(a, folder, asked, network, peers):
    """A row: speeds of `kd2m eval` and its peers, then how far the logits are from PyTorch's."""
    rates, out = alternate(a, [a.kd2m, "eval", *asked, "--json"], peers), folder / "found.npz"
    same = run([a.kd2m, "features", *asked, "--split", "test", "--out", out])
    off = number(r"off ([0-9.e+-]+)", run([*SIDES, "agreement", folder, network, out])) if same else None
    return {"rates": rates, "off": off}


def jpeg(a, folder):
    asked = [folder / "resnet50.pth", "--model", "resnet50", "--preset", "imagenet", "--threads", a.threads]
    asked += ["--data", f"folder:{folder / 'photos'}@crop256"]
    peers = {f"{way}, {workers} workers": [*SIDES, "torch", folder, way, workers, a.threads] for way, workers in WAYS}
    return {f"ResNet-50 at 224, {a.images} JPEGs": compare(a, folder, asked, "photos", peers)}


def onnx(a, folder):
    found = {}
    for name, title in ONNX.items():
        asked = [f"onnx:{folder / name}.onnx", "--threads", a.threads, "--data", f"folder:{folder / 'flat'}"]
        peers = {f"onnxruntime, batch {n}": [*SIDES, "onnxruntime", folder, name, n, a.threads] for n in (1, 8, 32)}
        found[f"{title} as ONNX, {a.images} images"] = compare(a, folder, asked, name, peers)
    return found


def runtime(a, folder):
    program = a.runtimes
    if not program:
        built = shutil.copytree(HERE / "runtimes", folder / "runtimes", dirs_exist_ok=True)
        where = ["--manifest-path", built / "Cargo.toml", "--target-dir", folder / "target"]
        run(["cargo", "build", "--release", "--quiet", *where], must=True)
        program = folder / "target/release/runtimes"
    found, batch = {}, 2 if a.small else 16
    for name, title in RUNTIME.items():
        printed = run([program, folder / f"{name}.onnx", batch, a.threads, 1 if a.small else 7])
        rates = {which: number(rf"{which}: ([0-9.]+) images/s", printed) for which in ("rten", "tract")}
        found[f"{title} at 224, batch {batch}"] = {**rates, "off": number(r"off ([0-9.e+-]+)", printed)}
    return found


def int8(a, folder):
    if not a.data:
        sys.exit("int8 trains on CIFAR-10: give its archive as --data")
    out, common = folder / "run", ["--data-root", a.data.resolve().parent, "--threads", a.threads]
    keys = ["data.dataset=cifar10", f"teacher.model={TEACHER}", f"student.model={STUDENT}", "train.batch_size=64", "optim.lr=0.02"]
    keys += [f"data.train_limit={1000 if a.small else 20000}", f"train.epochs={1 if a.small else 4}", "train.seeds=[1]"]
    asked = ["--criterion", "hinton", "--no-baseline", "--allow-weak-teacher", "--quiet", "--overwrite", "--out", out]
    run([a.kd2m, "distill", *asked, *common, *(part for key in keys for part in ("--set", key))], must=True)
    found = {}
    for which, model in (("--teacher", TEACHER), ("--arm=hinton", STUDENT)):
        row = {}
        for kind in ("onnx", "onnx-int8"):
            file = folder / f"{model}-{kind}.onnx"
            file.unlink(missing_ok=True)
            run([a.kd2m, "export", out, which, "--format", kind, "--out", file, *common], must=True)
            ours = run([a.kd2m, "eval", f"onnx:{file}", "--data", "cifar10", "--json", *common], must=True)
            theirs = number(r"accuracy ([0-9.]+)", run([*SIDES, "int8", file, a.data]))
            row[kind] = {"bytes": file.stat().st_size, "kd2m": json.loads(ours[0])["accuracy"], "onnxruntime": theirs}
        listed = run([a.kd2m, "list", "models", model, "--classes", 10, "--json"], must=True)
        parameters = number('"parameters": ?([0-9]+)', listed)
        found[f"{model}, {parameters / 1e6:.1f} M parameters"] = row
    return found


def figure(value, form):
    return "–" if value is None else format(value, form)


def show(results):
    """Speeds beside the best peer's, runtimes beside each other, sizes and accuracies."""
    speeds = [(GOALS[part], title, row) for part in GOALS for title, row in results.get(part, {}).items()]
    if speeds:
        heads = ["images a second", "kd2m", "without start and reading", "best peer", "ratio (goal)", "logits off", "all peers"]
        print(f"| {' | '.join(heads)} |\n|---|--:|--:|--:|--:|--:|---|")
    for goal, title, row in speeds:
        ours, alone = row["rates"].get("kd2m"), row["rates"].get(PASS)
        peers = {name: rate for name, rate in row["rates"].items() if name not in ("kd2m", PASS)}
        best = max(peers, key=peers.get, default=None)
        ratio = f"**{ours / peers[best]:.2f}** (≥ {goal})" if ours and best else "–"
        listed = "; ".join(f"{name}: {rate:.1f}" for name, rate in peers.items())
        against = f"{peers[best]:.1f} ({best})" if best else "–"
        print(f"| {title} | {figure(ours, '.1f')} | {figure(alone, '.1f')} | {against} | {ratio} | {figure(row['off'], '.0e')} | {listed or '–'} |")
    if results.get("runtime"):
        print("\n| images a second | rten | tract | ratio | logits off |\n|---|--:|--:|--:|--:|")
    for title, row in results.get("runtime", {}).items():
        rten, tract = row["rten"], row["tract"]
        ratio = f"**{rten / tract:.2f}**" if rten and tract else "–"
        print(f"| {title} | {figure(rten, '.1f')} | {figure(tract, '.1f')} | {ratio} | {figure(row['off'], '.0e')} |")
    if results.get("int8"):
        heads = ["CIFAR-10, int8 beside f32", "size (≤ 0.27)", "f32 %: kd2m / onnxruntime", "int8 %: kd2m / onnxruntime", "points lost (≤ 1)"]
        print(f"\n| {' | '.join(heads)} |\n|---|--:|--:|--:|--:|")
    for title, row in results.get("int8", {}).items():
        plain, eight = row["onnx"], row["onnx-int8"]
        both = [f"{side['kd2m']:.2f} / {figure(side['onnxruntime'], '.2f')}" for side in (plain, eight)]
        lost = [plain[by] - eight[by] for by in ("kd2m", "onnxruntime") if plain[by] is not None and eight[by] is not None]
        print(f"| {title} | {eight['bytes'] / plain['bytes']:.3f} | {' | '.join(both)} | {max(lost):.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kd2m", type=pathlib.Path, help="the program")
    parser.add_argument("--data", type=pathlib.Path, help="cifar-10-binary.tar.gz")
    parser.add_argument("--rows", default="jpeg,onnx,runtime,int8", help="or `none`, to print --results alone")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runtimes", type=pathlib.Path, help="the built program of scripts/peers/runtimes")
    parser.add_argument("--small", action="store_true", help="to see that it runs")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for all files; inputs that were made there are taken")
    parser.add_argument("--results", type=pathlib.Path, help="JSON to which rows are added and from which the tables are printed")
    a = parser.parse_args()
    if a.small:
        a.images, a.rounds = min(a.images, 8), 1
    parts = {"jpeg": jpeg, "onnx": onnx, "runtime": runtime, "int8": int8}
    rows = a.rows.split(",") if a.rows != "none" else []
    if unknown := set(rows) - set(parts):
        sys.exit(f"there is no part {', '.join(sorted(unknown))}: {', '.join(parts)}")
    results = json.loads(a.results.read_text()) if a.results and a.results.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = (a.keep or pathlib.Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / "made"
        open_rows = [row for row in rows if row not in (made.read_text().split() if made.exists() else [])]
        if open_rows:
            run([*SIDES, "make", folder, ",".join(open_rows), a.images, *(["--data", a.data] if a.data else [])], must=True)
            made.write_text(" ".join(rows))
        for row in rows:
            results[row] = parts[row](a, folder)
            if a.results:
                a.results.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    show(results)


if __name__ == "__main__":
    main()

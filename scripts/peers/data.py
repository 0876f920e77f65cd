#!/usr/bin/env python3
"""Images from disk into batches: kd2m's loader beside torchvision's ImageFolder and transforms v2 in a DataLoader.

    cargo build --release -p kd2m-data --example loader_speed
    python scripts/compare-peers data target/release/examples/loader_speed [--images 20000] [--rounds 3] [--threads 2]
        [--photos DIR …] [--keep DIR] [--small] [--results FILE] [--step target/release/examples/loader_share]

JPEGs of about 500 × 375 are made from photographs that scikit-image, scikit-learn and matplotlib ship (or of --photos): other parts of them,
mirrored, with a camera's grain, at qualities from 75 to 95. Every side cuts a random part out (RandomResizedCrop, scale from 0.08), resizes it
to 224 (bilinear, antialiased), mirrors half of them and gives floats in 0…1, in batches of 128; as many workers as kd2m has threads.

- kd2m: batches from all images, the first look at the files left out and given beside it.
- torchvision, PIL: the files opened by Pillow, transformed, then turned into tensors.
- torchvision, tensors: torchvision.io decodes, the transforms run on tensors of bytes.

With --step (cargo build --release -p kd2m --example loader_share) what loading costs a training step of resnet18 at 224: steps in batches of 32 that
are loaded meanwhile, in turn with steps on a batch that is there, and the share of a step that waits for its batch.

Sides take turns; medians over the rounds. Then the most memory of kd2m's process with all images and with a tenth of them. Needs torch,
torchvision, pillow, numpy. --small: a few images, to see that everything runs.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SIDES = [sys.executable, HERE / "data_sides.py"]
PEERS = {"torchvision, PIL": "pil", "torchvision, tensors": "tensors"}
SIDE, BATCH, AUGMENT, GOAL, MOST_GROWTH = 224, 128, "resized-crop:0.08+flip", 1.5, 1.05
MODEL, STEP_BATCH, STEPS, MOST_SHARE = "resnet18", 32, 20, 5


def run(command, must=False):
    """What a command printed; nothing if it failed, which is said, and is the end where it must not."""
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if ran.returncode == 0:
        return ran.stdout
    print(f"failed: {' '.join(map(str, command))}\n{ran.stderr[-800:]}", file=sys.stderr)
    if must:
        sys.exit(1)
    return ""


def number(pattern, printed):
    found = re.search(pattern, printed)
    return float(found.group(1)) if found else None


def measure(a, folder):
    ours = [a.program, folder / "all", SIDE, AUGMENT, BATCH, 1, a.threads]
    rates, looks, peaks = {name: [] for name in ["kd2m", *PEERS]}, [], []
    for _ in range(a.rounds):
        printed = run(ours)
        looks.append(number(r"first look ([0-9.]+) s", printed))
        peaks.append(number(r"peak ([0-9.]+) MB", printed))
        rates["kd2m"].append(number(r"median ([0-9.]+) images/s", printed))
        for name, way in PEERS.items():
            rates[name].append(number(r"median ([0-9.]+) images/s", run([*SIDES, way, folder / "all", SIDE, BATCH, a.threads])))
    few = number(r"peak ([0-9.]+) MB", run([a.program, folder / "few", *ours[2:]]))
    side, steps = (32, 2) if a.small else (SIDE, STEPS)
    step = run([a.step, folder / "all", side, MODEL, STEP_BATCH, steps, max(a.rounds, 1)]) if a.step else ""
    median = lambda found: statistics.median(kept) if (kept := [x for x in found if x is not None]) else None
    return {
        "images": a.images,
        "rates": {name: median(found) for name, found in rates.items()},
        "look": median(looks),
        "peak": median(peaks),
        "peak_few": few,
        "step": {
            "with": number(r"step ([0-9.]+) ms", step),
            "without": number(r"without loading ([0-9.]+) ms", step),
            "loading": number(r"loading (-?[0-9.]+) %", step),
            "waiting": number(r"waiting ([0-9.]+) %", step),
        },
    }


def figure(value, form):
    return "–" if value is None else format(value, form)


def show(row):
    rates = row["rates"]
    peers = {name: rate for name, rate in rates.items() if name != "kd2m" and rate}
    best, ours = max(peers, key=peers.get, default=None), rates.get("kd2m")
    print("| images a second, JPEGs to 224, cut, resized, mirrored | kd2m | " + " | ".join(PEERS) + " | ratio (goal) |")
    print("|---|--:|" + "--:|" * (len(PEERS) + 1))
    ratio = f"**{ours / peers[best]:.2f}** (≥ {GOAL})" if ours and best else "–"
    print(f"| {row['images']} files | {figure(ours, '.0f')} | " + " | ".join(figure(rates.get(name), ".0f") for name in PEERS) + f" | {ratio} |")
    growth = row["peak"] / row["peak_few"] if row["peak"] and row["peak_few"] else None
    print("\n| kd2m | first look | most memory | with a tenth of the files | growth (goal) |\n|---|--:|--:|--:|--:|")
    memory = [f"{figure(row[key], '.0f')} MB" for key in ("peak", "peak_few")]
    growth = f"**{figure(growth, '.3f')}** (≤ {MOST_GROWTH})"
    print(f"| {row['images']} files | {figure(row['look'], '.1f')} s | {' | '.join(memory)} | {growth} |")
    step = row.get("step") or {}
    if step.get("with"):
        print(f"\n| a step of {MODEL} at {SIDE}, batches of {STEP_BATCH} | with loading | without | loading (goal) | waits for a batch |\n|---|--:|--:|--:|--:|")
        times = [f"{step[key]:.1f} ms" for key in ("with", "without")]
        print(f"| kd2m | {' | '.join(times)} | **{step['loading']:.2f} %** (< {MOST_SHARE} %) | {step['waiting']:.2f} % |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="the example loader_speed of kd2m-data")
    parser.add_argument("--images", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--photos", type=pathlib.Path, nargs="+", default=[], help="folders of photographs to make them from")
    parser.add_argument("--small", action="store_true", help="to see that it runs")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the images; those that were made there are taken")
    parser.add_argument("--step", type=pathlib.Path, help="the example loader_share of kd2m: what loading costs a training step")
    parser.add_argument("--results", type=pathlib.Path, help="JSON in which the figures are kept; with --rounds 0 they are printed from it")
    a = parser.parse_args()
    if a.small:
        a.images, a.rounds = min(a.images, 300), min(a.rounds, 1)
    if a.rounds == 0:
        return show(json.loads(a.results.read_text()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = (a.keep or pathlib.Path(temporary)).resolve()
        made = folder / f"made-{a.images}"
        if not made.exists():
            run([*SIDES, "make", folder, a.images, *a.photos], must=True)
            made.touch()
        found = measure(a, folder)
        if a.results:
            a.results.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    show(found)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The whole distillation step on CIFAR-10, loader and W2 criterion included, of PyTorch and of kd2m in alternation, and its parts.

    cargo build --release -p kd2m --example whole_step
    python scripts/peers/whole.py target/release/examples/whole_step DATA_ROOT [--rows imagenet-128,cifar-32] [--rounds 2]
        [--workers 0,2] [--threads 2] [--avx2] [--results FILE]

Both sides read the same images (DATA_ROOT/cifar-10-binary.tar.gz or cifar-10-batches-bin/), crop with a padding of 4, flip, run
teacher and student, and step by SGD on cross-entropy + 1e-4 · W2 of the batch's features. PyTorch's side is what the paper's code
does: torchvision's transforms in a DataLoader (with so many --workers), POT's `ot.dist` and `ot.emd2` with the gradient through the
cost. Prints medians over the rounds as markdown: images a second, then milliseconds of each part and its share of the step. Needs
torch, torchvision and pot.
"""

import argparse
import json
import pathlib
import re
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import training

PARTS = ("loader", "teacher", "student forward", "criterion", "student backward and optimizer")
WARM_UP = 3


def images_of(root):
    """CIFAR-10's training images `[n, 32, 32, 3]` and labels, from the official binary layout."""
    import tarfile

    import numpy

    folder = pathlib.Path(root)
    names = [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)]
    if (folder / names[0]).exists():
        files = [(folder / name).read_bytes() for name in names]
    else:
        with tarfile.open(folder / "cifar-10-binary.tar.gz") as archive:
            files = [archive.extractfile(name).read() for name in names]
    records = numpy.frombuffer(b"".join(files), numpy.uint8).reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0].astype("int64")


def batches(root, batch, steps, workers):
    """A DataLoader with torchvision's transforms of single images, as most training code has it."""
    import torch
    from PIL import Image
    from torchvision import transforms

    images, labels = images_of(root)
    change = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
        ]
    )

    class Cifar(torch.utils.data.Dataset):
        def __len__(self):
            return min(len(labels), batch * steps)

        def __getitem__(self, index):
            return change(Image.fromarray(images[index])), int(labels[index])

    return torch.utils.data.DataLoader(Cifar(), batch, shuffle=True, num_workers=workers, drop_last=True)


def peer(teacher, student, stem, batch, steps, threads, layout, workers, root):
    """PyTorch's side; runs in a process of its own."""
    import time

    import ot
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    wide = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    taught_by = training.network(teacher, stem, 3, 32)[0].to(memory_format=wide).eval()
    model, head = training.network(student, stem, 3, 32)
    model = model.to(memory_format=wide)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.01, momentum=0.9)
    weights = torch.full((batch,), 1 / batch)
    times = []
    start = time.perf_counter()
    for images, labels in batches(root, batch, steps + WARM_UP, workers):
        images = images.to(memory_format=wide)
        marks = [time.perf_counter()]
        with torch.no_grad():
            target = taught_by(images)
        marks.append(time.perf_counter())
        features = model(images)
        logits = head(features)
        marks.append(time.perf_counter())
        # Leaves, so that the criterion's own gradient is timed with it and not with the network's.
        given = [features.detach().requires_grad_(), logits.detach().requires_grad_()]
        loss = torch.nn.functional.cross_entropy(given[1], labels)
        if target.shape == features.shape:
            loss = loss + 1e-4 * ot.emd2(weights, weights, ot.dist(given[0], target))
        loss.backward()
        marks.append(time.perf_counter())
        roots = [(root, leaf.grad) for root, leaf in zip((features, logits), given) if leaf.grad is not None]
        optimizer.zero_grad()
        torch.autograd.backward([root for root, _ in roots], [gradient for _, gradient in roots])
        optimizer.step()
        marks.append(time.perf_counter())
        times.append([end - begin for begin, end in zip([start, *marks], marks)])
        start = time.perf_counter()
    times = times[WARM_UP:]
    whole = statistics.median(sum(parts) for parts in times)
    print(f"median {batch / whole:.1f} images/s")
    for name, values in zip(PARTS, zip(*times)):
        print(f"part {name}: {1e3 * statistics.median(values):.3f} ms, {100 * statistics.median(values) / whole:.2f} %")


def measure(arguments, name):
    """Runs every candidate of a row in alternation: images a second of each, and the parts of its last run."""
    teacher, student, stem, size, batch, steps = training.ROWS[name]
    if student == "-" or size != "32":
        sys.exit(f"row {name} has no student or other images than CIFAR-10's")
    common = [teacher, student, stem, batch, steps, arguments.threads]
    candidates = {
        f"{layout}, {workers} workers": [sys.executable, __file__, "--peer", *common, layout, workers, arguments.data]
        for layout in ("eager", "channels_last")
        for workers in arguments.workers.split(",")
    }
    candidates["kd2m"] = [arguments.step, *common, arguments.data]
    rates, memory, parts = {kind: [] for kind in candidates}, {}, {}
    for _ in range(arguments.rounds):
        for kind, command in candidates.items():
            found = training.run(command, training.AVX2 if arguments.avx2 else {})
            if found:
                rates[kind].append(found[0])
                memory[kind] = max(memory.get(kind, 0), found[1])
                lines = re.findall(r"part (.+): ([0-9.]+) ms, ([0-9.]+) %", found[2])
                parts[kind] = {part: (float(ms), float(share)) for part, ms, share in lines}
                parts[kind]["alone"] = re.findall(r"loader alone: ([0-9.]+)", found[2])
    return {"rates": {k: statistics.median(v) for k, v in rates.items() if v}, "memory": memory, "parts": parts}


def show(results):
    """Two tables: images a second, and the parts of the best of PyTorch beside those of kd2m."""
    print("| step | best of PyTorch | kd2m | ratio | peak MB, kd2m / PyTorch |\n|---|---|---|---|---|")
    best = lambda row: max((kind for kind in row["rates"] if kind != "kd2m"), key=row["rates"].get)
    for title, row in results.items():
        kind, ours = best(row), row["rates"]["kd2m"]
        cells = [f"{row['rates'][kind]:.1f} ({kind})", f"{ours:.1f}", f"**{ours / row['rates'][kind]:.2f}**"]
        print(f"| {title} | " + " | ".join([*cells, f"{row['memory']['kd2m']:.0f} / {row['memory'][kind]:.0f}"]) + " |")
    for title, row in results.items():
        ours, theirs = row["parts"]["kd2m"], row["parts"][best(row)]
        cell = lambda parts, name: "{:.2f} ({:.2f} %)".format(*parts[name]) if name in parts else "–"
        print(f"\n| {title}: ms (share) | kd2m | PyTorch |\n|---|--:|--:|")
        for name in [*PARTS, *(name for name in ours if name.startswith("student: "))]:
            print(f"| {name} | {cell(ours, name)} | {cell(theirs, name)} |")
        print(f"\nThe loader of kd2m alone: {ours['alone'][0]} ms a batch.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", help="the built example `whole_step` of kd2m")
    parser.add_argument("data", help="the folder that holds CIFAR-10")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", default="imagenet-128,cifar-32", help="rows of training.py, or `none`, to print --results alone")
    parser.add_argument("--workers", default="0,2", help="processes of PyTorch's DataLoader that are tried")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--avx2", action="store_true", help="all sides without AVX-512")
    parser.add_argument("--results", type=pathlib.Path, help="JSON to which rows are added and from which the tables are printed")
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text()) if arguments.results and arguments.results.exists() else {}
    for name in arguments.rows.split(",") if arguments.rows != "none" else []:
        results[training.title(name, arguments.avx2, arguments.threads)] = measure(arguments, name)
        if arguments.results:
            arguments.results.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    show(results)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        teacher, student, stem, batch, steps, threads, layout, workers, root = sys.argv[2:11]
        peer(teacher, student, stem, int(batch), int(steps), int(threads), layout, int(workers), root)
    else:
        main()

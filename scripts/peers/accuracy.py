#!/usr/bin/env python3
"""What an epoch of training on CIFAR-10 teaches: kd2m-cpu with and without Winograd, Burn's engine and PyTorch.

    cargo build --release -p kd2m --example epoch
    python scripts/peers/accuracy.py target/release/examples/epoch DATA_ROOT [--models resnet18:0.02,resnet20:0.1]
        [--seeds 1,2,3] [--burn 10000] [--results FILE]

Every side starts from the same weights (PyTorch's initialisation of the seed) and reads the same batches in the same order:
128 images, SGD with momentum 0.9 and weight decay 5e-4, a learning rate that falls linearly to nothing, no augmentation. The last column is PyTorch with one thread: the same sums in another order, so what rounding alone does to its result. `--burn N` trains all sides on
the first N of the order, and Burn's engine with them. Prints markdown: accuracy on the 10,000 test images in %, and the cross-entropy there.
Needs torch, torchvision, numpy, safetensors.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile

BATCH = 128


def cifar(root):
    """Images in 0…1, normalised as the graphs do, and labels, of the training and the test part."""
    blobs = {}
    with tarfile.open(root / "cifar-10-binary.tar.gz") as archive:
        for member in archive:
            if member.name.endswith("_batch.bin") or re.search(r"data_batch_\d\.bin$", member.name):
                blobs[pathlib.Path(member.name).name] = np.frombuffer(archive.extractfile(member).read(), np.uint8)
    part = lambda names: np.concatenate([blobs[name].reshape(-1, 3073) for name in names])
    rows = part([f"data_batch_{i}.bin" for i in range(1, 6)]), part(["test_batch.bin"])
    pixels = lambda r: (torch.from_numpy(r[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255) - 0.5) / 0.25
    return [(pixels(r), torch.from_numpy(r[:, 0].astype(np.int64))) for r in rows]


def torch_epoch(name, state, order, lr, data, threads):
    """PyTorch's accuracy and loss."""
    torch.set_num_threads(threads)
    (images, labels), (test_images, test_labels) = data
    model = zoo_reference.build(name, classes=10).to(memory_format=torch.channels_last).train()
    model.load_state_dict(state)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    batches = torch.split(torch.from_numpy(order), BATCH)
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / len(batches))
        x = images[batch].contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), labels[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(x) for x in test_images.split(BATCH)])
    accuracy = 100 * (logits.argmax(1) == test_labels).double().mean().item()
    return accuracy, torch.nn.functional.cross_entropy(logits.double(), test_labels).item()


def measure(arguments, data, name, lr, seed, limit):
    """Every side's accuracy and loss from the same start."""
    torch.manual_seed(seed)
    state = {key: value.clone() for key, value in zoo_reference.build(name, classes=10).state_dict().items()}
    order = np.random.default_rng(seed).permutation(len(data[0][1]))[:limit]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        save_file({k: v for k, v in state.items() if "num_batches" not in k}, folder / "weights.safetensors")
        (folder / "order.txt").write_text("\n".join(map(str, order)))
        for engine in ["winograd", "direct"] + ["burn"] * bool(limit):
            command = [arguments.epoch, name, folder, arguments.data_root, engine, lr]
            out = subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout
            accuracy, loss = re.search(r"accuracy ([0-9.]+) loss ([0-9.]+)", out).groups()
            found[engine] = float(accuracy), float(loss)
            print(name, seed, engine, out.strip(), file=sys.stderr, flush=True)
    for side, threads in (("pytorch", 2), ("again", 1))[: 1 if arguments.once else 2]:
        found[side] = torch_epoch(name, state, order, lr, data, threads)
        print(name, seed, side, found[side], file=sys.stderr, flush=True)
    return found


def show(title, runs):
    """One line of the table."""
    cells = []
    for side in ("winograd", "direct", "burn", "pytorch", "again"):
        found = [run[side] for run in runs if side in run]
        accuracies = " / ".join(f"{accuracy:.2f}" for accuracy, _ in found)
        cells.append(f"{accuracies} (loss {statistics.mean(loss for _, loss in found):.3f})" if found else "–")
    print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("epoch", help="the built example `epoch` of kd2m")
    parser.add_argument("data_root", type=pathlib.Path, help="the folder of cifar-10-binary.tar.gz")
    parser.add_argument("--models", default="resnet18:0.02,resnet20:0.1", help="name:learning rate, comma-separated")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--once", action="store_true", help="leave PyTorch with one thread out")
    parser.add_argument("--burn", type=int, default=0, help="images of the run in which Burn's engine takes part")
    parser.add_argument("--results", type=pathlib.Path, help="JSON to which results are added and from which they are printed")
    arguments = parser.parse_args()
    # After --help, which needs none of them.
    global np, torch, save_file, zoo_reference
    import numpy as np
    import torch
    from safetensors.torch import save_file

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    import zoo_reference

    results = json.loads(arguments.results.read_text()) if arguments.results and arguments.results.exists() else {}
    data = cifar(arguments.data_root)
    for model in filter(None, arguments.models.split(",")):
        name, lr = model.split(":")
        title = f"{name}, {arguments.burn:,} images" if arguments.burn else f"{name}, all images"
        for seed in arguments.seeds.split(","):
            found = measure(arguments, data, name, float(lr), int(seed), arguments.burn or None)
            results.setdefault(title, {})[seed] = found
            if arguments.results:
                arguments.results.write_text(json.dumps(results, indent=1))
    print("| test accuracy in %, seed by seed | kd2m | kd2m, no Winograd | Burn | PyTorch | PyTorch, one thread |\n" + "|---" * 6 + "|")
    for title, runs in results.items():
        show(title, [runs[seed] for seed in sorted(runs)])


if __name__ == "__main__":
    main()

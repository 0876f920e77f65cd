#!/usr/bin/env python3
"""Whether kd2m reads the ONNX models that PyTorch's two exporters write: torchvision's networks, their features and logits.

    cargo build --release -p kd2m-nn --example roundtrip_onnx
    python scripts/check_onnx_import.py target/release/examples/roundtrip_onnx

Each network is exported, read by kd2m, written again, and both files are run by onnxruntime. Exit code 1 if one differs by more than
1e-4 of its largest logit. What a graph does not have is refused: SqueezeNet, whose logits no linear layer gives, needs its features named.
Needs torch, torchvision, onnx, onnxscript, onnxruntime.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torchvision

NAMES = ("resnet18", "resnet50", "mobilenet_v2", "shufflenet_v2_x1_0", "densenet121", "squeezenet1_1")


def run(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logits" if "again" in path else "y"], {session.get_inputs()[0].name: images})[0]


def main(program):
    warnings.simplefilter("ignore")
    images = np.random.default_rng(0).random((2, 3, 64, 64), np.float32)
    failed = False
    for name in NAMES:
        torch.manual_seed(0)
        model = torchvision.models.get_model(name, num_classes=10).eval()
        for dynamo in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                first, again = str(Path(folder) / "first.onnx"), str(Path(folder) / "again.onnx")
                axes = {"dynamic_shapes": {"x": {0: "n"}}} if dynamo else {"dynamic_axes": {"x": {0: "n"}}}
                torch.onnx.export(
                    model, (torch.from_numpy(images),), first, dynamo=dynamo, opset_version=18 if dynamo else 17,
                    input_names=["x"], output_names=["y"], external_data=False, verbose=False, **axes,
                )  # fmt: skip
                done = subprocess.run([program, first, again], capture_output=True, text=True)
                label = f"{name:20} {'dynamo' if dynamo else 'legacy'}"
                if done.returncode:
                    print(f"{label} refused: {done.stderr.strip()}")
                    continue
                expected, found = run(first, images), run(again, images)
                error = np.abs(found - expected).max() / np.abs(expected).max()
                failed |= bool(error > 1e-4)
                print(f"{label} {done.stdout.strip()}, relative difference {error:.1e}")
    sys.exit(failed)


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)

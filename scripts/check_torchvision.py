#!/usr/bin/env python3
"""Whether torchvision computes from a student's weights what kd2m computed.

    python scripts/check_torchvision.py WEIGHTS.safetensors DUMP.safetensors [--model resnet18] [--stem imagenet|cifar]

WEIGHTS is loaded with strict=True (num_batches_tracked aside, which kd2m does not keep). DUMP holds `images` [n, c, h, w], already
normalised, and kd2m's `logits` [n, classes] for them (`cargo run --release -p kd2m --example dump_logits` makes one). Exit code 1 if they differ by more than 1e-4 of the largest logit.
Needs torch, torchvision, safetensors.
"""

import argparse
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("weights")
parser.add_argument("dump")
parser.add_argument("--model", default="resnet18")
parser.add_argument("--stem", choices=("imagenet", "cifar"), default="imagenet")
parser.add_argument("--tolerance", type=float, default=1e-4)
options = parser.parse_args()

# After --help, which needs none of them.
import torch
import torchvision
from safetensors.torch import load_file

state = load_file(options.weights)
model = torchvision.models.get_model(options.model, num_classes=len(state["fc.weight"]))
if options.stem == "cifar":
    model.conv1 = torch.nn.Conv2d(state["conv1.weight"].shape[1], 64, 3, padding=1, bias=False)
    model.maxpool = torch.nn.Identity()
counters = {k: v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")}
model.load_state_dict(state | counters, strict=True)
model.eval()

dump = load_file(options.dump)
with torch.no_grad():
    logits = model(dump["images"])
error = ((logits - dump["logits"]).abs().max() / logits.abs().max()).item()
print(f"{options.model}: {len(logits)} images, largest logit {logits.abs().max():.4g}, relative difference {error:.2e}")
sys.exit(error > options.tolerance)

#!/usr/bin/env python3
"""What timm multiplies the learning rate of each tensor by: crates/kd2m-nn/tests/fixtures/layer_decay.json.

    python scripts/make_layer_decay.py

`param_groups_layer_decay` with a decay of 0.75, of the networks whose tensors have timm's names here too. Needs timm.
"""

import json
import sys
from pathlib import Path

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import timm
from timm.optim import param_groups_layer_decay

NETWORKS = ["convnext_atto", "deit_small_patch16_224", "deit_tiny_patch16_224"]
OUT = Path(__file__).parent.parent / "crates/kd2m-nn/tests/fixtures/layer_decay.json"

found = {}
for name in NETWORKS:
    model = timm.create_model(name)
    names = {id(tensor): key for key, tensor in model.named_parameters()}
    groups = param_groups_layer_decay(model, layer_decay=0.75)
    found[name] = {names[id(tensor)]: round(group["lr_scale"], 12) for group in groups for tensor in group["params"]}
    found[name] = dict(sorted(found[name].items()))
OUT.write_text(json.dumps(found, indent=0) + "\n")
print(f"timm {timm.__version__}: {[(name, len(rates)) for name, rates in found.items()]}")

#!/usr/bin/env python3
"""Writes crates/kd2m-nn/tests/fixtures/torch.onnx, a small network as PyTorch's exporter writes it, which tests/onnx.rs reads.

    python scripts/make_onnx_fixture.py

It has what exports of mobile networks have: ReLU6, a depthwise convolution, a channel split and shuffle, a mean over positions,
dropout. Needs torch, onnx, onnxscript.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

PATH = Path(__file__).resolve().parent.parent / "crates/kd2m-nn/tests/fixtures/torch.onnx"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = nn.functional.relu6(self.bn1(self.conv1(x)))
        kept, y = x.chunk(2, 1)
        x = torch.cat([kept, self.depthwise(y)], 1)
        x = nn.functional.channel_shuffle(x, 2)
        x = nn.functional.avg_pool2d(nn.functional.relu(x), 2)
        return self.fc(nn.functional.dropout(x.mean((2, 3)), training=self.training))


warnings.simplefilter("ignore")
model = Net().eval()
with torch.no_grad():
    model.fc.weight.copy_(torch.arange(40.0).view(5, 8))
torch.onnx.export(
    model, (torch.zeros(2, 3, 8, 8),), str(PATH), dynamo=True, input_names=["x"], output_names=["y"], external_data=False,
    dynamic_shapes={"x": {0: "n"}}, verbose=False,
)  # fmt: skip

# The exporter notes where each line of this script lies on the machine that ran it.
exported = onnx.load(PATH)
for node in exported.graph.node:
    node.ClearField("metadata_props")
    node.ClearField("doc_string")
onnx.save(exported, PATH)

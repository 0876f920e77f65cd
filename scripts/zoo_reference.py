#!/usr/bin/env python3
"""The networks of kd2m-nn's zoo as PyTorch modules: an independent statement of what the graphs should be.

    python scripts/zoo_reference.py counts            trained parameters of each network, 3×32×32 images, 100 classes
    python scripts/zoo_reference.py check DIR         DIR/NAME.safetensors and DIR/NAME.onnx (cargo run -p kd2m-nn --example
                                                      export_zoo DIR): state dict with strict=True, the same logits from
                                                      PyTorch and from onnxruntime

Networks that torchvision has (`TORCHVISION`) are its own, as is vit_b_16; EfficientNet-Lite0, ConvNeXt-Atto and the other transformers are timm's; the CIFAR families follow the papers
with RepDistiller's widths and keys. Needs torch, torchvision, timm, safetensors; `check` also numpy and onnxruntime.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

from pathlib import Path

import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, kernel, stride=1, groups=1, bias=False):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)


def pooled(x):
    return x.mean((2, 3))


def shuffled(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class DigitsCnn(nn.Module):
    """kd2m's own pair: units (channels, kernel), a pool after unit `pool`."""

    def __init__(self, channels, classes, units, pool):
        super().__init__()
        self.pool = pool
        self.count = len(units)
        for i, (width, kernel) in enumerate(units, 1):
            setattr(self, f"conv{i}", conv(channels, width, kernel))
            setattr(self, f"bn{i}", nn.BatchNorm2d(width))
            channels = width
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        for i in range(1, self.count + 1):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
            if i == self.pool:
                x = F.max_pool2d(x, 2)
        return self.fc(pooled(x))


class Mlp(nn.Module):
    def __init__(self, inputs, classes, widths):
        super().__init__()
        self.count = len(widths)
        for i, width in enumerate(widths, 1):
            setattr(self, f"fc{i}", nn.Linear(inputs, width))
            inputs = width
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = x.flatten(1)
        for i in range(1, self.count + 1):
            x = F.relu(getattr(self, f"fc{i}")(x))
        return self.fc(x)


class Zeros(nn.Module):
    """He's option A: every other place, zeros as further channels."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.channels // 4, self.channels // 4))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, zeros=False):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = Zeros(outputs) if zeros else nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class CifarResNet(nn.Module):
    def __init__(self, channels, classes, depth, widths, zeros=False):
        super().__init__()
        self.conv1, self.bn1 = conv(channels, widths[0], 3), nn.BatchNorm2d(widths[0])
        for stage in (1, 2, 3):
            blocks = [
                BasicBlock(widths[stage] if i else widths[stage - 1], widths[stage], 2 if stage > 1 and i == 0 else 1, zeros)
                for i in range((depth - 2) // 6)
            ]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(widths[3], classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(pooled(self.layer3(self.layer2(self.layer1(x)))))


class WideBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs, 3)
        self.convShortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else None

    def forward(self, x):
        a = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(a))))
        return y + (x if self.convShortcut is None else self.convShortcut(a))


class WideStage(nn.Module):
    def __init__(self, inputs, outputs, blocks, stride):
        super().__init__()
        self.layer = nn.Sequential(
            *[WideBlock(outputs if i else inputs, outputs, 1 if i else stride) for i in range(blocks)]
        )

    def forward(self, x):
        return self.layer(x)


class Wrn(nn.Module):
    def __init__(self, channels, classes, depth, widen):
        super().__init__()
        w = [16, 16 * widen, 32 * widen, 64 * widen]
        self.conv1 = conv(channels, 16, 3)
        for i in (1, 2, 3):
            setattr(self, f"block{i}", WideStage(w[i - 1], w[i], (depth - 4) // 6, 1 if i == 1 else 2))
        self.bn1, self.fc = nn.BatchNorm2d(w[3]), nn.Linear(w[3], classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(pooled(F.relu(self.bn1(x))))


class Vgg(nn.Module):
    def __init__(self, channels, classes, counts):
        super().__init__()
        for block, (count, width) in enumerate(zip(counts, (64, 128, 256, 512, 512))):
            layers = []
            for _ in range(count):
                layers += [conv(channels, width, 3, bias=True), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            setattr(self, f"block{block}", nn.Sequential(*layers))
        self.classifier = nn.Linear(512, classes)

    def forward(self, x):
        x = F.max_pool2d(self.block0(x), 2)
        x = F.max_pool2d(self.block1(x), 2)
        x = F.max_pool2d(self.block2(x), 2)
        return self.classifier(pooled(self.block4(self.block3(x))))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        wide = inputs * expansion
        self.same = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            conv(inputs, wide, 1), nn.BatchNorm2d(wide), nn.ReLU(),
            conv(wide, wide, 3, stride, wide), nn.BatchNorm2d(wide), nn.ReLU(),
            conv(wide, outputs, 1), nn.BatchNorm2d(outputs),
        )  # fmt: skip

    def forward(self, x):
        return x + self.conv(x) if self.same else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        width = 16
        self.conv1 = nn.Sequential(conv(channels, width, 3, 2), nn.BatchNorm2d(width), nn.ReLU())
        groups = []
        for t, c, n, s in ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            blocks = []
            for i in range(n):
                blocks.append(InvertedResidual(width, c // 2, 1 if i else s, t))
                width = c // 2
            groups.append(nn.Sequential(*blocks))
        self.blocks = nn.ModuleList(groups)
        self.conv2 = nn.Sequential(conv(width, 1280, 1), nn.BatchNorm2d(1280), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(1280, classes))

    def forward(self, x):
        x = self.conv1(x)
        for group in self.blocks:
            x = group(x)
        return self.classifier(pooled(self.conv2(x)))


class ShuffleV1Block(nn.Module):
    def __init__(self, inputs, outputs, halve):
        super().__init__()
        self.halve, middle = halve, outputs // 4
        self.groups = 1 if inputs == 24 else 3
        self.conv1, self.bn1 = conv(inputs, middle, 1, groups=self.groups), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = conv(middle, middle, 3, 2 if halve else 1, middle), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = conv(middle, outputs, 1, groups=3), nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = shuffled(F.relu(self.bn1(self.conv1(x))), self.groups)
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(torch.cat([y, F.avg_pool2d(x, 3, 2, 1)], 1) if self.halve else y + x)


class ShuffleV1(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv1, self.bn1, width = conv(channels, 24, 1), nn.BatchNorm2d(24), 24
        for stage, (out, count) in enumerate(((240, 4), (480, 8), (960, 4)), 1):
            blocks = [ShuffleV1Block(width, out - width, True)]
            blocks += [ShuffleV1Block(out, out, False) for _ in range(count - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            width = out
        self.linear = nn.Linear(width, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.linear(pooled(self.layer3(self.layer2(self.layer1(x)))))


class ShuffleV2Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        c = channels // 2
        self.conv1, self.bn1 = conv(c, c, 1), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = conv(c, c, 3, groups=c), nn.BatchNorm2d(c)
        self.conv3, self.bn3 = conv(c, c, 1), nn.BatchNorm2d(c)

    def forward(self, x):
        kept, y = x.chunk(2, 1)
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(y)))))
        return shuffled(torch.cat([kept, F.relu(self.bn3(self.conv3(y)))], 1), 2)


class ShuffleV2Down(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        c = outputs // 2
        self.conv1, self.bn1 = conv(inputs, inputs, 3, 2, inputs), nn.BatchNorm2d(inputs)
        self.conv2, self.bn2 = conv(inputs, c, 1), nn.BatchNorm2d(c)
        self.conv3, self.bn3 = conv(inputs, c, 1), nn.BatchNorm2d(c)
        self.conv4, self.bn4 = conv(c, c, 3, 2, c), nn.BatchNorm2d(c)
        self.conv5, self.bn5 = conv(c, c, 1), nn.BatchNorm2d(c)

    def forward(self, x):
        left = F.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = self.bn4(self.conv4(F.relu(self.bn3(self.conv3(x)))))
        right = F.relu(self.bn5(self.conv5(right)))
        return shuffled(torch.cat([left, right], 1), 2)


class ShuffleV2(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv1, self.bn1, width = conv(channels, 24, 1), nn.BatchNorm2d(24), 24
        for stage, (out, count) in enumerate(((116, 3), (232, 7), (464, 3)), 1):
            blocks = [ShuffleV2Down(width, out)] + [ShuffleV2Block(out) for _ in range(count)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            width = out
        self.conv2, self.bn2 = conv(width, 1024, 1), nn.BatchNorm2d(1024)
        self.linear = nn.Linear(1024, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(pooled(F.relu(self.bn2(self.conv2(x)))))


TORCHVISION = (
    "resnet18 resnet34 resnet50 resnet101 resnet152 wide_resnet50_2 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large efficientnet_b0 "
    "mnasnet1_0 shufflenet_v2_x1_0 squeezenet1_1 regnet_y_400mf regnet_y_800mf densenet121 convnext_tiny"
).split()


def build(name, channels=3, size=32, classes=100):
    """The network of this name for square images."""
    narrow, x4 = (16, 16, 32, 64), (32, 64, 128, 256)
    if name == "digits-cnn-teacher":
        return DigitsCnn(channels, classes, ((32, 3), (32, 3), (64, 3), (64, 3)), 2)
    if name == "digits-cnn-student":
        return DigitsCnn(channels, classes, ((3, 3), (6, 3), (64, 1)), 1)
    if name == "digits-cnn-middle":
        return DigitsCnn(channels, classes, ((8, 3), (8, 3), (16, 3), (16, 3), (64, 1)), 2)
    if name in ("mlp-5", "mlp-3"):
        widths = (512, 256, 128, 128, 128) if name == "mlp-5" else (512, 256, 128)
        return Mlp(channels * size * size, classes, widths)
    if "lite0" in name or name == "convnext_atto":
        return timm.create_model(name, num_classes=classes)
    if name == "vit_b_16":
        return torchvision.models.vit_b_16(num_classes=classes, image_size=size)
    if name == "vit_tiny_cifar":
        return timm.create_model("deit_tiny_patch16_224", num_classes=classes, img_size=size, patch_size=4)
    if name.startswith("deit"):
        return timm.create_model(name, num_classes=classes, img_size=size)
    if name in TORCHVISION:
        return getattr(torchvision.models, name)(num_classes=classes)
    if name.startswith("resnet"):
        wide = name.endswith("x4")
        depth = int(name.removeprefix("resnet").removesuffix("x4").removesuffix("_a"))
        return CifarResNet(channels, classes, depth, x4 if wide else narrow, name.endswith("_a"))
    if name.startswith("wrn"):
        _, depth, widen = name.split("_")
        return Wrn(channels, classes, int(depth), int(widen))
    if name.startswith("vgg"):
        tail = {8: (1, 1, 1, 1, 1), 11: (1, 1, 2, 2, 2), 13: (2,) * 5, 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
        return Vgg(channels, classes, tail[int(name[3:])])
    return {"MobileNetV2": MobileNetV2, "ShuffleV1": ShuffleV1, "ShuffleV2": ShuffleV2}[name](channels, classes)


NAMES = (
    "digits-cnn-teacher digits-cnn-student digits-cnn-middle mlp-5 mlp-3 resnet18 resnet34 resnet50 resnet101 resnet152 wide_resnet50_2 resnet8 resnet14 resnet20 resnet32 "
    "resnet44 resnet56 resnet110 resnet20_a resnet32_a resnet44_a resnet56_a resnet110_a resnet8x4 resnet32x4 wrn_16_1 wrn_16_2 wrn_40_1 wrn_40_2 vgg8 vgg11 vgg13 vgg16 vgg19 "
    "MobileNetV2 ShuffleV1 ShuffleV2 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large efficientnet_b0 mnasnet1_0 "
    "shufflenet_v2_x1_0 squeezenet1_1 regnet_y_400mf regnet_y_800mf densenet121 convnext_tiny convnext_atto vit_b_16 "
    "deit_tiny_patch16_224 deit_small_patch16_224 vit_tiny_cifar efficientnet_lite0 tf_efficientnet_lite0"
).split()


def counts():
    for name in NAMES:
        print(f'    ("{name}", {sum(p.numel() for p in build(name).parameters()):_}),')


def check(folder):
    import numpy as np
    import onnxruntime
    from safetensors.torch import load_file

    images = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    worst = 0.0
    for name in NAMES:
        model = build(name)
        state = load_file(folder / f"{name}.safetensors")
        # With its metadata, without which torchvision's MnasNet takes no state dict.
        own = model.state_dict()
        counters = {k for k in own if k.endswith("num_batches_tracked")}
        if own.keys() - counters != state.keys():
            sys.exit(f"{name}: {sorted((own.keys() - counters) ^ state.keys())}")
        own.update(state)
        model.load_state_dict(own, strict=True)
        model.eval()
        # The graphs of the export normalise with mean 0.5 and deviation 0.25.
        with torch.no_grad():
            expected = model((torch.from_numpy(images) - 0.5) / 0.25).numpy()
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        _, found = session.run(["features", "logits"], {"images": images})
        # Relative to how much the logits of the two images differ: what they share may come from biases alone.
        scale = np.abs(expected[0] - expected[1]).max()
        error = np.abs(found - expected).max() / scale
        worst = max(worst, error)
        print(f"{name:20} images differ by {scale:9.3g}  relative error {error:.1e}")
    print(f"worst {worst:.1e}")
    sys.exit(worst > 1e-4)


if __name__ == "__main__":
    if sys.argv[1:2] == ["counts"]:
        counts()
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 3:
        check(Path(sys.argv[2]))
    else:
        sys.exit(__doc__)

#!/usr/bin/env python3
"""Writes the checkpoints in all their forms under crates/kd2m-nn/tests/fixtures/forms, which tests/forms.rs reads, a test a form.

    python scripts/golden/checkpoints.py

Every file holds the network of scripts/make_checkpoint_fixtures.py (conv 1 -> 2, batch norm, linear 2 -> 3), each tensor a ramp 0, 1/4, 1/2, ...,
and torch.load reads it here before it is kept, but for those that say why not. Needs torch; the files were made with 2.15.0.
The formats from before PyTorch 0.4 are written by hand, as its releases wrote them, and checked by today's torch.load.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import argparse
import io
import json
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).resolve().parents[2] / "crates/kd2m-nn/tests/fixtures/forms"
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


def ramp(*shape):
    """0, 1/4, 1/2, ...: exact in every floating-point type here."""
    return (torch.arange(torch.Size(shape).numel()) / 4).view(shape)


def network():
    model = nn.Sequential(
        OrderedDict(conv1=nn.Conv2d(1, 2, 3, bias=False), bn1=nn.BatchNorm2d(2), relu=nn.ReLU(), fc=nn.Linear(2, 3))
    )
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(ramp(*tensor.shape))
    return model


STATE = network().state_dict()


def state(by=0.0):
    """The state, each number so much higher."""
    return OrderedDict((k, v + by if v.is_floating_point() else v.clone()) for k, v in STATE.items())


def under(prefix, tensors=STATE):
    return OrderedDict((prefix + key, value) for key, value in tensors.items())


def find(loaded):
    """The state dict or module somewhere in what torch.load gave."""
    if isinstance(loaded, nn.Module):
        return loaded.state_dict()
    if isinstance(loaded, list):
        return find(loaded[0])
    if isinstance(loaded, dict):
        if any(str(key).endswith("conv1.weight") for key in loaded):
            return loaded
        return next((found for value in loaded.values() if (found := find(value)) is not None), None)
    return None


def check(path, kept=STATE):
    found = find(torch.load(path, map_location="cpu", weights_only=False))
    for key, value in kept.items():
        near = [v for k, v in found.items() if k.endswith(key)]
        assert near and torch.equal(near[0].float(), value.float()), (path, key)


def save(name, value, legacy=True, checked=True, **options):
    """The old stream by default: it takes a third of the bytes of the zip."""
    path = FOLDER / f"{name}.pth"
    torch.save(value, path, _use_new_zipfile_serialization=not legacy, **options)
    if checked:
        check(path)


class Storage:
    """What the pickler of an old release saw as one."""

    def __init__(self, key, tensor, view=None):
        self.key, self.tensor, self.view = str(key), tensor, view


class Old:
    """A tensor as releases before 0.4 pickled it."""

    def __init__(self, storage, offset, size, stride):
        self.parts = (storage, offset, size, stride)

    def __reduce__(self):
        return torch._utils._rebuild_tensor, self.parts


def old_stream(name, objects, storages, kept=STATE):
    """`objects` over `storages`: the stream with its tensors on the GPU `cuda:0`."""

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                kind = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}[value.tensor.dtype]
                return ("storage", kind, value.key, "cuda:0", value.tensor.numel(), value.view)
            return None

    out = io.BytesIO()
    system = dict(protocol_version=VERSION, little_endian=True, type_sizes=dict(short=2, int=4, long=4))
    for value in (MAGIC, VERSION, system):
        pickle.dump(value, out, protocol=2)
    Pickler(out, protocol=2).dump(objects)
    pickle.dump(sorted(storages), out, protocol=2)
    for key in sorted(storages):
        out.write(struct.pack("<q", storages[key].numel()) + storages[key].contiguous().numpy().tobytes())
    (FOLDER / f"{name}.pth").write_bytes(out.getvalue())
    check(FOLDER / f"{name}.pth", kept)


def old_streams():
    tensors, storages = OrderedDict(), {}
    for number, (key, value) in enumerate(STATE.items()):
        storages[f"9400000{number}"] = value
        storage = Storage(f"9400000{number}", value)
        tensors[key] = Old(storage, 0, tuple(value.shape), tuple(value.stride()))
    old_stream("before-0.4-on-cuda", {"epoch": 3, "arch": "small", "state_dict": under("module.", tensors)}, storages)
    # All numbers in one storage, each tensor a view of it, named in the persistent id.
    floats = OrderedDict((k, v) for k, v in STATE.items() if v.is_floating_point())
    whole, tensors, at = torch.cat([v.flatten() for v in floats.values()]), OrderedDict(), 0
    for key, value in floats.items():
        view = Storage("77", whole, view=(f"78{at}", at, value.numel()))
        tensors[key] = Old(view, 0, tuple(value.shape), tuple(value.stride()))
        at += value.numel()
    old_stream("before-0.4-views", tensors, {"77": whole}, floats)


def old_tar():
    """The archive of releases before 0.1.10: sizes and strides lie beside the object, in which tensors are numbers."""
    storages, tensors = io.BytesIO(), io.BytesIO()
    pickle.dump(len(STATE), storages, protocol=2)
    pickle.dump(len(STATE), tensors, protocol=2)
    keys = {}
    for number, (name, value) in enumerate(STATE.items()):
        kind = torch.LongStorage if value.dtype == torch.int64 else torch.FloatStorage
        pickle.dump((1000 + number, "cpu", kind), storages, protocol=2)
        storages.write(struct.pack("<q", value.numel()) + value.numpy().tobytes())
        pickle.dump((2000 + number, 1000 + number, torch.Tensor), tensors, protocol=2)
        tensors.write(struct.pack("<i", value.dim()) + bytes(4))
        for numbers in (value.shape, value.stride()):
            tensors.write(struct.pack(f"<{len(numbers)}q", *numbers))
        tensors.write(struct.pack("<q", 0))
        keys[name] = 2000 + number
    pickle.dump([], storages, protocol=2)

    class Named:
        def __init__(self, key):
            self.key = key

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            return str(value.key) if isinstance(value, Named) else None

    whole = io.BytesIO()
    Pickler(whole, protocol=2).dump(OrderedDict((name, Named(key)) for name, key in keys.items()))
    path = FOLDER / "tar.pth"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in (("sys_info", pickle.dumps({}, 2)), ("pickle", whole.getvalue()), ("tensors", tensors.getvalue()), ("storages", storages.getvalue())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    check(path)


def shards():
    from safetensors.torch import save_file

    folder = FOLDER / "shards"
    folder.mkdir(exist_ok=True)
    floats = [(k, v.contiguous()) for k, v in STATE.items()]
    for kind, ending in (("safetensors", "model"), ("bin", "pytorch_model")):
        where = folder if kind == "safetensors" else FOLDER / "shards-bin"
        where.mkdir(exist_ok=True)
        weight_map = {}
        for i, part in enumerate((floats[:3], floats[3:])):
            name = f"{ending}-0000{i + 1}-of-00002.{kind}"
            weight_map |= {k: name for k, _ in part}
            if kind == "bin":
                torch.save(dict(part), where / name, _use_new_zipfile_serialization=False)
            else:
                save_file(dict(part), where / name)
        index = json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}, indent=1)
        (where / (f"{ending}.{kind}.index.json")).write_text(index)


class Anything:
    """A program's own thing: its class is named in the file, and nothing here knows it."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def main():
    warnings.simplefilter("ignore")
    FOLDER.mkdir(exist_ok=True)
    for protocol in range(6):
        # Protocol 0 has no way to say where numbers lie: torch.load cannot read what torch.save writes.
        save(f"zip-protocol-{protocol}", STATE, legacy=False, checked=protocol > 0, pickle_protocol=protocol)
        save(f"stream-protocol-{protocol}", STATE, checked=protocol > 0, pickle_protocol=protocol)
    old_streams()
    old_tar()
    torch.serialization.set_crc32_options(False)
    save("zip-without-checksums", STATE, legacy=False)
    torch.serialization.set_crc32_options(True)
    # The same content compressed, as a program that packs archives anew would.
    with zipfile.ZipFile(FOLDER / "zip-protocol-2.pth") as old, zipfile.ZipFile(FOLDER / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))

    # Tensors of every make.
    save("parameters", OrderedDict((k, nn.Parameter(v) if v.is_floating_point() else v) for k, v in state().items()))
    tagged = {k: nn.Parameter(v) if v.is_floating_point() else v for k, v in state().items()}
    for value in tagged.values():
        value.tag = "x"
    save("parameters-with-attributes", tagged, legacy=False)
    plain = dict(state())
    for value in plain.values():
        value.tag = "x"
    save("tensors-with-attributes", plain, legacy=False)
    save("channels-last", {k: v.to(memory_format=torch.channels_last) if v.dim() == 4 else v for k, v in state().items()})
    expanded = state()
    expanded["bn1.running_var"] = torch.ones(1).expand(2)
    save("expanded", expanded, checked=False)
    for name, kind in (("float8-e4m3", torch.float8_e4m3fn), ("float8-e5m2", torch.float8_e5m2)):
        # A ramp of few steps is exact in three bits and in two.
        small = {k: ramp(v.numel()).remainder(1.0).view(v.shape).to(kind) if v.is_floating_point() else v for k, v in state().items()}
        save(name, small, legacy=False, checked=False)

    # What lies beside tensors, and what is no state dict.
    args = argparse.Namespace(lr=0.1, hook=Anything(a=1))
    save("a-namespace-beside", {**state(), "args": args})
    save("a-numpy-scalar-beside", {**state(), "acc": np.float32(3), "best": np.float64(2)})
    save("whole-module", network(), legacy=False)
    save("whole-module-below-a-key", {"epoch": 3, "model": network(), "optimizer": None}, legacy=False)
    save("whole-module-in-dataparallel", nn.DataParallel(network()), legacy=False)
    # The old stream keeps the source text of every class of module.
    save("whole-module-stream", network())
    save("list", list(STATE.values()), checked=False)
    save("numpy-arrays", {k: v.numpy() for k, v in STATE.items()}, checked=False)
    save("one-numpy-array", {**state(), "fc.bias": np.zeros(3, np.float32)}, checked=False)
    save("quantised", {**state(), "fc.weight": (10 * STATE["fc.weight"]).to(torch.int8)}, checked=False)
    save("an-object", Anything(model=1), checked=False)
    save("a-number", 3, checked=False)
    save("no-tensors", {"epoch": 3, "args": args}, checked=False)
    save("optimizer-alone", torch.optim.Adam(network().parameters()).state_dict(), checked=False)

    # Which state dict, and below which prefix.
    for prefix in ("module.", "model.", "net.", "backbone.", "encoder.", "student.", "network.", "model.module._orig_mod.", "net_"):
        save(f"prefix-{prefix.rstrip('.')}", {"state_dict": under(prefix)})
    for key in ("state_dict", "model", "net", "model_ema", "state_dict_ema", "ema", "params", "params_ema", "weights", "teacher", "model_state", "generator"):
        save(f"nested-in-{key}", {key: state(), "epoch": 3})
    save("nested-twice", {"checkpoint": {"model": state()}})
    save("nested-six-deep", {"a": {"b": {"c": {"d": {"e": {"f": state()}}}}}})
    save("in-a-list", {"models": [state()]})
    save("flat-with-epoch", {**state(), "epoch": 3})
    lightning = {"state_dict": {**under("model."), "criterion.weight": torch.ones(3)}, "pytorch-lightning_version": "2.6.6", "hyper_parameters": {"lr": 0.1}, "callbacks": {"ModelCheckpoint": {"best": torch.tensor(0.5)}}, "optimizer_states": []}
    save("lightning", lightning)
    save("timm", {"epoch": 3, "arch": "small", "state_dict": state(), "state_dict_ema": state(0.25), "args": args, "metric": 81.0})
    averaged = {**under("module.", state(0.25)), "n_averaged": torch.tensor(7)}
    save("torchvision-reference", {"model": state(), "model_ema": averaged, "optimizer": {"state": {}, "param_groups": []}, "lr_scheduler": {}, "epoch": 3})
    save("repdistiller", {"epoch": 240, "model": state(), "accuracy": torch.tensor(75.5)})
    save("teacher-and-student-by-prefix", {**under("student.", state(0.25)), **under("teacher.")}, checked=False)
    moco = {**under("module.encoder_q."), **under("module.encoder_k.", state(0.25)), "module.queue": torch.ones(4, 2)}
    save("moco", {"state_dict": moco}, checked=False)
    shards()

    # A program of torch: of its kind only the directory matters, so the network is as small as can be.
    torch.jit.save(torch.jit.script(nn.ReLU()), FOLDER / "torchscript.pt")


if __name__ == "__main__":
    main()

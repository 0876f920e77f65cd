#!/usr/bin/env bash
# The Rust crate rten 0.27.0 refuses a valid ONNX model whose lists of whole numbers in attributes (`pads`, `strides`, `axes`, …) are
# written in the packed form of protocol buffers: "field type mismatch". The specification of protocol buffers has every parser take
# repeated numbers both packed and one by one; onnx reads the file and finds it equal to the plain one. rten takes both forms of
# `float_data` and its neighbours, but reads attributes' `ints` and `floats` and a tensor's `dims` one by one only.
# Who is touched: ONNX ships its schema as onnx.proto (proto2, lists one by one) and as onnx.proto3, whose repeated numbers are packed
# unless someone says otherwise; whatever writes models by the second one, or with a generator that packs by default, writes files that
# Python's tools open and rten does not. A good engineer would look for an unsupported operator.
#
# Run: bash findings/rten-packed-lists.sh        (needs cargo, python3 and a package index; some minutes)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'onnx==1.23.2'
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.0.0"
edition = "2024"
[dependencies]
rten = { version = "=0.27.0", default-features = false, features = ["onnx_format"] }
[workspace]
TOML
cat > src/main.rs <<'RUST'
fn main() {
    for path in std::env::args().skip(1) {
        let found = rten::ModelOptions::with_all_ops().load_file(&path).map(|_| "is read").map_err(|e| e.to_string());
        println!("{path}: rten 0.27.0 {found:?}");
    }
}
RUST
venv/bin/python - <<'PYTHON'
import numpy
import onnx
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Field = descriptor_pb2.FieldDescriptorProto
NUMBERS = {Field.TYPE_FLOAT, Field.TYPE_DOUBLE, Field.TYPE_INT32, Field.TYPE_INT64, Field.TYPE_UINT64}

kernel = numpy_helper.from_array(numpy.ones((1, 1, 3, 3), "f4"), "k")
conv = helper.make_node("Conv", ["x", "k"], ["y"], pads=[1, 1, 1, 1])
sizes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4]) for name in ("x", "y")]
plain = helper.make_model(helper.make_graph([conv], "g", sizes[:1], sizes[1:], [kernel]), opset_imports=[helper.make_opsetid("", 17)])

# The schema of onnx with every list of numbers packed, as proto3 has it.
schema = descriptor_pb2.FileDescriptorProto()
onnx.ModelProto.DESCRIPTOR.file.CopyToProto(schema)
messages = list(schema.message_type)
while messages:
    message = messages.pop()
    messages.extend(message.nested_type)
    for field in message.field:
        if field.label == Field.LABEL_REPEATED and field.type in NUMBERS:
            field.options.packed = True
pool = descriptor_pool.DescriptorPool()
pool.Add(schema)
packer = message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx.ModelProto"))

onnx.save(plain, "plain.onnx")
open("packed.onnx", "wb").write(packer.FromString(plain.SerializeToString()).SerializeToString())
for path in ("plain.onnx", "packed.onnx"):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    total = ReferenceEvaluator(model).run(None, {"x": numpy.ones((1, 1, 4, 4), "f4")})[0].sum()
    print(f"{path}: onnx {onnx.__version__} {'finds it equal to plain.onnx' if model == plain else 'finds another model'}, its sum is {total:g}")
PYTHON
cargo build -q --release
./target/release/reader plain.onnx packed.onnx | tee said
grep -q '^plain.onnx: rten 0.27.0 Ok' said || { echo "the behaviour has changed"; exit 1; }
grep -q '^packed.onnx: rten 0.27.0 Err' said || { echo "the behaviour has changed"; exit 1; }
echo "as seen"

# Seen (2026-11-30, Linux x86-64):
# plain.onnx: onnx 1.23.2 finds it equal to plain.onnx, its sum is 100
# packed.onnx: onnx 1.23.2 finds it equal to plain.onnx, its sum is 100
# plain.onnx: rten 0.27.0 Ok("is read")
# packed.onnx: rten 0.27.0 Err("parse error: error in message rten_onnx::onnx::AttributeProto field 8: field type mismatch")
# as seen

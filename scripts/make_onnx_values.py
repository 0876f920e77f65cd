#!/usr/bin/env python3
"""Writes crates/kd2m-nn/tests/fixtures/onnx/: small models in the forms that several exporters and hand-written graphs use, and the
logits that onnxruntime computes with them. crates/kd2m-cpu/tests/onnx.rs compares those of kd2m, crates/kd2m-nn/tests/onnx.rs reads
what has to be refused.

    python scripts/make_onnx_values.py

values.csv has a line a model: name, tolerance, and the logits of two images row by row; pixel i of both together is
(i · 0.618034) mod 1 in f64, rounded to f32. Needs numpy, onnx, onnxruntime.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parent.parent / "crates/kd2m-nn/tests/fixtures/onnx"
node = helper.make_node
rng = np.random.default_rng(3)


def normal(name, *shape):
    return numpy_helper.from_array((rng.normal(size=shape) / 2).astype("f4"), name)


def floats(name, values, shape=None):
    array = np.array(values, "f4")
    return numpy_helper.from_array(array if shape is None else array.reshape(shape), name)


def ints(name, values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


CONV = node("Conv", ["x", "k"], ["c"])
WEIGHTS = [normal("k", 4, 3, 3, 3), normal("w", 5, 4), normal("b", 5)]


def head(x, flatten=None):
    return [
        node("GlobalAveragePool", [x], ["gp"]),
        *(flatten or [node("Flatten", ["gp"], ["fl"])]),
        node("Gemm", ["fl", "w", "b"], ["y"], transB=1),
    ]


def classified(length, x):
    """A classifier on a flattened map of so many numbers."""
    return [node("Flatten", [x], ["fl"]), node("Gemm", ["fl", "w", "b"], ["y"], transB=1)], [
        WEIGHTS[0], normal("w", 5, length), normal("b", 5),
    ]  # fmt: skip


def model(nodes, inits, opset=17, width=8, height=8, kind=TensorProto.FLOAT, classes=5, batch="n"):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, [batch, 3, height, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None if classes is None else [batch, classes])], inits,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def sized(x):
    """x.view(x.size(0), -1) as PyTorch's first exporter writes it."""
    return [
        node("Shape", [x], ["shape"]),
        node("Constant", [], ["zero"], value=numpy_helper.from_array(np.array(0, np.int64))),
        node("Gather", ["shape", "zero"], ["n"], axis=0),
        node("Unsqueeze", ["n", "axes0"], ["n1"]),
        node("Concat", ["n1", "rest"], ["wanted"], axis=0),
        node("Reshape", [x, "wanted"], ["fl"]),
    ]


def pooled(operator, length, **attributes):
    nodes, inits = classified(length, "m")
    return [CONV, node(operator, ["c"], ["m"], **attributes), *nodes], inits


values, refused = {}, {}

# Axes, constants and shapes in other forms.
gemm = [node("Gemm", ["fl", "w", "b"], ["y"], transB=1)]
values["view-of-size"] = model(
    [CONV, node("GlobalAveragePool", ["c"], ["gp"]), *sized("gp"), *gemm], [*WEIGHTS, ints("axes0", [0]), ints("rest", [-1])]
)
nodes, inits = classified(144, "c")
values["view-of-size-of-a-map"] = model([CONV, *sized("c"), *gemm], [*inits, ints("axes0", [0]), ints("rest", [-1])])
values["reshape-zero-and-rest"] = model([CONV, node("Reshape", ["c", "s"], ["fl"]), *gemm], [*inits, ints("s", [0, -1])])
values["flatten-negative"] = model([CONV, node("Flatten", ["c"], ["fl"], axis=-3), *gemm], inits)
values["constant-value-floats"] = model(
    [
        node("Constant", [], ["m"], value_floats=[0.25]), node("Sub", ["x", "m"], ["x0"]), node("Conv", ["x0", "k"], ["c"]),
        node("Constant", [], ["lo"], value_float=0.0), node("Constant", [], ["hi"], value_float=6.0),
        node("Clip", ["c", "lo", "hi"], ["r"]), *head("r"),
    ], WEIGHTS,
)  # fmt: skip
values["constant-value-ints"] = model(
    [
        node("Constant", [], ["s"], value_ints=[-1, 4]), CONV, node("GlobalAveragePool", ["c"], ["gp"]),
        node("Reshape", ["gp", "s"], ["fl"]), *gemm,
    ], WEIGHTS,
)  # fmt: skip
values["constant-value-int"] = model(
    [
        CONV, node("GlobalAveragePool", ["c"], ["gp"]), node("Shape", ["gp"], ["shape"]),
        node("Constant", [], ["zero"], value_int=0), node("Gather", ["shape", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axes0"], ["n1"]), node("Concat", ["n1", "rest"], ["s"], axis=-1),
        node("Reshape", ["gp", "s"], ["fl"]), *gemm,
    ], [*WEIGHTS, ints("axes0", [0]), ints("rest", [4])],
)  # fmt: skip
half = [WEIGHTS[0], normal("w", 5, 2), WEIGHTS[2]]
values["slice-opset-9"] = model([CONV, node("Slice", ["c"], ["s"], starts=[1], ends=[3], axes=[1]), *head("s")], half, 9)
values["slice-negative"] = model(
    [CONV, node("Slice", ["c", "from", "to", "axes"], ["s"]), *head("s")],
    [*half, ints("from", [-2]), ints("to", [2**62]), ints("axes", [-3])],
)
values["concat-negative"] = model(
    [CONV, node("Concat", ["c", "c"], ["cc"], axis=-3), *head("cc")], [WEIGHTS[0], normal("w", 5, 8), WEIGHTS[2]]
)
values["split-num-outputs"] = model(
    [
        node("Conv", ["x", "k5"], ["c"]), node("Split", ["c"], ["s", "t"], axis=-3, num_outputs=2),
        node("Concat", ["t", "s"], ["cc"], axis=1), *head("cc"),
    ], [normal("k5", 5, 3, 3, 3), normal("w", 5, 5), WEIGHTS[2]], 18,
)  # fmt: skip
values["squeeze-negative"] = model(
    [CONV, *head("c", [node("Squeeze", ["gp", "axes"], ["fl"])])], [*WEIGHTS, ints("axes", [-1, -2])]
)
values["squeeze-twice"] = model(
    [CONV, *head("c", [node("Squeeze", ["gp"], ["g3"], axes=[3]), node("Squeeze", ["g3"], ["fl"], axes=[2])])], WEIGHTS, 12
)
values["mean-negative"] = model(
    [CONV, node("ReduceMean", ["c", "axes"], ["fl"], keepdims=0), *gemm], [*WEIGHTS, ints("axes", [-1, -2])], 18
)
values["shuffle"] = model(
    [
        CONV, node("Reshape", ["c", "table"], ["g"]), node("Transpose", ["g"], ["t"], perm=[0, 2, 1, 3, 4]),
        node("Reshape", ["t", "row"], ["r"]), node("Conv", ["r", "k2"], ["c2"], group=4), *head("c2"),
    ], [*WEIGHTS, normal("k2", 4, 1, 3, 3), ints("table", [0, 2, 2, 6, 6]), ints("row", [0, -1, 6, 6])],
)  # fmt: skip
values["dropout"] = model([CONV, node("Dropout", ["c", "ratio"], ["d"], seed=1), *head("d")], [*WEIGHTS, floats("ratio", 0.5)])

# Linear layers.
values["matmul"] = model([CONV, node("GlobalAveragePool", ["c"], ["gp"]), node("Flatten", ["gp"], ["fl"]), node("MatMul", ["fl", "w"], ["y"])], [WEIGHTS[0], normal("w", 4, 5)])  # fmt: skip
values["matmul-add"] = model(
    [
        CONV, node("GlobalAveragePool", ["c"], ["gp"]), node("Flatten", ["gp"], ["fl"]), node("MatMul", ["fl", "w"], ["p"]),
        node("Add", ["b", "p"], ["y"]),
    ], [WEIGHTS[0], normal("w", 4, 5), normal("b", 1, 5)],
)  # fmt: skip
values["matmul-transposed"] = model(
    [
        CONV, node("GlobalAveragePool", ["c"], ["gp"]), node("Flatten", ["gp"], ["fl"]), node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        node("MatMul", ["fl", "wt"], ["y"]),
    ], WEIGHTS[:2],
)  # fmt: skip
values["gemm-row-bias"] = model([CONV, *head("c")], [*WEIGHTS[:2], normal("b", 1, 5)])

# Windows.
for name, attributes in {
    "same-upper": dict(auto_pad="SAME_UPPER"),
    "same-lower": dict(auto_pad="SAME_LOWER", kernel_shape=[3, 3]),
    "valid": dict(auto_pad="VALID", strides=[2, 2]),
    "dilated": dict(dilations=[2, 2], pads=[2, 2, 2, 2]),
    "unused-end-pads": dict(strides=[2, 2], pads=[1, 1, 0, 0]),
}.items():
    values[f"conv-{name}"] = model([node("Conv", ["x", "k"], ["c"], **attributes), *head("c")], WEIGHTS)
values["max-pool-same"] = model(*pooled("MaxPool", 36, kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER"))
values["max-pool-ceil-even"] = model(*pooled("MaxPool", 36, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1))
values["max-pool-padded"] = model(*pooled("MaxPool", 36, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))
values["average-pool"] = model(*pooled("AveragePool", 36, kernel_shape=[2, 2], strides=[2, 2], count_include_pad=0))
values["average-pool-counted"] = model(
    *pooled("AveragePool", 36, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
)
values["average-pool-dilations-of-one"] = model(*pooled("AveragePool", 100, kernel_shape=[2, 2], dilations=[1, 1]), 19)

# Normalisations.
mean, std = [0.1, 0.5, 0.9], [0.2, 0.5, 0.8]
tail = [node("Conv", ["x1", "k"], ["c"]), *head("c")]
sub_div = [node("Sub", ["x", "m"], ["x0"]), node("Div", ["x0", "s"], ["x1"])]
values["normalised"] = model([*sub_div, *tail], [*WEIGHTS, floats("m", mean, (3, 1, 1)), floats("s", std, (1, 3, 1, 1))])
values["normalised-by-numbers"] = model([*sub_div, *tail], [*WEIGHTS, floats("m", 0.5), floats("s", [0.25])])
values["normalised-by-product"] = model(
    [node("Mul", ["f", "x"], ["x0"]), node("Add", ["x0", "a"], ["x1"]), *tail],
    [*WEIGHTS, floats("f", 1 / np.array(std), (3, 1, 1)), floats("a", -np.array(mean) / std, (3, 1, 1))],
)
values["normalised-in-three"] = model(
    [node("Mul", ["x", "f"], ["x9"]), node("Sub", ["x9", "m"], ["x0"]), node("Div", ["x0", "s"], ["x1"]), *tail],
    [*WEIGHTS, floats("f", 255.0), floats("m", 255 * np.array(mean), (3, 1, 1)), floats("s", 255 * np.array(std), (3, 1, 1))],
)
values["equal-on-width-3"] = model(
    [node("Sub", ["x", "m"], ["x0"]), node("Div", ["x0", "s"], ["x1"]), node("Conv", ["x1", "k"], ["c"], pads=[1, 1, 1, 1]), *head("c")],
    [*WEIGHTS, floats("m", [0.5] * 3), floats("s", [0.25] * 3)], width=3,
)  # fmt: skip

# Half precision within, single outside.
halves = [numpy_helper.from_array(numpy_helper.to_array(t).astype("f2"), t.name) for t in WEIGHTS]
f16, f32 = TensorProto.FLOAT16, TensorProto.FLOAT
values["half-with-kept-io"] = model(
    [node("Cast", ["x"], ["xh"], to=f16), node("Conv", ["xh", "k"], ["c"]), node("GlobalAveragePool", ["c"], ["gp"]),
     node("Flatten", ["gp"], ["fl"]), node("Gemm", ["fl", "w", "b"], ["yh"], transB=1), node("Cast", ["yh"], ["y"], to=f32)],
    halves,
)  # fmt: skip

# What no layer is.
refused["average-pool-dilations"] = model(*pooled("AveragePool", 64, kernel_shape=[2, 2], dilations=[2, 2]), 19)
refused["max-pool-dilations"] = model(*pooled("MaxPool", 64, kernel_shape=[2, 2], dilations=[2, 2]))
values["average-pool-uncounted"] = model(*pooled("AveragePool", 36, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))
values["max-pool-ceil"] = model(*pooled("MaxPool", 36, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1))
values["max-pool-same-uneven"] = model(*pooled("MaxPool", 36, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"))
refused["reshape-of-a-vector"] = model(
    [node("Flatten", ["x"], ["fl"]), node("Gemm", ["fl", "w", "b"], ["g"], transB=1), node("Reshape", ["g", "s"], ["y"])],
    [normal("w", 10, 192), normal("b", 10), ints("s", [-1, 5])],
)
refused["columns-not-channels"] = model(
    [*sub_div, node("Conv", ["x1", "k"], ["c"], pads=[1, 1, 1, 1]), *head("c")],
    [*WEIGHTS, floats("m", mean), floats("s", std)], width=3,
)  # fmt: skip
refused["squeeze-all"] = model([CONV, *head("c", [node("Squeeze", ["gp"], ["fl"])])], WEIGHTS)
refused["mean-over-channels"] = model([CONV, node("ReduceMean", ["c"], ["m"], axes=[1], keepdims=1), *classified(36, "m")[0]], classified(36, "m")[1])  # fmt: skip
refused["scaled-gemm"] = model([*[CONV], *head("c")[:2], node("Gemm", ["fl", "w", "b"], ["y"], transB=1, alpha=0.5)], WEIGHTS)
refused["bias-over-images"] = model([CONV, *head("c")], [*WEIGHTS[:2], normal("b", 2, 5)], batch=2)
refused["bytes"] = model([node("Cast", ["x"], ["xf"], to=f32), node("Conv", ["xf", "k"], ["c"]), *head("c")], WEIGHTS, kind=TensorProto.UINT8)  # fmt: skip
refused["no-classifier"] = model([CONV, node("Relu", ["c"], ["y"])], WEIGHTS[:1], classes=None)
values["softmax"] = model([CONV, *head("c")[:2], node("Gemm", ["fl", "w", "b"], ["g"], transB=1), node("Softmax", ["g"], ["y"])], WEIGHTS)  # fmt: skip
refused["old-opset"] = model([CONV, *head("c")], WEIGHTS, 6)
refused["batch-norm-training"] = model(
    [CONV, node("BatchNormalization", ["c", "o", "b4", "b4", "o"], ["r", "rm", "rv"], training_mode=1), *head("r")],
    [*WEIGHTS, floats("o", [1.0] * 4), floats("b4", [0.0] * 4)], 15,
)  # fmt: skip
refused["added-plane"] = model([CONV, node("Add", ["c", "a"], ["d"]), *head("d")], [*WEIGHTS, floats("a", [0.5] * 36, (6, 6))])
external = model([CONV, *head("c")], WEIGHTS)
for tensor in external.graph.initializer:
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value="weights.bin")
refused["external-data"] = external
unknown = model([CONV, *head("c")], WEIGHTS)
unknown.graph.node[1].attribute.add(name="exclude_outliers", type=onnx.AttributeProto.INT, i=1)
refused["unknown-attribute"] = unknown

# Layer norms, tokens and smooth activations, with numbers of their own.
others = np.random.default_rng(5)


def numbers(name, *shape):
    return numpy_helper.from_array((others.normal(size=shape) / 2).astype("f4"), name)


NORM = [numbers("g4", 4), numbers("h4", 4)]
values["layer-norm-of-channels"] = model(
    [
        CONV, node("Transpose", ["c"], ["l"], perm=[0, 2, 3, 1]), node("LayerNormalization", ["l", "g4", "h4"], ["n"], axis=3, epsilon=0.01),
        node("Transpose", ["n"], ["f"], perm=[0, 3, 1, 2]), *head("f"),
    ], [*WEIGHTS, *NORM],
)  # fmt: skip
values["layer-norm-without-bias"] = model(
    [
        CONV, node("GlobalAveragePool", ["c"], ["gp"]), node("Flatten", ["gp"], ["v"]), node("LayerNormalization", ["v", "g4"], ["fl"]),
        *gemm,
    ], [*WEIGHTS, NORM[0]],
)  # fmt: skip
values["tokens"] = model(
    [
        CONV, node("Reshape", ["c", "s"], ["p"]), node("Transpose", ["p"], ["t"], perm=[0, 2, 1]),
        node("LayerNormalization", ["t", "g4", "h4"], ["n"], axis=-1, epsilon=1e-6), node("MatMul", ["n", "up"], ["u0"]),
        node("Add", ["bu", "u0"], ["u"]), node("Mul", ["root", "u"], ["e0"]), node("Erf", ["e0"], ["e1"]), node("Add", ["one", "e1"], ["e2"]),
        node("Mul", ["e2", "half"], ["e3"]), node("Mul", ["u", "e3"], ["e"]), node("MatMul", ["e", "down"], ["d"]), node("Add", ["t", "d"], ["r"]),
        node("ReduceMean", ["r"], ["fl"], axes=[1], keepdims=0), *gemm,
    ],
    [
        *WEIGHTS, *NORM, ints("s", [0, 4, -1]), numbers("up", 4, 7), numbers("bu", 7), numbers("down", 7, 4),
        floats("root", 0.5**0.5), floats("one", 1.0), floats("half", [0.5]),
    ],
)  # fmt: skip
values["gelu"] = model([CONV, node("Gelu", ["c"], ["r"], approximate="none"), *head("r")], WEIGHTS, 20)
values["silu"] = model([CONV, node("Sigmoid", ["c"], ["s"]), node("Mul", ["s", "c"], ["r"]), *head("r")], WEIGHTS)
values["gelu-tanh"] = model([CONV, node("Gelu", ["c"], ["r"], approximate="tanh"), *head("r")], WEIGHTS, 20)
# As PyTorch writes it before opset 20.
values["gelu-tanh-in-parts"] = model(
    [
        CONV, node("Mul", ["c", "c"], ["c2"]), node("Mul", ["c", "c2"], ["c3"]), node("Mul", ["kappa", "c3"], ["ks"]), node("Add", ["c", "ks"], ["u"]),
        node("Mul", ["beta", "u"], ["v"]), node("Tanh", ["v"], ["t"]), node("Add", ["one", "t"], ["t1"]), node("Mul", ["c", "t1"], ["d"]),
        node("Mul", ["half", "d"], ["r"]), *head("r"),
    ],
    [*WEIGHTS, floats("kappa", 0.044715), floats("beta", (2 / np.pi) ** 0.5), floats("one", 1.0), floats("half", 0.5)],
)  # fmt: skip
values["leaky-relu"] = model([CONV, node("LeakyRelu", ["c"], ["r"], alpha=0.2), *head("r")], WEIGHTS)
values["prelu"] = model([CONV, node("PRelu", ["c", "a"], ["r"]), *head("r")], [*WEIGHTS, floats("a", [0.1, 0.2, 0.3, -0.4], (4, 1, 1))])
values["prelu-of-one"] = model([CONV, node("PRelu", ["c", "a"], ["r"]), *head("r")], [*WEIGHTS, floats("a", [0.25])])
refused["prelu-of-places"] = model([CONV, node("PRelu", ["c", "a"], ["r"]), *head("r")], [*WEIGHTS, floats("a", np.arange(6), (1, 6))])
values["sigmoid"] = model([CONV, node("Sigmoid", ["c"], ["r"]), *head("r")], WEIGHTS)
refused["softmax-inside"] = model([CONV, node("Softmax", ["c"], ["r"], axis=1), *head("r")], WEIGHTS)
refused["pad-reflects"] = model([CONV, node("Pad", ["c", "p"], ["r"], mode="reflect"), *head("r")], [*WEIGHTS, ints("p", [0, 0, 1, 1, 0, 0, 1, 1])])  # fmt: skip
refused["hard-sigmoid-of-keras"] = model([CONV, node("HardSigmoid", ["c"], ["r"]), *head("r")], WEIGHTS)

# What MobileNetV3, EfficientNet and RegNet have: activations, squeeze-and-excitation; windows that reach beyond the map.
EXCITE = [normal("k1", 2, 4, 1, 1), normal("b1", 2), normal("k2", 4, 2, 1, 1), normal("b2", 4)]
values["hard-swish"] = model([CONV, node("HardSwish", ["c"], ["r"]), *head("r")], WEIGHTS)
values["hard-sigmoid"] = model([CONV, node("HardSigmoid", ["c"], ["r"], alpha=1 / 6, beta=0.5), *head("r")], WEIGHTS)
values["product"] = model([CONV, node("Relu", ["c"], ["d"]), node("Mul", ["c", "d"], ["r"]), *head("r")], WEIGHTS)
values["squeeze-excite"] = model(
    [
        CONV, node("GlobalAveragePool", ["c"], ["s"]), node("Conv", ["s", "k1", "b1"], ["s1"]), node("Relu", ["s1"], ["s2"]),
        node("Conv", ["s2", "k2", "b2"], ["s3"]), node("Sigmoid", ["s3"], ["g"]), node("Mul", ["g", "c"], ["r"]), *head("r"),
    ], [*WEIGHTS, *EXCITE],
)  # fmt: skip
values["squeeze-excite-smooth"] = model(
    [
        CONV, node("ReduceMean", ["c"], ["s"], axes=[2, 3], keepdims=1), node("Conv", ["s", "k1", "b1"], ["s1"]),
        node("Sigmoid", ["s1"], ["t"]), node("Mul", ["s1", "t"], ["s2"]), node("Conv", ["s2", "k2", "b2"], ["s3"]),
        node("HardSigmoid", ["s3"], ["g"], alpha=1 / 6, beta=0.5), node("Mul", ["c", "g"], ["r"]), *head("r"),
    ], [*WEIGHTS, *EXCITE],
)  # fmt: skip
values["squeeze-excite-linear"] = model(
    [
        CONV, node("GlobalAveragePool", ["c"], ["s"]), node("Flatten", ["s"], ["s0"]),
        node("Gemm", ["s0", "w1", "b1"], ["s1"], transB=1), node("Clip", ["s1", "lo", "hi"], ["s2"]),
        node("Gemm", ["s2", "w2", "b2"], ["s3"], transB=1), node("Sigmoid", ["s3"], ["g"]),
        node("Unsqueeze", ["g", "places"], ["g1"]), node("Mul", ["c", "g1"], ["r"]), *head("r"),
    ], [*WEIGHTS, normal("w1", 2, 4), EXCITE[1], normal("w2", 4, 2), EXCITE[3], floats("lo", 0), floats("hi", 6), ints("places", [2, 3])],
)  # fmt: skip
values["max-pool-ceil-padded"] = model(*pooled("MaxPool", 64, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 1, 1]))
values["average-pool-ceil"] = model(*pooled("AveragePool", 36, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=0))
values["average-pool-same"] = model(*pooled("AveragePool", 36, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"))
values["average-pool-uneven-counted"] = model(*pooled("AveragePool", 36, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1))
nodes, inits = classified(64, "c")
values["conv-pads-differ"] = model([node("Conv", ["x", "k"], ["c"], strides=[2, 2], pads=[0, 0, 1, 1]), *nodes], inits)
values["conv-same-uneven"] = model([node("Conv", ["x", "k"], ["c"], strides=[2, 2], auto_pad="SAME_UPPER"), *nodes], inits)
values["conv-same-lower-uneven"] = model([node("Conv", ["x", "k"], ["c"], strides=[2, 2], auto_pad="SAME_LOWER"), *nodes], inits)
nodes, inits = classified(4 * 9 * 7, "d")
values["pad"] = model([CONV, node("Pad", ["c", "p"], ["d"]), *nodes], [*inits, ints("p", [0, 0, 1, 0, 0, 0, 2, 1])])
# A padding that is computed from constants alone, as TF ports are exported.
values["pad-computed"] = model(
    [
        CONV, node("Ceil", ["third"], ["up"]), node("Cast", ["up"], ["most"], to=int(TensorProto.INT64)),
        node("Sub", ["most", "one"], ["less"]), node("Unsqueeze", ["less", "axes0"], ["less1"]),
        node("Concat", ["less1", "zero"], ["sides"], axis=0), node("ConstantOfShape", ["six"], ["rest"], value=ints("v", [0])),
        node("Concat", ["sides", "rest"], ["all"], axis=0), node("Reshape", ["all", "pairs"], ["table"]),
        node("Slice", ["table", "last", "first", "axes0", "last"], ["back"]), node("Transpose", ["back"], ["turned"], perm=[1, 0]),
        node("Reshape", ["turned", "flat"], ["p"]), node("Pad", ["c", "p"], ["d"]), *classified(4 * 6 * 8, "d")[0],
    ],
    [
        *classified(4 * 6 * 8, "d")[1], floats("third", 2.3), ints("one", 1), ints("axes0", [0]), ints("zero", [0]), ints("six", [6]),
        ints("pairs", [-1, 2]), ints("last", [-1]), ints("first", [-9999]), ints("flat", [-1]),
    ],
)  # fmt: skip
# PyTorch's channels_last: as_strided as a string of numbers, picked in order.
values["strung"] = model(
    [
        CONV, node("GlobalAveragePool", ["c"], ["gp"]), node("Reshape", ["gp", "row"], ["s"]), node("Gather", ["s", "order"], ["o"]),
        node("Reshape", ["o", "s2"], ["fl"]), *gemm,
    ],
    [
        *WEIGHTS, ints("row", [-1]), numpy_helper.from_array(np.arange(4).reshape(1, 4, 1, 1), "order"), ints("s2", [1, 4]),
    ], batch=1,
)  # fmt: skip

# Group norms: the operator of opset 21, PyTorch's form before, one with the instance norm's own numbers and sizes that are written out.
GROUPS = [CONV, node("Reshape", ["c", "row"], ["g"], allowzero=0), node("InstanceNormalization", ["g", "one2", "zero2"], ["i"], epsilon=0.01)]
PARTS = [*WEIGHTS, ints("row", [0, 2, -1]), floats("one2", [1.0, 1.0]), floats("zero2", [0.0, 0.0])]
rectified = [node("Relu", ["f"], ["r"]), *head("r")]
values["group-norm"] = model([CONV, node("GroupNormalization", ["c", "g4", "h4"], ["f"], num_groups=2, epsilon=0.01), *rectified], [*WEIGHTS, *NORM], 21)  # fmt: skip
values["group-norm-in-parts"] = model(
    [
        *GROUPS, node("Shape", ["c"], ["whole"]), node("Reshape", ["i", "whole"], ["n"], allowzero=0), node("Mul", ["n", "times"], ["m"]),
        node("Add", ["m", "plus"], ["f"]), *rectified,
    ], [*PARTS, floats("times", [0.5, -1, 2, 1.5], (4, 1, 1)), floats("plus", [0.1, 0.2, -0.3, 0.4], (1, 4, 1, 1))],
)  # fmt: skip
values["group-norm-of-groups"] = model(
    [*GROUPS, node("Reshape", ["i", "whole"], ["f"]), *rectified],
    [*WEIGHTS, ints("row", [-1, 2, 72]), floats("one2", [0.5, 2.0]), floats("zero2", [0.3, -0.2]), ints("whole", [-1, 4, 6, 6])],
)  # fmt: skip
values["instance-norm"] = model([CONV, node("InstanceNormalization", ["c", "g4", "h4"], ["f"]), *rectified], [*WEIGHTS, *NORM])
refused["rows-not-groups"] = model([*GROUPS, node("Reshape", ["i", "turned"], ["f"]), *rectified], [*PARTS, ints("turned", [0, 4, 4, 9])])

# Arithmetic of maps with constants, other limits than those of a ReLU, and a block of ConvNeXt: layers on channels that lie last.
third = np.random.default_rng(7)


def drawn(name, *shape):
    return numpy_helper.from_array((third.normal(size=shape) / 2).astype("f4"), name)


values["scaled-and-shifted"] = model(
    [CONV, node("Mul", ["s", "c"], ["m"]), node("Add", ["m", "a"], ["d"]), *head("d")], [*WEIGHTS, drawn("s", 4, 1, 1), drawn("a", 1, 4, 1, 1)]
)
values["taken-from-a-number"] = model(
    [CONV, node("Sub", ["one", "c"], ["m"]), node("Div", ["m", "s"], ["d"]), node("Sub", ["d", "s"], ["e"]), *head("e")],
    [*WEIGHTS, floats("one", 1.0), floats("s", [0.5, -2, 3, 0.25], (4, 1, 1))],
)
values["clip"] = model([CONV, node("Clip", ["c", "lo", "hi"], ["r"]), *head("r")], [*WEIGHTS, floats("lo", -0.2), floats("hi", 0.7)])
values["clip-from-above"] = model([CONV, node("Clip", ["c", "", "hi"], ["r"]), *head("r")], [*WEIGHTS, floats("hi", 0.3)])
values["clip-attributes"] = model([CONV, node("Clip", ["c"], ["r"], min=-0.5, max=0.5), *head("r")], WEIGHTS, 10)
values["channels-last"] = model(
    [
        CONV, node("Transpose", ["c"], ["l"], perm=[0, 2, 3, 1]), node("LayerNormalization", ["l", "g4", "h4"], ["n"], axis=-1, epsilon=1e-6),
        node("MatMul", ["n", "up"], ["u0"]), node("Add", ["u0", "bu"], ["u"]), node("Div", ["u", "root"], ["e0"]), node("Erf", ["e0"], ["e1"]),
        node("Add", ["e1", "one"], ["e2"]), node("Mul", ["u", "e2"], ["e3"]), node("Mul", ["e3", "half"], ["e"]), node("MatMul", ["e", "down"], ["d"]),
        node("Mul", ["d", "scale"], ["s"]), node("Transpose", ["s"], ["f"], perm=[0, 3, 1, 2]), node("Add", ["f", "c"], ["r"]),
        node("GlobalAveragePool", ["r"], ["gp"]), node("Transpose", ["gp"], ["gl"], perm=[0, 2, 3, 1]),
        node("LayerNormalization", ["gl", "g4", "h4"], ["gn"], axis=-1, epsilon=1e-6), node("Transpose", ["gn"], ["gf"], perm=[0, 3, 1, 2]),
        node("Flatten", ["gf"], ["fl"]), *gemm,
    ],
    [
        *WEIGHTS, *NORM, drawn("up", 4, 7), drawn("bu", 7), drawn("down", 7, 4), drawn("scale", 4), floats("root", 2**0.5), floats("one", 1.0),
        floats("half", 0.5),
    ],
)  # fmt: skip
values["channels-last-gelu"] = model(
    [
        CONV, node("Transpose", ["c"], ["l"], perm=[0, 2, 3, 1]), node("MatMul", ["l", "up"], ["u"]), node("Gelu", ["u"], ["g"]),
        node("Transpose", ["g"], ["f"], perm=[0, 3, 1, 2]), *head("f"),
    ], [*WEIGHTS, drawn("up", 4, 4)], 20,
)  # fmt: skip
# The same for any number of images, as PyTorch writes it: each image's numbers are picked by their places in the whole string.
whole = lambda name, value, shape=(): numpy_helper.from_array(np.array(value, np.int64).reshape(shape), name)
STRUNG = [
    CONV, node("ReduceMean", ["c", "places"], ["gp"], keepdims=1), node("Shape", ["x"], ["n1"], start=0, end=1), node("Squeeze", ["n1"], ["n"]),
    node("Reshape", ["gp", "row"], ["s"]), node("Range", ["zero", "n", "one"], ["i"]), node("Mul", ["i", "step"], ["first"]),
    node("Unsqueeze", ["first", "behind"], ["firsts"]), node("Add", ["firsts", "along"], ["order"]), node("Gather", ["s", "order"], ["o"]),
    node("Reshape", ["o", "s2"], ["fl"]), *gemm,
]  # fmt: skip
ORDER = [
    ints("places", [-1, -2]), ints("row", [-1]), whole("zero", 0), whole("one", 1), ints("behind", [1, 2, 3]),
    whole("along", range(4), (1, 4, 1, 1)), ints("s2", [-1, 4]),
]  # fmt: skip
values["strung-images"] = model(STRUNG, [*WEIGHTS, *ORDER, whole("step", 4)], 18)
# Every image would be given the first one's numbers.
refused["strung-without-steps"] = model(STRUNG, [*WEIGHTS, *ORDER, whole("step", 0)], 18)
refused["divided-by-zero"] = model([CONV, node("Div", ["c", "z"], ["d"]), *head("d")], [*WEIGHTS, floats("z", 0.0)])
refused["empty-limits"] = model([CONV, node("Clip", ["c", "lo", "hi"], ["r"]), *head("r")], [*WEIGHTS, floats("lo", 1.0), floats("hi", 1.0)])

# Numbers beside the model, as PyTorch writes them by default: in a folder of their own.
values["beside/external"] = model([CONV, *head("c")], WEIGHTS)

FOLDER.mkdir(parents=True, exist_ok=True)
shutil.rmtree(FOLDER)
(FOLDER / "beside").mkdir(parents=True)
lines = []
for name, made in values.items():
    path = FOLDER / f"{name}.onnx"
    external = {"save_as_external_data": True, "location": "external.onnx.data", "size_threshold": 0} if "external" in name else {}
    onnx.save(made, path, **external)
    _, channels, height, width = [d.dim_value for d in made.graph.input[0].type.tensor_type.shape.dim]
    count = 2 * channels * height * width
    images = ((np.arange(count) * 0.618034) % 1).astype("f4").reshape(2, channels, height, width)
    if name == "softmax":
        # kd2m leaves it out: what it reads is compared.
        made.graph.output[0].name = made.graph.node.pop().input[0]
    asked = str(path) if external else made.SerializeToString()
    session = onnxruntime.InferenceSession(asked, providers=["CPUExecutionProvider"])
    # A file for one image is asked twice.
    parts = np.split(images, 2) if session.get_inputs()[0].shape[0] == 1 else [images]
    logits = np.concatenate([session.run(None, {"x": part})[0] for part in parts])
    tolerance = 1e-2 if "half" in name else 2e-5
    lines.append(f"{name},{tolerance},{' '.join(f'{v:.9g}' for v in logits.astype('f4').ravel())}\n")
for name, made in refused.items():
    onnx.save(made, FOLDER / f"refused-{name}.onnx")
(FOLDER / "values.csv").write_text("".join(lines))

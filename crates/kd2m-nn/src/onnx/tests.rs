//! Round trips over the whole zoo, and what a file may get wrong. Against onnxruntime: `scripts/zoo_reference.py check`.

use prost::Message;

use super::{names::IMAGES, *};
use crate::{
    graph::GraphBuilder,
    init::initialise,
    layer::{Attention, Conv, GroupNorm, Init, Layer, LayerNorm, Linear, Pool, Position, Prelu, Prepend},
    onnx::proto::{Attribute, GraphProto, Model, NodeProto},
    zoo::{self, MODELS, ZooOptions},
};

/// The layer with the one thing that ONNX does not carry made equal.
fn without_init(layer: &Layer) -> Layer {
    let mut layer = layer.clone();
    match &mut layer {
        Layer::Conv(c) => c.init = Init::TorchDefault,
        Layer::Linear(l) => l.init = Init::TorchDefault,
        Layer::Prepend(p) => p.init = Init::TorchDefault,
        Layer::Position(p) => p.init = Init::TorchDefault,
        _ => {}
    }
    layer
}

#[test]
fn every_network_comes_back_with_names_stages_and_weights() {
    let options = ZooOptions { mean: vec![0.1, 0.2, 0.3], std: vec![0.4, 0.5, 0.6], ..ZooOptions::new(10, 3, 32, 32) };
    for entry in MODELS {
        let graph = zoo::build(entry.name, &options).unwrap();
        // Drawing and packing the weights takes long; smaller members of the families stand for these.
        let large = graph.parameter_count() > 45_000_000;
        // ConvNeXt comes back with its linear layers and factors as convolutions.
        let is_other = |layer: &Layer| matches!(layer, Layer::Scale(_));
        if large || graph.nodes().iter().any(|node| is_other(&node.layer)) {
            continue;
        }
        let weights = initialise(&graph, 1);
        let (found, found_weights) = decode(&encode(&graph, &weights).unwrap()).unwrap();
        assert_eq!(found.name, graph.name);
        assert_eq!(found.nodes().len(), graph.nodes().len(), "{}", entry.name);
        for (a, b) in graph.nodes().iter().zip(found.nodes()) {
            assert_eq!((&a.name, &a.inputs, a.shape), (&b.name, &b.inputs, b.shape), "{}", entry.name);
            assert_eq!(without_init(&a.layer), without_init(&b.layer), "{}: {}", entry.name, a.name);
        }
        assert_eq!(found.stages(), graph.stages());
        assert_eq!((found.features(), found.logits()), (graph.features(), graph.logits()));
        assert!(found_weights == weights, "{}", entry.name);
    }
}

/// A patch embedding, a layer norm of maps and of tokens, a residual block of linear layers, and every activation.
fn of_tokens() -> Graph {
    let (mut b, x) = GraphBuilder::new("tokens", 3, 8, 8, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.conv("embed", x, Conv { kernel: [4; 2], padding: [0; 2], ..Conv::square(3, 6, 4) }.stride(4).with_bias());
    let x = b.layer_norm("norm0", x);
    b.stage("embedded", x);
    let x = b.push("tokens", Layer::Tokens, &[x]);
    let y = b.push("norm1", Layer::LayerNorm(LayerNorm { width: 6, eps: 1e-6 }), &[x]);
    let y = b.linear("up", y, Linear { init: Init::TorchDefault, ..Linear::new(6, 10) });
    let y = b.push("gelu", Layer::Gelu, &[y]);
    let y = b.linear("down", y, Linear { bias: false, ..Linear::new(10, 6) });
    let x = b.add("sum", x, y);
    let pooled = b.global_avg_pool("mean", x);
    let y = b.layer_norm("norm2", pooled);
    let features = b.push("silu", Layer::Silu, &[y]);
    let logits = b.linear("fc", features, Linear::new(6, 5));
    b.finish(features, logits).unwrap()
}

#[test]
fn tokens_layer_norms_and_smooth_activations_come_back() {
    let graph = of_tokens();
    let weights = initialise(&graph, 3);
    let (found, found_weights) = decode(&encode(&graph, &weights).unwrap()).unwrap();
    assert_eq!(found.nodes().len(), graph.nodes().len());
    for (a, b) in graph.nodes().iter().zip(found.nodes()) {
        assert_eq!((&a.name, &a.inputs, a.shape), (&b.name, &b.inputs, b.shape));
        assert_eq!(without_init(&a.layer), without_init(&b.layer), "{}", a.name);
    }
    assert_eq!((found.stages(), found.features(), found.logits()), (graph.stages(), graph.features(), graph.logits()));
    assert!(found_weights == weights);
    let shown: Vec<String> = graph.nodes()[3..8].iter().map(|n| format!("{}: {}", n.layer, n.shape)).collect();
    let expected = ["layer norm: 6×2×2", "places as tokens: 4 tokens of 6", "layer norm: 4 tokens of 6"];
    assert_eq!(shown[..3], expected);
    assert_eq!(shown[3..], ["linear 6→10: 4 tokens of 10", "GELU: 4 tokens of 10"]);
    // 3·4·4·6 products at 4 places, 6·10 + 10·6 for each of 4 tokens, and the classifier.
    assert_eq!(graph.multiply_adds(), 3 * 16 * 6 * 4 + 4 * 120 + 30);
}

/// The graph of tokens with its ONNX nodes changed.
fn changed(change: impl FnOnce(&mut GraphProto)) -> Result<Graph, String> {
    let graph = of_tokens();
    let mut model = Model::decode(&encode(&graph, &initialise(&graph, 3)).unwrap()[..]).unwrap();
    change(model.graph.as_mut().unwrap());
    decode(&model.encode_to_vec()).map(|(graph, _)| graph).map_err(|e| e.to_string())
}

#[test]
fn gelu_and_silu_are_read_in_the_forms_of_other_programs_and_nothing_near_them_is() {
    let gelu = |g: &mut GraphProto| g.node.iter().position(|n| n.name == "gelu").unwrap();
    // The operator of opset 20 in place of the five.
    let one = changed(|g| {
        let at = gelu(g);
        let output = g.node[at + 4].output.clone();
        g.node.drain(at + 1..at + 5);
        g.node[at] = NodeProto {
            op_type: "Gelu".into(),
            output,
            input: vec![g.node[at].input[0].clone()],
            ..g.node[at].clone()
        };
    });
    assert_eq!(one.unwrap().nodes(), changed(|_| ()).unwrap().nodes());
    // The half first, and the root as a factor that comes first.
    let other = changed(|g| {
        let at = gelu(g);
        let x = g.node[at].input[0].clone();
        g.node[at].op_type = "Mul".into();
        g.node[at].input.reverse();
        let root = g.initializer.iter_mut().find(|t| t.name == "gelu.root").unwrap();
        *root = tensor::floats("gelu.root", &[], &[0.5_f32.sqrt()]);
        g.node[at + 3].input = vec!["gelu.half".into(), "gelu.shifted".into()];
        g.node[at + 4].input = vec!["gelu.doubled".into(), x];
    });
    assert_eq!(other.unwrap().nodes(), changed(|_| ()).unwrap().nodes());
    let quarter = changed(|g| {
        let half = g.initializer.iter_mut().find(|t| t.name == "gelu.half").unwrap();
        *half = tensor::floats("gelu.half", &[], &[0.25]);
    });
    assert_eq!(
        quarter.unwrap_err(),
        "operator Div of gelu: begins an erf, which is read as GELU only: x · (1 + erf(x / √2)) · 0.5"
    );
    // The sigmoid alone, and its square.
    let squared = changed(|g| node(g, "silu.product").input[0] = "silu.gate".into()).unwrap();
    let layers: Vec<&Layer> = squared.nodes().iter().rev().take(3).map(|n| &n.layer).collect();
    assert!(matches!(layers[..], [Layer::Linear(_), Layer::Mul, Layer::Sigmoid]), "{layers:?}");
    let of_map = changed(|g| {
        let at = g.node.iter().position(|n| n.name == "norm0.normalised").unwrap();
        g.node[at].input[0] = "embed".into();
    });
    assert!(of_map.unwrap_err().contains("axis = -1 of [6, 2, 2]: a layer norm is over the width of tokens"));
    let flat = changed(|g| {
        let at = node(g, "mean");
        (at.op_type, at.attribute) = ("Flatten".into(), vec![]);
    });
    assert_eq!(flat.unwrap_err(), "operator Flatten of mean: of tokens is not a layer, their mean is");
    let kept = changed(|g| node(g, "mean").attribute[1].i = Some(1));
    assert!(kept.unwrap_err().contains("of tokens only axes = [1], keepdims = 0 is a layer"));
}

/// A small transformer.
fn of_attention() -> Graph {
    let init = Init::Normal(1.0);
    let (mut b, x) = GraphBuilder::new("attention", 3, 8, 8, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.conv("embed", x, Conv { padding: [0; 2], ..Conv::square(3, 8, 4) }.stride(4).with_bias());
    let x = b.push("tokens", Layer::Tokens, &[x]);
    let x = b.push("class", Layer::Prepend(Prepend { width: 8, init }), &[x]);
    let x = b.push("position", Layer::Position(Position { tokens: 5, width: 8, init }), &[x]);
    let y = b.linear("in_proj_", x, Linear::new(8, 24));
    let y = b.push("attend", Layer::Attention(Attention { heads: 2 }), &[y]);
    let x = b.add("add", y, x);
    let features = b.push("token", Layer::Token { at: 4 }, &[x]);
    let logits = b.linear("fc", features, Linear::new(8, 5));
    b.finish(features, logits).unwrap()
}

/// The same with its ONNX changed.
fn attention(change: impl FnOnce(&mut GraphProto)) -> Result<(Graph, Weights), String> {
    let graph = of_attention();
    let mut model = Model::decode(&encode(&graph, &initialise(&graph, 3)).unwrap()[..]).unwrap();
    change(model.graph.as_mut().unwrap());
    decode(&model.encode_to_vec()).map_err(|e| e.to_string())
}

fn operator(op_type: &str, input: &[&str], output: &str, attribute: Vec<Attribute>) -> NodeProto {
    NodeProto {
        op_type: op_type.into(),
        input: input.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.into()],
        name: output.into(),
        attribute,
        ..NodeProto::default()
    }
}

#[test]
fn transformers_come_back() {
    let (graph, weights) = (of_attention(), initialise(&of_attention(), 3));
    let (found, found_weights) = attention(|_| ()).unwrap();
    for (a, b) in graph.nodes().iter().zip(found.nodes()) {
        assert_eq!((&a.name, &a.inputs, a.shape), (&b.name, &b.inputs, b.shape));
        assert_eq!(without_init(&a.layer), without_init(&b.layer), "{}", a.name);
    }
    assert!(found_weights == weights && found_weights.contains_key("in_proj_weight"));
    assert_eq!((found.features(), found.logits()), (graph.features(), graph.logits()));
}

/// As PyTorch 2.15 exports timm's: q, k and v cut out, heads of all images in a row while k is turned, √ of the factor on both sides.
#[test]
fn attention_is_read_in_the_form_of_pytorch() {
    let theirs = attention(|g| {
        let lists: [(&str, &[i64]); 6] =
            [("0", &[0]), ("1", &[1]), ("2", &[2]), ("3", &[3]), ("merged", &[-1, 5, 4]), ("apart", &[0, 2, 4, 5])];
        g.initializer.extend(lists.map(|(name, values)| tensor::integers(&format!("list.{name}"), values)));
        g.initializer.push(tensor::floats("root", &[], &[0.5_f32.sqrt()]));
        let first = g.node.iter().position(|n| n.name == "attend.q").unwrap();
        let last = g.node.iter().position(|n| n.name == "attend.shares").unwrap();
        let cut = |part: &str, from: &str, to: &str| {
            let whole = format!("whole.{part}");
            let [from, to] = [from, to].map(|at| format!("list.{at}"));
            let axes = "list.0";
            [
                operator("Slice", &["attend.apart", &from, &to, axes], &whole, vec![]),
                operator("Squeeze", &[&whole, axes], &format!("attend.{part}"), vec![]),
            ]
        };
        let parts = [cut("q", "0", "1"), cut("k", "1", "2"), cut("v", "2", "3")].concat();
        let turned = [
            operator("Reshape", &["attend.k", "list.merged"], "merged", vec![]),
            operator("Transpose", &["merged"], "turned", vec![writer::ints("perm", &[0, 2, 1])]),
            operator("Reshape", &["turned", "list.apart"], "split", vec![]),
            operator("Mul", &["attend.q", "root"], "q", vec![]),
            operator("Mul", &["root", "split"], "k", vec![]),
            operator("MatMul", &["q", "k"], "attend.scores", vec![]),
        ];
        g.node.splice(first..last, parts.into_iter().chain(turned));
    });
    let why = theirs.as_ref().err().cloned();
    assert!(theirs.is_ok_and(|found| found == attention(|_| ()).unwrap()), "{why:?}");
}

#[test]
fn what_is_near_attention_is_refused() {
    let refused = |change: &dyn Fn(&mut GraphProto)| attention(change).unwrap_err();
    let factor = refused(&|g| {
        let factor = g.initializer.iter_mut().find(|t| t.name == "attend.factor").unwrap();
        *factor = tensor::floats("attend.factor", &[], &[0.25]);
    });
    assert!(factor.ends_with("v only: Softmax: scores are multiplied by 0.25, not by 0.5"), "{factor}");
    let reversed = refused(&|g| node(g, "attend.products").input.reverse());
    assert!(reversed.ends_with("MatMul: not where it stands"), "{reversed}");
    let heads = refused(&|g| node(g, "attend.back").attribute = vec![writer::ints("perm", &[0, 2, 3, 1])]);
    assert!(heads.contains("begins attention of tokens"), "{heads}");
    let along = refused(&|g| node(g, "attend.shares").attribute[0].i = Some(2));
    assert!(along.ends_with("Softmax: not where it stands"), "{along}");
    let behind = refused(&|g| node(g, "class").input.reverse());
    assert!(behind.ends_with("joins a constant, which is a layer for one token before others only"), "{behind}");
    let row = refused(&|g| node(g, "token").attribute[0].i = Some(2));
    assert!(row.ends_with("axis = 2 of tokens: only one of them is a layer"), "{row}");
}

#[test]
fn outputs_of_tokens_are_refused() {
    let (mut b, x) = GraphBuilder::new("stage", 1, 4, 4, &[0.0], &[1.0]);
    let tokens = b.push("tokens", Layer::Tokens, &[x]);
    let mean = b.global_avg_pool("mean", tokens);
    let logits = b.linear("fc", mean, Linear::new(1, 2));
    assert_eq!(
        b.clone().finish(tokens, logits).unwrap_err().to_string(),
        "the features of a graph are a vector, but tokens gives 16 tokens of 1: take the mean over places or tokens first"
    );
    b.stage("layer1", tokens);
    assert_eq!(
        b.finish(mean, logits).unwrap_err().to_string(),
        "stage layer1 gives 16 tokens of 1: criteria read maps and vectors, mark the map before it is made tokens"
    );
}

fn small() -> Model {
    let graph = zoo::build("digits-cnn-student", &ZooOptions::new(10, 1, 8, 8)).unwrap();
    Model::decode(&encode(&graph, &initialise(&graph, 0)).unwrap()[..]).unwrap()
}

fn refusal(change: impl FnOnce(&mut GraphProto)) -> String {
    let mut model = small();
    change(model.graph.as_mut().unwrap());
    decode(&model.encode_to_vec()).unwrap_err().to_string()
}

fn node<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|n| n.name == name).unwrap()
}

#[test]
fn operators_and_settings_that_no_layer_has_are_named() {
    let unknown = refusal(|g| node(g, "relu1").op_type = "Selu".into());
    assert!(unknown.starts_with("operator Selu of relu1: is not one that a graph has; it has Add"), "{unknown}");
    let computed = refusal(|g| node(g, "conv2").input[1] = "relu1".into());
    assert!(computed.contains("input relu1 is computed"), "{computed}");
    let elsewhere = refusal(|g| g.initializer.iter_mut().for_each(|t| t.data_location = 1));
    assert!(elsewhere.contains("in another file"), "{elsewhere}");
    let short = refusal(|g| g.initializer.iter_mut().for_each(|t| t.raw_data.truncate(t.raw_data.len() - 1)));
    assert!(short.contains("numbers for a shape of"), "{short}");
    let open = refusal(|g| {
        let shape = g.input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().shape.as_mut().unwrap();
        shape.dim[2].dim_value = None;
    });
    assert!(open.contains("input images should be [n, channels, height, width]"), "{open}");
    let misfit = refusal(|g| g.node.retain(|n| n.name != "conv2"));
    assert!(misfit.contains("conv2"), "{misfit}");
}

/// Models with every operator and attribute that is read: the zoo's own, and those of scripts/make_onnx_values.py.
fn every_form() -> Vec<(String, Model)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".onnx") && !name.starts_with("refused-") {
            all.push((name, Model::decode(&std::fs::read(&path).unwrap()[..]).unwrap()));
        }
    }
    for name in ["digits-cnn-student", "ShuffleV1"] {
        let channels = if name.starts_with("digits") { 1 } else { 3 };
        let graph = zoo::build(name, &ZooOptions::new(10, channels, 32, 32)).unwrap();
        all.push((name.to_owned(), Model::decode(&encode(&graph, &initialise(&graph, 0)).unwrap()[..]).unwrap()));
    }
    for graph in [of_tokens(), of_gates(), of_groups()] {
        let model = Model::decode(&encode(&graph, &initialise(&graph, 0)).unwrap()[..]).unwrap();
        all.push((graph.name, model));
    }
    assert!(all.len() > 50);
    all
}

#[test]
fn an_attribute_that_nobody_asked_for_refuses_every_operator() {
    for (name, model) in every_form() {
        let surprise = Attribute { name: "surprise".into(), i: Some(1), r#type: 2, ..Attribute::default() };
        for at in 0..model.graph.as_ref().unwrap().node.len() {
            let mut changed = model.clone();
            let node = &mut changed.graph.as_mut().unwrap().node[at];
            let operator = node.op_type.clone();
            node.attribute.push(surprise.clone());
            assert!(decode(&changed.encode_to_vec()).is_err(), "{name}: {operator}");
        }
    }
}

#[test]
fn no_attribute_is_without_effect() {
    // What is random in training, and how values beyond an 8-bit type are cast.
    let idle = [("Dropout", "seed"), ("Dropout", "ratio")];
    for (name, model) in every_form() {
        let (graph, weights) = decode(&model.encode_to_vec()).unwrap();
        let nodes = &model.graph.as_ref().unwrap().node;
        for (at, which) in (0..nodes.len()).flat_map(|at| (0..nodes[at].attribute.len()).map(move |which| (at, which)))
        {
            let mut changed = model.clone();
            let node = &mut changed.graph.as_mut().unwrap().node[at];
            let label = format!("{name}: {} of {}", node.attribute[which].name, node.op_type);
            if node.op_type == "Constant" || idle.contains(&(&node.op_type, &node.attribute[which].name)) {
                continue;
            }
            let attribute = &mut node.attribute[which];
            match attribute.r#type {
                1 => attribute.f = Some(attribute.f.unwrap_or(0.0) + 0.5),
                2 => attribute.i = Some(attribute.i.unwrap_or(0) + 7),
                3 => attribute.s = Some(b"ODD".to_vec()),
                4 => attribute.t = Some(tensor::integers("odd", &[7, 7])),
                7 => attribute.ints[0] += 1,
                other => panic!("{label} is of type {other}"),
            }
            if let Ok((other, other_weights)) = decode(&changed.encode_to_vec()) {
                assert!(other != graph || other_weights != weights, "{label} is dropped");
            }
        }
    }
}

#[test]
fn a_model_without_normalisation_or_named_outputs_is_read() {
    let mut model = small();
    let graph = model.graph.as_mut().unwrap();
    graph.node.retain(|n| n.op_type != "Sub" && n.op_type != "Div");
    node(graph, "conv1").input[0] = IMAGES.into();
    // As other programs write it: the logits alone, under any name.
    graph.output.remove(0);
    graph.output[0].name = "y".into();
    node(graph, "fc").output[0] = "y".into();
    let (found, weights) = decode(&model.encode_to_vec()).unwrap();
    let expected = zoo::build("digits-cnn-student", &ZooOptions::new(10, 1, 8, 8)).unwrap();
    assert_eq!(found.node(found.features()).name, "avgpool");
    assert_eq!(crate::weights::check(&expected, &weights), Ok(()));
    assert_eq!(found.nodes()[1], expected.nodes()[1]);
}

#[test]
fn an_untransposed_product_is_turned_over() {
    let mut model = small();
    let graph = model.graph.as_mut().unwrap();
    node(graph, "fc").attribute.clear();
    let weight = graph.initializer.iter_mut().find(|t| t.name == "fc.weight").unwrap();
    let values: Vec<f32> = (0..640).map(|i| i as f32).collect();
    *weight = tensor::floats("fc.weight", &[64, 10], &values);
    let (_, weights) = decode(&model.encode_to_vec()).unwrap();
    assert_eq!(weights["fc.weight"].shape, [10, 64]);
    // Row 3 of W is column 3 of the stored matrix.
    assert_eq!(weights["fc.weight"].values[3 * 64..3 * 64 + 3], [3.0, 13.0, 23.0]);
}

#[test]
fn damage_never_panics() {
    let bytes = small().encode_to_vec();
    for at in (0..bytes.len()).step_by(5) {
        let _ = decode(&bytes[..at]);
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x5b;
        let _ = decode(&damaged);
    }
    assert!(decode(b"not a model").is_err());
}

#[test]
fn values_that_are_named_become_stages() {
    let graph = zoo::build("resnet8", &ZooOptions::new(10, 3, 32, 32)).unwrap();
    let bytes = encode(&graph, &initialise(&graph, 1)).unwrap();
    let last = super::parse(&bytes[..]).unwrap().graph.unwrap();
    let last = last.node.iter().rfind(|node| node.op_type == "Relu").unwrap().output[0].clone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.onnx");
    std::fs::write(&path, &bytes).unwrap();
    let open = |stage: &str, value: &str| {
        open_with_stages(&path, None, &BTreeMap::from([(stage.to_owned(), value.to_owned())]))
    };
    // In place of the stage that the file names so.
    let read = open("stem", &last).unwrap().graph;
    let map = |name: &str| read.node(read.stage(name).unwrap()).shape.to_string();
    assert_eq!((map("stem").as_str(), map("layer3").as_str()), ("64×8×8", "64×8×8"));
    let unknown = open("x", "nosuch").unwrap_err().to_string();
    assert!(unknown.contains("`nosuch` is no value that a layer gives: the last map of each size is "), "{unknown}");
    assert!(unknown.contains("(16×32×32), ") && unknown.ends_with("(64×8×8)"), "{unknown}");
    let vector = open("x", "features").unwrap_err().to_string();
    assert!(vector.contains("`features` is no map"), "{vector}");
}

/// Tokens of a transformer that another program wrote are named as maps are, and become the map of their patches.
#[test]
fn tokens_that_are_named_become_maps() {
    let graph = zoo::build("vit_tiny_cifar", &ZooOptions::new(10, 3, 16, 8)).unwrap();
    let bytes = encode(&graph, &initialise(&graph, 1)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.onnx");
    std::fs::write(&path, &bytes).unwrap();
    let stages = [("middle", "blocks.5.add2"), ("same", "blocks.5.add2"), ("patches", "patch_embed.proj")];
    let stages = stages.map(|(stage, value)| (stage.to_owned(), value.to_owned())).into();
    let read = open_with_stages(&path, None, &stages).unwrap().graph;
    let map = |name: &str| read.node(read.stage(name).unwrap()).shape.to_string();
    assert_eq!(["middle", "same", "patches"].map(map), ["192×4×2"; 3]);
    assert_eq!(read.nodes().len(), graph.nodes().len() + 1);
}

#[test]
fn weights_that_do_not_fit_are_not_written() {
    let graph = zoo::build("mlp-3", &ZooOptions::new(10, 1, 8, 8)).unwrap();
    let error = encode(&graph, &Weights::new()).unwrap_err().to_string();
    assert!(error.contains("the weights do not fit mlp-3: fc1.weight is missing"), "{error}");
}

/// Squeeze-and-excitation in every form that is written, zeros around a map, windows beyond it.
fn of_gates() -> Graph {
    let (mut b, x) = GraphBuilder::new("gates", 3, 8, 7, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.push("zeros", Layer::Pad { around: [0, 0, 1, 2] }, &[x]);
    let x = b.conv("embed", x, Conv { kernel: [3; 2], padding: [0; 2], ..Conv::square(3, 6, 3) }.stride(2).with_bias());
    let x = b.push("hard swish", Layer::HardSwish, &[x]);
    let x = b.push("leaky", Layer::Prelu(Prelu::Given(0.2)), &[x]);
    let x = b.push("slopes", Layer::Prelu(Prelu::Learned(6)), &[x]);
    let x = b.push("gelu", Layer::GeluTanh, &[x]);
    let x = b.push("zero channels", Layer::PadChannels { before: 1, after: 2 }, &[x]);
    let x = b.conv("narrow", x, Conv::square(9, 6, 1));
    let x = b.max_pool("max", x, Pool { beyond: [1, 1], ..Pool::new([3; 2], [2; 2], [0; 2]) });
    let s = b.global_avg_pool("squeeze", x);
    let s = b.linear("reduce", s, Linear::new(6, 2));
    let s = b.push("relu6", Layer::Relu6, &[s]);
    let s = b.push("clip", Layer::Clip { min: 0.5, max: 3.0 }, &[s]);
    let s = b.linear("expand", s, Linear::new(2, 6));
    let s = b.push("gate", Layer::HardSigmoid, &[s]);
    let x = b.push("excite", Layer::Mul, &[x, s]);
    let y = b.push("sigmoid", Layer::Sigmoid, &[x]);
    let x = b.relu("relu", x);
    let x = b.push("product", Layer::Mul, &[x, y]);
    let pool = Pool { live_only: true, ..Pool::new([2; 2], [1; 2], [1; 2]) };
    let x = b.push("mean of live", Layer::AvgPool(pool), &[x]);
    let pool = Pool { beyond: [0, 1], ..Pool::new([2; 2], [2; 2], [0; 2]) };
    let x = b.push("mean beyond", Layer::AvgPool(pool), &[x]);
    let features = b.global_avg_pool("mean", x);
    let logits = b.linear("fc", features, Linear::new(6, 5));
    b.finish(features, logits).unwrap()
}

#[test]
fn gates_zeros_and_windows_beyond_the_map_come_back() {
    let graph = of_gates();
    let weights = initialise(&graph, 3);
    let (found, found_weights) = decode(&encode(&graph, &weights).unwrap()).unwrap();
    let layers = |graph: &Graph| graph.nodes().iter().map(|n| (n.name.clone(), n.shape)).collect::<Vec<_>>();
    assert_eq!(layers(&found), layers(&graph));
    for (a, b) in graph.nodes().iter().zip(found.nodes()) {
        // Without padding it is the same whether zeros are counted.
        let same = |layer: &Layer| match layer {
            Layer::AvgPool(pool) if pool.padding == [0; 2] => Layer::AvgPool(Pool { live_only: true, ..pool.clone() }),
            layer => without_init(layer),
        };
        assert_eq!((&a.inputs, same(&a.layer)), (&b.inputs, same(&b.layer)), "{}", a.name);
    }
    assert!(found_weights == weights);
}

/// A linear layer of maps is written as the convolution that it is, and comes back as one.
#[test]
fn linear_layers_of_maps_come_back_as_convolutions() {
    let (mut b, x) = GraphBuilder::new("places", 3, 4, 5, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let x = b.linear("mix", x, Linear::new(3, 6));
    let x = b.linear("plain", x, Linear { bias: false, ..Linear::new(6, 4) });
    let features = b.global_avg_pool("mean", x);
    let logits = b.linear("fc", features, Linear { init: Init::TorchDefault, ..Linear::new(4, 5) });
    let graph = b.finish(features, logits).unwrap();
    let weights = initialise(&graph, 3);
    let (found, found_weights) = decode(&encode(&graph, &weights).unwrap()).unwrap();
    for (name, inputs, outputs, bias) in [("mix", 3, 6, true), ("plain", 6, 4, false)] {
        let node = found.nodes().iter().find(|node| node.name == name).unwrap();
        let expected = Conv { bias, init: Init::TorchDefault, ..Conv::square(inputs, outputs, 1) };
        assert_eq!(without_init(&node.layer), Layer::Conv(expected), "{name}");
        for part in ["weight", "bias"].iter().take(1 + usize::from(bias)) {
            let key = format!("{name}.{part}");
            assert_eq!(found_weights[&key].values, weights[&key].values, "{key}");
        }
    }
}

/// Group norms of several channels a group, of one and of all.
fn of_groups() -> Graph {
    let (mut b, x) = GraphBuilder::new("groups", 3, 8, 7, &[0.1, 0.2, 0.3], &[0.4, 0.5, 0.6]);
    let mut x = b.conv("embed", x, Conv::square(3, 6, 3));
    for groups in [2, 6, 1] {
        let norm = GroupNorm { eps: 1e-3, ..GroupNorm::new(groups, 6) };
        x = b.push(&format!("norm{groups}"), Layer::GroupNorm(norm), &[x]);
        x = b.relu(&format!("relu{groups}"), x);
    }
    let features = b.global_avg_pool("mean", x);
    let logits = b.linear("fc", features, Linear { init: Init::TorchDefault, ..Linear::new(6, 5) });
    b.finish(features, logits).unwrap()
}

#[test]
fn group_norms_come_back() {
    let graph = of_groups();
    let mut weights = initialise(&graph, 3);
    for (key, tensor) in weights.iter_mut().filter(|(key, _)| key.starts_with("norm")) {
        tensor.values = crate::init::uniform(4, key, 6, 2.0);
    }
    let (found, found_weights) = decode(&encode(&graph, &weights).unwrap()).unwrap();
    assert_eq!(found.nodes().len(), graph.nodes().len());
    for (a, b) in graph.nodes().iter().zip(found.nodes()) {
        assert_eq!((&a.name, &a.inputs, a.shape), (&b.name, &b.inputs, b.shape));
        assert_eq!(without_init(&a.layer), without_init(&b.layer), "{}", a.name);
    }
    assert!(found_weights == weights);
    assert_eq!(graph.nodes()[3].layer.to_string(), "group norm of 2");
}

#[test]
fn group_norms_of_other_sizes_are_refused() {
    let (b, x) = GraphBuilder::new("groups", 4, 2, 2, &[0.1; 4], &[0.4; 4]);
    let refused = |groups, channels| {
        let mut b = b.clone();
        let y = b.push("norm", Layer::GroupNorm(GroupNorm::new(groups, channels)), &[x]);
        b.finish(y, y).unwrap_err().to_string()
    };
    assert!(refused(3, 4).contains("4 channels do not divide into 3 groups"), "{}", refused(3, 4));
    assert!(refused(0, 4).contains("4 channels do not divide into 0 groups"), "{}", refused(0, 4));
    assert!(refused(2, 6).contains("6 channels, got 4"), "{}", refused(2, 6));
}

#[test]
fn integers_come_back_as_the_numbers_they_stand_for() {
    let graph = zoo::build("resnet8", &ZooOptions::new(10, 3, 32, 32)).unwrap();
    let (folded, weights) = crate::int8::fold(&graph, &initialise(&graph, 1)).unwrap();
    let (_, names) = crate::int8::watched(&folded).unwrap();
    let ranges = names.into_iter().enumerate().map(|(i, name)| (name, [-0.5, 1.0 + i as f32])).collect();
    let network = crate::int8::quantise(&folded, &weights, &ranges).unwrap();
    let bytes = encode_with(&network.graph, &network.weights, &network.steps, &Metadata::new()).unwrap();
    let (found, found_weights) = decode(&bytes).unwrap();
    for (a, b) in network.graph.nodes().iter().zip(found.nodes()) {
        assert_eq!((&a.name, &a.inputs, without_init(&a.layer)), (&b.name, &b.inputs, without_init(&b.layer)));
    }
    for (key, tensor) in &network.weights {
        assert_eq!(tensor.shape, found_weights[key].shape);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * a.abs();
        assert!(tensor.values.iter().zip(&found_weights[key].values).all(near), "{key}");
    }
    let plain = encode(&graph, &initialise(&graph, 1)).unwrap();
    assert!((bytes.len() as f64) < 0.4 * plain.len() as f64, "of a small network the operators weigh too");
}

/// Found by fuzzing: a product whose operands are both constants was a layer without an input.
#[test]
fn a_layer_that_reads_nothing_computed_is_refused() {
    let said = refusal(|g| {
        let product = g.node.iter_mut().find(|n| n.op_type == "Gemm").unwrap();
        product.input[0].clear();
    });
    assert!(said.contains("none of its inputs is computed"), "{said}");
    for (_, model) in every_form() {
        for at in 0..model.graph.as_ref().unwrap().node.len() {
            let mut model = model.clone();
            let node = &mut model.graph.as_mut().unwrap().node[at];
            let constant = node.input.get(1).cloned().unwrap_or_default();
            if let Some(first) = node.input.first_mut() {
                *first = constant;
            }
            let _ = decode(&model.encode_to_vec());
        }
    }
}

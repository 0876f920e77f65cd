//! Forms of checkpoints × read, or refused with the true reason: a test a cell. The files are `scripts/golden/checkpoints.py`'s (PyTorch 2.15.0
//! read each of them back), the others are written here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kd2m_nn::{
    Conv, Graph, GraphBuilder, Linear,
    weights::{Loaded, Owner, Source, load, load_start},
};

/// The network whose state the script saves.
fn graph() -> Graph {
    let (mut b, x) = GraphBuilder::new("small", 1, 3, 3, &[0.0], &[1.0]);
    let x = b.conv("conv1", x, Conv::square(1, 2, 3));
    let x = b.batch_norm("bn1", x);
    let x = b.relu("relu", x);
    let features = b.global_avg_pool("avgpool", x);
    let logits = b.linear("fc", features, Linear::new(2, 3));
    b.finish(features, logits).unwrap()
}

fn form(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/forms").join(name)
}

fn loaded(name: &str, key: Option<&str>, owner: Owner) -> Result<Loaded, String> {
    let source = Source { path: form(name), key: key.map(str::to_owned) };
    load(&source, &graph(), owner).map_err(|e| e.to_string())
}

/// Every tensor is 0, ¼, ½, … and so much higher.
fn assert_ramps(found: &Loaded, higher: f32) {
    assert_eq!(found.weights.len(), graph().parameters().len());
    for (key, tensor) in &found.weights {
        let right: Vec<f32> = (0..tensor.values.len()).map(|i| i as f32 / 4.0 + higher).collect();
        assert_eq!(tensor.values, right, "{key}");
    }
}

/// Read, with every number right.
macro_rules! read {
    ($($name:ident: $file:literal;)*) => { mod read { use super::*; $(
        #[test]
        fn $name() {
            assert_ramps(&loaded($file, None, Owner::Teacher).unwrap(), 0.0);
        }
    )* } };
}

read! {
    zip_protocol_1: "zip-protocol-1.pth";
    zip_protocol_2: "zip-protocol-2.pth";
    zip_protocol_3: "zip-protocol-3.pth";
    zip_protocol_4: "zip-protocol-4.pth";
    zip_protocol_5: "zip-protocol-5.pth";
    stream_protocol_1: "stream-protocol-1.pth";
    stream_protocol_2: "stream-protocol-2.pth";
    stream_protocol_3: "stream-protocol-3.pth";
    stream_protocol_4: "stream-protocol-4.pth";
    stream_protocol_5: "stream-protocol-5.pth";
    stream_from_before_0_4_on_cuda: "before-0.4-on-cuda.pth";
    stream_from_before_0_4_with_views_of_storages: "before-0.4-views.pth";
    tar_from_before_0_1_10: "tar.pth";
    zip_without_checksums: "zip-without-checksums.pth";
    parameters: "parameters.pth";
    parameters_with_attributes: "parameters-with-attributes.pth";
    tensors_with_attributes: "tensors-with-attributes.pth";
    channels_last: "channels-last.pth";
    a_namespace_beside: "a-namespace-beside.pth";
    a_numpy_scalar_beside: "a-numpy-scalar-beside.pth";
    whole_module: "whole-module.pth";
    whole_module_below_a_key: "whole-module-below-a-key.pth";
    whole_module_in_dataparallel: "whole-module-in-dataparallel.pth";
    whole_module_stream: "whole-module-stream.pth";
    prefix_module: "prefix-module.pth";
    prefix_model: "prefix-model.pth";
    prefix_net: "prefix-net.pth";
    prefix_backbone: "prefix-backbone.pth";
    prefix_encoder: "prefix-encoder.pth";
    prefix_student: "prefix-student.pth";
    prefix_network: "prefix-network.pth";
    prefix_of_wrappers_in_a_wrapper: "prefix-model.module._orig_mod.pth";
    prefix_without_a_dot: "prefix-net_.pth";
    nested_in_state_dict: "nested-in-state_dict.pth";
    nested_in_model: "nested-in-model.pth";
    nested_in_net: "nested-in-net.pth";
    nested_in_model_ema: "nested-in-model_ema.pth";
    nested_in_state_dict_ema: "nested-in-state_dict_ema.pth";
    nested_in_ema: "nested-in-ema.pth";
    nested_in_params: "nested-in-params.pth";
    nested_in_params_ema: "nested-in-params_ema.pth";
    nested_in_weights: "nested-in-weights.pth";
    nested_in_teacher: "nested-in-teacher.pth";
    nested_in_model_state: "nested-in-model_state.pth";
    nested_in_a_key_that_nobody_knows: "nested-in-generator.pth";
    nested_twice: "nested-twice.pth";
    nested_six_deep: "nested-six-deep.pth";
    in_a_list: "in-a-list.pth";
    flat_with_epoch: "flat-with-epoch.pth";
    lightning: "lightning.pth";
    timm: "timm.pth";
    torchvision_reference: "torchvision-reference.pth";
    repdistiller: "repdistiller.pth";
    teacher_by_prefix: "teacher-and-student-by-prefix.pth";
    index_of_safetensors: "shards/model.safetensors.index.json";
    folder_of_safetensors: "shards";
    index_of_bins: "shards-bin/pytorch_model.bin.index.json";
    folder_of_bins: "shards-bin";
}

/// Refused, with these words.
macro_rules! refused {
    ($($name:ident: $file:literal, $words:literal;)*) => { mod refused { use super::*; $(
        #[test]
        fn $name() {
            let said = loaded($file, None, Owner::Teacher).unwrap_err();
            assert!(said.contains($words) && said.contains($file), "{said}");
        }
    )* } };
}

refused! {
    zip_protocol_0: "zip-protocol-0.pth", "conv1.weight was saved under pickle protocol 0, which cannot say where its numbers lie";
    stream_protocol_0: "stream-protocol-0.pth", "conv1.weight was saved under pickle protocol 0, which cannot say where its numbers lie";
    deflated: "deflated.pth", "data.pkl is compressed, which torch.save never does";
    torchscript: "torchscript.pt", "it is a TorchScript archive (torch.jit.save), a program and not a state dict: save model.state_dict()";
    list_of_tensors: "list.pth", "it is a list of 8 (a tensor first), not a state dict, which has the tensors by their names";
    numpy_arrays: "numpy-arrays.pth", "there is no state dict in it; its keys are conv1.weight (a numpy.ndarray), bn1.weight (a numpy.ndarray)";
    one_numpy_array: "one-numpy-array.pth", "does not fit small: fc.bias is a numpy.ndarray, which is not read";
    quantised: "quantised.pth", "does not fit small: fc.weight holds numbers of the type CharStorage, which are no weights";
    an_object: "an-object.pth", "it holds a __main__.Anything, which is no state dict and no module";
    a_number: "a-number.pth", "it holds a whole number, no state dict";
    no_tensors: "no-tensors.pth", "there is no state dict in it; its keys are epoch (a whole number), args (a argparse.Namespace)";
    an_optimizer_alone: "optimizer-alone.pth", "there is no state dict in it; its keys are state (a dictionary), param_groups (a list)";
    one_shard_of_two: "shards/model-00001-of-00002.safetensors", "it is one of several shards: name their folder or the .index.json instead";
}

/// Files of other programs, by their first bytes.
macro_rules! others {
    ($($name:ident: $bytes:expr, $words:literal;)*) => { mod others { use super::*; $(
        #[test]
        fn $name() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("w.pth");
            fs::write(&path, $bytes).unwrap();
            let said = load(&Source::parse(&path), &graph(), Owner::Any).unwrap_err().to_string();
            assert!(said.contains("w.pth is not a readable weights file: ") && said.contains($words), "{said}");
        }
    )* } };
}

others! {
    html_page: b"<!DOCTYPE html><html><body>404: Not Found</body></html>\n".repeat(20), "it is an HTML page, not weights";
    git_lfs_pointer: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n", "it is a git-lfs pointer, the weights themselves were not fetched: run `git lfs pull`";
    gzip: [b"\x1f\x8b\x08\0".as_slice(), &[7; 200]].concat(), "it is compressed by gzip: unpack it first";
    hdf5: [b"\x89HDF\r\n\x1a\n".as_slice(), &[0; 500]].concat(), "it is an HDF5 file (Keras, MATLAB)";
    onnx: [b"\x08\x0a\x12\x07pytorch".as_slice(), &[0; 100]].concat(), "it is an ONNX model";
    json: br#"{"architectures": ["ResNetForImageClassification"]}"#, "it is a JSON text, not weights; an index of shards has a `weight_map`";
    text: b"Not Found", "it is a text, not weights; it begins with `Not Found`";
    empty: b"", "it is empty";
    plain_pickle: b"\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.", "it is a Python pickle that torch.save did not write";
    zip_of_other_things: b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "it is a zip of other things";
    tar_of_other_things: { let mut tar = vec![0; 1024]; tar[257..262].copy_from_slice(b"ustar"); tar }, "tar archive";
    noise: [0xc3, 0x28, 0x00, 0x07, 0xff, 0xfe, 0x99, 0x02, 0x31, 0x04].repeat(30), "it is truncated or not safetensors";
}

#[test]
fn an_expanded_tensor_is_read() {
    let found = loaded("expanded.pth", None, Owner::Any).unwrap();
    assert_eq!(found.weights["bn1.running_var"].values, [1.0, 1.0]);
}

#[test]
fn numbers_of_eight_bits_are_read() {
    for name in ["float8-e4m3.pth", "float8-e5m2.pth"] {
        for (key, tensor) in loaded(name, None, Owner::Any).unwrap().weights {
            let right: Vec<f32> = (0..tensor.values.len()).map(|i| (i % 4) as f32 / 4.0).collect();
            assert_eq!(tensor.values, right, "{name}: {key}");
        }
    }
}

#[test]
fn plain_weights_go_before_averaged_ones_and_a_key_takes_the_others() {
    for (name, plain, averaged) in
        [("timm.pth", "state_dict", "state_dict_ema"), ("torchvision-reference.pth", "model", "model_ema")]
    {
        let choice = loaded(name, None, Owner::Teacher).unwrap().choice.unwrap();
        assert_eq!((choice.key.as_str(), choice.others.as_slice()), (plain, [averaged.to_owned()].as_slice()));
        assert_ramps(&loaded(name, Some(averaged), Owner::Teacher).unwrap(), 0.25);
    }
}

#[test]
fn networks_below_prefixes_of_one_state_dict_are_told_apart_like_nested_ones() {
    let name = "teacher-and-student-by-prefix.pth";
    for (owner, key, higher) in [(Owner::Teacher, "teacher", 0.0), (Owner::Student, "student", 0.25)] {
        let found = loaded(name, None, owner).unwrap();
        assert_ramps(&found, higher);
        assert_eq!((found.choice.unwrap().key.as_str(), found.place.as_str()), (key, key));
        assert_ramps(&loaded(name, Some(key), Owner::Any).unwrap(), higher);
    }
}

#[test]
fn what_lies_beside_a_network_is_told() {
    let found = loaded("lightning.pth", None, Owner::Teacher).unwrap();
    assert_eq!((found.place.as_str(), found.beside), ("state_dict.model", vec!["criterion.weight".to_owned()]));
    assert!(loaded("flat-with-epoch.pth", None, Owner::Teacher).unwrap().beside.is_empty());
}

#[test]
fn of_a_contrastive_checkpoint_either_encoder_can_be_named() {
    let initial = kd2m_nn::init::initialise(&graph(), 0);
    for (encoder, higher) in [("encoder_q", 0.0), ("encoder_k", 0.25)] {
        let source = Source { path: form("moco.pth"), key: Some(format!("state_dict.{encoder}")) };
        let found = load_start(&source, &graph(), Owner::Student, &initial).unwrap();
        assert_ramps(&found, higher);
        assert_eq!((found.kept, found.beside.contains(&"module.queue".to_owned())), (vec![], true));
    }
    assert_eq!(loaded("moco.pth", None, Owner::Any).unwrap().choice.map(|choice| choice.others.len()), Some(1));
}

#[test]
fn the_nearest_network_and_ten_differences_are_told_where_none_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let build = |name: &str, stem, classes| {
        kd2m_nn::zoo::build(name, &kd2m_nn::zoo::ZooOptions::new(classes, 3, 32, 32).stem(stem)).unwrap()
    };
    let (imagenet, cifar) = (kd2m_nn::zoo::Stem::Imagenet, kd2m_nn::zoo::Stem::Cifar);
    let wanted = build("resnet18", imagenet, 10);
    for (other, words) in [
        (
            build("resnet34", cifar, 100),
            "t.safetensors does not fit resnet18, it is resnet34 (stem = \"cifar\") of 100 classes: ",
        ),
        (
            build("resnet18", cifar, 10),
            "does not fit resnet18, it is resnet18 (stem = \"cifar\") of 10 classes: conv1.weight should be",
        ),
        (build("vgg8", cifar, 10), "does not fit resnet18, it is vgg8 of 10 classes: "),
    ] {
        kd2m_nn::weights::write(&path, &kd2m_nn::init::initialise(&other, 0), None).unwrap();
        let said = load(&Source::parse(&path), &wanted, Owner::Any).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
    // Of a network that is none of ours, the nearest.
    let mut weights = kd2m_nn::init::initialise(&build("resnet34", cifar, 10), 0);
    weights.remove("layer4.2.conv2.weight");
    kd2m_nn::weights::write(&path, &weights, None).unwrap();
    let said = load(&Source::parse(&path), &wanted, Owner::Any).unwrap_err().to_string();
    assert!(said.contains("it is most like resnet34 (stem = \"cifar\"): ") && said.contains("; and "), "{said}");
    assert_eq!(said.matches(" is unexpected").count() + said.matches(" should be ").count(), 10, "{said}");
}

#[test]
fn names_without_end_are_no_tensors_and_cost_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.safetensors");
    let tensor = kd2m_nn::NamedTensor { shape: vec![1], values: vec![0.0] };
    let long = (0..20).map(|i| (format!("{}{i}", "x".repeat(1_000_000)), tensor.clone()));
    let many = (0..20_000).map(|i| (format!("layer{i}.conv1.weight"), tensor.clone()));
    kd2m_nn::weights::write(&path, &long.chain(many).collect(), None).unwrap();
    let said = load(&Source::parse(&path), &graph(), Owner::Any).unwrap_err().to_string();
    assert!(said.len() < 3000 && said.contains("fc.weight is missing"), "{}", said.len());
}

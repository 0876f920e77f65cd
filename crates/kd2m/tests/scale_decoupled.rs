//! Scale decoupled distillation through both engines: gradients of a whole step are PyTorch's (`scripts/golden/scale_decoupled.py`, where the
//! classifier is read at the cells of the last map), and networks without such a map are refused before anything is trained.

use std::collections::BTreeMap;

use burn::tensor::Device;
use kd2m::{
    Batch, Config, Error,
    config::Source,
    criterion::{NetworkShapes, Shapes},
    device::DeviceChoice,
    engine::{Engine, Images, Mode, Then, choose::engine},
    objective::{Backward, Objective},
};
use kd2m_nn::{CLASS_MAP, Conv, Graph, GraphBuilder, Linear, NamedTensor, Weights};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    value: f64,
    gradients: BTreeMap<String, Vec<f64>>,
}

/// As in the script.
const N: usize = 6;
const CLASSES: usize = 4;
const SIDE: usize = 6;
const LABELS: [u32; N] = [0, 1, 2, 3, 0, 2];

/// `wave` of the script.
fn wave(count: usize, salt: u64) -> Vec<f32> {
    let value = |index: u64| {
        let mut h = ((index + 1).wrapping_mul(2_654_435_761) + salt * 40_503) % 4_294_967_296;
        h = ((h ^ (h >> 15)) * 2_246_822_519) % 4_294_967_296;
        h ^= h >> 13;
        (h as f64 / 2_147_483_648.0 - 1.0) as f32
    };
    (0..count as u64).map(value).collect()
}

/// `network` of the script.
fn network(channels: usize, padding: usize, salt: u64) -> (Graph, Weights) {
    let (mut b, x) = GraphBuilder::new("small", 2, SIDE, SIDE, &[0.0; 2], &[1.0; 2]);
    let x = b.conv("conv", x, Conv { padding: [padding; 2], ..Conv::square(2, channels, 3) }.with_bias());
    let x = b.relu("relu", x);
    let features = b.global_avg_pool("pool", x);
    let logits = b.linear("fc", features, Linear::new(channels, CLASSES));
    let graph = b.finish(features, logits).unwrap();
    let filled = graph.parameters().into_iter().zip(salt..).map(|(spec, salt)| {
        let values = wave(spec.len(), salt);
        (spec.key, NamedTensor { shape: spec.shape, values })
    });
    let weights = filled.collect();
    (graph, weights)
}

fn config(arm: &str, networks: [&str; 2]) -> Result<Config, Error> {
    let [student, teacher] = networks;
    let text = format!(
        "name = \"x\"\ndata.dataset = \"digits\"\nteacher.model = \"{teacher}\"\nstudent.model = \"{student}\"\n[[arm]]\nname = \"a\"\n{arm}"
    );
    Source::parse("test", &text)?.resolve()
}

const DIGITS: [&str; 2] = ["digits-cnn-student", "digits-cnn-teacher"];
const SDD: &str = "loss = [{ criterion = \"sdd\" }]";

#[test]
fn a_whole_step_has_pytorchs_gradients_in_classifier_and_map_on_both_engines() {
    let golden: Golden = serde_json::from_str(include_str!("golden/scale_decoupled.json")).unwrap();
    let pixels: Vec<f32> = wave(N * 2 * SIDE * SIDE, 7).iter().map(|x| 0.5 * x + 0.5).collect();
    let images = Images { pixels: &pixels, n: N };
    let (own, given) = (network(5, 1, 20), network(7, 0, 88));
    let config = config(SDD, DIGITS).unwrap();
    let shapes = Shapes {
        student: NetworkShapes::of(&own.0),
        teacher: NetworkShapes::of(&given.0),
        classes: CLASSES,
        train: (0..N as u32).collect(),
    };
    assert_eq!(shapes.teacher.map(CLASS_MAP), Some([CLASSES, 4, 4]));
    for device in [DeviceChoice::Cpu, DeviceChoice::Flex] {
        let make = |(graph, weights): &(Graph, Weights), trains| -> Box<dyn Engine> {
            engine(device, 1, graph, weights, &[CLASS_MAP.to_owned()], trains).unwrap()
        };
        let (mut student, mut teacher) = (make(&own, true), make(&given, false));
        let mut objective = Objective::new(&config, &config.arms[0], &shapes, &Device::flex(), 0).unwrap();
        let said = student.forward(images, Mode::Train).unwrap();
        let answer = teacher.forward(images, Mode::Evaluate).unwrap();
        let batch = Batch::new(&said, &answer).labels(&LABELS);
        let mut value = objective.evaluate(&batch, 1.0).unwrap();
        let how = Backward { batches: 1, told: false };
        let gradients = objective.backward(&mut value, &said, None, how).unwrap();
        let raw = value.terms[0].raw;
        assert!((raw / golden.value - 1.0).abs() < 1e-5, "{device:?}: {raw}");
        student.backward(&gradients, Then::Accumulate).unwrap();
        let found = student.gradients().unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), golden.gradients.keys().collect::<Vec<_>>());
        for (key, expected) in &golden.gradients {
            let norm = expected.iter().map(|g| g * g).sum::<f64>().sqrt();
            let apart = found[key].values.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>();
            assert!(apart.sqrt() < 1e-5 * norm, "{device:?}, {key}: {} of {norm}", apart.sqrt());
        }
    }
}

/// Without the stage the network is as it was: features and logits differ by rounding alone.
#[test]
fn a_class_map_changes_outputs_by_rounding_alone() {
    let (graph, weights) = network(5, 1, 20);
    let pixels = wave(N * 2 * SIDE * SIDE, 8);
    for device in [DeviceChoice::Cpu, DeviceChoice::Flex] {
        let outputs = |stages: &[String]| {
            let mut engine = engine(device, 1, &graph, &weights, stages, false).unwrap();
            let outputs = engine.forward(Images { pixels: &pixels, n: N }, Mode::Evaluate).unwrap();
            [outputs.features, outputs.logits].map(|x| kd2m::batch::host(&x).unwrap())
        };
        for (plain, mapped) in outputs(&[]).iter().zip(&outputs(&[CLASS_MAP.to_owned()])) {
            assert!(plain.iter().zip(mapped).all(|(a, b)| (a - b).abs() < 1e-6), "{device:?}");
        }
    }
}

#[test]
fn networks_that_give_no_class_map_are_refused_with_the_reason() {
    let refused = |arm: &str, networks| {
        let error = config(arm, networks).unwrap_err();
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        causes.map(|cause| cause.to_string()).collect::<Vec<_>>().join(": ")
    };
    for (networks, who) in [(["mlp-3", "digits-cnn-teacher"], "student"), (["digits-cnn-student", "mlp-3"], "teacher")]
    {
        let said = refused(SDD, networks);
        assert!(said.contains(&format!("the {who} gives no map whose mean over places")), "{said}");
        assert!(said.contains("criterion sdd") && said.contains("choose hinton"), "{said}");
    }
    let kept = refused("head = \"teacher\"\nloss = [{ criterion = \"sdd\" }]", DIGITS);
    assert!(kept.contains("sdd trains the classifier") && kept.contains("drop one of them"), "{kept}");
    // A runtime of other programs' models, or a file of outputs.
    let vectors = NetworkShapes { features: 5, maps: Vec::new() };
    let shapes = Shapes { student: NetworkShapes::of(&network(5, 1, 20).0), ..Shapes::vectors([5, 5], CLASSES) };
    let config = config(SDD, DIGITS).unwrap();
    let made = Objective::new(&config, &config.arms[0], &Shapes { teacher: vectors, ..shapes }, &Device::flex(), 0);
    let said = made.err().unwrap().to_string();
    assert!(said.contains("the teacher gives no map"), "{said}");
}

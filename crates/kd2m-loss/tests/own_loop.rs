//! What a criterion learns is a Burn module: an optimizer of Burn moves every tensor of it, and the loss falls. The loop of the first
//! page is a test of its own; here it is every criterion that learns something.

use std::fs;

use burn::{
    optim::{GradientsParams, SgdConfig},
    tensor::{Device, Tensor, TensorData},
};
use kd2m_loss::{
    Batch, CriterionConfig, Mode, NetworkShapes, Outputs, Registry, Shapes,
    batch::{leaf, scalar},
};
use kd2m_nn::init::uniform;

const N: usize = 16;
const CLASSES: usize = 4;

fn tensor<const D: usize>(key: &str, shape: [usize; D]) -> Tensor<D> {
    let values = uniform(7, key, shape.iter().product(), 1.0);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn outputs(who: &str, network: &NetworkShapes) -> Outputs {
    let map = |(name, [c, h, w]): &(String, [usize; 3])| {
        (name.as_str().into(), tensor(&format!("{who}.{name}"), [N, *c, *h, *w]).clamp_min(0.0))
    };
    Outputs {
        features: tensor(&format!("{who}.features"), [N, network.features]),
        logits: tensor(&format!("{who}.logits"), [N, CLASSES]),
        maps: network.maps.iter().map(map).collect(),
    }
}

#[test]
fn an_optimizer_of_burn_trains_what_a_criterion_learns() {
    let network = |features, channels| NetworkShapes {
        features,
        maps: vec![("layer1".to_owned(), [channels, 4, 4]), ("layer2".to_owned(), [channels + 1, 2, 2])],
    };
    let (own, given) = (network(4, 3), network(6, 5));
    let shapes =
        Shapes { student: own.clone(), teacher: given.clone(), classes: CLASSES, train: (0..N as u32).collect() };
    let (student, teacher) = (outputs("student", &own).leaves(), outputs("teacher", &given));
    let (labels, indices): (Vec<u32>, Vec<u32>) = (0..N as u32).map(|i| (i % CLASSES as u32, i)).unzip();
    let mut learning = Vec::new();
    for card in Registry::default().cards() {
        let mut config = CriterionConfig::new(&card.name);
        if card.name == "crd" {
            config = config.set("negatives", 8).set("temperature", 0.5);
        }
        let Ok(mut criterion) = config.init(&shapes, &Device::flex(), 3) else { continue };
        if criterion.learned().is_none() {
            continue;
        }
        let before = criterion.learned().unwrap().values().unwrap();
        let mut optimizer = SgdConfig::new().init();
        let mut losses = Vec::new();
        for _ in 0..8 {
            let batch = Batch::new(&student, &teacher).labels(&labels).indices(&indices).mode(Mode::Evaluate);
            let loss = criterion.evaluate(&batch).unwrap().loss;
            losses.push(scalar(&loss).unwrap());
            let gradients = loss.backward();
            let learned = criterion.learned().unwrap();
            *learned = optimizer.step(1e-3, learned.clone(), GradientsParams::from_grads(gradients, learned));
        }
        let after = criterion.learned().unwrap().values().unwrap();
        for (key, tensor) in &before {
            // A distance that does not see shifts has no use for a bias.
            let moved = after[key].values != tensor.values;
            assert!(moved || key.ends_with("bias"), "{}: {key} has not moved", card.name);
        }
        assert!(losses.last() < losses.first(), "{}: {losses:?}", card.name);
        learning.push(card.name);
    }
    let with_a_map = ["fitnet", "cc", "vid", "crd", "ickd", "wkd-f"];
    assert!(with_a_map.iter().all(|name| learning.iter().any(|l| l == name)), "{learning:?}");
    assert!(learning.iter().any(|l| l == "w2") && learning.iter().any(|l| l == "mse"), "{learning:?}");
}

/// Values of a set that is stepped elsewhere are what the criterion computes with.
#[test]
fn a_stepped_projector_projects_as_stepped() {
    let mut criterion = CriterionConfig::new("w2").init(&Shapes::vectors([4, 6], 2), &Device::flex(), 0).unwrap();
    let features = leaf(&tensor::<2>("features", [N, 4]));
    let before = criterion.project(&features).unwrap();
    let gradients = before.clone().square().mean().backward();
    let learned = criterion.learned().unwrap();
    let moved = SgdConfig::new().init().step(0.5, learned.clone(), GradientsParams::from_grads(gradients, learned));
    *learned = moved;
    let size = |x: Tensor<2>| scalar(&x.square().mean()).unwrap();
    assert!(size(criterion.project(&features).unwrap()) < 0.9 * size(before));
}

/// The project's first page shows this crate's loop, which is a doc-test.
#[test]
fn the_first_page_of_the_project_shows_this_loop() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let block = |page: &str| {
        let page = fs::read_to_string(root.join(page)).unwrap();
        let block = page.split("```rust\n").find(|b| b.starts_with("use burn::{nn::LinearConfig")).unwrap().to_owned();
        let code = block.split("```").next().unwrap().lines().filter(|line| !line.starts_with("# "));
        code.map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(block("../../README.md"), block("README.md"));
}

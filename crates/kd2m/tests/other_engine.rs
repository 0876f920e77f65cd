//! A checkpoint that one engine wrote is gone on from in another: network, moments and count of steps mean the same in both.

use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use kd2m::{
    engine::{Engine, Images, Mode, OutputGradients, Rule, Then, Update, burn::BurnEngine, cpu::CpuEngine},
    train::checkpoint::{Checkpoints, Course, Saved, State},
};
use kd2m_nn::{
    Graph, Weights, init,
    zoo::{self, ZooOptions},
};

const N: usize = 12;
const CLASSES: usize = 5;

fn graph() -> Graph {
    zoo::build("digits-cnn-student", &ZooOptions::new(CLASSES, 1, 8, 8)).unwrap()
}

fn engine(cpu: bool, graph: &Graph, weights: &Weights) -> Box<dyn Engine> {
    match cpu {
        true => Box::new(CpuEngine::new(graph, weights, &[], true, 2).unwrap()),
        false => Box::new(BurnEngine::new(graph, weights, &[], &Device::flex()).unwrap()),
    }
}

/// A training step on the k-th batch, its gradient at the outputs given.
fn step(engine: &mut dyn Engine, graph: &Graph, k: u64, update: Update) {
    let pixels = init::uniform(k, "pixels", N * 64, 1.0);
    engine.forward(Images { pixels: &pixels, n: N }, Mode::Train).unwrap();
    let given = |name: &str, width: usize| {
        let values = init::uniform(k, name, N * width, 0.3);
        Some(Tensor::<2>::from_data(TensorData::new(values, [N, width]), &Device::flex()))
    };
    let gradients = OutputGradients {
        features: given("features", graph.feature_width()),
        logits: given("logits", CLASSES),
        maps: Vec::new(),
    };
    engine.backward(&gradients, Then::Step(update)).unwrap();
}

fn saved_and_read(engine: &dyn Engine) -> Saved {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path(), Duration::ZERO);
    let (network, optimizer) = (engine.network_state().unwrap(), engine.optimizer_state().unwrap());
    checkpoints.save(&State::default(), network, optimizer, Vec::new(), Weights::new()).unwrap();
    checkpoints.load(&Course { epochs: 1, batches: 1, accumulate: 1 }).unwrap().unwrap()
}

fn resumed(cpu: bool, graph: &Graph, saved: &Saved) -> Box<dyn Engine> {
    let mut engine = engine(cpu, graph, &init::initialise(graph, 99));
    engine.load_network(&saved.network).unwrap();
    engine.load_optimizer(&saved.optimizer).unwrap();
    engine
}

/// The largest ‖a − b‖ / ‖b‖ of a tensor that is more than rounding.
fn largest_difference(a: &Weights, b: &Weights) -> f64 {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let all = a.iter().map(|(key, a)| {
        let b = &b[key].values;
        let apart = norm(&mut a.values.iter().zip(b).map(|(x, y)| x - y));
        apart / norm(&mut b.iter().copied()).max(1e-3)
    });
    all.fold(0.0, f64::max)
}

/// A small ε would make of a gradient that is nothing but rounding a whole step, in either direction.
const RULES: [Rule; 3] = [
    Rule::Sgd { momentum: 0.9, nesterov: false },
    Rule::Sgd { momentum: 0.9, nesterov: true },
    Rule::AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-2 },
];

#[test]
fn a_run_goes_on_in_the_other_engine_and_back() {
    let graph = graph();
    for rule in RULES {
        let update = Update { lr: 0.02, weight_decay: 1e-3, gradient_scale: 0.5, rule };
        for from_cpu in [true, false] {
            let mut begun = engine(from_cpu, &graph, &init::initialise(&graph, 3));
            (0..3).for_each(|k| step(begun.as_mut(), &graph, k, update));
            let saved = saved_and_read(begun.as_ref());
            let mut other = resumed(!from_cpu, &graph, &saved);
            for k in 3..5 {
                step(begun.as_mut(), &graph, k, update);
                step(other.as_mut(), &graph, k, update);
            }
            let found = largest_difference(&other.network_state().unwrap(), &begun.network_state().unwrap());
            assert!(found < 1e-4, "{rule:?}, from the CPU engine: {from_cpu}: {found}");
            // Without its moments the run would not go on as it began.
            let mut forgetful = engine(!from_cpu, &graph, &saved.network);
            (3..5).for_each(|k| step(forgetful.as_mut(), &graph, k, update));
            let lost = largest_difference(&forgetful.network_state().unwrap(), &begun.network_state().unwrap());
            assert!(lost > 10.0 * found.max(1e-5), "{rule:?}: moments make no difference here: {lost}");
            // And back: what the other engine writes now is read by the first.
            let saved = saved_and_read(other.as_ref());
            let mut back = resumed(from_cpu, &graph, &saved);
            step(back.as_mut(), &graph, 5, update);
            step(begun.as_mut(), &graph, 5, update);
            let found = largest_difference(&back.network_state().unwrap(), &begun.network_state().unwrap());
            assert!(found < 2e-4, "{rule:?}, back: {found}");
        }
    }
}

/// What either engine resumes from its own checkpoint is the run that was never cut, to the bit.
#[test]
fn a_run_goes_on_in_its_own_engine_as_if_it_was_never_cut() {
    let graph = graph();
    for (rule, cpu) in RULES.into_iter().flat_map(|rule| [(rule, true), (rule, false)]) {
        let update = Update { lr: 0.02, weight_decay: 1e-3, gradient_scale: 1.0, rule };
        let mut whole = engine(cpu, &graph, &init::initialise(&graph, 3));
        (0..3).for_each(|k| step(whole.as_mut(), &graph, k, update));
        let mut cut = resumed(cpu, &graph, &saved_and_read(whole.as_ref()));
        for k in 3..6 {
            step(whole.as_mut(), &graph, k, update);
            step(cut.as_mut(), &graph, k, update);
        }
        assert_eq!(whole.network_state().unwrap(), cut.network_state().unwrap(), "{rule:?}");
        assert_eq!(whole.optimizer_state().unwrap(), cut.optimizer_state().unwrap(), "{rule:?}");
    }
}

/// The CPU engine wrote `KEY.first`, `KEY.second` and `step` before both engines had one form.
#[test]
fn a_checkpoint_of_an_older_version_is_read_by_both() {
    let graph = graph();
    let rule = Rule::AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-3 };
    let update = Update { lr: 0.02, weight_decay: 1e-3, gradient_scale: 1.0, rule };
    let mut begun = engine(true, &graph, &init::initialise(&graph, 3));
    (0..3).for_each(|k| step(begun.as_mut(), &graph, k, update));
    let mut old = saved_and_read(begun.as_ref());
    let today = std::mem::take(&mut old.optimizer);
    let renamed = |key: &str| {
        let words = [(".moment1", ".first"), (".moment2", ".second"), ("steps", "step")];
        words.iter().find_map(|(new, was)| Some(format!("{}{was}", key.strip_suffix(new)?))).unwrap()
    };
    old.optimizer = today.iter().map(|(key, tensor)| (renamed(key), tensor.clone())).collect();
    assert!(old.optimizer.contains_key("step") && old.optimizer.keys().any(|key| key.ends_with(".second")));
    for cpu in [true, false] {
        let engine = resumed(cpu, &graph, &old);
        assert_eq!(engine.optimizer_state().unwrap(), today, "the CPU engine: {cpu}");
    }
}

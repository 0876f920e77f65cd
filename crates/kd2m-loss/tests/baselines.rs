//! The field's methods against stored figures of independent PyTorch implementations (`scripts/golden/baselines.py`),
//! and what all must share: a gradient step lowers them, evaluation leaves memories alone, a saved memory goes on
//! alike.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_loss::{
    Batch, Criterion, CriterionConfig, Mode, NetworkShapes, Outputs, Rule, Shapes, Update,
    baselines::{BASELINES, crd::CrdOptions},
    batch::{host, scalar},
    config::Value,
};
use kd2m_nn::{NamedTensor, Weights};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    shapes: GoldenShapes,
    labels: Vec<u32>,
    indices: Vec<u32>,
    seed: u64,
    step: usize,
    negatives: Vec<u32>,
    student: Tensors,
    teacher: Tensors,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct GoldenShapes {
    classes: usize,
    samples: usize,
    student: Sizes,
    teacher: Sizes,
}

#[derive(Deserialize)]
struct Sizes {
    features: usize,
    maps: BTreeMap<String, [usize; 3]>,
}

type Tensors = BTreeMap<String, Stored>;

#[derive(Deserialize, Clone)]
struct Stored {
    shape: Vec<usize>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    criterion: String,
    options: BTreeMap<String, Value>,
    learned: Tensors,
    state: Tensors,
    value: f64,
    gradients: Tensors,
    learned_gradients: Tensors,
    state_after: Tensors,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/baselines.json"))
        .expect("the file that scripts/golden/baselines.py wrote")
}

fn weights(tensors: &Tensors) -> Weights {
    let named = tensors.iter();
    named.map(|(k, t)| (k.clone(), NamedTensor { shape: t.shape.clone(), values: t.values.clone() })).collect()
}

fn tensor<const D: usize>(stored: &Stored) -> Tensor<D> {
    Tensor::from_data(TensorData::new(stored.values.clone(), stored.shape.clone()), &Device::flex())
}

fn outputs(tensors: &Tensors) -> Outputs {
    let maps = tensors.iter().filter_map(|(key, t)| Some((key.strip_prefix("maps.")?.into(), tensor(t))));
    Outputs { features: tensor(&tensors["features"]), logits: tensor(&tensors["logits"]), maps: maps.collect() }
}

impl Golden {
    fn shapes(&self) -> Shapes {
        let network = |sizes: &Sizes| NetworkShapes {
            features: sizes.features,
            maps: sizes.maps.iter().map(|(name, shape)| (name.clone(), *shape)).collect(),
        };
        Shapes {
            student: network(&self.shapes.student),
            teacher: network(&self.shapes.teacher),
            classes: self.shapes.classes,
            train: (0..self.shapes.samples as u32).collect(),
        }
    }

    fn batch<'a>(&'a self, student: &'a Outputs, teacher: &'a Outputs, mode: Mode) -> Batch<'a> {
        let whole = Batch::new(student, teacher).labels(&self.labels).indices(&self.indices);
        Batch { step: self.step, seed: self.seed, mode, ..whole }
    }

    fn prepared(&self, criterion: &str, options: &BTreeMap<String, Value>) -> Box<dyn Criterion> {
        let config = CriterionConfig::new(criterion);
        let config = options.iter().fold(config, |all, (key, value)| all.set(key, value.clone()));
        config.init(&self.shapes(), &Device::flex(), self.seed).unwrap()
    }

    /// One of every method with its defaults, CRD's made small.
    fn every_method(&self) -> Vec<(&'static str, Box<dyn Criterion>)> {
        let small = BTreeMap::from([("width".to_owned(), Value::Whole(3)), ("negatives".to_owned(), Value::Whole(6))]);
        let none = BTreeMap::new();
        BASELINES
            .iter()
            .map(|b| (b.name, self.prepared(b.name, if b.name == "crd" { &small } else { &none })))
            .collect()
    }
}

/// Fails unless all values agree to `tolerance` of the largest.
fn assert_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let largest = expected.iter().fold(0f32, |m, x| m.max(x.abs()));
    let worst = found.iter().zip(expected).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(worst <= tolerance * largest, "{what}: off by {worst:e} of {largest:e}\n{found:?}\n{expected:?}");
}

/// Gradients with respect to the student's outputs, by the names of the golden file.
fn gradients(student: &Outputs, gradients: &mut burn::tensor::Gradients) -> BTreeMap<String, Vec<f32>> {
    let mut found = BTreeMap::new();
    let mut keep = |key: &str, values: Option<Vec<f32>>| {
        if let Some(values) = values {
            found.insert(key.to_owned(), values);
        }
    };
    keep("features", student.features.grad_remove(gradients).map(|g| host(&g).unwrap()));
    keep("logits", student.logits.grad_remove(gradients).map(|g| host(&g).unwrap()));
    for (name, map) in &student.maps {
        keep(&format!("maps.{name}"), map.grad_remove(gradients).map(|g| host(&g).unwrap()));
    }
    found
}

#[test]
fn values_and_gradients_agree_with_pytorch() {
    let golden = golden();
    let teacher = outputs(&golden.teacher);
    for case in &golden.cases {
        let name = &case.name;
        let mut criterion = golden.prepared(&case.criterion, &case.options);
        if let Some(learned) = criterion.learned() {
            assert_eq!(learned.len(), case.learned.len(), "{name}: learned tensors");
            learned.load_values(&weights(&case.learned)).unwrap();
        }
        if !case.state.is_empty() {
            criterion.load_state(&weights(&case.state)).unwrap();
        }
        let student = outputs(&golden.student).leaves();
        let term = criterion.evaluate(&golden.batch(&student, &teacher, Mode::Train)).unwrap();
        assert_close(name, &[scalar(&term.loss).unwrap() as f32], &[case.value as f32], 1e-5);
        let mut left = term.loss.backward();
        let found = gradients(&student, &mut left);
        assert_eq!(found.keys().collect::<Vec<_>>(), case.gradients.keys().collect::<Vec<_>>(), "{name}: who gets one");
        for (key, expected) in &case.gradients {
            assert_close(&format!("{name}, gradient of {key}"), &found[key], &expected.values, 5e-5);
        }
        if let Some(learned) = criterion.learned() {
            learned.collect(&mut left);
            let found = learned.gradients().unwrap();
            for (key, expected) in &case.learned_gradients {
                assert_close(&format!("{name}, gradient of {key}"), &found[key].values, &expected.values, 5e-5);
            }
        }
        let after = criterion.state().unwrap();
        for (key, expected) in &case.state_after {
            assert_close(&format!("{name}, {key} after"), &after[key].values, &expected.values, 1e-5);
        }
    }
}

#[test]
fn every_method_of_the_contract_is_there_and_tested() {
    let names = [
        "hinton",
        "hinton-std",
        "dkd",
        "dist",
        "fitnet",
        "at",
        "sp",
        "cc",
        "rkd",
        "pkt",
        "nst",
        "vid",
        "crd",
        "ickd",
        "wkd-l",
        "wkd-f",
        "sinkd",
        "review",
        "skd",
        "mlkd",
        "cosine",
        "queue",
        "nkd",
        "sdd",
    ];
    assert_eq!(BASELINES.iter().map(|b| b.name).collect::<Vec<_>>(), names);
    let golden = golden();
    for name in names {
        assert!(golden.cases.iter().any(|c| c.criterion == name), "{name} has no golden figure");
    }
}

/// Moves the student's outputs and the learned parts a small step against the gradient.
fn stepped(criterion: &mut dyn Criterion, batch: &Batch, student: &Outputs) -> (f64, Outputs) {
    let term = criterion.evaluate(batch).unwrap();
    let value = scalar(&term.loss).unwrap();
    let mut left = term.loss.backward();
    fn moved<const D: usize>(x: &Tensor<D>, left: &mut burn::tensor::Gradients) -> Tensor<D> {
        let Some(gradient) = x.grad_remove(left) else { return x.clone().inner() };
        let length = host(&gradient).unwrap().iter().map(|g| g * g).sum::<f32>().sqrt().max(1e-20);
        x.clone().inner() - gradient * (1e-2 / length)
    }
    let next = Outputs {
        features: moved(&student.features, &mut left),
        logits: moved(&student.logits, &mut left),
        maps: student.maps.iter().map(|(name, map)| (name.clone(), moved(map, &mut left))).collect(),
    };
    if let Some(learned) = criterion.learned() {
        learned.collect(&mut left);
        let lr = 1e-3 / learned.gradient_norm_squared().unwrap().sqrt().max(1.0);
        let rule = Rule::Sgd { momentum: 0.0, nesterov: false };
        learned.step(&Update { lr, weight_decay: 0.0, gradient_scale: 1.0, rule });
    }
    (value, next.leaves())
}

#[test]
fn gradient_steps_lower_every_loss() {
    let golden = golden();
    let teacher = outputs(&golden.teacher);
    for (name, mut criterion) in golden.every_method() {
        let mut student = outputs(&golden.student).leaves();
        let mut values = Vec::new();
        for _ in 0..6 {
            let batch = golden.batch(&student, &teacher, Mode::Evaluate);
            let (value, next) = stepped(criterion.as_mut(), &batch, &student);
            values.push(value);
            student = next;
        }
        assert!(values.windows(2).all(|pair| pair[1] < pair[0]), "{name}: {values:?}");
    }
}

#[test]
fn evaluation_changes_no_memory_and_training_goes_on_from_a_saved_one() {
    let golden = golden();
    let (student, teacher) = (outputs(&golden.student), outputs(&golden.teacher));
    let fresh = || golden.every_method().into_iter();
    for ((name, mut criterion), (_, mut resumed)) in fresh().zip(fresh()) {
        let value = |c: &mut dyn Criterion, mode| {
            scalar(&c.evaluate(&golden.batch(&student, &teacher, mode)).unwrap().loss).unwrap()
        };
        let before = criterion.state().unwrap();
        let first = value(criterion.as_mut(), Mode::Evaluate);
        assert_eq!(value(criterion.as_mut(), Mode::Evaluate), first, "{name}");
        assert_eq!(criterion.state().unwrap(), before, "{name}");
        value(criterion.as_mut(), Mode::Train);
        let remembers = matches!(name, "crd" | "queue" | "wkd-l");
        assert_eq!(criterion.state().unwrap() != before, remembers, "{name}");
        resumed.load_state(&criterion.state().unwrap()).unwrap();
        if let (Some(from), Some(to)) = (criterion.learned(), resumed.learned()) {
            to.load_values(&from.values().unwrap()).unwrap();
        }
        let expected = value(criterion.as_mut(), Mode::Train);
        assert_eq!(value(resumed.as_mut(), Mode::Train), expected, "{name}");
        assert_eq!(resumed.state().unwrap(), criterion.state().unwrap(), "{name}");
    }
}

/// Dead channels, equal samples and a single sample occur in training: no loss or gradient may become NaN over them.
#[test]
fn degenerate_batches_stay_finite() {
    let golden = golden();
    let teacher = outputs(&golden.teacher);
    let dead = Outputs {
        features: Tensor::zeros([5, 5], &Device::flex()),
        logits: Tensor::zeros([5, 4], &Device::flex()),
        maps: outputs(&golden.student).maps.iter().map(|(name, m)| (name.clone(), m.clone() * 0.0)).collect(),
    };
    let first = |outputs: &Outputs| Outputs {
        features: outputs.features.clone().narrow(0, 0, 1),
        logits: outputs.logits.clone().narrow(0, 0, 1),
        maps: outputs.maps.iter().map(|(name, m)| (name.clone(), m.clone().narrow(0, 0, 1))).collect(),
    };
    let (one, one_teacher) = (first(&outputs(&golden.student)), first(&teacher));
    for (what, student, teacher) in [("dead student", dead, teacher), ("one sample", one, one_teacher)] {
        let n = student.logits.dims()[0];
        for (name, mut criterion) in golden.every_method() {
            let student = student.leaves();
            let mut batch = golden.batch(&student, &teacher, Mode::Train);
            (batch.labels, batch.indices) = (&golden.labels[..n], &golden.indices[..n]);
            let term = criterion.evaluate(&batch).unwrap();
            assert!(scalar(&term.loss).unwrap().is_finite(), "{what}, {name}: {}", scalar(&term.loss).unwrap());
            let mut left = term.loss.backward();
            for (key, gradient) in gradients(&student, &mut left) {
                assert!(gradient.iter().all(|g| g.is_finite()), "{what}, {name}, gradient of {key}: {gradient:?}");
            }
        }
    }
}

#[test]
fn negatives_are_a_function_of_seed_and_step() {
    let golden = golden();
    let options = CrdOptions { width: 3, negatives: golden.negatives.len(), temperature: 0.5, momentum: 0.5 };
    let draw = |seed, step| options.negatives(seed, step, &golden.shapes().train);
    assert_eq!(draw(golden.seed, golden.step), golden.negatives);
    assert_ne!(draw(golden.seed, golden.step + 1), golden.negatives);
    assert_ne!(draw(golden.seed + 1, golden.step), golden.negatives);
}

/// A memory of every image, of a width that a person chose, is asked for before it is taken.
#[test]
fn memories_of_crd_that_no_machine_holds_are_refused_with_their_size() {
    let shapes = Shapes { train: vec![u32::MAX - 1], ..golden().shapes() };
    let config = CriterionConfig::new("crd").set("width", 65_536);
    let error = config.init(&shapes, &Device::flex(), 0).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("would take 2251808 GB") && error.contains("give a smaller width"), "{error}");
}

/// What a user reads when a configuration does not fit.
#[test]
fn errors_say_what_and_what_to_do() {
    let golden = golden();
    let refused = |config: CriterionConfig, shapes: &Shapes| {
        config.init(shapes, &Device::flex(), 0).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let shapes = golden.shapes();
    let option = refused(CriterionConfig::new("rkd").set("angel", 50), &shapes);
    assert!(option.contains("rkd") && option.contains("angle"), "{option}");
    let value = refused(CriterionConfig::new("crd").set("momentum", 1.0), &shapes);
    assert!(value.contains("momentum = 1"), "{value}");
    let stage = refused(CriterionConfig::new("fitnet").set("stages", "layer9"), &shapes);
    assert!(
        stage.contains("no stage `layer9`; did you mean layer1 or layer2?") && stage.contains("layer1 3×4×4"),
        "{stage}"
    );
    let grid = refused(CriterionConfig::new("wkd-f").set("grid", 2), &shapes);
    assert!(grid.contains("2×2") && grid.contains("grid = 2"), "{grid}");
    let two = refused(CriterionConfig::new("wkd-l"), &Shapes { classes: 2, ..golden.shapes() });
    assert!(two.contains("at least 3") && two.contains("hinton"), "{two}");
    let on = refused(CriterionConfig::new("at").on("logits"), &shapes);
    assert!(on.contains("chooses its own outputs"), "{on}");
    let without = Shapes { teacher: NetworkShapes { maps: Vec::new(), ..shapes.teacher.clone() }, ..golden.shapes() };
    let map = refused(CriterionConfig::new("sdd"), &without);
    assert!(map.contains("the teacher gives no map") && map.contains("choose hinton"), "{map}");
    let unused = refused(CriterionConfig::new("sdd").set("beta", 2.0), &shapes);
    assert_eq!(unused, "criterion sdd has no use for beta with loss = \"hinton\": it is of dkd");
    let scales = refused(CriterionConfig::new("sdd").set("scales", "1,0"), &shapes);
    assert!(scales.contains("scales = 1,0") && scales.contains("as in 1,2,4"), "{scales}");
}

/// Other features or logits change the loss of a criterion that says that it reads them, and of no other.
#[test]
fn what_a_method_reads_it_says() {
    let golden = golden();
    let other = |x: &Tensor<2>, changed: bool| if changed { x.clone().square() + 0.5 } else { x.clone() };
    for features in [true, false] {
        let value = |criterion: &mut dyn Criterion, changed: bool| {
            let outputs = |tensors: &Tensors| {
                let given = outputs(tensors);
                Outputs {
                    features: other(&given.features, changed && features),
                    logits: other(&given.logits, changed && !features),
                    ..given
                }
            };
            let (student, teacher) = (outputs(&golden.student).leaves(), outputs(&golden.teacher));
            scalar(&criterion.evaluate(&golden.batch(&student, &teacher, Mode::Train)).unwrap().loss).unwrap()
        };
        for ((name, mut one), (_, mut same)) in golden.every_method().into_iter().zip(golden.every_method()) {
            let needs = one.needs();
            let read = if features { needs.features } else { needs.logits };
            let changed = value(one.as_mut(), true) != value(same.as_mut(), false);
            assert_eq!(changed, read, "{name}, {}", if features { "features" } else { "logits" });
        }
    }
}

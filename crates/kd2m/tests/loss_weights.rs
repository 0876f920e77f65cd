//! Weights that set themselves and balances of gradients, against double precision, on both engines.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m::{
    Batch, Outputs,
    batch::host,
    config::{ArmConfig, Source},
    criterion::{NetworkShapes, Shapes},
    engine::{Engine, Images, Mode, OutputGradients, burn::BurnEngine, cpu::CpuEngine},
    objective::{Backward, Evaluated, Objective, automatic::SHARE},
};
use kd2m_nn::{
    Graph, init,
    zoo::{self, ZooOptions},
};

const N: usize = 12;
const CLASSES: usize = 5;
const HEAD: &str = "fc.weight";

fn graph() -> Graph {
    zoo::build("digits-cnn-student", &ZooOptions::new(CLASSES, 1, 8, 8)).unwrap()
}

fn engine(cpu: bool) -> Box<dyn Engine> {
    let graph = graph();
    let weights = init::initialise(&graph, 1);
    match cpu {
        true => Box::new(CpuEngine::new(&graph, &weights, &[], true, 1).unwrap()),
        false => Box::new(BurnEngine::new(&graph, &weights, &[], &Device::flex()).unwrap()),
    }
}

fn tensor(name: &str, seed: u64, shape: [usize; 2]) -> Tensor<2> {
    let values = init::uniform(seed, name, shape[0] * shape[1], 1.0);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// An objective of these losses in an arm with these keys.
fn objective(keys: &str) -> Objective {
    let text = format!(
        "name = \"x\"\ndata.dataset = \"digits\"\nteacher.model = \"digits-cnn-teacher\"\nstudent.model = \"digits-cnn-student\"\n\
         [[arm]]\nname = \"a\"\n{keys}"
    );
    let config = Source::parse("test", &text).unwrap().resolve().unwrap();
    let arm: &ArmConfig = &config.arms[0];
    let network = || NetworkShapes { features: graph().feature_width(), maps: Vec::new() };
    let shapes = Shapes { student: network(), teacher: network(), classes: CLASSES, train: (0..N as u32).collect() };
    Objective::new(&config, arm, &shapes, &Device::flex(), 0).unwrap()
}

struct Step {
    student: Outputs,
    teacher: Outputs,
    head: Tensor<2>,
    labels: Vec<u32>,
}

impl Step {
    /// The k-th batch through an engine.
    fn new(engine: &mut dyn Engine, k: u64) -> Self {
        let pixels = init::uniform(k, "pixels", N * 64, 1.0);
        let student = engine.forward(Images { pixels: &pixels, n: N }, Mode::Train).unwrap();
        let head = engine.tensor(HEAD).unwrap().expect("a linear classifier");
        let shape = [head.shape[0], head.shape[1]];
        let head = Tensor::<2>::from_data(TensorData::new(head.values, shape), &Device::flex());
        let teacher =
            Outputs::new(tensor("features", k, student.features.dims()) * 3.0, tensor("logits", k, [N, CLASSES]) * 4.0);
        Self { student, teacher, head, labels: (0..N as u32).map(|i| (i + k as u32) % CLASSES as u32).collect() }
    }

    fn backward(&self, objective: &mut Objective, student: &Outputs) -> (Evaluated, OutputGradients) {
        let batch = Batch::new(student, &self.teacher).labels(&self.labels);
        let mut value = objective.evaluate(&batch, 1.0).unwrap();
        let how = Backward { batches: 1, told: true };
        let gradients = objective.backward(&mut value, student, Some(&self.head), how).unwrap();
        (value, gradients)
    }

    /// ∂ cross entropy / ∂ logits · W in double precision.
    fn entropy_at_features(&self) -> Vec<f64> {
        let (logits, head) = (wide(&self.student.logits), wide(&self.head));
        let d = head.len() / CLASSES;
        let mut found = Vec::new();
        for (row, label) in logits.chunks(CLASSES).zip(&self.labels) {
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            let slope = |c: usize| (row[c].exp() / sum - f64::from(u8::from(c == *label as usize))) / N as f64;
            found.extend((0..d).map(|k| (0..CLASSES).map(|c| slope(c) * head[c * d + k]).sum::<f64>()));
        }
        found
    }

    /// ∂ mse / ∂ features: 2 (x − y) / n.
    fn mse_at_features(&self) -> Vec<f64> {
        let (x, y) = (wide(&self.student.features), wide(&self.teacher.features));
        x.iter().zip(&y).map(|(x, y)| 2.0 * (x - y) / N as f64).collect()
    }
}

fn wide(tensor: &Tensor<2>) -> Vec<f64> {
    host(tensor).unwrap().into_iter().map(f64::from).collect()
}

fn norm(values: &[f64]) -> f64 {
    inner(values, values).sqrt()
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-4 * expected.abs()
}

/// λ = share · Σ ‖G_ce‖ ‖x‖ / Σ ‖G_mse‖ ‖x‖ over the batches so far, features x; the gradient has that weight from the first batch on.
#[test]
fn an_automatic_weight_is_the_share_in_double_precision_on_both_engines() {
    for cpu in [true, false] {
        let (mut engine, mut objective) =
            (engine(cpu), objective("loss = [{ criterion = \"mse\", weight = \"auto*2\" }]"));
        let (mut entropy, mut criterion) = (0.0, 0.0);
        for k in 1..=3 {
            let step = Step::new(engine.as_mut(), k);
            let (value, gradients) = step.backward(&mut objective, &step.student);
            let size = norm(&wide(&step.student.features));
            let own = step.mse_at_features();
            entropy += norm(&step.entropy_at_features()) * size;
            criterion += norm(&own) * size;
            let expected = 2.0 * SHARE * entropy / criterion;
            assert!(close(objective.weights()[0], expected), "{cpu}, {k}: {:?} {expected}", objective.weights());
            assert!(close(value.terms[0].weighted, expected * value.terms[0].raw));
            assert!(close(value.value, value.ce + value.terms[0].weighted));
            let found = wide(&gradients.features.unwrap());
            let scaled: Vec<f64> = own.iter().map(|g| g * expected).collect();
            let off: Vec<f64> = found.iter().zip(&scaled).map(|(a, b)| a - b).collect();
            assert!(norm(&off) < 1e-4 * norm(&scaled), "{cpu}, {k}");
            let pull = value.terms[0].pull.as_ref().unwrap();
            let both = norm(&step.entropy_at_features()) + norm(&scaled);
            assert!(close(pull.share, norm(&scaled) / both) && close(pull.norm, norm(&scaled)), "{pull:?}");
            let cosine = inner(&step.entropy_at_features(), &own) / (norm(&step.entropy_at_features()) * norm(&own));
            assert!((pull.cosines[0].1 - cosine).abs() < 1e-4 && pull.cosines[0].0 == "ce", "{pull:?}");
        }
    }
}

#[test]
fn what_was_measured_is_saved_and_goes_on() {
    const KEYS: &str = "loss = [{ criterion = \"mse\" }, { criterion = \"w2\", weight = 0.5 }]";
    let (mut engine, mut whole) = (engine(true), objective(KEYS));
    let steps: Vec<Step> = (1..=12).map(|k| Step::new(engine.as_mut(), k)).collect();
    let run = |objective: &mut Objective, steps: &[Step]| {
        steps.iter().for_each(|step| _ = step.backward(objective, &step.student));
    };
    let mut resumed = objective(KEYS);
    let mut begun = objective(KEYS);
    run(&mut begun, &steps[..3]);
    resumed.load_state(&begun.state().unwrap()).unwrap();
    run(&mut resumed, &steps[3..]);
    run(&mut whole, &steps);
    assert_eq!(whole.weights(), resumed.weights());
    assert_eq!(whole.weights()[1], 0.5);
    let fixed = whole.weights();
    run(&mut whole, &steps[..2]);
    assert_eq!(whole.weights(), fixed, "after the first batches it stays");
}

/// Each criterion as strong as cross entropy, times its weight; the combination is the sum.
#[test]
fn gradients_are_brought_to_the_strength_of_cross_entropy() {
    let mut engine = engine(true);
    let step = Step::new(engine.as_mut(), 1);
    let mut objective = objective(
        "balance = \"gradient-norm\"\nloss = [{ criterion = \"mse\" }, { criterion = \"hinton\", weight = 0.25 }]",
    );
    let (value, gradients) = step.backward(&mut objective, &step.student);
    let entropy = step.entropy_at_features();
    let norms: Vec<f64> = value.terms.iter().map(|term| term.pull.as_ref().unwrap().norm).collect();
    assert!(close(norms[0], norm(&entropy)) && close(norms[1], 0.25 * norm(&entropy)), "{norms:?} {}", norm(&entropy));
    let mse = step.mse_at_features();
    let found = wide(&gradients.features.unwrap());
    let expected: Vec<f64> = mse.iter().map(|g| g * norm(&entropy) / norm(&mse)).collect();
    let off: Vec<f64> = found.iter().zip(&expected).map(|(a, b)| a - b).collect();
    assert!(norm(&off) < 1e-4 * norm(&expected));
}

/// Two terms: π by the closed form of the two log-gradients, in double precision. A small step down the combination lowers both.
#[test]
fn pareto_is_the_closed_form_and_lowers_every_term() {
    let mut engine = engine(true);
    let step = Step::new(engine.as_mut(), 2);
    let mut objective = objective("balance = \"pareto\"\nloss = [{ criterion = \"mse\", weight = 1e-3 }]");
    let (value, gradients) = step.backward(&mut objective, &step.student);
    let over = |values: Vec<f64>, by: f64| values.into_iter().map(|g| g / by).collect::<Vec<f64>>();
    let a = over(step.entropy_at_features(), value.ce);
    let b = over(step.mse_at_features(), value.terms[0].raw);
    let (aa, bb, ab) = (inner(&a, &a), inner(&b, &b), inner(&a, &b));
    let share = ((bb - ab) / (aa + bb - 2.0 * ab)).clamp(0.0, 1.0);
    assert!(share > 0.01 && share < 0.99, "{share}: the case is of no use");
    let found = wide(gradients.features.as_ref().unwrap());
    let expected: Vec<f64> = b.iter().map(|g| g * (1.0 - share)).collect();
    let off: Vec<f64> = found.iter().zip(&expected).map(|(a, b)| a - b).collect();
    assert!(norm(&off) < 1e-3 * norm(&expected), "{}", norm(&off) / norm(&expected));
    // Along the features, the logits following through the classifier.
    let both: Vec<f64> = a.iter().zip(&b).map(|(a, b)| share * a + (1.0 - share) * b).collect();
    let down = 1e-3 / norm(&both);
    let shift: Vec<f32> = both.iter().map(|g| (-down * g) as f32).collect();
    let shift = Tensor::<2>::from_data(TensorData::new(shift, step.student.features.dims()), &Device::flex());
    let moved = Outputs::new(
        step.student.features.clone() + shift.clone(),
        step.student.logits.clone() + shift.matmul(step.head.clone().transpose()),
    );
    let (after, _) = step.backward(&mut objective, &moved);
    assert!(after.ce < value.ce && after.terms[0].raw < value.terms[0].raw);
}

#[test]
fn a_balance_of_one_term_changes_nothing_and_stages_are_refused() {
    let mut engine = engine(true);
    let step = Step::new(engine.as_mut(), 1);
    let loss = "ce_weight = 0\nloss = [{ criterion = \"mse\", weight = 0.1 }]";
    let [plain, balanced] = ["", "balance = \"pareto\"\n"].map(|balance| {
        let (value, gradients) = step.backward(&mut objective(&format!("{balance}{loss}")), &step.student);
        (value.value, wide(&gradients.features.unwrap()))
    });
    assert_eq!(plain, balanced);
    let text = "name = \"x\"\ndata.dataset = \"digits\"\nteacher.model = \"digits-cnn-teacher\"\nstudent.model = \"digits-cnn-student\"\n\
                [[arm]]\nname = \"a\"\nce_weight = 0\nloss = [{ criterion = \"w2\", weight = \"auto\" }]";
    let config = Source::parse("test", text).unwrap().resolve().unwrap();
    let why = Objective::check(&config, &config.arms[0]).unwrap_err().to_string();
    assert!(why.contains("ce_weight is 0: give a number"), "{why}");
}

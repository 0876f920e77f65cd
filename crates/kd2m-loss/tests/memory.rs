//! A class-wise memory: what a criterion says is the distance between the enlarged clouds, with the batch's part of its gradient.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_loss::{
    Criterion, CriterionConfig, Mode, Registry, Shapes,
    batch::{Batch, Outputs, host, leaf},
};
use kd2m_ot::{
    Cloud, Options, Side,
    divergence::{Divergence, Request, registry},
};

const WIDTH: usize = 3;
const CLASSES: usize = 2;

/// Numbers in (0, 1) without a pattern that a bug could share.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|k| ((k * 7919 + seed * 104_729 + k * k * 31) % 10_007) as f32 / 10_007.0).collect()
}

fn matrix(values: &[f32], width: usize) -> Tensor<2> {
    let shape = [values.len() / width, width];
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

/// The outputs of a network on `labels.len()` images, as leaves of a tape.
fn outputs(n: usize, seed: usize) -> Outputs {
    let features = matrix(&numbers(n * WIDTH, seed), WIDTH);
    let logits = matrix(&numbers(n * CLASSES, seed + 50), CLASSES);
    Outputs { features: leaf(&features), logits: leaf(&logits), maps: Vec::new() }
}

struct Step {
    student: Outputs,
    teacher: Outputs,
    labels: Vec<u32>,
}

impl Step {
    fn new(labels: &[u32], seed: usize) -> Self {
        let n = labels.len();
        Self { student: outputs(n, seed), teacher: outputs(n, seed + 7).constants(), labels: labels.to_vec() }
    }

    fn batch(&self, mode: Mode) -> Batch<'_> {
        Batch::new(&self.student, &self.teacher).labels(&self.labels).mode(mode)
    }
}

fn criterion(name: &str, per_class: usize) -> Box<dyn Criterion> {
    let config = CriterionConfig::new(name).memory(per_class);
    config.init(&Shapes::vectors([WIDTH; 2], CLASSES), &Device::flex(), 0).unwrap()
}

/// Value and gradient to the batch's features.
fn evaluate(criterion: &mut dyn Criterion, step: &Step, mode: Mode) -> (f32, Vec<f32>) {
    let loss = criterion.evaluate(&step.batch(mode)).unwrap().loss;
    let gradients = loss.backward();
    let gradient = step.student.features.grad(&gradients).unwrap();
    (host(&loss).unwrap()[0], host(&gradient).unwrap())
}

fn close(x: &[f32], y: &[f32]) -> bool {
    x.len() == y.len() && x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-5)
}

#[test]
fn the_second_step_compares_the_enlarged_clouds() {
    // Three of class 0 and one of class 1; a memory of two keeps the last two of class 0.
    let (first, second) = (Step::new(&[0, 1, 0, 0], 1), Step::new(&[1, 0], 2));
    let kept = [2, 3, 1];
    for name in ["w2", "cw2", "mmd-rbf", "jw2"] {
        let mut with_memory = criterion(name, 2);
        let alone = evaluate(criterion(name, 0).as_mut(), &first, Mode::Train);
        let begun = evaluate(with_memory.as_mut(), &first, Mode::Train);
        assert!(close(&[begun.0], &[alone.0]) && close(&begun.1, &alone.1), "{name}: the memory begins empty");

        let (value, gradient) = evaluate(with_memory.as_mut(), &second, Mode::Train);
        let enlarged = |pick: fn(&Step) -> &Tensor<2>, width: usize| {
            let (now, before) = (host(pick(&second)).unwrap(), host(pick(&first)).unwrap());
            let kept = kept.iter().flat_map(|i| before[i * width..(i + 1) * width].to_vec());
            now.into_iter().chain(kept).collect::<Vec<f32>>()
        };
        let soft = |logits: Vec<f32>| -> Vec<f32> {
            let exp: Vec<f32> = logits.iter().map(|x| x.exp()).collect();
            exp.chunks_exact(CLASSES).flat_map(|r| r.iter().map(|e| e / r.iter().sum::<f32>())).collect()
        };
        let (x, y) = (enlarged(|s| &s.student.features, WIDTH), enlarged(|s| &s.teacher.features, WIDTH));
        let (s, t) = (enlarged(|s| &s.student.logits, CLASSES), enlarged(|s| &s.teacher.logits, CLASSES));
        let (s, t) = (soft(s), soft(t));
        let cloud = |side, features, soft| {
            let cloud = Cloud::<f32>::new(side, features, 5, WIDTH).unwrap();
            match name {
                "jw2" => cloud.with_soft_labels(soft, CLASSES).unwrap(),
                "cw2" => cloud.with_labels(&[1, 0, 0, 0, 1]).unwrap(),
                _ => cloud,
            }
        };
        let metric = registry::build(&Options::new(name)).unwrap();
        let (a, b) = (cloud(Side::A, &x, &s), cloud(Side::B, &y, &t));
        let expected = Divergence::<f32>::evaluate(metric.as_ref(), &a, &b, Request::GRADIENT).unwrap();
        assert!(close(&[value], &[expected.value as f32]), "{name}: {value} {}", expected.value);
        let expected = &expected.gradient.unwrap().features[..2 * WIDTH];
        assert!(close(&gradient, expected), "{name}: {gradient:?} {expected:?}");
        assert!(!close(&[value], &[evaluate(criterion(name, 0).as_mut(), &second, Mode::Train).0]), "{name}");
    }
}

/// Without labels: the newest samples of whatever class, on both sides, oldest first.
#[test]
fn a_queue_asks_for_no_class() {
    let (first, second) = (Step::new(&[0; 4], 1), Step::new(&[0; 2], 2));
    for (name, queue, kept) in [("w2", 3, &[1, 2, 3][..]), ("energy", 2, &[2, 3]), ("mmd-rbf", 9, &[0, 1, 2, 3])] {
        let config = CriterionConfig::new(name).set("queue", queue);
        let needs = config.check(&Registry::default()).unwrap().needs();
        assert!(!needs.labels && needs.unpaired, "{name}");
        let made = || config.init(&Shapes::vectors([WIDTH; 2], CLASSES), &Device::flex(), 0).unwrap();
        let mut criterion = made();
        let unlabelled = |criterion: &mut dyn Criterion, step: &Step| {
            let batch = Batch::new(&step.student, &step.teacher);
            let loss = criterion.evaluate(&batch).unwrap().loss;
            let gradients = loss.backward();
            (host(&loss).unwrap()[0], host(&step.student.features.grad(&gradients).unwrap()).unwrap())
        };
        unlabelled(criterion.as_mut(), &first);
        let mut resumed = made();
        resumed.load_state(&criterion.state().unwrap()).unwrap();
        let (value, gradient) = unlabelled(criterion.as_mut(), &second);
        let enlarged = |pick: fn(&Step) -> &Tensor<2>| {
            let (now, before) = (host(pick(&second)).unwrap(), host(pick(&first)).unwrap());
            let kept = kept.iter().flat_map(|i| before[i * WIDTH..(i + 1) * WIDTH].to_vec());
            now.into_iter().chain(kept).collect::<Vec<f32>>()
        };
        let (x, y) = (enlarged(|s| &s.student.features), enlarged(|s| &s.teacher.features));
        let cloud = |side, features| Cloud::<f32>::new(side, features, 2 + kept.len(), WIDTH).unwrap();
        let metric = registry::build(&Options::new(name)).unwrap();
        let (a, b) = (cloud(Side::A, &x), cloud(Side::B, &y));
        let expected = Divergence::<f32>::evaluate(metric.as_ref(), &a, &b, Request::GRADIENT).unwrap();
        assert!(close(&[value], &[expected.value as f32]), "{name}: {value} {}", expected.value);
        assert!(close(&gradient, &expected.gradient.unwrap().features[..2 * WIDTH]), "{name}");
        assert!(close(&[value], &[unlabelled(resumed.as_mut(), &second).0]), "{name}, resumed");
    }
}

#[test]
fn evaluation_compares_the_batch_alone_and_a_saved_memory_goes_on_alike() {
    let (first, second) = (Step::new(&[0, 1, 1], 3), Step::new(&[1, 0, 0], 4));
    for name in ["w2", "jw2"] {
        let mut whole = criterion(name, 3);
        evaluate(whole.as_mut(), &first, Mode::Train);
        let held_out = evaluate(whole.as_mut(), &second, Mode::Evaluate);
        assert_eq!(held_out, evaluate(criterion(name, 0).as_mut(), &second, Mode::Evaluate));
        let mut resumed = criterion(name, 3);
        resumed.load_state(&whole.state().unwrap()).unwrap();
        let expected = evaluate(whole.as_mut(), &second, Mode::Train);
        assert_eq!(evaluate(resumed.as_mut(), &second, Mode::Train), expected);
        assert_eq!(whole.state().unwrap(), resumed.state().unwrap());
    }
}

#[test]
fn criteria_without_use_for_a_memory_refuse_it() {
    for (name, why) in [("mse", "sample by sample"), ("hinton", "takes no class-wise memory")] {
        let refused = CriterionConfig::new(name).memory(4);
        let refused = refused.check(&Registry::default()).err().unwrap().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    for (config, why) in [
        (CriterionConfig::new("mse").set("queue", 4), "sample by sample"),
        (CriterionConfig::new("cw2").set("queue", 4), "queue"),
        (CriterionConfig::new("w2").set("queue", 4).memory(2), "leave one of them at 0"),
        (CriterionConfig::new("w2").set("queue", -1), "from 0 to 1000000"),
    ] {
        let refused = config.check(&Registry::default()).err().unwrap().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

/// A plan of a grid times steps as they are late in training: the first step fills what later ones would.
#[test]
fn a_rehearsal_fills_the_memory_in_one_step() {
    let step = Step::new(&[0, 1, 0, 0], 1);
    let made =
        |config: CriterionConfig| config.init(&Shapes::vectors([WIDTH; 2], CLASSES), &Device::flex(), 0).unwrap();
    let rows = |criterion: &dyn Criterion, key: &str| criterion.state().unwrap()[key].shape[0];
    let class = "memory.labels";
    for (config, key, samples, times, held) in [
        (CriterionConfig::new("w2").set("queue", 100), class, 1_000_000, 1.0, 100),
        (CriterionConfig::new("w2").set("queue", 100), class, 60, 1.0, 60),
        (CriterionConfig::new("sw2").set("queue", 81_920), class, 1_000_000, 100.0, 8_192),
        (CriterionConfig::new("w2").set("queue", 100), class, 0, 1.0, 4),
        (CriterionConfig::new("cw2").memory(20), class, 1_000_000, 1.0, 40),
        (CriterionConfig::new("queue").set("size", 50), "queue", 1_000_000, 1.0, 50),
        (CriterionConfig::new("queue").set("size", 50), "queue", 30, 1.0, 30),
        (CriterionConfig::new("queue").set("size", 3), "queue", 1_000_000, 1.0, 3),
    ] {
        let mut criterion = made(config);
        let longer = criterion.rehearse(samples);
        assert!((longer - times).abs() < 1e-9, "{longer}");
        evaluate(criterion.as_mut(), &step, Mode::Train);
        assert_eq!(rows(criterion.as_ref(), key), held);
        // Once only: the next step adds no more than its batch.
        evaluate(criterion.as_mut(), &step, Mode::Train);
        assert!((held..=held + step.labels.len()).contains(&rows(criterion.as_ref(), key)));
    }
    assert!((made(CriterionConfig::new("w2")).rehearse(1_000) - 1.0).abs() < 1e-9);
}

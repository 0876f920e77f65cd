//! Times whole distillation steps on CIFAR-10, as `kd2m distill` does them, and says where the time goes: loader (crop and flip),
//! frozen teacher, student, the criterion `w2` beside cross-entropy, SGD. For `scripts/peers/whole.py`.
//!
//! `whole_step TEACHER STUDENT {imagenet|cifar} BATCH STEPS THREADS DATA_ROOT`

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use kd2m::{
    Batch,
    config::{ArmConfig, Source},
    criterion::{NetworkShapes, Shapes},
    engine::{Engine, Images, Mode, Rule, Then, Update, cpu::CpuEngine},
    objective::{Backward, Objective},
};
use kd2m_cpu::Options;
use kd2m_data::{Dataset, Loader, epoch_order};
use kd2m_nn::{Graph, init::initialise, zoo};

/// Steps before the clock runs.
const WARM_UP: usize = 3;
/// What the step consists of, in its order.
const PARTS: [&str; 5] = ["loader", "teacher", "student forward", "criterion", "student backward and optimizer"];

type Failure = Box<dyn std::error::Error>;

/// Both networks, the loss between them, and the batches that they see.
struct Run {
    teacher: CpuEngine,
    student: CpuEngine,
    objective: Objective,
    loader: Loader,
    update: Update,
    step: usize,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [teacher, student, stem, batch, steps, threads, root] = &arguments[..] else {
        return Err("usage: whole_step TEACHER STUDENT {imagenet|cifar} BATCH STEPS THREADS DATA_ROOT".into());
    };
    let (batch, steps, threads): (usize, usize, usize) = (batch.parse()?, steps.parse()?, threads.parse()?);
    let data = Arc::new(kd2m_data::load("cifar10", Some(Path::new(root)))?);
    let stem = if stem == "cifar" { zoo::Stem::Cifar } else { zoo::Stem::Imagenet };
    let options = zoo::ZooOptions::new(10, 3, 32, 32).stem(stem);
    let network = |name: &str, trainable, seed| {
        let graph = zoo::build(name, &options)?;
        let options = Options { threads, trainable, ..Options::default() };
        let engine = CpuEngine::with_options(&graph, &initialise(&graph, seed), options)?;
        Ok::<_, Failure>((graph, engine))
    };
    let ((taught_by, teacher), (graph, student)) = (network(teacher, false, 1)?, network(student, true, 2)?);
    let mut run = Run {
        teacher,
        student,
        objective: objective(&taught_by, &graph, &data)?,
        loader: loader(&data, batch, steps + WARM_UP)?,
        update: Update { lr: 0.01, weight_decay: 0.0, gradient_scale: 1.0, rule: sgd() },
        step: 0,
    };
    (0..WARM_UP).try_for_each(|_| run.step().map(|_| ()))?;
    let before = run.student.network().profile();
    let times = (0..steps).map(|_| run.step()).collect::<Result<Vec<_>, _>>()?;
    let inside = run.student.network().profile();
    report(batch, &times, &before, &inside);
    println!("loader alone: {:.2} ms a batch", loader_alone(&data, batch, steps)?);
    Ok(())
}

fn sgd() -> Rule {
    Rule::Sgd { momentum: 0.9, nesterov: false }
}

/// Cross-entropy and `w2` with weight 1 between the features.
fn objective(teacher: &Graph, student: &Graph, data: &Dataset) -> Result<Objective, Failure> {
    let text = format!(
        "name = \"whole-step\"\n[data]\ndataset = \"cifar10\"\n[teacher]\nmodel = \"{}\"\n[student]\nmodel = \"{}\"\n",
        teacher.name, student.name
    );
    let config = Source::parse("whole_step", &text)?.resolve()?;
    let shapes = |graph: &Graph| NetworkShapes { features: graph.feature_width(), maps: Vec::new() };
    let (student, teacher) = (shapes(student), shapes(teacher));
    let shapes = Shapes { student, teacher, classes: data.classes, train: (0..data.train.len() as u32).collect() };
    Ok(Objective::new(&config, &ArmConfig::single("w2", Some(1.0.into())), &shapes, &burn::tensor::Device::flex(), 0)?)
}

/// Batches for so many steps, with the data set's own augmentation.
fn loader(data: &Arc<Dataset>, batch: usize, steps: usize) -> Result<Loader, Failure> {
    let all: Vec<u32> = (0..data.train.len() as u32).collect();
    let order: Vec<u32> = epoch_order(&all, 0, 0).into_iter().cycle().take(batch * steps).collect();
    Ok(Loader::training(data, order, batch, &data.augment, 0, 0)?)
}

/// Milliseconds a batch when nothing else runs: what the loader's thread takes from the others.
fn loader_alone(data: &Arc<Dataset>, batch: usize, steps: usize) -> Result<f64, Failure> {
    let mut loader = loader(data, batch, steps)?;
    let start = Instant::now();
    while let Some(batch) = loader.next().transpose()? {
        loader.recycle(batch);
    }
    Ok(start.elapsed().as_secs_f64() * 1e3 / steps as f64)
}

impl Run {
    /// One step: seconds until the end of each part.
    fn step(&mut self) -> Result<[f64; PARTS.len()], Failure> {
        let start = Instant::now();
        let data = self.loader.next().ok_or("no batch is left")??;
        let loaded = start.elapsed();
        let images = Images { pixels: &data.images, n: data.len() };
        let against = self.teacher.forward(images, Mode::Evaluate)?;
        let taught = start.elapsed();
        let student = self.student.forward(images, Mode::Train)?;
        let forward = start.elapsed();
        let batch = Batch::new(&student, &against).labels(&data.labels).indices(&data.indices).step(self.step);
        let mut value = self.objective.evaluate(&batch, 0.0)?;
        let how = Backward { batches: 1, told: false };
        let outputs = self.objective.backward(&mut value, &student, None, how)?;
        let judged = start.elapsed();
        self.student.backward(&outputs, Then::Step(self.update))?;
        self.objective.learned().into_iter().for_each(|(_, part)| part.step(&self.update));
        let end = start.elapsed();
        self.loader.recycle(data);
        self.step += 1;
        Ok([loaded, taught, forward, judged, end].map(|time| time.as_secs_f64()))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Images a second, and each part's median in ms and as a share of the step.
fn report(
    batch: usize,
    times: &[[f64; PARTS.len()]],
    before: &BTreeMap<&'static str, f64>,
    inside: &BTreeMap<&'static str, f64>,
) {
    let whole = median(times.iter().map(|t| t[PARTS.len() - 1]).collect());
    println!("median {:.1} images/s", batch as f64 / whole);
    let show =
        |name: &str, seconds: f64| println!("part {name}: {:.3} ms, {:.2} %", seconds * 1e3, 100.0 * seconds / whole);
    for (i, name) in PARTS.iter().enumerate() {
        show(name, median(times.iter().map(|t| if i == 0 { t[0] } else { t[i] - t[i - 1] }).collect()));
    }
    // Of the student, forward and backward together: kinds of layers, by the engine's own clock.
    for (name, seconds) in inside {
        let seconds = seconds - before.get(name).copied().unwrap_or(0.0);
        show(&format!("student: {name}"), seconds / times.len() as f64);
    }
}

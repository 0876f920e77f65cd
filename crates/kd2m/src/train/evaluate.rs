//! A network on a split, in evaluation mode and fixed order: accuracy, losses, and the distance of its features to the teacher's.

use std::{collections::BTreeMap, sync::Arc};

use kd2m_data::{Dataset, Loader, Part};
use kd2m_ot::{
    Cloud, Side,
    divergence::{AnyDivergence, Divergence, Request, registry},
};

use serde::{Deserialize, Serialize};

use super::{
    halt::Halt,
    record::{SplitRecord, TermRecord},
    sides::Sides,
};
use crate::{
    Error,
    batch::{Batch, Outputs, host},
    engine::{Engine, Images, Mode},
    measure::{Answers, Calibration, calibration::Reliability, logits},
    objective::{Evaluated, Objective},
    ranks::Share,
    teacher::{Answer, Query, Teacher, View},
};

/// Sums over samples, from which a [`SplitRecord`] is made.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    samples: f64,
    correct: u64,
    /// Samples whose label is among the five largest logits.
    correct5: u64,
    sums: SplitRecord,
    /// What the batches said whose gradients were measured.
    #[serde(default)]
    pulls: Pulls,
}

/// Sums over batches of what terms ask of the student, by term.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Pulls {
    batches: f64,
    /// Of `share`, then of what is told beside it, by name.
    terms: BTreeMap<String, (f64, BTreeMap<String, f64>)>,
}

impl Pulls {
    fn add(&mut self, value: &Evaluated) {
        let told = value.terms.iter().filter_map(|term| Some((&term.name, term.pull.as_ref()?)));
        let mut any = false;
        for (name, pull) in told {
            any = true;
            let (share, others) = self.terms.entry(name.clone()).or_default();
            *share += pull.share;
            *others.entry("gradient_norm".to_owned()).or_default() += pull.norm;
            for (with, cosine) in &pull.cosines {
                *others.entry(format!("gradient_cosine_{with}")).or_default() += cosine;
            }
        }
        self.batches += f64::from(u8::from(any));
    }

    /// Means of a term.
    fn of(&self, term: &str) -> Option<(f64, impl Iterator<Item = (String, f64)>)> {
        let (share, others) = self.terms.get(term)?;
        let means = others.iter().map(|(name, sum)| (name.clone(), sum / self.batches));
        Some((share / self.batches, means))
    }
}

impl Tally {
    /// Adds one batch.
    pub fn add(&mut self, value: &Evaluated, logits: &[f32], labels: &[u32]) {
        let n = labels.len().max(1) as f64;
        self.samples += n;
        self.correct += correct(logits, labels) as u64;
        self.correct5 += correct_among(5, logits, labels) as u64;
        self.sums.loss += n * value.value;
        self.sums.ce += n * value.ce;
        for term in &value.terms {
            let sum: &mut TermRecord = self.sums.terms.entry(term.name.clone()).or_default();
            sum.raw += n * term.raw;
            sum.weighted += n * term.weighted;
            sum.share_of_step += term.seconds;
            for (name, number) in &term.diagnostics {
                *sum.diagnostics.entry(name.clone()).or_default() += n * number;
            }
        }
        self.pulls.add(value);
    }

    /// Percent of the samples whose label is among the five largest logits.
    pub fn top5(&self) -> f64 {
        100.0 * self.correct5 as f64 / self.samples.max(1.0)
    }

    /// Means over the samples; `seconds` is the time of which each term's share is taken, `ce_weight` that of cross entropy.
    pub fn record(self, seconds: f64, ce_weight: f64) -> SplitRecord {
        let n = self.samples.max(1.0);
        let entropy = if ce_weight > 0.0 { (ce_weight * self.sums.ce).abs() } else { 0.0 };
        let loss: f64 = entropy + self.sums.terms.values().map(|t| t.weighted.abs()).sum::<f64>();
        let pulls = self.pulls;
        let terms = self.sums.terms.into_iter().map(|(name, t)| {
            let mut diagnostics: BTreeMap<String, f64> = t.diagnostics.into_iter().map(|(k, v)| (k, v / n)).collect();
            let share_of_step = if seconds > 0.0 { t.share_of_step / seconds } else { 0.0 };
            let share_of_loss = (loss > 0.0 && loss.is_finite()).then(|| t.weighted.abs() / loss);
            let mut share_of_gradient = None;
            if let Some((share, means)) = pulls.of(&name) {
                share_of_gradient = Some(share);
                diagnostics.extend(means);
            }
            let (raw, weighted) = (t.raw / n, t.weighted / n);
            (name, TermRecord { raw, weighted, share_of_step, share_of_loss, share_of_gradient, diagnostics })
        });
        SplitRecord {
            loss: self.sums.loss / n,
            accuracy: 100.0 * self.correct as f64 / n,
            correct: Some(self.correct),
            ce: self.sums.ce / n,
            terms: terms.collect(),
        }
    }
}

/// How many samples have their largest logit at their label.
pub fn correct(logits: &[f32], labels: &[u32]) -> usize {
    let classes = logits.len() / labels.len().max(1);
    let right = |(row, label): &(&[f32], &u32)| logits::best(row) == **label as usize;
    logits.chunks_exact(classes.max(1)).zip(labels).filter(right).count()
}

/// How many samples have fewer than `k` logits above that of their label.
fn correct_among(k: usize, logits: &[f32], labels: &[u32]) -> usize {
    let classes = (logits.len() / labels.len().max(1)).max(1);
    let above = |row: &[f32], label: u32| row.iter().filter(|x| **x > row[label as usize]).count();
    logits.chunks_exact(classes).zip(labels).filter(|(row, label)| above(row, **label) < k).count()
}

/// A part of a data set to evaluate on.
#[derive(Clone, Copy)]
pub struct Split<'a> {
    pub dataset: &'a Arc<Dataset>,
    pub part: Part,
    pub indices: &'a [u32],
    pub batch_size: usize,
    /// Ends it between two batches, with [`Error::Halted`].
    pub halt: &'a Halt,
    /// Whose projector the features go through on their way to the teacher's, where it is not that of the objective that is evaluated.
    pub projecting: Option<&'a Objective>,
    /// Which rows of a batch the engine runs, of several ranks'.
    pub share: Share,
}

/// What evaluation finds.
#[derive(Debug, Clone)]
pub struct Evaluation {
    pub record: SplitRecord,
    /// The label is among the five largest logits, percent.
    pub top5: f64,
    /// Null of no samples.
    pub calibration: Option<Calibration>,
    /// Class by class.
    pub answers: Answers,
    pub w2_to_teacher: Option<f64>,
    /// Of the teacher on the same images, percent; nothing without a teacher of these classes.
    pub teacher_accuracy: Option<f64>,
}

/// Stands in place of an epoch in draws from a bank, so that every evaluation meets the same rows.
const EVALUATION: u64 = u64::MAX;

/// Evaluates a network; with a teacher also the objective's terms and the distance to it.
///
/// # Errors
/// What engine, teacher or a criterion cannot do.
pub fn evaluate(
    engine: &mut dyn Engine,
    mut teacher: Option<&mut dyn Teacher>,
    objective: &mut Objective,
    split: Split,
    seed: u64,
) -> Result<Evaluation, Error> {
    let view = View { part: split.part, fixed: true };
    let (mut tally, mut number) = (Tally::default(), 0);
    let (mut reliability, mut answers) = (Reliability::default(), Answers::new(split.dataset.classes));
    let (mut distance, mut taught) = (MeanW2::new(split)?, None);
    let mut loader = Loader::evaluation_of(split.dataset, split.part, split.indices, split.batch_size, split.share)?;
    while let Some(data) = loader.next().transpose()? {
        if split.halt.is_asked() {
            return Err(Error::Halted);
        }
        let images = Images { pixels: &data.images, n: data.len() };
        let student = engine.forward(images, Mode::Evaluate)?;
        let query = Query { indices: &data.indices, labels: &data.labels, view, draw: [seed, EVALUATION, number] };
        let answer = match teacher.as_deref_mut() {
            Some(teacher) => teacher.answer(images, &query)?,
            None => Answer { all: student.clone(), labelled: None },
        };
        number += 1;
        let sides = Sides::new(&student, answer, &data.labels);
        let about =
            Batch { indices: &data.indices, seed, mode: Mode::Evaluate, ..Batch::new(&student, sides.teacher()) };
        let value = sides.evaluate(objective, about, f64::INFINITY)?;
        let logits = host(&student.logits)?;
        tally.add(&value, &logits, &data.labels);
        reliability.add(&logits, &data.labels);
        answers.add(&logits, &data.labels, &data.indices);
        if teacher.is_some() {
            distance.add(split.projecting.unwrap_or(objective), &student, sides.teacher())?;
            let answered = &sides.teacher().logits;
            if answered.dims() == student.logits.dims() {
                *taught.get_or_insert(0) += correct(&host(answered)?, &data.labels);
            }
        }
        loader.recycle(data);
    }
    let top5 = tally.top5();
    let (calibration, record) = (reliability.calibration(), tally.record(0.0, objective.ce_weight));
    let teacher_accuracy = taught.map(|right| 100.0 * right as f64 / split.indices.len().max(1) as f64);
    Ok(Evaluation { record, top5, calibration, answers, w2_to_teacher: distance.mean(), teacher_accuracy })
}

/// Mean W₂² over full batches, through a projector where there is one.
struct MeanW2 {
    w2: Box<dyn AnyDivergence>,
    full: usize,
    sum: f64,
    count: usize,
}

impl MeanW2 {
    /// A split smaller than a batch counts as one full batch.
    fn new(split: Split) -> Result<Self, Error> {
        let full = split.batch_size.min(split.indices.len());
        Ok(Self { w2: registry::build(&kd2m_ot::Options::new("w2"))?, full, sum: 0.0, count: 0 })
    }

    fn add(&mut self, objective: &Objective, student: &Outputs, teacher: &Outputs) -> Result<(), Error> {
        let x = objective.project(&student.features).unwrap_or_else(|| student.features.clone());
        let ([n, d], [m, e]) = (x.dims(), teacher.features.dims());
        if d != e || n < self.full {
            return Ok(());
        }
        let (a, b) = (host(&x)?, host(&teacher.features)?);
        let (a, b) = (Cloud::new(Side::A, &a, n, d)?, Cloud::new(Side::B, &b, m, e)?);
        self.sum += Divergence::<f32>::evaluate(self.w2.as_ref(), &a, &b, Request::VALUE)?.value;
        self.count += 1;
        Ok(())
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

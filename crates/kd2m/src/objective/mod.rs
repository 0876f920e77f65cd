//! What a student minimises: ce_weight · cross entropy + Σ weight · criterion, with warm-up and scale-free weights.

use std::time::Instant;

use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
pub use kd2m_loss::batch::scalar;

use crate::{
    Error,
    batch::{Batch, CopyError},
    config::{ArmConfig, Config, LossConfig},
    criterion::{Criterion, CriterionError, Diagnostics, Needs, Shapes, registry},
    parameters::ParameterSet,
};

/// Keeps a scale-free weight finite where the loss is zero.
const SCALE_FLOOR: f64 = 1e-8;

/// One criterion with its weight.
struct WeightedTerm {
    name: String,
    criterion: Box<dyn Criterion>,
    weight: f64,
    scale_free: bool,
    warmup_epochs: f64,
}

/// The weighted sum.
pub struct Objective {
    /// Weight of cross entropy with the labels.
    pub ce_weight: f64,
    /// Share of each label that is spread over all classes, 0 … 1.
    pub label_smoothing: f64,
    terms: Vec<WeightedTerm>,
}

/// A term's value on one batch.
#[derive(Debug, Clone)]
pub struct TermValue {
    /// What the configuration calls the criterion.
    pub name: String,
    /// The criterion itself.
    pub raw: f64,
    /// What it adds to the loss.
    pub weighted: f64,
    /// Time of its forward evaluation.
    pub seconds: f64,
    /// What the criterion says of itself, by name.
    pub diagnostics: Diagnostics,
}

/// The objective's value on one batch.
pub struct Evaluated {
    /// `[1]`, tracked.
    pub total: Tensor<1>,
    /// `total` as a number.
    pub value: f64,
    /// Cross entropy, before its weight.
    pub ce: f64,
    /// One a criterion, in the arm's order.
    pub terms: Vec<TermValue>,
}

impl Objective {
    /// That an arm has something to minimise, and that its criteria can be had; makes none of them.
    ///
    /// # Errors
    /// No weight above 0, or a criterion whose name or options do not hold.
    pub fn check(config: &Config, arm: &ArmConfig) -> Result<(), Error> {
        arm.losses.iter().try_for_each(|loss| registry::check(&loss.criterion).map(|_| ()))?;
        if ce_weight(config, arm) == 0.0 && arm.losses.iter().all(|loss| loss.resolved_weight() == 0.0) {
            let why = "ce_weight is 0 and no loss has a weight above 0: nothing to minimise".to_owned();
            return Err(Error::ArmKey { arm: arm.name.clone(), why });
        }
        Ok(())
    }

    /// The objective of an arm between networks of these sizes, learned parts drawn from `seed`.
    ///
    /// # Errors
    /// As [`check`](Objective::check), or sizes that do not go together.
    pub fn new(config: &Config, arm: &ArmConfig, shapes: &Shapes, device: &Device, seed: u64) -> Result<Self, Error> {
        Self::check(config, arm)?;
        let term = |loss: &LossConfig| {
            Ok(WeightedTerm {
                name: loss.criterion.name().to_owned(),
                criterion: registry::check(&loss.criterion)?.init(shapes, device, seed)?,
                weight: loss.resolved_weight(),
                scale_free: loss.scale_free,
                warmup_epochs: loss.warmup_epochs,
            })
        };
        let terms = arm.losses.iter().map(term).collect::<Result<Vec<_>, CriterionError>>()?;
        Ok(Self { ce_weight: ce_weight(config, arm), label_smoothing: config.optim.label_smoothing, terms })
    }

    /// Cross entropy alone: how a teacher is trained.
    pub fn cross_entropy(label_smoothing: f64) -> Self {
        Self { ce_weight: 1.0, label_smoothing, terms: Vec::new() }
    }

    /// What all criteria read.
    pub fn needs(&self) -> Needs {
        let mut all = Needs { labels: self.ce_weight > 0.0, unpaired: true, ..Needs::default() };
        for needs in self.terms.iter().map(|t| t.criterion.needs()) {
            all.labels |= needs.labels;
            all.logits |= needs.logits;
            all.unpaired &= needs.unpaired;
            for (to, from) in [(&mut all.student_maps, needs.student_maps), (&mut all.teacher_maps, needs.teacher_maps)]
            {
                from.into_iter().for_each(|stage| {
                    if !to.contains(&stage) {
                        to.push(stage);
                    }
                });
            }
        }
        all
    }

    /// The loss on one batch; `epoch` counts whole and part epochs, for warm-up.
    ///
    /// # Errors
    /// A criterion that is not defined on the batch.
    pub fn evaluate(&mut self, batch: &Batch, epoch: f64) -> Result<Evaluated, CriterionError> {
        self.evaluate_mixed(batch, batch, epoch)
    }

    /// The same of a batch of which only some samples are `labelled`: cross entropy and criteria that read classes see these, the
    /// others see `all`.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_mixed(&mut self, all: &Batch, labelled: &Batch, epoch: f64) -> Result<Evaluated, CriterionError> {
        let entropy = match labelled.labels {
            [] => None,
            labels => Some(cross_entropy(&labelled.student.logits, labels, self.label_smoothing)),
        };
        let ce = entropy.as_ref().map_or(Ok(f64::NAN), scalar)?;
        let zero = || Tensor::<1>::from_data(TensorData::new(vec![0f32], [1]), &all.student.logits.device());
        let mut total = match entropy {
            Some(entropy) if self.ce_weight > 0.0 => entropy * self.ce_weight,
            _ => zero(),
        };
        let mut value = if self.ce_weight > 0.0 { self.ce_weight * ce } else { 0.0 };
        let mut terms = Vec::with_capacity(self.terms.len());
        for term in &mut self.terms {
            let started = Instant::now();
            let batch = if term.criterion.needs().labels { labelled } else { all };
            let found = term.criterion.evaluate(batch)?;
            let raw = scalar(&found.loss)?;
            let seconds = started.elapsed().as_secs_f64();
            let warm = if term.warmup_epochs > 0.0 { (epoch / term.warmup_epochs).min(1.0) } else { 1.0 };
            let scale = if term.scale_free { 1.0 / (raw.abs() + SCALE_FLOOR) } else { 1.0 };
            let weight = term.weight * warm * scale;
            if weight > 0.0 {
                total = total + found.loss * weight;
            }
            value += weight * raw;
            terms.push(TermValue {
                name: term.name.clone(),
                raw,
                weighted: weight * raw,
                seconds,
                diagnostics: found.diagnostics,
            });
        }
        Ok(Evaluated { total, value, ce, terms })
    }

    /// The learned parts of all criteria, each with the name of its term.
    pub fn learned(&mut self) -> Vec<(String, &mut ParameterSet)> {
        let parts = self.terms.iter_mut().enumerate();
        parts.filter_map(|(i, t)| Some((term_name(i, &t.name), t.criterion.learned()?))).collect()
    }

    /// Values of all learned parts, under their keys behind the name of their term.
    ///
    /// # Errors
    /// A value that cannot be copied from its device.
    pub fn learned_values(&mut self) -> Result<kd2m_nn::Weights, CopyError> {
        let mut all = kd2m_nn::Weights::new();
        for (name, part) in self.learned() {
            all.extend(part.values()?.into_iter().map(|(key, tensor)| (within(&name, &key), tensor)));
        }
        Ok(all)
    }

    /// Memories of all criteria, by term.
    ///
    /// # Errors
    /// A memory that cannot be copied from its device.
    pub fn state(&self) -> Result<kd2m_nn::Weights, CopyError> {
        let mut all = kd2m_nn::Weights::new();
        for (i, term) in self.terms.iter().enumerate() {
            let own = term.criterion.state()?.into_iter();
            all.extend(own.map(|(key, tensor)| (within(&term_name(i, &term.name), &key), tensor)));
        }
        Ok(all)
    }

    /// Puts saved memories back.
    ///
    /// # Errors
    /// A memory of another shape.
    pub fn load_state(&mut self, state: &kd2m_nn::Weights) -> Result<(), CriterionError> {
        for (i, term) in self.terms.iter_mut().enumerate() {
            let prefix = within(&term_name(i, &term.name), "");
            let own = state
                .iter()
                .filter_map(|(key, tensor)| Some((key.strip_prefix(&prefix)?.to_owned(), tensor.clone())))
                .collect();
            term.criterion.load_state(&own)?;
        }
        Ok(())
    }

    /// The student's features as the first criterion with a projector compares them.
    pub fn project(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        self.terms.iter().find_map(|t| t.criterion.project(features))
    }
}

fn ce_weight(config: &Config, arm: &ArmConfig) -> f64 {
    arm.ce_weight.unwrap_or(config.train.ce_weight)
}

/// The name of an arm's i-th term, counted from 0: no two terms of an arm share one.
fn term_name(i: usize, criterion: &str) -> String {
    format!("{i}.{criterion}")
}

fn within(term: &str, key: &str) -> String {
    format!("{term}.{key}")
}

/// The key in `learned.safetensors` of a tensor that the i-th term of an arm learned, counted from 0: what
/// [`Objective::learned_values`] writes and [`crate::theory`] reads.
pub fn learned_key(i: usize, criterion: &str, key: &str) -> String {
    within(&term_name(i, criterion), key)
}

/// Mean over samples of −(1 − s) log p_y − s · mean over classes of log p, as PyTorch's `cross_entropy` with `label_smoothing`.
pub fn cross_entropy(logits: &Tensor<2>, labels: &[u32], smoothing: f64) -> Tensor<1> {
    let [n, _] = logits.dims();
    let index: Vec<i32> = labels.iter().map(|l| *l as i32).collect();
    let index = Tensor::<2, Int>::from_data(TensorData::new(index, [n, 1]), &logits.device().without_autodiff());
    let log_p = log_softmax(logits.clone(), 1);
    let hit = log_p.clone().gather(1, index).mean();
    if smoothing == 0.0 { -hit } else { -(hit * (1.0 - smoothing) + log_p.mean() * smoothing) }
}

//! The objective on one batch, and its gradient at the student's outputs. In training every part (cross entropy, each criterion) reads
//! leaves of its own, so that one backward pass gives each gradient apart; weights that depend on gradients are set between that pass
//! and the sum.

use std::time::Instant;

use burn::tensor::Tensor;
use kd2m_nn::step::Mode;

use super::{
    Lambda, Objective,
    balance::shortest,
    entropy,
    gradients::{Part, Pull, combined},
    scalar,
};
use crate::{
    batch::{Batch, CopyError, Outputs},
    config::Balance,
    criterion::{CriterionError, Diagnostics},
    engine::OutputGradients,
    teacher::several,
};

/// Keeps a scale-free weight finite where the loss is zero.
const SCALE_FLOOR: f64 = 1e-8;

/// A term's value on one batch.
#[derive(Debug, Clone)]
pub struct TermValue {
    /// What the configuration calls the criterion.
    pub name: String,
    /// The criterion itself.
    pub raw: f64,
    /// What it adds to the loss; in training known after [`Objective::backward`].
    pub weighted: f64,
    /// Time of its forward evaluation.
    pub seconds: f64,
    /// What the criterion says of itself, by name.
    pub diagnostics: Diagnostics,
    /// What it asks of the student, where that was measured.
    pub pull: Option<TermPull>,
}

/// What a term asks of the student beside the others: measured where all meet, the student's features.
#[derive(Debug, Clone, PartialEq)]
pub struct TermPull {
    /// λ‖G‖, G the gradient at the features with what goes through the logits.
    pub norm: f64,
    /// λ times its strength over the sum of all parts' strengths, 0 … 1.
    pub share: f64,
    /// Cosine of its G with that of another part, by that one's name; `ce` is cross entropy.
    pub cosines: Vec<(String, f64)>,
}

/// The objective's value on one batch.
pub struct Evaluated {
    /// The whole; in training known after [`Objective::backward`].
    pub value: f64,
    /// Cross entropy, before its weight.
    pub ce: f64,
    /// One a criterion, in the arm's order.
    pub terms: Vec<TermValue>,
    /// What a backward pass goes through; empty in evaluation.
    slots: Vec<Slot>,
}

/// A part of the sum on the tape.
struct Slot {
    /// Which term; none: cross entropy.
    term: Option<usize>,
    part: Part,
    /// Its weight on the tape.
    tape: f64,
    /// What the gradient is multiplied by behind it: known, or the share of it that is.
    factor: Factor,
}

#[derive(Clone, Copy)]
enum Factor {
    Known(f64),
    /// Found from gradients, then times this.
    Found(f64),
}

/// How a batch is gone back through.
#[derive(Debug, Clone, Copy)]
pub struct Backward {
    /// Batches of the step, over which gradients are averaged.
    pub batches: usize,
    /// Measure and tell how hard each part pulls.
    pub told: bool,
}

impl Objective {
    /// The loss on one batch; `epoch` counts whole and part epochs, for warm-up.
    ///
    /// # Errors
    /// A criterion that is not defined on the batch.
    pub fn evaluate(&mut self, batch: &Batch, epoch: f64) -> Result<Evaluated, CriterionError> {
        self.evaluate_mixed(batch, batch, epoch)
    }

    /// The same of a batch of which only the first samples are `labelled`: cross entropy and criteria that read classes see these, the
    /// others see `all`.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_mixed(&mut self, all: &Batch, labelled: &Batch, epoch: f64) -> Result<Evaluated, CriterionError> {
        let train = all.mode == Mode::Train;
        let first = labelled.student.logits.dims()[0];
        let views = |of: &Outputs, train: bool| if train { of.leaves() } else { of.clone() };
        let mut slots = Vec::new();
        let (mut ce, mut value) = (f64::NAN, 0.0);
        if !labelled.labels.is_empty() {
            let leaves = views(all.student, train);
            let logits =
                if train { leaves.logits.clone().narrow(0, 0, first) } else { labelled.student.logits.clone() };
            let loss = entropy::of_mixtures(&logits, labelled.labels, labelled.mixed, self.label_smoothing);
            ce = scalar(&loss)?;
            if self.ce_weight > 0.0 {
                value += self.ce_weight * ce;
                let (tape, factor) = match self.balance {
                    Balance::Pareto => (inverse(ce), Factor::Found(1.0)),
                    Balance::None | Balance::GradientNorm => (self.ce_weight, Factor::Known(1.0)),
                };
                slots.push(Slot { term: None, part: Part { leaves, loss }, tape, factor });
            }
        }
        let mut terms = Vec::with_capacity(self.terms.len());
        for (index, term) in self.terms.iter_mut().enumerate() {
            let started = Instant::now();
            let leaves = views(all.student, train);
            let classes = term.criterion.needs().labels;
            let narrow = (classes && train && first < leaves.logits.dims()[0]).then(|| leaves.first(first));
            let given = if classes { labelled } else { all };
            let student = match (&narrow, train) {
                (Some(first), _) => first,
                (None, true) => &leaves,
                (None, false) => given.student,
            };
            let own =
                term.teacher.map(|place| several::of_member(given.teacher, place).ok_or_else(|| lacking(&term.told)));
            let own = own.transpose()?;
            let teacher = own.as_ref().unwrap_or(given.teacher);
            let found = term.criterion.evaluate(&Batch { student, teacher, ..*given })?;
            let raw = scalar(&found.loss)?;
            let seconds = started.elapsed().as_secs_f64();
            let warm = if term.warmup_epochs > 0.0 { (epoch / term.warmup_epochs).min(1.0) } else { 1.0 };
            let scale = if term.scale_free { inverse(raw) } else { 1.0 };
            let weight = term.weight.value() * warm * scale;
            let open = term.weight.is_open();
            let (tape, factor) = match self.balance {
                Balance::None if open => (scale, Factor::Found(warm)),
                Balance::None => (weight, Factor::Known(1.0)),
                Balance::GradientNorm => (scale, Factor::Found(term.weight.value() * warm)),
                Balance::Pareto => (inverse(raw), Factor::Found(1.0)),
            };
            if open || weight > 0.0 {
                slots.push(Slot { term: Some(index), part: Part { leaves, loss: found.loss }, tape, factor });
            }
            value += weight * raw;
            terms.push(TermValue {
                name: term.told.clone(),
                raw,
                weighted: weight * raw,
                seconds,
                diagnostics: found.diagnostics,
                pull: None,
            });
        }
        if !train {
            slots.clear();
        }
        Ok(Evaluated { value, ce, terms, slots })
    }

    /// Whether [`backward`](Self::backward) compares gradients, for which it needs the classifier: where somebody wants to be `told`, or a
    /// weight depends on it.
    pub fn compares(&self, told: bool) -> bool {
        let needed = || self.balance != Balance::None || self.terms.iter().any(|term| term.weight.is_open());
        !self.terms.is_empty() && (told || needed())
    }

    /// The gradient at the student's outputs of a batch that was evaluated in training; what criteria learn gets its own. Sets the weights
    /// that depend on gradients, and with them what the value says of them. `head` is the classifier's weight `[classes, features]`,
    /// needed where gradients are compared.
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device.
    pub fn backward(
        &mut self,
        value: &mut Evaluated,
        student: &Outputs,
        head: Option<&Tensor<2>>,
        how: Backward,
    ) -> Result<OutputGradients, CopyError> {
        let slots = std::mem::take(&mut value.slots);
        let total = slots.iter().map(|slot| slot.part.loss.clone() * slot.tape).reduce(|a, b| a + b);
        let Some(total) = total else { return Ok(OutputGradients::default()) };
        let mut gradients = (total / how.batches as f64).backward();
        let parts: Vec<OutputGradients> = slots.iter().map(|slot| slot.part.gradients(&mut gradients)).collect();
        let compared = self.compares(how.told);
        let pulls = match compared {
            true => parts.iter().map(|part| Pull::new(part, student, head)).collect::<Result<Vec<_>, _>>()?,
            false => vec![Pull::default(); parts.len()],
        };
        let factors = self.factors(&slots, &pulls);
        value.value = 0.0;
        for (slot, factor) in slots.iter().zip(&factors) {
            let weight = slot.tape * factor;
            match slot.term {
                None => value.value += weight * value.ce,
                Some(index) => {
                    let term = &mut value.terms[index];
                    term.weighted = weight * term.raw;
                    value.value += term.weighted;
                    if let Some(part) = self.terms[index].criterion.learned() {
                        part.collect_times(&mut gradients, *factor);
                    }
                }
            }
        }
        if compared {
            tell(value, &slots, &pulls, &factors, how.batches);
        }
        Ok(combined(parts, &factors))
    }

    /// What each part's gradient is multiplied by.
    fn factors(&mut self, slots: &[Slot], pulls: &[Pull]) -> Vec<f64> {
        let entropy = slots.iter().zip(pulls).find(|(slot, _)| slot.term.is_none()).map(|(_, pull)| pull.strength);
        let pareto = match self.balance {
            Balance::Pareto => {
                shortest(&pulls.iter().map(|a| pulls.iter().map(|b| a.inner(b)).collect()).collect::<Vec<_>>())
            }
            Balance::None | Balance::GradientNorm => Vec::new(),
        };
        // Without cross entropy the first criterion is what the others are brought to.
        let reference = entropy.or(pulls.first().map(|pull| pull.strength)).unwrap_or(0.0);
        let own = |(at, (slot, pull)): (usize, (&Slot, &Pull))| match (slot.factor, self.balance, slot.term) {
            (Factor::Known(factor), ..) => factor,
            (Factor::Found(_), Balance::Pareto, _) => pareto[at],
            (Factor::Found(times), Balance::GradientNorm, _) if pull.strength > 0.0 => {
                times * reference / pull.strength
            }
            (Factor::Found(warm), Balance::None, Some(index)) => match &mut self.terms[index].weight {
                Lambda::Measured(automatic) => {
                    automatic.add(entropy.unwrap_or(0.0), pull.strength);
                    warm * automatic.weight()
                }
                Lambda::Fixed(weight) => warm * *weight,
            },
            // No gradient, or none to compare with.
            (Factor::Found(_), ..) => 0.0,
        };
        slots.iter().zip(pulls).enumerate().map(own).collect()
    }
}

/// What a batch of several teachers lacks.
fn lacking(criterion: &str) -> CriterionError {
    let why =
        "the outputs of its teacher alone are not at hand: they come with `[[teacher]]` that are networks".to_owned();
    CriterionError::Batch { criterion: criterion.to_owned(), why }
}

/// 1 / |value|, bounded.
fn inverse(value: f64) -> f64 {
    1.0 / (value.abs() + SCALE_FLOOR)
}

/// Writes beside each term's value how hard it pulls and whom with.
fn tell(value: &mut Evaluated, slots: &[Slot], pulls: &[Pull], factors: &[f64], batches: usize) {
    let all: f64 = pulls.iter().zip(factors).map(|(pull, factor)| factor * pull.strength).sum();
    let name = |slot: &Slot| slot.term.map_or_else(|| "ce".to_owned(), |index| value.terms[index].name.clone());
    let names: Vec<String> = slots.iter().map(name).collect();
    for (at, slot) in slots.iter().enumerate() {
        let Some(index) = slot.term else { continue };
        let (pull, factor) = (&pulls[at], factors[at]);
        let share = if all > 0.0 { factor * pull.strength / all } else { 0.0 };
        let before = names[..at].iter().zip(pulls);
        let cosines = before.filter_map(|(name, other)| Some((name.clone(), pull.cosine(other)?))).collect();
        if !share.is_finite() {
            continue;
        }
        value.terms[index].pull = Some(TermPull { norm: factor * pull.norm() * batches as f64, share, cosines });
    }
}

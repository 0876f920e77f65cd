//! What a student minimises: ce_weight · cross entropy + Σ weight · criterion, with warm-up and scale-free weights.

pub mod automatic;
mod balance;
mod entropy;
mod gradients;
mod step;

use automatic::Automatic;
use burn::tensor::{Device, Tensor};
pub use entropy::cross_entropy;
pub use kd2m_loss::batch::scalar;
pub use step::{Backward, Evaluated, TermPull, TermValue};

use crate::{
    Error,
    batch::CopyError,
    config::{ArmConfig, Balance, Config, LossConfig, TeacherConfig, Weight},
    criterion::{Criterion, CriterionError, Needs, Shapes, registry},
    parameters::ParameterSet,
    teacher::several,
};

/// λ of a term.
enum Lambda {
    Fixed(f64),
    Measured(Automatic),
}

impl Lambda {
    /// As far as it is known.
    fn value(&self) -> f64 {
        match self {
            Lambda::Fixed(weight) => *weight,
            Lambda::Measured(automatic) => automatic.weight(),
        }
    }

    /// Whether more batches decide it.
    fn is_open(&self) -> bool {
        matches!(self, Lambda::Measured(automatic) if automatic.is_open())
    }
}

/// One criterion with its weight.
struct WeightedTerm {
    name: String,
    /// What records call it: with its teacher, where it names one of several.
    told: String,
    /// Of several teachers the place of the one that it learns from; none: the mean.
    teacher: Option<usize>,
    criterion: Box<dyn Criterion>,
    weight: Lambda,
    scale_free: bool,
    warmup_epochs: f64,
}

/// The weighted sum.
pub struct Objective {
    /// Weight of cross entropy with the labels.
    pub ce_weight: f64,
    /// Share of each label that is spread over all classes, 0 … 1.
    pub label_smoothing: f64,
    balance: Balance,
    terms: Vec<WeightedTerm>,
}

impl Objective {
    /// That an arm has something to minimise, and that its criteria can be had; makes none of them.
    ///
    /// # Errors
    /// No weight above 0, or a criterion whose name or options do not hold.
    pub fn check(config: &Config, arm: &ArmConfig) -> Result<(), Error> {
        arm.losses.iter().try_for_each(|loss| registry::check(&loss.criterion).map(|_| ()))?;
        let wrong = |why: String| Err(Error::ArmKey { arm: arm.name.clone(), why });
        let entropy = ce_weight(config, arm) > 0.0;
        if !entropy && arm.losses.iter().all(|loss| loss.resolved_weight().number() == 0.0) {
            return wrong("ce_weight is 0 and no loss has a weight above 0: nothing to minimise".to_owned());
        }
        let automatic = arm.losses.iter().find(|loss| matches!(loss.weight, Some(Weight::Auto(_))));
        if let Some(loss) = automatic.filter(|_| !entropy && arm.balance == Balance::None) {
            let (name, weight) = (loss.criterion.name(), loss.resolved_weight());
            return wrong(format!(
                "weight = \"{weight}\" of {name} is measured against cross entropy, whose ce_weight is 0: give a number"
            ));
        }
        Ok(())
    }

    /// Whether there is more than one term for `balance` to act on.
    pub fn balances(config: &Config, arm: &ArmConfig) -> bool {
        usize::from(ce_weight(config, arm) > 0.0) + arm.losses.len() > 1
    }

    /// The objective of an arm between networks of these sizes, learned parts drawn from `seed`.
    ///
    /// # Errors
    /// As [`check`](Objective::check), or sizes that do not go together.
    pub fn new(config: &Config, arm: &ArmConfig, shapes: &Shapes, device: &Device, seed: u64) -> Result<Self, Error> {
        Self::check(config, arm)?;
        let ce_weight = ce_weight(config, arm);
        let balance = if Self::balances(config, arm) { arm.balance } else { Balance::None };
        let term = |loss: &LossConfig| -> Result<WeightedTerm, Error> {
            let name = loss.criterion.name().to_owned();
            let place = config.teacher.of_loss(loss.teacher.as_ref());
            let teacher = place.map_err(|why| Error::ArmKey { arm: arm.name.clone(), why })?;
            let own = teacher.and_then(|member| several::shapes_of_member(&shapes.teacher, member));
            let own = own.map(|teacher| Shapes { teacher, ..shapes.clone() });
            let called = teacher.and_then(|place| config.teacher.all().nth(place)).map(TeacherConfig::called);
            Ok(WeightedTerm {
                told: called.map_or_else(|| name.clone(), |teacher| format!("{name}@{teacher}")),
                name,
                teacher,
                criterion: registry::check(&loss.criterion)?.init(own.as_ref().unwrap_or(shapes), device, seed)?,
                weight: lambda(loss, ce_weight, balance),
                scale_free: loss.scale_free,
                warmup_epochs: loss.warmup_epochs,
            })
        };
        let terms = arm.losses.iter().map(term).collect::<Result<Vec<_>, Error>>()?;
        if let Some(term) = terms.iter().find(|term| !term.criterion.needs().student_maps.is_empty())
            && balance != Balance::None
        {
            let why = format!(
                "balance compares gradients at the features, and {} has its own at stages: leave balance out, or choose a criterion on \
                 features or logits",
                term.name
            );
            return Err(Error::ArmKey { arm: arm.name.clone(), why });
        }
        Ok(Self { ce_weight, label_smoothing: config.optim.label_smoothing, balance, terms })
    }

    /// Cross entropy alone: how a teacher is trained.
    pub fn cross_entropy(label_smoothing: f64) -> Self {
        Self { ce_weight: 1.0, label_smoothing, balance: Balance::None, terms: Vec::new() }
    }

    /// What all criteria read.
    pub fn needs(&self) -> Needs {
        let mut all = Needs { labels: self.ce_weight > 0.0, unpaired: true, ..Needs::default() };
        for (needs, teacher) in self.terms.iter().map(|t| (t.criterion.needs(), t.teacher)) {
            let singles = teacher.map(several::names).into_iter().flatten();
            let needs = Needs { teacher_maps: needs.teacher_maps.into_iter().chain(singles).collect(), ..needs };
            all.labels |= needs.labels;
            all.logits |= needs.logits;
            all.features |= needs.features;
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

    /// The criteria that read a teacher's logits, each with the place of that teacher among several; none: the mean's.
    pub fn readers_of_logits(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        let readers = self.terms.iter().filter(|term| term.criterion.needs().logits);
        readers.map(|term| (term.told.as_str(), term.teacher))
    }

    /// λ of each term as it is now, without warm-up.
    pub fn weights(&self) -> Vec<f64> {
        self.terms.iter().map(|term| term.weight.value()).collect()
    }

    /// The terms whose λ somebody gave, where nothing else decides how much they count.
    pub(crate) fn given(&self) -> Vec<(String, f64)> {
        let fixed = |term: &WeightedTerm| match term.weight {
            Lambda::Fixed(weight) if !term.scale_free => Some((term.told.clone(), weight)),
            Lambda::Fixed(_) | Lambda::Measured(_) => None,
        };
        match self.balance {
            Balance::None if self.ce_weight > 0.0 => self.terms.iter().filter_map(fixed).collect(),
            _ => Vec::new(),
        }
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

    /// Puts back what [`learned_values`](Self::learned_values) gave.
    ///
    /// # Errors
    /// A value that is missing or of another shape, in words.
    pub fn load_learned(&mut self, all: &kd2m_nn::Weights) -> Result<(), String> {
        for (name, part) in self.learned() {
            let prefix = within(&name, "");
            let own =
                all.iter().filter_map(|(key, tensor)| Some((key.strip_prefix(&prefix)?.to_owned(), tensor.clone())));
            part.load_values(&own.collect())?;
        }
        Ok(())
    }

    /// Has the criteria fill their memories in the next training step, as after so many samples, for timing; how many times as long a step
    /// would then be, where one of them fills fewer.
    pub fn rehearse(&mut self, samples: usize) -> f64 {
        self.terms.iter_mut().map(|term| term.criterion.rehearse(samples)).fold(1.0, f64::max)
    }

    /// Memories of all criteria, by term, and what automatic weights were measured from.
    ///
    /// # Errors
    /// A memory that cannot be copied from its device.
    pub fn state(&self) -> Result<kd2m_nn::Weights, CopyError> {
        let mut all = kd2m_nn::Weights::new();
        for (i, term) in self.terms.iter().enumerate() {
            let own = term.criterion.state()?.into_iter();
            all.extend(own.map(|(key, tensor)| (within(&term_name(i, &term.name), &key), tensor)));
            if let Lambda::Measured(automatic) = &term.weight {
                all.extend([automatic.state(&term_name(i, &term.name))]);
            }
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
            if let Lambda::Measured(automatic) = &mut term.weight {
                automatic.load(&term_name(i, &term.name), state)?;
            }
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

/// λ of a loss: without cross entropy there is nothing to measure it against, and a balance measures by itself.
fn lambda(loss: &LossConfig, ce_weight: f64, balance: Balance) -> Lambda {
    match (loss.weight, loss.resolved_weight()) {
        (given, _) if balance != Balance::None => Lambda::Fixed(given.map_or(1.0, Weight::number)),
        (_, Weight::Fixed(weight)) => Lambda::Fixed(weight),
        (_, Weight::Auto(times)) if ce_weight > 0.0 => Lambda::Measured(Automatic::new(times)),
        (_, Weight::Auto(times)) => Lambda::Fixed(times),
    }
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

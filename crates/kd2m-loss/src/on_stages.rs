//! Criteria on maps whose only option is which stages they compare: the sum over pairs of stages of one loss.

use std::{fmt, marker::PhantomData};

use burn::tensor::{Device, Tensor};
use kd2m_ot::{Options, options::OptionSpec};

use crate::{
    batch::Batch,
    criterion::{Criterion, Recipe, Term},
    error::CriterionError,
    parameters::ParameterSet,
    shapes::{Needs, Shapes},
    stages::{Choice, PairShape, StageChoice, Stages},
};

/// A loss between the maps of one pair of stages, with what it learns for them.
pub(crate) trait StageLoss: Send + Sized + 'static {
    /// The stages that are compared where nobody says which.
    const STAGES: Choice;
    /// Whether both maps are averaged to the smaller height and width first.
    const POOLED: bool;

    /// The loss of one pair; what it learns joins `parameters` under keys that begin with `key`, drawn from (seed, key).
    fn new(parameters: &mut ParameterSet, key: &str, size: PairShape, seed: u64) -> Self;

    /// `[1]`, of maps `[n, c, h, w]`.
    fn loss(&self, parameters: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1>;
}

/// The sum of a loss over pairs of stages.
pub(crate) struct OnStages<L> {
    stages: Stages,
    /// Of all pairs.
    parameters: ParameterSet,
    /// One a pair.
    losses: Vec<L>,
}

impl<L: StageLoss> OnStages<L> {
    /// What an entry says of its options.
    pub(crate) const OPTIONS: &'static [OptionSpec] = &[L::STAGES.option()];

    /// Reads them.
    ///
    /// # Errors
    /// An empty name of a stage.
    pub(crate) fn build(options: &Options) -> Result<Box<dyn Recipe>, CriterionError> {
        let stages = StageChoice::parse(options, L::STAGES)?;
        Ok(Box::new(Checked::<L> { stages, loss: PhantomData }))
    }
}

/// The same with options that are checked, before the networks are known.
struct Checked<L> {
    stages: StageChoice,
    loss: PhantomData<fn() -> L>,
}

impl<L> fmt::Debug for Checked<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stages.fmt(f)
    }
}

impl<L: StageLoss> Recipe for Checked<L> {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let (stages, mut parameters) = (self.stages.resolve(shapes)?, ParameterSet::new(device));
        let losses = stages.pairs().map(|(pair, size)| L::new(&mut parameters, &pair.student, size, seed)).collect();
        Ok(Box::new(OnStages::<L> { stages, parameters, losses }))
    }
}

impl<L: StageLoss> Criterion for OnStages<L> {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let maps = if L::POOLED { self.stages.pooled(batch)? } else { self.stages.maps(batch)? };
        let pairs = maps.into_iter().zip(&self.losses);
        Ok(Term::sum(batch, pairs.map(|([student, teacher], l)| l.loss(&self.parameters, student, teacher))))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        (!self.parameters.is_empty()).then_some(&mut self.parameters)
    }
}

//! FitNets: mean squared difference between the teacher's map and the student's after a learned regressor (1×1
//! convolution, batch norm, ReLU). Romero et al. 2015, "FitNets: hints for thin deep nets"; trained jointly, as in
//! RepDistiller.

use burn::tensor::Device;


use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::Entry,
    error::CriterionError,
    parameters::ParameterSet,
    regressor::Regressor,
    shapes::Needs,
    stages::{Choice, OnStages, Stages},
    unit::positions,
};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "fitnet",
    aliases: &["hint"],
    formula: "mean (r(F_S) − F_T)², r a learned 1×1 convolution, batch norm, ReLU",
    source: "Romero et al. 2015, FitNets",
    cost: "O(n·h·w·c_S·c_T)",
    when: "the reference point among criteria on maps",
    weight: 100.0,
    options: &[Choice::Second.option()],
    build: |o| OnStages::recipe(o, Choice::Second, |stages, device, seed| Ok(Box::new(FitNet::new(stages, device, seed)))),
};

/// Cost O(n · h · w · c_S · c_T), one matrix product each way. Choose it as the reference point among criteria on maps.
struct FitNet {
    stages: Stages,
    parameters: ParameterSet,
    regressors: Vec<Regressor>,
}

impl FitNet {
    fn new(stages: Stages, device: &Device, seed: u64) -> Self {
        let mut parameters = ParameterSet::new(device);
        let regressors = stages.pairs().map(|(pair, size)| {
            let widths = [size.student_channels, size.teacher_channels];
            Regressor::new(&mut parameters, &pair.student, widths, true, seed)
        });
        let regressors = regressors.collect();
        Self { stages, parameters, regressors }
    }
}

impl Criterion for FitNet {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let parameters = &self.parameters;
        let pairs = self.stages.pooled(batch)?.into_iter().zip(&self.regressors);
        let terms = pairs.map(|([student, teacher], regressor)| {
            (regressor.forward(parameters, student) - positions(teacher)).square().mean()
        });
        Ok(Term::sum(batch, terms))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        Some(&mut self.parameters)
    }
}

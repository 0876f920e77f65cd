//! FitNets: mean squared difference between the teacher's map and the student's after a learned regressor (1×1
//! convolution, batch norm, ReLU). Romero et al. 2015, "FitNets: hints for thin deep nets"; trained jointly, as in
//! RepDistiller.

use burn::tensor::Device;
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    regressor::Regressor,
    stages::{Choice, Stages},
    unit::positions,
};
use crate::{batch::Batch, parameters::ParameterSet};

/// Cost O(n · h · w · c_S · c_T), one matrix product each way. Choose it as the reference point among criteria on maps.
pub struct FitNet {
    stages: Stages,
    parameters: Option<ParameterSet>,
    regressors: Vec<Regressor>,
}

impl FitNet {
    /// Reads `stages`; the second block is the hint when none is named.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self { stages: Stages::parse(options, Choice::Second)?, parameters: None, regressors: Vec::new() })
    }
}

impl Criterion for FitNet {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn prepare(&mut self, shapes: &Shapes, device: &Device, seed: u64) -> Result<(), CriterionError> {
        let mut parameters = ParameterSet::new(device);
        let sizes = self.stages.prepare(shapes)?;
        let named = self.stages.pairs().iter().zip(sizes);
        let regressors = named.map(|(pair, size)| {
            let widths = [size.student_channels, size.teacher_channels];
            Regressor::new(&mut parameters, &pair.student, widths, true, seed)
        });
        self.regressors = regressors.collect();
        self.parameters = Some(parameters);
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let parameters = self.parameters.as_ref().ok_or(CriterionError::Unprepared)?;
        let pairs = self.stages.pooled(batch)?.into_iter().zip(&self.regressors);
        let terms = pairs.map(|([student, teacher], regressor)| {
            (regressor.forward(parameters, student) - positions(teacher)).square().mean()
        });
        Term::sum(terms)
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.parameters.as_mut()
    }
}

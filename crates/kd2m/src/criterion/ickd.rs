//! Inter-channel correlation: ‖rows(G_S) − rows(G_T)‖²_F / c, averaged over samples; G = F Fᵀ over channels (c × c) of a
//! sample, rows scaled to length 1, the student's map through a learned 1×1 convolution with batch norm. Liu et al.
//! 2021, "Exploring inter-channel correlation" (ICKD-C).

use burn::tensor::{Device, Tensor};
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    regressor::Regressor,
    stages::{Choice, Stages},
    unit::{positions, unit},
};
use crate::{batch::Batch, parameters::ParameterSet};

/// Cost O(n · c_T² · h · w + n · h · w · c_S · c_T). Choose it where the diversity of the teacher's channels matters;
/// maps may differ in size.
pub struct Ickd {
    stages: Stages,
    parameters: Option<ParameterSet>,
    regressors: Vec<Regressor>,
}

impl Ickd {
    /// Reads `stages`; the last common block when none is named.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self { stages: Stages::parse(options, Choice::Last)?, parameters: None, regressors: Vec::new() })
    }
}

/// Inner products of a sample's channels `[n, c, c]`, each row of length 1.
fn correlations(channels: Tensor<3>) -> Tensor<3> {
    unit(channels.clone().matmul(channels.swap_dims(1, 2)), 2)
}

impl Criterion for Ickd {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn prepare(&mut self, shapes: &Shapes, device: &Device, seed: u64) -> Result<(), CriterionError> {
        let mut parameters = ParameterSet::new(device);
        let sizes = self.stages.prepare(shapes)?;
        let named = self.stages.pairs().iter().zip(sizes);
        let regressors = named.map(|(pair, size)| {
            let widths = [size.student_channels, size.teacher_channels];
            Regressor::new(&mut parameters, &pair.student, widths, false, seed)
        });
        self.regressors = regressors.collect();
        self.parameters = Some(parameters);
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let parameters = self.parameters.as_ref().ok_or(CriterionError::Unprepared)?;
        let pairs = self.stages.maps(batch)?.into_iter().zip(&self.regressors);
        Term::sum(pairs.map(|([student, teacher], regressor)| {
            let student = correlations(regressor.forward(parameters, student));
            let teacher = correlations(positions(teacher));
            let [n, channels, _] = teacher.dims();
            (student - teacher).square().sum() / (n * channels) as f64
        }))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.parameters.as_mut()
    }
}

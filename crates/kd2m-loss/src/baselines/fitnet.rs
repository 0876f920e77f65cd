//! FitNets: mean squared difference between the teacher's map and the student's after a learned regressor (1×1
//! convolution, batch norm, ReLU). Romero et al. 2015, "FitNets: hints for thin deep nets"; trained jointly, as in
//! RepDistiller.

use burn::tensor::Tensor;

use crate::{
    entry::Entry,
    on_stages::{OnStages, StageLoss},
    parameters::ParameterSet,
    regressor::Regressor,
    stages::{Choice, PairShape},
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
    options: OnStages::<FitNet>::OPTIONS,
    build: OnStages::<FitNet>::build,
};

/// Cost O(n · h · w · c_S · c_T), one matrix product each way. Choose it as the reference point among criteria on maps.
struct FitNet(Regressor);

impl StageLoss for FitNet {
    const STAGES: Choice = Choice::Second;
    const POOLED: bool = true;

    fn new(parameters: &mut ParameterSet, key: &str, size: PairShape, seed: u64) -> Self {
        let widths = [size.student_channels, size.teacher_channels];
        Self(Regressor::new(parameters, key, widths, true, seed))
    }

    fn loss(&self, parameters: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
        (self.0.forward(parameters, student) - positions(teacher)).square().mean()
    }
}

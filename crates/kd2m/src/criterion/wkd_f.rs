//! WKD-F: r · ‖μ_S − μ_T‖² + ‖σ_S − σ_T‖², averaged over samples and cells: W₂² of diagonal Gaussians fitted to a map's
//! positions, σ = √(variance + 1e-5), the student's map through a learned 1×1 convolution, batch norm and ReLU.
//! Lv et al. 2024, "Wasserstein distance rivals Kullback-Leibler divergence for knowledge distillation".

use burn::tensor::{Device, Tensor};
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    baselines::above_zero,
    regressor::Regressor,
    stages::{Choice, Stages},
    unit::positions,
};
use crate::{batch::Batch, parameters::ParameterSet};

const EPS: f64 = 1e-5;

/// Cost O(n · h · w · c_S · c_T). Choose it where a map's statistics should carry over but not its layout; a grid keeps
/// some of that.
pub struct WkdF {
    stages: Stages,
    /// r, the weight of means against deviations.
    ratio: f64,
    /// A Gaussian for each cell of grid × grid.
    grid: usize,
    parameters: Option<ParameterSet>,
    regressors: Vec<Regressor>,
}

impl WkdF {
    /// Reads `stages`, `ratio` and `grid`; the last common block when none is named.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self {
            stages: Stages::parse(options, Choice::Last)?,
            ratio: above_zero(options, "ratio", 4.0)?,
            grid: options.count("grid", 1)?,
            parameters: None,
            regressors: Vec::new(),
        })
    }

    fn check_grid(&self, stage: &str, height: usize, width: usize) -> Result<(), CriterionError> {
        let grid = self.grid;
        let divides = height.is_multiple_of(grid) && width.is_multiple_of(grid);
        if divides && height * width > grid * grid {
            return Ok(());
        }
        Err(CriterionError::Config(format!(
            "criterion wkd-f: stage {stage} is {height}×{width} where both networks are compared: grid = {grid} must \
             divide both and leave at least two positions a cell, or there is no variance. Choose another grid or an \
             earlier stage"
        )))
    }

    /// Mean and deviation of every cell `[n, c, grid, 1, grid, 1]`; the variance with positions − 1.
    fn moments(&self, map: Tensor<3>, height: usize, width: usize) -> [Tensor<6>; 2] {
        let [n, c, _] = map.dims();
        let g = self.grid;
        let cells = map.reshape([n, c, g, height / g, g, width / g]);
        let mean = cells.clone().mean_dim(3).mean_dim(5);
        let rest = (height * width / (g * g) - 1) as f64;
        let variance = (cells - mean.clone()).square().sum_dim(3).sum_dim(5) / rest;
        [mean, (variance + EPS).sqrt()]
    }
}

impl Criterion for WkdF {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn prepare(&mut self, shapes: &Shapes, device: &Device, seed: u64) -> Result<(), CriterionError> {
        let mut parameters = ParameterSet::new(device);
        let sizes = self.stages.prepare(shapes)?;
        let mut regressors = Vec::with_capacity(sizes.len());
        for (pair, size) in self.stages.pairs().iter().zip(sizes) {
            self.check_grid(&pair.student, size.height, size.width)?;
            let widths = [size.student_channels, size.teacher_channels];
            regressors.push(Regressor::new(&mut parameters, &pair.student, widths, true, seed));
        }
        (self.regressors, self.parameters) = (regressors, Some(parameters));
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let parameters = self.parameters.as_ref().ok_or(CriterionError::Unprepared)?;
        let pairs = self.stages.pooled(batch)?.into_iter().zip(&self.regressors);
        Term::sum(pairs.map(|([student, teacher], regressor)| {
            let [n, _, height, width] = teacher.dims();
            let student = regressor.forward(parameters, student);
            let [mean_s, deviation_s] = self.moments(student, height, width);
            let [mean_t, deviation_t] = self.moments(positions(teacher), height, width);
            let squared = |a: Tensor<6>, b: Tensor<6>| (a - b).square().sum();
            let loss = squared(mean_s, mean_t) * self.ratio + squared(deviation_s, deviation_t);
            loss / (n * self.grid * self.grid) as f64
        }))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.parameters.as_mut()
    }
}

//! WKD-F: r · ‖μ_S − μ_T‖² + ‖σ_S − σ_T‖², averaged over samples and cells: W₂² of diagonal Gaussians fitted to a map's
//! positions, σ = √(variance + 1e-5), the student's map through a learned 1×1 convolution, batch norm and ReLU.
//! Lv et al. 2024, "Wasserstein distance rivals Kullback-Leibler divergence for knowledge distillation".

use burn::tensor::{Device, Tensor};

use crate::{
    batch::Batch,
    criterion::{Criterion, Recipe, Term},
    entry::{ABOVE_ZERO, Count, Entry, Number, count, number},
    error::CriterionError,
    parameters::ParameterSet,
    regressor::Regressor,
    shapes::{Needs, Shapes},
    stages::{Choice, StageChoice, Stages},
    unit::positions,
};

const EPS: f64 = 1e-5;

const RATIO: Number = number!(ratio = 4 in ABOVE_ZERO, "weight of means against deviations; above 0");
const GRID: Count = count!(grid = 1 up to 1024, "a Gaussian for each cell of grid × grid");

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "wkd-f",
    aliases: &[],
    formula: "r·‖μ_S − μ_T‖² + ‖σ_S − σ_T‖² of diagonal Gaussians over a map's positions, r(F_S) learned",
    source: "Lv et al. 2024, WKD",
    cost: "O(n·h·w·c_S·c_T)",
    when: "a map's statistics should carry over, its layout not",
    weight: 0.08,
    options: &[Choice::Last.option(), RATIO.spec(), GRID.spec()],
    build: |o| {
        Ok(Box::new(WkdFConfig {
            stages: StageChoice::parse(o, Choice::Last)?,
            ratio: RATIO.read(o)?,
            grid: GRID.read(o)?,
        }))
    },
};

/// Options of WKD-F.
#[derive(Debug, Clone)]
struct WkdFConfig {
    stages: StageChoice,
    ratio: f64,
    grid: usize,
}

/// Cost O(n · h · w · c_S · c_T). Choose it where a map's statistics should carry over but not its layout; a grid keeps
/// some of that.
struct WkdF {
    stages: Stages,
    /// r, the weight of means against deviations.
    ratio: f64,
    /// A Gaussian for each cell of grid × grid.
    grid: usize,
    parameters: ParameterSet,
    regressors: Vec<Regressor>,
}

impl Recipe for WkdFConfig {
    fn needs(&self) -> Needs {
        self.stages.needs()
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let mut parameters = ParameterSet::new(device);
        let stages = self.stages.resolve(shapes)?;
        let mut regressors = Vec::new();
        for (pair, size) in stages.pairs() {
            self.check_grid(&pair.student, size.height, size.width)?;
            let widths = [size.student_channels, size.teacher_channels];
            regressors.push(Regressor::new(&mut parameters, &pair.student, widths, true, seed));
        }
        Ok(Box::new(WkdF { ratio: self.ratio, grid: self.grid, stages, parameters, regressors }))
    }
}

impl WkdFConfig {
    fn check_grid(&self, stage: &str, height: usize, width: usize) -> Result<(), CriterionError> {
        let grid = self.grid;
        let divides = height.is_multiple_of(grid) && width.is_multiple_of(grid);
        if divides && height * width > grid * grid {
            return Ok(());
        }
        let why = format!(
            ": stage {stage} is {height}×{width} where both networks are compared: grid = {grid} must \
             divide both and leave at least two positions a cell, or there is no variance. Choose another grid or an \
             earlier stage"
        );
        Err(CriterionError::Sizes { criterion: "wkd-f".to_owned(), why })
    }
}

impl WkdF {
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

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let pairs = self.stages.pooled(batch)?.into_iter().zip(&self.regressors);
        let terms = pairs.map(|([student, teacher], regressor)| {
            let [n, _, height, width] = teacher.dims();
            let student = regressor.forward(&self.parameters, student);
            let [mean_s, deviation_s] = self.moments(student, height, width);
            let [mean_t, deviation_t] = self.moments(positions(teacher), height, width);
            let squared = |a: Tensor<6>, b: Tensor<6>| (a - b).square().sum();
            let loss = squared(mean_s, mean_t) * self.ratio + squared(deviation_s, deviation_t);
            loss / (n * self.grid * self.grid) as f64
        });
        Ok(Term::sum(batch, terms))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        Some(&mut self.parameters)
    }
}

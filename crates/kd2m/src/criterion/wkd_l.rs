//! WKD-L: −mean p_T(y) log p_S(y) + γ · mean ⟨P, C⟩, P the entropic plan between both softmax outputs without the
//! target class, C from [`super::class_cost`]; a few Sinkhorn rounds, through which the gradient runs.
//! Lv et al. 2024, "Wasserstein distance rivals Kullback-Leibler divergence for knowledge distillation".

use burn::tensor::{
    Device, Tensor,
    activation::{log_softmax, softmax},
};
use kd2m_nn::Weights;
use kd2m_ot::Options;

use super::{
    Criterion, CriterionError, Needs, Shapes, Term,
    baselines::{above_zero, count, part, softening},
    class_cost::ClassCost,
    dkd::{MASKED, one_hot},
};
use crate::{
    batch::{Batch, CopyError},
    engine::Mode,
};

/// Keeps divisions by an empty class finite, as in the authors' code; so does the cost.
const FLOOR: f64 = 1e-8;

/// Cost O(iterations · n · classes²). Choose it where some classes resemble each other: a mistake towards a similar
/// class costs less. The authors let γ decay by a cosine in the last 90 of 240 epochs; here it stays.
pub struct WkdL {
    temperature: f64,
    gamma: f64,
    epsilon: f64,
    iterations: usize,
    /// κ of the cost.
    sharpness: f64,
    /// Teacher features a class from which the cost is measured.
    images: usize,
    cost: Option<ClassCost>,
}

impl WkdL {
    /// Reads `temperature`, `gamma`, `epsilon`, `iterations`, `sharpness` and `images`.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn new(options: &Options) -> Result<Self, CriterionError> {
        Ok(Self {
            temperature: softening(options, 8.0)?,
            gamma: part(options, "gamma", 600.0)?,
            epsilon: above_zero(options, "epsilon", 0.05)?,
            iterations: count(options, "iterations", 10, 100_000)?,
            sharpness: above_zero(options, "sharpness", 1.0)?,
            images: count(options, "images", 32, 1_000_000)?,
            cost: None,
        })
    }

    /// ⟨P, C⟩ a sample `[n, 1]`. One kernel serves all samples: a class without mass in both marginals drops out of the
    /// plan, which is what taking its row and column away would do, but needs no matrix of its own for each sample.
    fn transport(&self, student: Tensor<2>, teacher: Tensor<2>, start: Tensor<2>, cost: Tensor<2>) -> Tensor<2> {
        let cost = cost.clamp_min(0.0) + FLOOR;
        let kernel = (cost.clone() / -self.epsilon).exp();
        let mut u = start;
        let mut v = teacher.clone();
        for _ in 0..self.iterations {
            v = teacher.clone() / (u.matmul(kernel.clone()) + FLOOR);
            u = student.clone() / (v.clone().matmul(kernel.clone().transpose()) + FLOOR);
        }
        (u.matmul(kernel * cost) * v).sum_dim(1)
    }
}

impl Criterion for WkdL {
    fn needs(&self) -> Needs {
        Needs { labels: true, ..Needs::default() }
    }

    fn prepare(&mut self, shapes: &Shapes, _: &Device, _: u64) -> Result<(), CriterionError> {
        if shapes.classes < 3 {
            let message = "criterion wkd-l compares the classes beside the target and needs at least 3, found";
            return Err(CriterionError::Config(format!("{message} {}: choose hinton", shapes.classes)));
        }
        self.cost = Some(ClassCost::new(shapes.classes, shapes.teacher.features, self.images, self.sharpness));
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let (student, teacher) = (batch.student.logits.clone(), batch.teacher.logits.clone());
        let [_, classes] = student.dims();
        let device = student.device().without_autodiff();
        let class_cost = self.cost.as_mut().ok_or(CriterionError::Unprepared)?;
        if batch.mode == Mode::Train {
            class_cost.remember(&batch.teacher.features, batch.labels)?;
        }
        let cost = class_cost.matrix(&device)?;
        let hot = one_hot(batch.labels, classes, &device);
        let target = softmax(teacher.clone(), 1) * hot.clone();
        let target = -(target * log_softmax(student.clone(), 1)).sum_dim(1).mean();
        let mask = hot.clone() * MASKED;
        let others = |logits: Tensor<2>| softmax(logits / self.temperature - mask.clone(), 1);
        let start = (1.0 - hot) / (classes - 1) as f64;
        let moved = self.transport(others(student), others(teacher), start, cost).mean();
        Ok(Term::new(target + moved * self.gamma))
    }

    fn state(&self) -> Result<Weights, CopyError> {
        Ok(self.cost.as_ref().map(ClassCost::state).unwrap_or_default())
    }

    fn load_state(&mut self, state: &Weights) -> Result<(), CriterionError> {
        let cost = self.cost.as_mut().ok_or(CriterionError::Unprepared)?;
        let wrong = |why| CriterionError::SavedMemory { criterion: "wkd-l".to_owned(), why };
        cost.load_state(state).map_err(wrong)
    }
}

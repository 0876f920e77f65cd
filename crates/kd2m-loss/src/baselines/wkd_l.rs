//! WKD-L: −mean p_T(y) log p_S(y) + γ · mean ⟨P, C⟩, P the entropic plan between both softmax outputs without the
//! target class, C from `class_cost`; a few Sinkhorn rounds, through which the gradient runs.
//! Lv et al. 2024, "Wasserstein distance rivals Kullback-Leibler divergence for knowledge distillation".

use burn::tensor::{
    Device, Tensor,
    activation::{log_softmax, softmax},
};
use kd2m_nn::{Weights, step::Mode};

use super::dkd::{MASKED, one_hot};
use crate::{
    batch::{Batch, CopyError},
    class_cost::ClassCost,
    criterion::{Criterion, Recipe, Term},
    entry::{ABOVE_ZERO, Count, Entry, Number, PART, count, number, temperature},
    error::CriterionError,
    shapes::{Needs, Shapes},
};

/// Keeps divisions by an empty class finite, as in the authors' code; so does the cost.
const FLOOR: f64 = 1e-8;

const TEMPERATURE: Number = temperature!(8);
const GAMMA: Number = number!(
    gamma = 600 in PART,
    "weight of the transport part; 200 with temperature 6, 30 with 2 on ImageNet"
);
const EPSILON: Number = number!(epsilon = 0.05 in ABOVE_ZERO, "entropic regularisation; above 0");
const ITERATIONS: Count = count!(iterations = 10 up to 100_000, "Sinkhorn rounds");
const SHARPNESS: Number = number!(sharpness = 1 in ABOVE_ZERO, "κ of the cost; above 0");
const IMAGES: Count = count!(images = 32 up to 1_000_000, "teacher features a class from which the cost is measured");

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "wkd-l",
    aliases: &[],
    formula: "−mean p_T(y) log p_S(y) + γ · mean ⟨P, C⟩ over the other classes, C_ij = 1 − exp(−κ(1 − CKA_ij))",
    source: "Lv et al. 2024, WKD",
    cost: "O(iterations·n·classes²)",
    when: "classes that resemble each other: a mistake towards a similar class costs less",
    weight: 1.0,
    options: &[TEMPERATURE.spec(), GAMMA.spec(), EPSILON.spec(), ITERATIONS.spec(), SHARPNESS.spec(), IMAGES.spec()],
    build: |o| {
        Ok(Box::new(WkdLConfig {
            temperature: TEMPERATURE.read(o)?,
            gamma: GAMMA.read(o)?,
            epsilon: EPSILON.read(o)?,
            iterations: ITERATIONS.read(o)?,
            sharpness: SHARPNESS.read(o)?,
            images: IMAGES.read(o)?,
        }))
    },
};

/// Options of WKD-L.
#[derive(Debug, Clone)]
struct WkdLConfig {
    temperature: f64,
    gamma: f64,
    epsilon: f64,
    iterations: usize,
    /// κ of the cost.
    sharpness: f64,
    /// Teacher features a class from which the cost is measured.
    images: usize,
}

/// The teacher's features give the cost, the labels its rows.
fn reads() -> Needs {
    Needs { features: true, ..Needs::logits_and_labels() }
}

impl Recipe for WkdLConfig {
    fn needs(&self) -> Needs {
        reads()
    }

    fn init(&self, shapes: &Shapes, _: &Device, _: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        if shapes.classes < 3 {
            let found = shapes.classes;
            let why =
                format!(" compares the classes beside the target and needs at least 3, found {found}: choose hinton");
            return Err(CriterionError::Sizes { criterion: "wkd-l".to_owned(), why });
        }
        let cost = ClassCost::new(shapes.classes, shapes.teacher.features, self.images, self.sharpness);
        Ok(Box::new(WkdL { config: self.clone(), cost }))
    }
}

/// Cost O(iterations · n · classes²). Choose it where some classes resemble each other: a mistake towards a similar
/// class costs less. The authors let γ decay by a cosine in the last 90 of 240 epochs; here it stays.
///
/// The few rounds are part of the loss: on the golden problem ten give 10.01, rounds until the marginals are met 54.00, with gradients of
/// another sign. So `kd2m-ot`'s batched Sinkhorn, which solves to the end and differentiates there, would be another criterion.
struct WkdL {
    config: WkdLConfig,
    cost: ClassCost,
}

impl WkdL {
    /// ⟨P, C⟩ a sample `[n, 1]`. One kernel serves all samples: a class without mass in both marginals drops out of the
    /// plan, which is what taking its row and column away would do, but needs no matrix of its own for each sample.
    fn transport(&self, student: Tensor<2>, teacher: Tensor<2>, start: Tensor<2>, cost: Tensor<2>) -> Tensor<2> {
        let cost = cost.clamp_min(0.0) + FLOOR;
        let kernel = (cost.clone() / -self.config.epsilon).exp();
        let mut u = start;
        let mut v = teacher.clone();
        for _ in 0..self.config.iterations {
            v = teacher.clone() / (u.matmul(kernel.clone()) + FLOOR);
            u = student.clone() / (v.clone().matmul(kernel.clone().transpose()) + FLOOR);
        }
        (u.matmul(kernel * cost) * v).sum_dim(1)
    }
}

impl Criterion for WkdL {
    fn needs(&self) -> Needs {
        reads()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let (student, teacher) = (batch.student.logits.clone(), batch.teacher.logits.clone());
        let [_, classes] = student.dims();
        let device = student.device().without_autodiff();
        if batch.mode == Mode::Train {
            self.cost.remember(&batch.teacher.features, batch.labels)?;
        }
        let cost = self.cost.matrix(&device)?;
        let hot = one_hot(batch.labels, classes, &device);
        let target = softmax(teacher.clone(), 1) * hot.clone();
        let target = -(target * log_softmax(student.clone(), 1)).sum_dim(1).mean();
        let mask = hot.clone() * MASKED;
        let others = |logits: Tensor<2>| softmax(logits / self.config.temperature - mask.clone(), 1);
        let start = (1.0 - hot) / (classes - 1) as f64;
        let moved = self.transport(others(student), others(teacher), start, cost).mean();
        Ok(Term::new(target + moved * self.config.gamma))
    }

    fn state(&self) -> Result<Weights, CopyError> {
        Ok(self.cost.state())
    }

    fn load_state(&mut self, state: &Weights) -> Result<(), CriterionError> {
        let wrong = |why| CriterionError::SavedMemory { criterion: "wkd-l".to_owned(), why };
        self.cost.load_state(state).map_err(wrong)
    }
}

//! DIST: T² · (β · (1 − mean over samples of Pearson(p_S, p_T)) + γ · (1 − mean over classes of Pearson)), p =
//! softmax(logits / T). Huang et al. 2022, "Knowledge distillation from a stronger teacher".

use burn::tensor::{Tensor, activation::softmax};

use crate::{
    batch::Batch,
    criterion::{Criterion, Term},
    entry::{Entry, Number, PART, number, temperature},
    error::CriterionError,
    shapes::Needs,
    unit::unit,
};

const BETA: Number = number!(
    beta = 1 in PART,
    "weight of the relation between classes; 2 with temperature 4 is the CIFAR recipe"
);
const GAMMA: Number = number!(gamma = 1 in PART, "weight of the relation between samples");
const TEMPERATURE: Number = temperature!(1);

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "dist",
    aliases: &[],
    formula: "T² · (β·(1 − mean Pearson of rows) + γ·(1 − mean Pearson of columns)) of softmax(·/T)",
    source: "Huang et al. 2022, DIST",
    cost: "O(n·classes)",
    when: "a teacher much stronger than the student: its order of classes counts, not its probabilities",
    weight: 1.0,
    options: &[BETA.spec(), GAMMA.spec(), TEMPERATURE.spec()],
    build: |o| Ok(Box::new(Dist { beta: BETA.read(o)?, gamma: GAMMA.read(o)?, temperature: TEMPERATURE.read(o)? })),
};

/// Cost O(n · classes). Choose it where the teacher is much stronger than the student: correlation asks for its order
/// of classes, not for its very probabilities.
#[derive(Debug, Clone)]
pub struct Dist {
    /// Weight of the relation between classes within a sample.
    pub beta: f64,
    /// Weight of the relation between samples within a class.
    pub gamma: f64,
    /// T.
    pub temperature: f64,
}

impl Criterion for Dist {
    fn needs(&self) -> Needs {
        Needs::logits()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let student = softmax(batch.student.logits.clone() / self.temperature, 1);
        let teacher = softmax(batch.teacher.logits.clone() / self.temperature, 1);
        let between = |dim| 1.0 - pearson(student.clone(), teacher.clone(), dim).mean();
        let loss = between(1) * self.beta + between(0) * self.gamma;
        Ok(Term::new(loss * self.temperature.powi(2)))
    }
}

/// Correlation along `dim`; zero where one side is constant.
fn pearson(x: Tensor<2>, y: Tensor<2>, dim: usize) -> Tensor<2> {
    let centred = |x: Tensor<2>| unit(x.clone() - x.mean_dim(dim), dim);
    (centred(x) * centred(y)).sum_dim(dim)
}

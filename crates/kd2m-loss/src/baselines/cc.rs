//! Correlation congruence. `code`: mean over neighbours i of Σ_d |e_S − e_T|_i |e_S − e_T|_{i+1}, the authors' code in
//! RepDistiller. `paper`: ‖K_S − K_T‖²_F / n², K = e^{−2γ} Σ_{p ≤ 2} (2γ)^p / p! · (e eᵀ)^p, γ = 0.4, unit e. Peng et
//! al. 2019, "Correlation congruence".

use burn::tensor::{Device, Tensor};

use crate::{
    batch::Batch,
    criterion::{Criterion, Recipe, Term},
    embedding::Embeddings,
    entry::{Count, Entry, count, option},
    error::CriterionError,
    parameters::ParameterSet,
    shapes::{Needs, Shapes},
    unit::unit,
};

/// γ of the Gaussian kernel, and the weights of its series to the second order.
const GAMMA: f64 = 0.4;
const LINEAR: f64 = 2.0 * GAMMA;
const QUADRATIC: f64 = LINEAR * LINEAR / 2.0;

/// Which of the two published losses is taken; they share little but the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Code,
    Paper,
}

const WIDTH: Count = count!(width = 128 up to 65_536, "width of the learned embeddings of both features");

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "cc",
    aliases: &["correlation"],
    formula: "code: mean_i Σ_d δ_i δ_{i+1}, δ = |e_S − e_T|; paper: ‖K_S − K_T‖²_F / n², K a Gaussian kernel's series",
    source: "Peng et al. 2019, Correlation congruence",
    cost: "O(n·d·width)",
    when: "comparing with published tables, which use the code's form",
    weight: 0.02,
    options: &[option("form", "code", "code | paper: two losses that share little but the name"), WIDTH.spec()],
    build: |o| {
        let form = if o.choice("form", &["code", "paper"])? == "code" { Form::Code } else { Form::Paper };
        Ok(Box::new(CcConfig { form, width: WIDTH.read(o)? }))
    },
};

/// Options of CC.
#[derive(Debug, Clone)]
struct CcConfig {
    form: Form,
    /// Of both embeddings.
    width: usize,
}

impl Recipe for CcConfig {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        Ok(Box::new(Cc { form: self.form, embeddings: Embeddings::new(shapes, self.width, device, seed) }))
    }
}

/// Cost O(n · d · width), and O(n² · width) in the paper's form. Choose it to compare with published tables, which use
/// the code's form.
struct Cc {
    form: Form,
    embeddings: Embeddings,
}

/// Products of the differences of samples that are neighbours in the batch.
fn neighbours(student: Tensor<2>, teacher: Tensor<2>) -> Tensor<1> {
    let n = student.dims()[0];
    let delta = (student - teacher).abs();
    if n < 2 {
        return delta.sum() * 0.0;
    }
    let (one, next) = (delta.clone().narrow(0, 0, n - 1), delta.narrow(0, 1, n - 1));
    (one * next).sum() / (n - 1) as f64
}

fn kernel(embedded: Tensor<2>) -> Tensor<2> {
    let e = unit(embedded, 1);
    let cosine = e.clone().matmul(e.transpose());
    (cosine.clone() * LINEAR + cosine.square() * QUADRATIC + 1.0) * (-2.0 * GAMMA).exp()
}

impl Criterion for Cc {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let [student, teacher] = self.embeddings.forward(batch);
        Ok(Term::new(match self.form {
            Form::Code => neighbours(student, teacher),
            Form::Paper => (kernel(student) - kernel(teacher)).square().mean(),
        }))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        Some(self.embeddings.parameters())
    }
}

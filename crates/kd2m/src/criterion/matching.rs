//! Any divergence of `kd2m-ot` as a criterion: the paper's D(g_S#P, g_T#P).
//! Features are read to the host once; the solution's value and gradient come back as one surrogate on the tape:
//! Σ x·g − sg(Σ x·g) + v has value v and gradient g, on every device. Optimal plans are constants (envelope theorem).

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use kd2m_ot::{
    Cloud, Options, Side,
    divergence::{AnyDivergence, Divergence, Request, registry},
    solution::Potentials,
};

use super::{Criterion, CriterionError, Diagnostics, Needs, Shapes, Term, projector::Projector};
use crate::{
    batch::{Batch, Outputs, host},
    parameters::ParameterSet,
};

/// Which outputs are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    Features,
    Logits,
    /// A stage's map, averaged over positions.
    Stage(String),
}

impl On {
    /// Reads `features`, `logits`, or else the name of a stage.
    pub fn parse(text: &str) -> Self {
        match text {
            "features" => On::Features,
            "logits" => On::Logits,
            stage => On::Stage(stage.to_owned()),
        }
    }

    fn of(&self, outputs: &Outputs) -> Result<Tensor<2>, CriterionError> {
        match self {
            On::Features => Ok(outputs.features.clone()),
            On::Logits => Ok(outputs.logits.clone()),
            On::Stage(stage) => {
                let map = outputs.map(stage).ok_or_else(|| CriterionError::Config(format!("no map `{stage}`")))?;
                let [n, c, h, w] = map.dims();
                Ok(map.clone().reshape([n, c, h * w]).mean_dim(2).reshape([n, c]))
            }
        }
    }
}

/// A divergence between the student's and the teacher's outputs on one batch.
pub struct Matching {
    name: String,
    divergence: Box<dyn AnyDivergence>,
    on: On,
    labels: LabelUse,
    any_widths: bool,
    projector: Option<Projector>,
    /// Potentials of the last step, a good start for the next.
    start: Option<Potentials>,
}

/// What a divergence reads beside the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LabelUse {
    None,
    /// Ground-truth classes (`class-…`).
    Hard,
    /// Softmax outputs of both networks (joint forms).
    Soft,
}

impl Matching {
    /// Builds the divergence that the options name.
    ///
    /// # Errors
    /// An unknown metric or option; the nearest names are given.
    pub fn new(options: &Options, on: On) -> Result<Self, CriterionError> {
        let (entry, within_classes) = registry::resolve(options.metric())?;
        let labels = match entry.name {
            _ if within_classes => LabelUse::Hard,
            "jw2" => LabelUse::Soft,
            _ => LabelUse::None,
        };
        Ok(Self {
            name: options.metric().to_owned(),
            divergence: registry::build(options)?,
            on,
            labels,
            any_widths: entry.name == "gw",
            projector: None,
            start: None,
        })
    }

    fn compared(&self, outputs: &Outputs, student: bool) -> Result<Tensor<2>, CriterionError> {
        let x = self.on.of(outputs)?;
        Ok(match &self.projector {
            Some(projector) if student => projector.forward(&x),
            _ => x,
        })
    }
}

/// A scalar with this value whose gradient with respect to `x` is `gradient`.
fn surrogate(x: &Tensor<2>, gradient: Vec<f32>) -> Tensor<1> {
    let shape = x.dims();
    let g = Tensor::<2>::from_data(TensorData::new(gradient, shape), &x.device().without_autodiff());
    let s = (x.clone() * g).sum();
    s.clone() - s.inner()
}

impl Criterion for Matching {
    fn needs(&self) -> Needs {
        let maps = match &self.on {
            On::Stage(stage) => vec![stage.clone()],
            _ => vec![],
        };
        Needs { student_maps: maps.clone(), teacher_maps: maps, labels: self.labels == LabelUse::Hard }
    }

    fn prepare(&mut self, shapes: &Shapes, device: &Device, seed: u64) -> Result<(), CriterionError> {
        let width = |network: &super::NetworkShapes, who: &str| match &self.on {
            On::Features => Ok(network.features),
            On::Logits => Ok(shapes.classes),
            On::Stage(stage) => network.map(stage).map(|[c, ..]| c).ok_or_else(|| {
                let known: Vec<&str> = network.maps.iter().map(|(name, _)| name.as_str()).collect();
                CriterionError::Config(format!(
                    "criterion {}: on = \"{stage}\": the {who} has no such stage; it has {}",
                    self.name,
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                ))
            }),
        };
        let (student, teacher) = (width(&shapes.student, "student")?, width(&shapes.teacher, "teacher")?);
        self.projector =
            (student != teacher && !self.any_widths).then(|| Projector::new(student, teacher, device, seed));
        Ok(())
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let x = self.compared(batch.student, true)?;
        let y = self.compared(batch.teacher, false)?;
        let ([n, d], [m, e]) = (x.dims(), y.dims());
        let (a, b) = (host(&x), host(&y));
        let mut a = Cloud::new(Side::A, &a, n, d)?;
        let mut b = Cloud::new(Side::B, &b, m, e)?;
        let (soft_a, soft_b) = match self.labels {
            LabelUse::Soft => (softmax(batch.student.logits.clone(), 1), softmax(batch.teacher.logits.clone(), 1)),
            _ => (batch.student.logits.clone(), batch.teacher.logits.clone()),
        };
        let (host_a, host_b);
        match self.labels {
            LabelUse::None => {}
            LabelUse::Hard => (a, b) = (a.with_labels(batch.labels)?, b.with_labels(batch.labels)?),
            LabelUse::Soft => {
                (host_a, host_b) = (host(&soft_a), host(&soft_b));
                a = a.with_soft_labels(&host_a, soft_a.dims()[1])?;
                b = b.with_soft_labels(&host_b, soft_b.dims()[1])?;
            }
        }
        let request = Request { start: self.start.as_ref(), ..Request::GRADIENT };
        let solution = Divergence::<f32>::evaluate(self.divergence.as_ref(), &a, &b, request)?;
        let device = x.device().without_autodiff();
        let mut loss = Tensor::<1>::from_data(TensorData::new(vec![solution.value as f32], [1]), &device);
        if let Some(gradient) = solution.gradient {
            loss = surrogate(&x, gradient.features) + loss;
            if let Some(soft) = gradient.soft_labels {
                loss = loss + surrogate(&soft_a, soft);
            }
        }
        let mut diagnostics: Diagnostics = solution.diagnostics.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
        if let kd2m_ot::Status::Stopped { error } = solution.status {
            diagnostics.push(("stopped_error".to_owned(), error));
        }
        if let Some(gap) = solution.gap {
            diagnostics.push(("gap".to_owned(), gap));
        }
        if batch.mode == crate::engine::Mode::Train {
            self.start = solution.potentials;
        }
        Ok(Term { loss, diagnostics })
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.projector.as_mut().map(Projector::parameters)
    }

    fn project(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        match (&self.on, &self.projector) {
            (On::Features, Some(projector)) => Some(projector.forward(features)),
            _ => None,
        }
    }
}

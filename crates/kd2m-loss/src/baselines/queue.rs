//! Pseudo labels from a queue: −mean Σ_k p_k log q_k with p = softmax(t·Q / τ) and q = softmax(s·Q / τ), Q the teacher's last embeddings
//! (this batch's among them), t and s the embeddings of one image by both networks, all of length 1; the student's through a learned
//! projector where widths differ. Needs no labels. LightlyTrain's global distillation (v1); relations to a queue as in Fang et al. 2021,
//! "SEED". Inferred here: one τ for both sides and the batch's own embeddings in the queue.

use burn::tensor::{
    Device, Tensor, TensorData,
    activation::{log_softmax, softmax},
};
use kd2m_nn::{NamedTensor, Weights, step::Mode};
use kd2m_ot::room;

use crate::{
    batch::{Batch, CopyError, host},
    criterion::{Criterion, Recipe, Term},
    entry::{Count, Entry, Number, count, temperature},
    error::CriterionError,
    parameters::ParameterSet,
    projector::Projector,
    shapes::{Needs, Shapes},
    unit::unit,
};

const SIZE: Count = count!(size = 4096 up to 10_000_000, "embeddings of the teacher that are remembered, the newest");
const TEMPERATURE: Number = temperature!(0.1);
/// The key of what is remembered.
const QUEUE: &str = "queue";

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "queue",
    aliases: &["pseudo-labels"],
    formula: "cross entropy of softmax(s·Q/τ) against softmax(t·Q/τ), Q the teacher's last unit embeddings",
    source: "LightlyTrain, distillation v1; Fang et al. 2021, SEED",
    cost: "O(n·size·d), memory size·d",
    when: "unlabelled images and a teacher of other classes or none: what an image is like, told by thousands of others",
    weight: 1.0,
    options: &[SIZE.spec(), TEMPERATURE.spec()],
    build: |o| Ok(Box::new(QueueOptions { size: SIZE.read(o)?, temperature: TEMPERATURE.read(o)? })),
};

/// Options of the queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueOptions {
    /// Embeddings that are kept.
    pub size: usize,
    /// τ.
    pub temperature: f64,
}

impl Recipe for QueueOptions {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let (student, teacher) = (shapes.student.features, shapes.teacher.features);
        let bytes = room::bytes::<f32>(&[self.size, teacher]);
        if !room::is_there(bytes) {
            let why = format!(
                ": a queue of {} embeddings of width {teacher} would take {}, which cannot be had: give a smaller size",
                self.size,
                room::size(bytes)
            );
            return Err(CriterionError::Sizes { criterion: ENTRY.name.to_owned(), why });
        }
        let projector = (student != teacher).then(|| Projector::new(student, teacher, device, seed));
        let device = device.clone().without_autodiff();
        Ok(Box::new(Queue { options: *self, projector, width: teacher, kept: None, rehearsed: 0, device }))
    }
}

/// Cost O(n · size · d), `size` · d numbers of memory. Choose it where images have no labels.
struct Queue {
    options: QueueOptions,
    projector: Option<Projector>,
    /// Of the teacher's features.
    width: usize,
    /// Unit rows, the oldest first.
    kept: Option<Tensor<2>>,
    /// Rows that the next step fills it with.
    rehearsed: usize,
    device: Device,
}

impl Criterion for Queue {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    /// In evaluation the queue stays as it is.
    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let teacher = unit(batch.teacher.features.clone(), 1);
        let features = &batch.student.features;
        let student = unit(self.project(features).unwrap_or_else(|| features.clone()), 1);
        let own = teacher.clone().inner();
        let all = match &self.kept {
            Some(kept) => Tensor::cat(vec![kept.clone(), own], 0),
            None => own,
        };
        let (rows, size) = (all.dims()[0], self.options.size);
        let queue = if rows > size { all.narrow(0, rows - size, size) } else { all };
        let like = |embedded: Tensor<2>| embedded.matmul(queue.clone().transpose()) / self.options.temperature;
        let loss = -(softmax(like(teacher), 1) * log_softmax(like(student), 1)).sum_dim(1).mean();
        if batch.mode == Mode::Train {
            let (rows, wanted) = (queue.dims()[0], std::mem::take(&mut self.rehearsed));
            let filled = |queue: Tensor<2>| queue.repeat_dim(0, wanted.div_ceil(rows)).narrow(0, 0, wanted);
            self.kept = Some(if wanted > rows { filled(queue) } else { queue });
        }
        Ok(Term::new(loss))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.projector.as_mut().map(Projector::parameters)
    }

    fn project(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        self.projector.as_ref().map(|projector| projector.forward(features))
    }

    fn rehearse(&mut self, samples: usize) -> f64 {
        self.rehearsed = samples.min(self.options.size);
        1.0
    }

    fn state(&self) -> Result<Weights, CopyError> {
        let Some(kept) = &self.kept else { return Ok(Weights::new()) };
        let tensor = NamedTensor { shape: kept.dims().to_vec(), values: host(kept)? };
        Ok(Weights::from([(QUEUE.to_owned(), tensor)]))
    }

    fn load_state(&mut self, state: &Weights) -> Result<(), CriterionError> {
        let Some(saved) = state.get(QUEUE) else { return Ok(()) };
        match saved.shape[..] {
            [rows, width] if width == self.width && rows <= self.options.size && rows > 0 => {
                let data = TensorData::new(saved.values.clone(), [rows, width]);
                self.kept = Some(Tensor::from_data(data, &self.device));
                Ok(())
            }
            _ => {
                let why = format!(
                    "`{QUEUE}` has shape {:?}, expected at most {} rows of {}",
                    saved.shape, self.options.size, self.width
                );
                Err(CriterionError::SavedMemory { criterion: ENTRY.name.to_owned(), why })
            }
        }
    }
}

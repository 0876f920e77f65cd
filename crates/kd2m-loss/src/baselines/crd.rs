//! Contrastive representation distillation: noise contrastive estimation, both ways, between embedded features and a
//! memory of the other network's embeddings: −mean [log p/(p + K/N) + Σ over K negatives of log (K/N)/(p + K/N)] with
//! p = exp(e·m / τ) / Z. Tian, Krishnan and Isola 2020, "Contrastive representation distillation".

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use kd2m_nn::{NamedTensor, Weights, init::uniform, step::Mode};
use kd2m_ot::room;
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::{
    batch::{Batch, CopyError, host},
    criterion::{Criterion, Recipe, Term},
    embedding::Embeddings,
    entry::{Count, Entry, Number, count, option, temperature},
    error::CriterionError,
    parameters::{ParameterSet, fitting},
    shapes::{Needs, Shapes},
    unit::unit,
};

const EPS: f64 = 1e-7;

const WIDTH: Count = count!(width = 128 up to 65_536, "width of the learned embeddings");
const NEGATIVES: Count =
    count!(negatives = 16384 up to 10_000_000, "drawn a step, with replacement, shared by the batch");
const TEMPERATURE: Number = temperature!(0.07);

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "crd",
    aliases: &["contrastive"],
    formula: "noise contrastive estimation both ways of unit embeddings against memories by sample",
    source: "Tian, Krishnan, Isola 2020",
    cost: "O(n·negatives·width), memory 2·samples·width",
    when: "long training on many samples; widths may differ",
    weight: 0.8,
    options: &[
        WIDTH.spec(),
        NEGATIVES.spec(),
        TEMPERATURE.spec(),
        option("momentum", "0.5", "how much of an old entry a memory keeps; 0 or more, below 1"),
    ],
    build: |o| {
        Ok(Box::new(CrdOptions {
            width: WIDTH.read(o)?,
            negatives: NEGATIVES.read(o)?,
            temperature: TEMPERATURE.read(o)?,
            momentum: o.parsed("momentum", 0.5, "a number from 0 to below 1", |m| (0.0..1.0).contains(m))?,
        }))
    },
};

/// Options of CRD.
#[derive(Debug, Clone, Copy)]
pub struct CrdOptions {
    /// Width of both embeddings.
    pub width: usize,
    /// K. Drawn once a step for the whole batch (RepDistiller draws K for each sample): each sample's loss has the same
    /// expectation, and memory traffic falls n-fold.
    pub negatives: usize,
    /// τ.
    pub temperature: f64,
    /// How much of the old entry a memory keeps.
    pub momentum: f64,
}

impl CrdOptions {
    /// The negatives of a step: uniform over the images that are trained on, with replacement, a function of (seed, step) alone.
    pub fn negatives(&self, seed: u64, step: usize, train: &[u32]) -> Vec<u32> {
        let mut rng = Pcg64::new(u128::from(seed), step as u128);
        (0..self.negatives).map(|_| train[rng.random_range(0..train.len() as u32) as usize]).collect()
    }
}

impl CrdOptions {
    /// Fails where the memories of so many images, and the negatives that a step draws from them, cannot be held.
    fn ask(&self, rows: usize) -> Result<(), CriterionError> {
        let Self { width, negatives, .. } = *self;
        let of = |count: usize| room::bytes::<f32>(&[2, count, width]);
        let bytes = room::sum(&[of(rows), of(negatives)]);
        if room::is_there(bytes) {
            return Ok(());
        }
        let why = format!(
            ": memories of {rows} images and {negatives} negatives of width {width} would take {}, which cannot be had: give a \
             smaller width or fewer negatives",
            room::size(bytes)
        );
        Err(CriterionError::Sizes { criterion: "crd".to_owned(), why })
    }
}

impl Recipe for CrdOptions {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let width = self.width;
        let Some(last) = shapes.train.iter().max() else {
            let why = ": there are no images to train on".to_owned();
            return Err(CriterionError::Sizes { criterion: "crd".to_owned(), why });
        };
        let rows = *last as usize + 1;
        self.ask(rows)?;
        let bound = (3.0 / width as f32).sqrt();
        let memory = |key: &str| {
            let values = uniform(seed, key, rows * width, bound);
            Tensor::from_data(TensorData::new(values, [rows, width]), &device.clone().without_autodiff())
        };
        Ok(Box::new(Crd {
            options: *self,
            embeddings: Embeddings::new(shapes, width, device, seed),
            memories: [memory("memory.student"), memory("memory.teacher")],
            constants: [0.0; 2],
            train: shapes.train.clone(),
            seed,
        }))
    }
}

/// Cost O((n + K) · width) of memory traffic and O(n · K · width) products, 2 · samples · width numbers of memory.
/// Choose it for long training on many samples: it is among the strongest on features and widths may differ, but
/// memories need a few epochs to fill.
struct Crd {
    options: CrdOptions,
    embeddings: Embeddings,
    /// Unit embeddings by place in the data set `[rows, width]`: student's, teacher's. Rows of images that are not trained on stay
    /// unused.
    memories: [Tensor<2>; 2],
    /// Z of the student's and of the teacher's scores, set by the first training batch; 0 before.
    constants: [f64; 2],
    /// The images that are trained on.
    train: Vec<u32>,
    seed: u64,
}

fn rows(indices: &[u32], device: &Device) -> Tensor<1, Int> {
    let indices: Vec<i32> = indices.iter().map(|i| *i as i32).collect();
    let n = indices.len();
    Tensor::from_data(TensorData::new(indices, [n]), device)
}

/// Scores e·m / τ through exp: of the positives `[n, 1]` and of the negatives `[n, K]`.
struct Scores {
    positive: Tensor<2>,
    negative: Tensor<2>,
}

impl Scores {
    fn new(embedded: Tensor<2>, positives: Tensor<2>, negatives: Tensor<2>, temperature: f64) -> Self {
        let positive = (embedded.clone() * positives).sum_dim(1) / temperature;
        let negative = embedded.matmul(negatives.transpose()) / temperature;
        Self { positive: positive.exp(), negative: negative.exp() }
    }

    /// Mean score times the number of samples: Z, so that p sums to about 1 over all samples.
    fn constant(&self, samples: usize) -> Result<f64, CopyError> {
        let all = host(&self.positive)?.into_iter().chain(host(&self.negative)?);
        let (sum, count) = all.fold((0.0, 0usize), |(sum, count), s| (sum + f64::from(s), count + 1));
        Ok(sum / count as f64 * samples as f64)
    }

    /// The loss of one direction.
    fn contrast(self, constant: f64, samples: usize) -> Tensor<1> {
        let [n, k] = self.negative.dims();
        let noise = k as f64 / samples as f64;
        let positive = self.positive / constant;
        let hit = positive.clone().log() - (positive + (noise + EPS)).log();
        // log K/N − log (p + K/N): as log1p, because p is so small beside K/N that the difference would be mostly rounding.
        let missed = -((self.negative / constant + EPS) / noise).log1p();
        -(hit.sum() + missed.sum()) / n as f64
    }
}

impl Criterion for Crd {
    fn needs(&self) -> Needs {
        Needs::features()
    }

    /// In evaluation a sample's positive is the other network's embedding of it: held-out samples have no entry in the
    /// memories.
    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let options = self.options;
        let drawn = options.negatives(self.seed, batch.step, &self.train);
        let (samples, memory) = (self.train.len(), self.memories[0].dims()[0]);
        let train = batch.mode == Mode::Train;
        let (n, given) = (batch.student.features.dims()[0], batch.indices.len());
        if train && given != n {
            let why = format!("reads the place of each sample in the data set, and there are {given} of {n} samples");
            return Err(CriterionError::Batch { criterion: "crd".to_owned(), why });
        }
        if let Some(index) = batch.indices.iter().find(|i| train && **i as usize >= memory) {
            let why = format!("sample {index} is outside of its memory of {memory} samples");
            return Err(CriterionError::Batch { criterion: "crd".to_owned(), why });
        }
        let embedded = self.embeddings.forward(batch).map(|e| unit(e, 1));
        let device = batch.student.features.device().without_autodiff();
        let (own, drawn) = (rows(batch.indices, &device), rows(&drawn, &device));
        let entries = self.memories.clone().map(|memory| memory.select(0, drawn.clone()));
        let constants_of_batch = embedded.clone().map(|e| e.inner());
        let positives = match train {
            true => self.memories.clone().map(|memory| memory.select(0, own.clone())),
            false => constants_of_batch.clone(),
        };
        // Each network is compared with the other's memory.
        let [student, teacher] = embedded;
        let ([by_student, by_teacher], [drawn_student, drawn_teacher]) = (positives, entries);
        let scores = [
            Scores::new(student, by_teacher, drawn_teacher, options.temperature),
            Scores::new(teacher, by_student, drawn_student, options.temperature),
        ];
        let mut constants = self.constants;
        for (constant, scores) in constants.iter_mut().zip(&scores) {
            if *constant == 0.0 {
                // As it is saved, so that a resumed run goes on alike.
                *constant = f64::from(scores.constant(samples)? as f32);
            }
        }
        if train {
            self.constants = constants;
            for (memory, new) in self.memories.iter_mut().zip(constants_of_batch) {
                *memory = blend(memory.clone(), own.clone(), new, options.momentum);
            }
        }
        let [student, teacher] = scores;
        Ok(Term::new(student.contrast(constants[0], samples) + teacher.contrast(constants[1], samples)))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        Some(self.embeddings.parameters())
    }

    fn state(&self) -> Result<Weights, CopyError> {
        let [student, teacher] = &self.memories;
        let shape = student.dims().to_vec();
        let constants = self.constants.iter().map(|z| *z as f32).collect();
        Ok(Weights::from([
            ("memory.student".to_owned(), NamedTensor { shape: shape.clone(), values: host(student)? }),
            ("memory.teacher".to_owned(), NamedTensor { shape, values: host(teacher)? }),
            ("constants".to_owned(), NamedTensor { shape: vec![2], values: constants }),
        ]))
    }

    fn load_state(&mut self, state: &Weights) -> Result<(), CriterionError> {
        let wrong = |why| CriterionError::SavedMemory { criterion: "crd".to_owned(), why };
        for (memory, key) in self.memories.iter_mut().zip(["memory.student", "memory.teacher"]) {
            let shape = memory.dims();
            let saved = fitting(state, key, &shape).map_err(wrong)?;
            *memory = Tensor::from_data(TensorData::new(saved.values.clone(), shape), &memory.device());
        }
        let constants = fitting(state, "constants", &[2]).map_err(wrong)?;
        self.constants = [f64::from(constants.values[0]), f64::from(constants.values[1])];
        Ok(())
    }
}

/// The memory with unit(momentum · old + (1 − momentum) · new) in these rows; the sum of old and difference works on
/// every device.
fn blend(memory: Tensor<2>, own: Tensor<1, Int>, new: Tensor<2>, momentum: f64) -> Tensor<2> {
    let old = memory.clone().select(0, own.clone());
    let next = unit(old.clone() * momentum + new * (1.0 - momentum), 1);
    memory.select_assign(0, own, next - old, IndexingUpdateOp::Add)
}

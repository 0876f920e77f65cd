//! A teacher: a frozen network in evaluation mode, whose outputs are remembered where the view of a sample is not random.

use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};
use kd2m_data::Part;

use crate::{
    batch::{Outputs, host},
    engine::{Engine, EngineError, Images, Mode},
};

/// Which view of the samples a batch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub part: Part,
    /// True when no augmentation is random: the same sample always gives the same pixels.
    pub fixed: bool,
}

/// Gives outputs for batches; never trained.
pub trait Teacher: Send {
    /// Outputs of these images; `indices` name the samples.
    ///
    /// # Errors
    /// What the network below cannot do.
    fn outputs(&mut self, images: Images, indices: &[u32], view: View) -> Result<Outputs, EngineError>;

    /// True when outputs of this view come from memory.
    fn remembers(&self, view: View) -> bool;
}

/// A network as a teacher.
pub struct NetworkTeacher {
    engine: Box<dyn Engine>,
    memory: Option<Memory>,
}

/// Features and logits of samples seen so far, by part and sample.
#[derive(Default)]
struct Memory {
    rows: HashMap<(bool, u32), Row>,
}

/// What is remembered of a sample.
struct Row {
    features: Vec<f32>,
    logits: Vec<f32>,
}

impl NetworkTeacher {
    /// Freezes a network; with `remember`, outputs of fixed views are computed once.
    pub fn new(engine: Box<dyn Engine>, remember: bool) -> Self {
        Self { engine, memory: remember.then(Memory::default) }
    }
}

impl Teacher for NetworkTeacher {
    fn outputs(&mut self, images: Images, indices: &[u32], view: View) -> Result<Outputs, EngineError> {
        let key = |i: &u32| (view.part == Part::Test, *i);
        let Some(memory) = self.memory.as_mut().filter(|_| view.fixed) else {
            return self.engine.forward(images, Mode::Evaluate);
        };
        let rows: Option<Vec<_>> = indices.iter().map(|i| memory.rows.get(&key(i))).collect();
        if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
            let stack = |pick: fn(&Row) -> &Vec<f32>| {
                let width = pick(rows[0]).len();
                let values: Vec<f32> = rows.iter().flat_map(|row| pick(row).iter().copied()).collect();
                Tensor::<2>::from_data(TensorData::new(values, [rows.len(), width]), &self.engine.device())
            };
            return Ok(Outputs { features: stack(|r| &r.features), logits: stack(|r| &r.logits), maps: Vec::new() });
        }
        let outputs = self.engine.forward(images, Mode::Evaluate)?;
        if outputs.maps.is_empty() {
            let (features, logits) = (host(&outputs.features), host(&outputs.logits));
            let (d, c) = (outputs.features.dims()[1], outputs.logits.dims()[1]);
            for (row, index) in indices.iter().enumerate() {
                let (features, logits) = (&features[row * d..(row + 1) * d], &logits[row * c..(row + 1) * c]);
                memory.rows.insert(key(index), Row { features: features.to_vec(), logits: logits.to_vec() });
            }
        }
        Ok(outputs)
    }

    fn remembers(&self, view: View) -> bool {
        view.fixed && self.memory.as_ref().is_some_and(|m| !m.rows.is_empty())
    }
}

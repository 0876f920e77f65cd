//! What the theory is computed on: features of student and teacher and the labels of the same samples, as `f64`.
//! Values come from an engine's `f32` and are exact from there on, so that an inequality is tested without the engine's rounding.

use std::sync::Arc;

use kd2m_data::{Dataset, Loader, Part};

use crate::{
    Error,
    batch::host,
    engine::{Engine, Images, Mode},
};

/// Row-major features `[n, width]` of one network.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    pub values: Vec<f64>,
    pub width: usize,
}

impl Features {
    /// Runs a network in evaluation mode over samples in their order.
    ///
    /// # Errors
    /// What the engine cannot do, or an index that is not there.
    pub fn of(engine: &mut dyn Engine, data: &Arc<Dataset>, part: Part, indices: &[u32]) -> Result<Self, Error> {
        /// Images at a time: any number gives the same features.
        const BATCH: usize = 128;
        let mut loader = Loader::evaluation(data, part, indices, BATCH)?;
        let (mut values, mut width) = (Vec::new(), 0);
        while let Some(batch) = loader.next().transpose()? {
            let images = Images { pixels: &batch.images, n: batch.len() };
            let features = engine.forward(images, Mode::Evaluate)?.features;
            width = features.dims()[1];
            values.extend(host(&features)?.into_iter().map(f64::from));
            loader.recycle(batch);
        }
        Ok(Self { values, width })
    }

    /// The features of these samples.
    pub fn rows(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().flat_map(|i| self.row(*i).iter().copied()).collect()
    }

    /// The features of one sample.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.width..(i + 1) * self.width]
    }
}

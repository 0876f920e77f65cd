//! What a network says to the images of a loader, batch by batch or as one table.

use kd2m_data::{Loader, Reframe};

use super::{Head, StoredOutputs};
use crate::{
    Error,
    batch::host,
    engine::{Engine, Images, Mode},
};

/// Hands features, logits and labels of each batch to `take`; images come to the network through `frame`, where there is one.
///
/// # Errors
/// What engine or data cannot do.
pub fn answers(
    engine: &mut dyn Engine,
    mut loader: Loader,
    frame: Option<&Reframe>,
    mut take: impl FnMut(&[f32], &[f32], &[u32]),
) -> Result<(), Error> {
    let mut framed = Vec::new();
    while let Some(batch) = loader.next().transpose()? {
        if let Some(frame) = frame {
            frame.floats(&batch.images, &mut framed);
        }
        let pixels = if frame.is_some() { &framed } else { &batch.images };
        let outputs = engine.forward(Images { pixels, n: batch.len() }, Mode::Evaluate)?;
        take(&host(&outputs.features)?, &host(&outputs.logits)?, &batch.labels);
        loader.recycle(batch);
    }
    Ok(())
}

/// What is known of a network whose outputs are stored.
pub struct Source {
    /// Length of its features.
    pub width: usize,
    /// Length of its logits.
    pub classes: usize,
    /// Its classifier, where that is linear.
    pub head: Option<Head>,
    /// What its classes are called; empty where nobody knows.
    pub class_names: Vec<String>,
}

impl StoredOutputs {
    /// A network's answers to images, whose places in the training part these are.
    ///
    /// # Errors
    /// As [`answers`].
    pub fn gather(
        engine: &mut dyn Engine,
        source: Source,
        loader: Loader,
        frame: Option<&Reframe>,
        ids: &[u32],
    ) -> Result<Self, Error> {
        let (mut features, mut logits, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        answers(engine, loader, frame, |f, l, of| {
            features.extend_from_slice(f);
            logits.extend_from_slice(l);
            labels.extend_from_slice(of);
        })?;
        let Source { width, classes, head, class_names } = source;
        let (logits, labels, ids) = (Some(logits), Some(labels), Some(ids.to_vec()));
        Ok(Self { features, width, logits, classes, labels, ids, head, class_names })
    }
}

//! An engine whose network sees images at another size than the data set's: each batch is resized and cut before it runs. Every engine is given the
//! same view of a sample, and each network looks at it through its own frame.

use burn::tensor::Device;
use kd2m_data::Reframe;
use kd2m_nn::{NamedTensor, Weights};

use super::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update, inner::left_to_inner};
use crate::batch::{CopyError, Outputs};

/// Another engine behind a frame.
pub struct Seeing {
    inner: Box<dyn Engine>,
    frame: Reframe,
    pixels: Vec<f32>,
}

impl Seeing {
    /// The network of `inner`, which sees what this frame gives.
    pub fn new(inner: Box<dyn Engine>, frame: Reframe) -> Self {
        Self { inner, frame, pixels: Vec::new() }
    }
}

impl Engine for Seeing {
    left_to_inner!(but images);

    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        self.frame.floats(images.pixels, &mut self.pixels);
        self.inner.forward(Images { pixels: &self.pixels, n: images.n }, mode)
    }

    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError> {
        self.inner.backward(gradients, then)
    }

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        self.inner.step(update)
    }

    /// A cache of outputs is keyed by it, so the frame belongs to it.
    fn arithmetic(&self) -> String {
        format!("{}, images {}", self.inner.arithmetic(), self.frame.frame())
    }
}

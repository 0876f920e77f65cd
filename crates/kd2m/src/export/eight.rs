//! What is found of a network on eight bits.

/// What became of a network on eight bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eight {
    /// Images that ranges were taken from.
    pub calibrated_on: usize,
    /// Percent on the images that were asked about: of the f32 network, of this one.
    pub accuracy: [f64; 2],
    /// The same of the sizes of their ONNX files.
    pub bytes: [u64; 2],
}

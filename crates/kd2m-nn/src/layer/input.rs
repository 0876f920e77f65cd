//! The images.

use std::fmt;

use super::kind::{Kind, Operators};
use crate::{onnx::writer::Writer, shape::Shape};

/// Node 0, which a graph begins with; in ONNX it is the model's input and no operator.
pub(super) struct Images;

pub(super) const OPERATORS: &Operators<()> = &[];

impl Kind for Images {
    fn shape(&self, _: &[Shape]) -> Result<Shape, String> {
        Err("only node 0 is the input".to_owned())
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "images")
    }

    fn write(&self, _: &mut Writer) {}
}

//! Maxima over windows.

use std::fmt;

use super::{
    Pool,
    kind::{Kind, Operators},
    window,
};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// Maxima over windows; padding counts as −∞.
pub(super) struct MaxPool<'a>(pub &'a Pool);

impl Kind for MaxPool<'_> {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.0.shape(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-pool ")?;
        window::show(f, self.0.kernel, self.0.stride)
    }

    fn write(&self, onnx: &mut Writer) {
        onnx.last("MaxPool", vec![onnx.input()], self.0.attributes());
    }
}

pub(super) const OPERATORS: &Operators<Pool> = &[("MaxPool", read)];

fn read(operator: &mut Operator) -> Result<Option<Pool>, String> {
    operator.attributes.only("storage_order", 0, 0)?;
    operator.sole_output("the places of maxima are")?;
    Pool::read(operator, None).map(Some)
}

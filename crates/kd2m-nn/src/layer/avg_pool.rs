//! Means over windows.

use std::fmt;

use super::{
    Pool,
    kind::{Kind, Operators},
    window,
};
use crate::{
    onnx::{
        operator::Operator,
        writer::{Writer, int},
    },
    shape::Shape,
};

/// Means over windows; padding counts as zeros.
pub(super) struct AvgPool<'a>(pub &'a Pool);

impl Kind for AvgPool<'_> {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.0.shape(inputs)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "average-pool ")?;
        window::show(f, self.0.kernel, self.0.stride)
    }

    fn write(&self, onnx: &mut Writer) {
        let mut attributes = self.0.attributes();
        attributes.push(int("count_include_pad", 1));
        onnx.last("AveragePool", vec![onnx.input()], attributes);
    }
}

pub(super) const OPERATORS: &Operators<Pool> = &[("AveragePool", read)];

fn read(operator: &mut Operator) -> Result<Option<Pool>, String> {
    let counts = operator.attributes.flag("count_include_pad", false)?;
    let pool = Pool::read(operator)?;
    if pool.padding != [0; 2] && !counts {
        return Err("count_include_pad = 0 with padding is not a layer, only 1 is".to_owned());
    }
    Ok(Some(pool))
}

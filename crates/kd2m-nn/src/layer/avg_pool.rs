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

/// Means over windows; padding counts as zeros, unless the map's own places alone are counted.
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
        let (mut input, mut pool) = (onnx.input(), self.0.clone());
        if !pool.live_only && pool.beyond != [0; 2] {
            // As padding, the places beyond would be counted; what is counted is a map of its own then.
            let [h, w] = pool.padding.map(|p| p as i64);
            if pool.padding != [0; 2] {
                let pads = onnx.integers("pads", &[0, 0, h, w, 0, 0, h, w]);
                input = onnx.part("zeros", "Pad", vec![input, pads], vec![]);
            }
            pool = Pool { padding: [0; 2], live_only: true, ..pool };
        }
        let mut attributes = pool.attributes();
        attributes.push(int("count_include_pad", usize::from(!pool.live_only)));
        onnx.last("AveragePool", vec![input], attributes);
    }
}

pub(super) const OPERATORS: &Operators<Pool> = &[("AveragePool", read)];

fn read(operator: &mut Operator) -> Result<Option<Pool>, String> {
    let counts = operator.attributes.flag("count_include_pad", false)?;
    Pool::read(operator, Some(counts)).map(Some)
}

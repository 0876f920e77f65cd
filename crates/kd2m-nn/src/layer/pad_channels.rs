//! Channels of zeros beside those of a map: shortcuts without parameters to a wider stage (He et al. 2016, option A).

use std::fmt;

use super::{
    kind::{Kind, Operators, map},
    pad::{MOST, borders},
};
use crate::{
    onnx::{operator::Operator, writer::Writer},
    shape::Shape,
};

/// So many before the map's own channels, and behind them.
pub(super) struct PadChannels {
    pub before: usize,
    pub after: usize,
}

impl Kind for PadChannels {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (channels, height, width) = map(inputs)?;
        if self.before > MOST || self.after > MOST {
            return Err(format!("{} channels before and {} behind", self.before, self.after));
        }
        Ok(Shape::Map { channels: self.before + channels + self.after, height, width })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zero channels {}, {}", self.before, self.after)
    }

    fn write(&self, onnx: &mut Writer) {
        let pads = onnx.integers("pads", &[0, self.before as i64, 0, 0, 0, self.after as i64, 0, 0]);
        onnx.last("Pad", vec![onnx.input(), pads], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<(usize, usize)> = &[("Pad", read)];

/// Zeros around maps were taken before.
fn read(operator: &mut Operator) -> Result<Option<(usize, usize)>, String> {
    let [_, [before, after], ..] = borders(operator)?;
    Ok(Some((before, after)))
}

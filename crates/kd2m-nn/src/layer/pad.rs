//! Zeros around maps: what a convolution's own padding, the same on both sides, cannot be.

use std::fmt;

use super::kind::{Kind, Operators, map};
use crate::{
    onnx::{operator::Operator, values::axis, writer::Writer},
    shape::Shape,
};

/// No border is wider: the limit keeps sums of sizes from overflowing, whatever a file says.
pub(super) const MOST: usize = 1 << 16;

/// Rows above, columns left, rows below, columns right.
pub(super) struct Pad {
    pub around: [usize; 4],
}

impl Kind for Pad {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (channels, height, width) = map(inputs)?;
        let [top, left, bottom, right] = self.around;
        if self.around.iter().any(|border| *border > MOST) {
            return Err(format!("a border of {:?}", self.around));
        }
        Ok(Shape::Map { channels, height: height + top + bottom, width: width + left + right })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zeros {:?}", self.around)
    }

    fn write(&self, onnx: &mut Writer) {
        let [top, left, bottom, right] = self.around.map(|border| border as i64);
        let pads = onnx.integers("pads", &[0, 0, top, left, 0, 0, bottom, right]);
        onnx.last("Pad", vec![onnx.input(), pads], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<[usize; 4]> = &[("Pad", read)];

fn read(operator: &mut Operator) -> Result<Option<[usize; 4]>, String> {
    let [_, channels, [top, bottom], [left, right]] = borders(operator)?;
    match (channels, [top, left, bottom, right]) {
        ([0, 0], around) => Ok(Some(around)),
        // Another layer's.
        (_, [0, 0, 0, 0]) => Ok(None),
        _ => Err("pads channels and places at once".to_owned()),
    }
}

/// Zeros before and behind along each axis. Pads are attributes before opset 11, and of some axes only since opset 18.
pub(super) fn borders(operator: &mut Operator) -> Result<[[usize; 2]; 4], String> {
    match operator.attributes.text("mode")?.as_deref() {
        None | Some("constant") => {}
        Some(other) => return Err(format!("mode = {other} is not a layer, only constant is")),
    }
    let old = operator.attributes.float("value")?.unwrap_or(0.0);
    let value = match operator.optional_floats(2, "constant_value")? {
        Some((_, values)) => values.first().copied().unwrap_or(0.0),
        None => old,
    };
    if value != 0.0 {
        return Err(format!("constant_value = {value} is not a layer, only 0 is"));
    }
    operator.map()?;
    let pads = operator.integers("pads", 1)?.ok_or("needs pads")?;
    let axes = operator.integers("axes", 3)?.unwrap_or_else(|| vec![0, 1, 2, 3]);
    if pads.len() != 2 * axes.len() {
        return Err(format!("pads = {pads:?} of {} axes", axes.len()));
    }
    let mut borders = [[0; 2]; 4];
    for (i, along) in axes.iter().enumerate() {
        let along = axis(*along, 4)?;
        for (side, given) in [pads[i], pads[i + axes.len()]].into_iter().enumerate() {
            let border = usize::try_from(given).ok().filter(|border| *border <= MOST);
            let border = border.ok_or_else(|| format!("pads = {pads:?}: a border of {given}"))?;
            borders[along][side] += border;
        }
    }
    if borders[0] != [0, 0] {
        return Err(format!("pads = {pads:?}: only channels, height and width are padded"));
    }
    Ok(borders)
}

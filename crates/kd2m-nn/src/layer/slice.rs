//! Runs of channels.

use std::fmt;

use super::kind::{Kind, Operators, map};
use crate::{
    onnx::{
        operator::Operator,
        values::{axis, positive},
        writer::Writer,
    },
    shape::Shape,
};

/// Channels `start..start + len` of a map.
pub(super) struct Slice {
    pub start: usize,
    pub len: usize,
}

impl Kind for Slice {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let ((channels, height, width), Self { start, len }) = (map(inputs)?, self);
        if *len == 0 || start.checked_add(*len).is_none_or(|end| end > channels) {
            return Err(format!("takes channels {start} to {start} + {len} of {channels}"));
        }
        Ok(Shape::Map { channels: *len, height, width })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channels {}…{}", self.start, (self.start + self.len).saturating_sub(1))
    }

    fn write(&self, onnx: &mut Writer) {
        let starts = onnx.integers("starts", &[self.start as i64]);
        let ends = onnx.integers("ends", &[(self.start + self.len) as i64]);
        let axes = onnx.integers("axes", &[1]);
        onnx.last("Slice", vec![onnx.input(), starts, ends, axes], vec![]);
    }
}

pub(super) const OPERATORS: &Operators<(usize, usize)> = &[("Slice", read), ("Split", split)];

/// A run of channels; the places are attributes before opset 10.
fn read(operator: &mut Operator) -> Result<Option<(usize, usize)>, String> {
    let dims = operator.dims()?;
    let starts = operator.integers("starts", 1)?.ok_or("needs starts")?;
    let ends = operator.integers("ends", 2)?.ok_or("needs ends")?;
    let axes = operator.integers("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = operator.integers("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    let ([start], [end], [along], [step]) = (&starts[..], &ends[..], &axes[..], &steps[..]) else {
        return Err(format!("along axes {axes:?}: only a run of channels is a layer"));
    };
    if axis(*along, dims.len() + 1)? != 1 || *step != 1 {
        return Err(format!("along axis {along} in steps of {step}: only a run of channels is a layer"));
    }
    // Negative places count from the end; either may lie beyond.
    let channels = dims[0] as i64;
    let place = |at: i64| (if at < 0 { at.saturating_add(channels) } else { at }).clamp(0, channels) as usize;
    let (start, end) = (place(*start), place(*end));
    Ok(Some((start, end.saturating_sub(start))))
}

/// Each part is a slice; without sizes they are equal, with opset 18's `num_outputs` the last one may be smaller.
fn split(operator: &mut Operator) -> Result<Option<(usize, usize)>, String> {
    let dims = operator.dims()?;
    let along = operator.attributes.int("axis")?.unwrap_or(0);
    if axis(along, dims.len() + 1)? != 1 {
        return Err(format!("axis = {along} is not a layer, only 1 is"));
    }
    let (channels, parts) = (dims[0], operator.node.output.len().max(1));
    let uneven = match operator.attributes.int("num_outputs")? {
        Some(count) if count != parts as i64 => return Err(format!("num_outputs = {count} for {parts} outputs")),
        count => count.is_some(),
    };
    let sizes: Vec<usize> = match operator.integers("split", 1)? {
        Some(sizes) => sizes.iter().map(|size| positive(*size, "a part")).collect::<Result<_, _>>()?,
        None if uneven || channels.is_multiple_of(parts) => {
            let part = channels.div_ceil(parts);
            (0..parts).map(|i| part.min(channels.saturating_sub(i * part))).collect()
        }
        None => return Err(format!("{channels} channels in {parts} equal parts")),
    };
    let total = sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size));
    if sizes.len() != parts || total != Some(channels) {
        return Err(format!("split = {sizes:?} of {channels} channels for {parts} outputs"));
    }
    let at = operator.output;
    Ok(Some((sizes[..at].iter().sum(), sizes[at])))
}

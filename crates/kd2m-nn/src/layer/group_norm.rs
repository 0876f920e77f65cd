//! Group normalisation (Wu & He 2018).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, Operators, Tensor, map};
use crate::{
    onnx::{
        attributes::Attributes,
        operator::Operator,
        proto::{Attribute, NodeProto},
        values::{Values, positive},
        writer::{Writer, float},
    },
    parameter::Role,
    shape::Shape,
};

/// γ (x − mean) / √(variance + eps) + β, mean and biased variance over all places of a run of channels of one sample; γ and β are of
/// each channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupNorm {
    /// Runs of equal length that the channels are cut into: 1 is a layer norm over the whole map, as many as channels an instance norm.
    pub groups: usize,
    /// Of maps.
    pub channels: usize,
    /// Added to the variance.
    pub eps: f32,
}

impl GroupNorm {
    /// PyTorch's default: eps 1e-5.
    pub fn new(groups: usize, channels: usize) -> Self {
        Self { groups, channels, eps: 1e-5 }
    }
}

impl Kind for GroupNorm {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (channels, _, _) = map(inputs)?;
        if channels != self.channels {
            return Err(format!("{} channels, got {channels}", self.channels));
        }
        // No number is a multiple of 0 but 0 itself.
        match channels.is_multiple_of(self.groups) {
            true => Ok(inputs[0]),
            false => Err(format!("{channels} channels do not divide into {} groups", self.groups)),
        }
    }

    fn tensors(&self) -> Vec<Tensor> {
        vec![("weight", vec![self.channels], Role::Scale), ("bias", vec![self.channels], Role::Shift)]
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group norm of {}", self.groups)
    }

    /// As PyTorch exports it, because ONNX has factors of each channel only since opset 21: each group's numbers in a row, normalised
    /// as a channel of their own, and back.
    fn write(&self, onnx: &mut Writer) {
        let sizes = onnx.sizes.clone();
        let row = onnx.integers("row", &[0, self.groups as i64, -1]);
        let whole = onnx.integers("whole", &[&[-1], &sizes[..]].concat());
        let places = onnx.integers("places", &[1, 2]);
        let ones = onnx.floats("ones", &[self.groups], &vec![1.0; self.groups]);
        let zeros = onnx.floats("zeros", &[self.groups], &vec![0.0; self.groups]);
        // First, so that they are known when what follows is read.
        let [scale, shift] = [("scale", "weight"), ("shift", "bias")]
            .map(|(name, of)| onnx.part(name, "Unsqueeze", vec![onnx.key(of), places.clone()], vec![]));
        let grouped = onnx.key("grouped");
        onnx.push(onnx.name.to_owned(), "Reshape", vec![onnx.input(), row], grouped.clone(), vec![]);
        let of_groups = vec![grouped, ones, zeros];
        let normalised = onnx.part("normalised", "InstanceNormalization", of_groups, vec![float("epsilon", self.eps)]);
        let back = onnx.part("back", "Reshape", vec![normalised, whole], vec![]);
        let scaled = onnx.part("scaled", "Mul", vec![back, scale], vec![]);
        onnx.push(onnx.key("shifted"), "Add", vec![scaled, shift], onnx.output.clone(), vec![]);
    }
}

pub(super) const OPERATORS: &Operators<GroupNorm> =
    &[("GroupNormalization", whole), ("InstanceNormalization", of_channels), ("Reshape", in_parts)];

/// Factors and summands are of the channels since opset 21, of the groups before.
fn whole(operator: &mut Operator) -> Result<Option<GroupNorm>, String> {
    operator.attributes.only("stash_type", 1, 1)?;
    operator.map()?;
    let channels = operator.shape(0)?.channels();
    let groups = positive(operator.attributes.int("num_groups")?.ok_or("needs num_groups")?, "num_groups")?;
    for (index, name) in [(1, "weight"), (2, "bias")] {
        let (shape, mut values) = operator.floats(index, name)?;
        if shape == [groups] {
            values = spread(&values, channels);
        } else if shape != [channels] {
            return Err(format!("{name} should be [{channels}] or [{groups}] but is {shape:?}"));
        }
        operator.keep(name, vec![channels], values);
    }
    let eps = operator.attributes.float("epsilon")?.unwrap_or(1e-5);
    Ok(Some(GroupNorm { groups, channels, eps }))
}

/// Each channel a group.
fn of_channels(operator: &mut Operator) -> Result<Option<GroupNorm>, String> {
    operator.map()?;
    let channels = operator.shape(0)?.channels();
    operator.keep_vector("weight", 1, channels)?;
    operator.keep_vector("bias", 2, channels)?;
    let eps = operator.attributes.float("epsilon")?.unwrap_or(1e-5);
    Ok(Some(GroupNorm { groups: channels, channels, eps }))
}

/// What [`Kind::write`] writes: to rows, an instance norm, back to the map, factors and summands of the channels if there are any.
fn in_parts(operator: &mut Operator) -> Result<Option<GroupNorm>, String> {
    let (values, node) = (operator.values, operator.node);
    let reader = |of: &NodeProto, kind: &str| {
        let alone = |next: &&NodeProto| next.op_type == kind && next.domain == node.domain && next.output.len() == 1;
        values.sole_reader(&of.output[0]).filter(alone)
    };
    let Some(norm) = reader(node, "InstanceNormalization") else { return Ok(None) };
    let refused = "begins an instance norm of what is no map's groups in rows and back again";
    let [height, width] = operator.map()?;
    let channels = operator.shape(0)?.channels();
    operator.attributes.only("allowzero", 0, 0)?;
    let groups = match values.integers(node, 1, "the new shape")?[..] {
        [images, groups, -1] if images == 0 || Some(images) == values.batch => positive(groups, "groups")?,
        [_, groups, row] if groups.checked_mul(row) == Some((channels * height * width) as i64) => {
            positive(groups, "groups")?
        }
        _ => return Err(refused.to_owned()),
    };
    let mut attributes = Attributes::of(norm)?;
    let eps = attributes.float("epsilon")?.unwrap_or(1e-5);
    attributes.finish()?;
    let of_groups = |index| constant(values, norm, index, &[&[groups]]).map(|each| spread(each, channels));
    let back = reader(norm, "Reshape").filter(|back| is_shape_of(values, back, node, [channels, height, width]));
    let (Some(mut scale), Some(mut shift), Some(back)) = (of_groups(1), of_groups(2), back) else {
        return Err(refused.to_owned());
    };
    let mut attributes = Attributes::of(back)?;
    attributes.only("allowzero", 0, 0)?;
    attributes.finish()?;
    let mut taken = vec![norm, back];
    for kind in ["Mul", "Add"] {
        let Some(next) = operator.next(taken[taken.len() - 1], kind) else { continue };
        let wanted: [&[usize]; 2] = [&[channels, 1, 1], &[1, channels, 1, 1]];
        let Some(by) = (0..2).find_map(|index| constant(values, next, index, &wanted)) else { continue };
        for ((scale, shift), by) in scale.iter_mut().zip(&mut shift).zip(by) {
            (*scale, *shift) = if kind == "Mul" { (*scale * by, *shift * by) } else { (*scale, *shift + by) };
        }
        taken.push(next);
    }
    operator.keep("weight", vec![channels], scale);
    operator.keep("bias", vec![channels], shift);
    operator.takes_in = taken.iter().map(|node| node.output[0].clone()).collect();
    Ok(Some(GroupNorm { groups, channels, eps }))
}

/// An input that is a constant of one of these shapes.
fn constant<'v>(values: &'v Values, node: &NodeProto, index: usize, shapes: &[&[usize]]) -> Option<&'v [f32]> {
    let constant = values.constants.get(node.input.get(index)?)?;
    constant.floats().filter(|_| shapes.contains(&&constant.shape[..]))
}

/// The number of each group for each of its channels.
fn spread(groups: &[f32], channels: usize) -> Vec<f32> {
    (0..channels).map(|channel| groups[channel * groups.len() / channels]).collect()
}

/// Whether `back` reshapes to these sizes of an image, or to those of what `node` reads (a `Shape`, which may come after `node`).
fn is_shape_of(values: &Values, back: &NodeProto, node: &NodeProto, sizes: [usize; 3]) -> bool {
    if let Ok([_, rest @ ..]) = values.integers(back, 1, "the new shape").as_deref() {
        return rest.iter().copied().eq(sizes.map(|size| size as i64));
    }
    let whole = |reader: &NodeProto| {
        let from_first = |a: &Attribute| a.name == "start" && a.i.unwrap_or(0) == 0;
        reader.op_type == "Shape"
            && reader.output.first() == back.input.get(1)
            && reader.attribute.iter().all(from_first)
    };
    values.readers.get(&node.input[0]).is_some_and(|readers| readers.iter().any(whole))
}

//! Channels across groups (ShuffleNets).

use std::fmt;

use super::kind::{Kind, Operators, no_tokens};
use crate::{
    onnx::writer::{Writer, ints},
    shape::Shape,
};

/// Channels seen as `[groups, c / groups]` and transposed.
pub(super) struct ChannelShuffle {
    pub groups: usize,
}

/// None of its own: the importer meets it as a reshape, a transposition and a reshape (`onnx/reshape.rs`).
pub(super) const OPERATORS: &Operators<usize> = &[];

impl Kind for ChannelShuffle {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (shape, groups) = (no_tokens(inputs)?, self.groups);
        if groups > 0 && shape.channels().is_multiple_of(groups) {
            Ok(shape)
        } else {
            Err(format!("{} channels do not divide into {groups} groups", shape.channels()))
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shuffle {} groups", self.groups)
    }

    /// A table of groups, transposed, and read as a row again.
    fn write(&self, onnx: &mut Writer) {
        let sizes = onnx.sizes.clone();
        let (channels, positions) = (sizes[0], &sizes[1..]);
        let head = [-1, self.groups as i64, channels / self.groups as i64];
        let order: Vec<usize> = [0, 2, 1].into_iter().chain(3..3 + positions.len()).collect();
        let table = onnx.integers("table", &[&head, positions].concat());
        let row = onnx.integers("row", &[&[-1, channels], positions].concat());
        let grouped = onnx.part("grouped", "Reshape", vec![onnx.input(), table], vec![]);
        let swapped = onnx.part("swapped", "Transpose", vec![grouped], vec![ints("perm", &order)]);
        onnx.last("Reshape", vec![swapped, row], vec![]);
    }
}

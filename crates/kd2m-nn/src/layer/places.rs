//! Tokens as the map that they were: how criteria, which read maps, look at them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, Operators, tokens};
use crate::{
    onnx::writer::{Writer, ints},
    shape::Shape,
};

/// Tokens `[n, t, c]` from number `skip` on become a map `[n, c, h, w]`, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// Tokens before the first place, as a class token is.
    pub skip: usize,
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
}

impl Kind for Places {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let Self { skip, height, width } = *self;
        match tokens(inputs)? {
            (count, channels) if skip + height * width <= count => Ok(Shape::Map { channels, height, width }),
            (count, _) => Err(format!("{height}×{width} places behind {skip} of {count} tokens")),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tokens as places")
    }

    fn write(&self, onnx: &mut Writer) {
        let (first, count) = (self.skip as i64, (self.height * self.width) as i64);
        let bounds = [("first", first), ("end", first + count), ("axis", 1)];
        let bounds = bounds.map(|(name, value)| onnx.integers(name, &[value]));
        let input = std::iter::once(onnx.input()).chain(bounds).collect();
        let kept = onnx.part("kept", "Slice", input, vec![]);
        let turned = onnx.part("turned", "Transpose", vec![kept], vec![ints("perm", &[0, 2, 1])]);
        let sizes: Vec<i64> = std::iter::once(-1).chain(onnx.sizes.iter().copied()).collect();
        let shape = onnx.integers("shape", &sizes);
        onnx.last("Reshape", vec![turned, shape], vec![]);
    }
}

/// None: what other programs make of tokens behind a transformer is read as it is.
pub(super) const OPERATORS: &Operators<Places> = &[];

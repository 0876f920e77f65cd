//! What maxima and means over windows have in common.

use serde::{Deserialize, Serialize};

use super::{kind::map, window};
use crate::{
    onnx::{operator::Operator, proto::Attribute, window::Window, writer::ints},
    shape::Shape,
};

/// A pooling window; places outside of the map count as −∞ for maxima and, as PyTorch does by default, as zeros for averages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Height, width.
    pub kernel: [usize; 2],
    /// Height, width.
    pub stride: [usize; 2],
    /// On both sides.
    pub padding: [usize; 2],
    /// Places behind the padding that windows may reach too (`ceil_mode`); averages do not count them.
    #[serde(default)]
    pub beyond: [usize; 2],
    /// Averages are over the map's own places alone (`count_include_pad = False`).
    #[serde(default)]
    pub live_only: bool,
}

impl Pool {
    /// A window that stays within map and padding.
    pub fn new(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Self {
        Self { kernel, stride, padding, beyond: [0; 2], live_only: false }
    }

    /// The same with a last window over a map `[height, width]` that begins in it or in the padding before it but ends beyond the padding
    /// behind it, if strides leave one (`ceil_mode`).
    #[must_use]
    pub fn ceil(mut self, size: [usize; 2]) -> Self {
        for (axis, length) in size.into_iter().enumerate() {
            let (stride, padding) = (self.stride[axis], self.padding[axis]);
            let left = (length + 2 * padding).checked_sub(self.kernel[axis]).filter(|_| stride > 0);
            self.beyond[axis] = match left {
                Some(left) if left % stride > 0 && (left / stride + 1) * stride < length + padding => {
                    stride - left % stride
                }
                // Of a window that does not fit the graph says more.
                _ => 0,
            };
        }
        self
    }

    pub(super) fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (channels, height, width) = map(inputs)?;
        let along = |axis: usize, length: usize| {
            let Self { kernel, stride, padding, beyond, .. } = self;
            window::length(length + beyond[axis], kernel[axis], stride[axis], padding[axis], 1)
        };
        Ok(Shape::Map { channels, height: along(0, height)?, width: along(1, width)? })
    }

    /// What the sum of each window over a map `[height, width]` is divided by, `[outputs]` row by row; none where all are the whole
    /// window.
    pub fn divisors(&self, size: [usize; 2], outputs: [usize; 2]) -> Option<Vec<f32>> {
        let along = |axis: usize| -> Vec<usize> {
            let border = if self.live_only { 0 } else { self.padding[axis] };
            // Counted from the padding's first place.
            let (low, high) = (self.padding[axis] - border, self.padding[axis] + size[axis] + border);
            let reach =
                |o: usize| (o * self.stride[axis]).max(low)..(o * self.stride[axis] + self.kernel[axis]).min(high);
            (0..outputs[axis]).map(|o| reach(o).len().max(1)).collect()
        };
        let (rows, columns) = (along(0), along(1));
        let whole = rows.iter().all(|n| *n == self.kernel[0]) && columns.iter().all(|n| *n == self.kernel[1]);
        (!whole).then(|| rows.iter().flat_map(|r| columns.iter().map(move |c| (r * c) as f32)).collect())
    }

    pub(super) fn attributes(&self) -> Vec<Attribute> {
        let [h, w] = self.padding;
        let around = [h, w, h + self.beyond[0], w + self.beyond[1]];
        vec![ints("kernel_shape", &self.kernel), ints("strides", &self.stride), ints("pads", &around)]
    }

    /// The window that an operator's attributes say; of averages `counts`: whether padding is counted.
    pub(super) fn read(operator: &mut Operator, counts: Option<bool>) -> Result<Self, String> {
        let map = operator.map()?;
        let window = Window::take(&mut operator.attributes, None, map, true)?;
        if window.dilation != [1; 2] {
            return Err(format!("dilations = {:?} of a pool is not a layer, only 1 is", window.dilation));
        }
        let beyond = [0, 1].map(|axis| window.behind[axis].checked_sub(window.before[axis]));
        let mut pool = Self::new(window.kernel, window.stride, window.before);
        match (window.around(), beyond, counts) {
            (None, ..) => {}
            // Zeros that are counted are a layer of their own.
            (around, _, Some(true)) if !window.partial => (operator.zeros, pool.padding) = (around, [0; 2]),
            (_, [Some(h), Some(w)], _) => pool.beyond = [h, w],
            (Some([top, left, bottom, right]), ..) => {
                return Err(format!("pads = {:?}: more before a map than behind it", [top, left, bottom, right]));
            }
        }
        pool.live_only = counts == Some(false) && (pool.padding != [0; 2] || pool.beyond != [0; 2]);
        Ok(pool)
    }
}

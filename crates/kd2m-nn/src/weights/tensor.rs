//! Tensors by name, on the host.

use std::collections::BTreeMap;

/// A tensor on the host, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// As many as the product of these lengths.
    pub values: Vec<f32>,
}

/// Whole numbers below 2²⁰ a value: an f32 counts exactly up to 2²⁴ only.
const COUNT_BITS: u32 = 20;

impl NamedTensor {
    /// A count, exact below 2⁴⁴, as `[2]`: ⌊count / 2²⁰⌋ and the rest.
    pub fn of_count(count: u64) -> Self {
        let values = vec![(count >> COUNT_BITS) as f32, (count & ((1 << COUNT_BITS) - 1)) as f32];
        Self { shape: vec![2], values }
    }

    /// The count that [`of_count`](Self::of_count) wrote, or one of a single value, as kd2m wrote them before; `None` for anything
    /// that counts nothing.
    pub fn count(&self) -> Option<u64> {
        let whole = |x: f32| (x >= 0.0 && x.fract() == 0.0 && x < (1u64 << 40) as f32).then_some(x as u64);
        match self.values[..] {
            [count] => whole(count),
            [high, low] => Some((whole(high)? << COUNT_BITS) + whole(low)?),
            _ => None,
        }
    }
}

/// The precision of the numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32 bits, as they are computed.
    #[default]
    Single,
    /// 16 bits (IEEE half precision), rounded to the nearest: half the size, three digits, nothing beyond ±65,504.
    Half,
}

impl Precision {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }
}

/// Tensors by key.
pub type Weights = BTreeMap<String, NamedTensor>;

//! Numbers that no network computes with: an overflow in half precision leaves them, and one is enough to spoil every output.

use std::fmt;

use super::Weights;

/// What is not finite in a set of tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFinite {
    /// The first such tensor.
    pub key: String,
    /// How many of its numbers are none.
    pub nan: usize,
    /// How many are infinite.
    pub infinite: usize,
    /// Numbers of that tensor.
    pub of: usize,
    /// Further tensors with such numbers.
    pub more: usize,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [(self.nan, "NaN"), (self.infinite, "inf")];
        let counts = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
        let counts = counts.collect::<Vec<_>>().join(" and ");
        write!(f, "{} holds {counts} of {}", self.key, self.of)?;
        match self.more {
            0 => Ok(()),
            1 => write!(f, ", and so does 1 more tensor"),
            n => write!(f, ", and so do {n} more tensors"),
        }
    }
}

/// The first tensor with NaN or infinities, and how many more there are.
pub(super) fn not_finite(weights: &Weights) -> Option<NotFinite> {
    let mut bad = weights.iter().filter(|(_, tensor)| tensor.values.iter().any(|v| !v.is_finite()));
    let (key, tensor) = bad.next()?;
    let nan = tensor.values.iter().filter(|v| v.is_nan()).count();
    let infinite = tensor.values.iter().filter(|v| v.is_infinite()).count();
    Some(NotFinite { key: key.clone(), nan, infinite, of: tensor.values.len(), more: bad.count() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{
        super::{NamedTensor, check_finite},
        *,
    };

    #[test]
    fn the_first_tensor_is_counted_and_the_others_are_told() {
        let tensor = |values: &[f32]| NamedTensor { shape: vec![values.len()], values: values.to_vec() };
        let said = |tensors: &[(&str, &[f32])]| {
            let weights: Weights = tensors.iter().map(|(k, v)| ((*k).to_owned(), tensor(v))).collect();
            check_finite(Path::new("t.pth"), &weights).map_err(|e| e.to_string())
        };
        assert_eq!(said(&[("a", &[1.0, f32::MAX, f32::MIN_POSITIVE])]), Ok(()));
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let message = said(&[("a", &[1.0]), ("fc.bias", &[0.0, nan, 2.0])]).unwrap_err();
        assert!(message.starts_with("t.pth: fc.bias holds 1 NaN of 3:"), "{message}");
        let message = said(&[("b", &[nan, -inf, inf, nan, 0.0]), ("c", &[inf]), ("d", &[0.0])]).unwrap_err();
        assert!(message.starts_with("t.pth: b holds 2 NaN and 2 inf of 5, and so does 1 more tensor:"), "{message}");
    }
}

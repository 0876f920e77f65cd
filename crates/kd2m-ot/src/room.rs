//! Memory whose size a user or a file chose is asked for before it is taken: what cannot be had is an error that says how much it
//! would be and what to do instead, where an allocation that fails would end the program.

use crate::error::OtError;

/// Blocks below are taken without asking: at that size other memory would be short as well.
const ASKED_FROM: usize = 16 << 20;

/// Bytes of a block of `T` with these sides; [`usize::MAX`] where that is beyond all numbers.
pub fn bytes<T>(sides: &[usize]) -> usize {
    sides.iter().fold(size_of::<T>(), |bytes, side| bytes.saturating_mul(*side))
}

/// The sum of several blocks.
pub fn sum(blocks: &[usize]) -> usize {
    blocks.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

/// Whether a block of this size can be had.
pub fn is_there(bytes: usize) -> bool {
    bytes < ASKED_FROM || kd2m_simd::memory::is_there(bytes)
}

/// Fails where so many bytes cannot be had: `what` they are for begins the sentence, `instead` says the way out.
///
/// # Errors
/// [`OtError::Room`].
pub(crate) fn ask(metric: &str, bytes: usize, what: impl FnOnce() -> String, instead: &str) -> Result<(), OtError> {
    if is_there(bytes) {
        return Ok(());
    }
    Err(OtError::Room { metric: metric.to_owned(), what: what(), size: size(bytes), instead: instead.to_owned() })
}

/// A number of bytes as a person reads it.
pub fn size(bytes: usize) -> String {
    match bytes as f64 / 1e9 {
        _ if bytes == usize::MAX => "more memory than can be addressed".to_owned(),
        gb if gb < 9.95 => format!("{gb:.1} GB"),
        gb => format!("{gb:.0} GB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_leave_the_numbers_are_the_largest_number() {
        assert_eq!(bytes::<f64>(&[3, 4]), 96);
        assert_eq!(bytes::<f32>(&[usize::MAX, 2]), usize::MAX);
        assert_eq!(sum(&[usize::MAX, 1]), usize::MAX);
    }

    #[test]
    fn what_cannot_be_had_is_a_sentence() {
        assert!(ask("w2", 1 << 20, || unreachable!("a megabyte is there"), "").is_ok());
        let error =
            ask("w2", usize::MAX / 4, || "costs of 2 × 3 samples".to_owned(), "compare fewer samples").unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("w2: costs of 2 × 3 samples would take ") && said.ends_with("compare fewer samples"),
            "{said}"
        );
        assert_eq!((size(14_399_760_000), size(1_500_000_000)), ("14 GB".to_owned(), "1.5 GB".to_owned()));
    }
}

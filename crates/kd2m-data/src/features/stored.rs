//! An array whose header has been read and checked and whose numbers are still in the file: what the three formats have in common.

use std::io::{ErrorKind, Read};

use super::element::Element;
use crate::DataError;
use crate::source::files::damaged;

/// Numbers converted at a time.
const CHUNK: usize = 1 << 16;

/// What is allocated before anything is read where the file's own size does not vouch for the claim.
const FIRST_NUMBERS: usize = 1 << 22;

/// An array of a file, ready to be read once.
pub(super) struct Stored<'a> {
    pub place: &'a str,
    pub element: Element,
    pub shape: Vec<usize>,
    /// Fortran's order: the first index runs fastest.
    pub column_major: bool,
    pub big_endian: bool,
    /// True where the file was seen to hold as many bytes as the header claims.
    pub vouched: bool,
    pub data: &'a mut dyn Read,
}

impl Stored<'_> {
    /// All numbers in the file's order as `f32`, for types that fit.
    pub fn numbers_f32(&mut self) -> Result<Vec<f32>, DataError> {
        self.numbers(Element::extend_f32)
    }

    /// All numbers in the file's order as `f64`.
    pub fn numbers_f64(&mut self) -> Result<Vec<f64>, DataError> {
        self.numbers(Element::extend_f64)
    }

    fn numbers<T>(&mut self, extend: impl Fn(Element, &[u8], &mut Vec<T>)) -> Result<Vec<T>, DataError> {
        let (count, size) = (self.shape.iter().product::<usize>(), self.element.size());
        let mut out = Vec::with_capacity(if self.vouched { count } else { count.min(FIRST_NUMBERS) });
        let mut buffer = vec![0; count.min(CHUNK) * size];
        while out.len() < count {
            let bytes = &mut buffer[..(count - out.len()).min(CHUNK) * size];
            let done = out.len();
            self.data.read_exact(bytes).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => too_few(self.place, &self.shape, self.element, Held::AtLeast(done * size)),
                _ => damaged(self.place, error),
            })?;
            if self.big_endian {
                bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            extend(self.element, bytes, &mut out);
        }
        // A zip member's checksum is compared when its end is seen.
        match self.data.read(&mut [0; 1]).map_err(|error| damaged(self.place, error))? {
            0 => Ok(out),
            _ => Err(too_many(self.place, &self.shape, self.element)),
        }
    }
}

/// How many bytes of numbers there are.
pub(super) enum Held {
    Exactly(u64),
    AtLeast(usize),
}

/// Bytes that the header claims, or `None` where they are more than a computer can address.
pub(super) fn claimed(shape: &[usize], element: Element) -> Option<u64> {
    let bytes = shape.iter().try_fold(element.size(), |all, &k| all.checked_mul(k))?;
    (bytes <= isize::MAX as usize).then_some(bytes as u64)
}

/// Fails unless the file holds exactly what the header claims.
pub(super) fn check_claim(place: &str, shape: &[usize], element: Element, held: u64) -> Result<(), DataError> {
    match claimed(shape, element) {
        Some(bytes) if bytes < held => Err(too_many(place, shape, element)),
        Some(bytes) if bytes == held => Ok(()),
        _ => Err(too_few(place, shape, element, Held::Exactly(held))),
    }
}

fn too_few(place: &str, shape: &[usize], element: Element, held: Held) -> DataError {
    let held = match held {
        Held::Exactly(bytes) => format!("{bytes} bytes"),
        Held::AtLeast(bytes) => format!("little more than {bytes} bytes"),
    };
    let claim = claimed(shape, element).map_or(String::new(), |bytes| format!(" ({bytes} bytes)"));
    DataError::format(
        place,
        format!(
            "the header claims {} numbers of type {}{claim}, but {held} follow: the file is truncated or damaged, write it again",
            times(shape),
            element.name()
        ),
    )
}

fn too_many(place: &str, shape: &[usize], element: Element) -> DataError {
    let problem = format!(
        "more bytes follow than the {} numbers of type {} that the header claims: the file is damaged or holds a second array, write it again",
        times(shape),
        element.name()
    );
    DataError::format(place, problem)
}

/// A shape as `3 × 4`.
pub(super) fn times(shape: &[usize]) -> String {
    match shape {
        [] => "1".to_owned(),
        shape => shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × "),
    }
}

//! An array whose header has been read and checked and whose numbers are still in the file: what the three formats have in common.

use std::fs::File;
use std::io::{ErrorKind, Read};

use super::element::Element;
use super::{Location, npy, npz, safetensors};
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

/// Opens an array, whatever its format, and hands it to `take`.
pub(super) fn with_array<R>(
    location: &Location,
    take: impl FnOnce(Stored<'_>) -> Result<R, DataError>,
) -> Result<R, DataError> {
    let place = location.to_string();
    match format_of(location)? {
        Format::Npy => npy::with_file(location, &place, take),
        Format::Npz => npz::with_member(location, &place, take),
        Format::Safetensors => safetensors::with_tensor(location, &place, take),
        Format::Other => Err(DataError::format(&place, no_format(location))),
    }
}

/// What a file's first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Npy,
    Npz,
    Safetensors,
    Other,
}

/// The format by content; the name decides only between safetensors and nothing known.
pub(super) fn format_of(location: &Location) -> Result<Format, DataError> {
    let failed = |source| DataError::Io { place: location.path.display().to_string(), source };
    let mut start = Vec::new();
    File::open(&location.path).map_err(failed)?.take(9).read_to_end(&mut start).map_err(failed)?;
    let named_safetensors = location.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    Ok(match start.as_slice() {
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Format::Npy,
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Format::Npz,
        [_, _, _, _, _, 0, 0, 0, b'{'] => Format::Safetensors,
        _ if named_safetensors => Format::Safetensors,
        _ => Format::Other,
    })
}

fn no_format(location: &Location) -> &'static str {
    match location.path.metadata().map(|m| m.len()) {
        Ok(0) => "the file is empty; arrays are read from .npy, .npz and .safetensors",
        _ => {
            "the file is neither .npy, .npz nor .safetensors; with NumPy, np.save(\"features.npy\", x) writes one that is read"
        }
    }
}

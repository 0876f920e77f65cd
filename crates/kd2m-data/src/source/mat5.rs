//! The part of MATLAB's level-5 MAT format that SVHN needs: named numeric matrices, compressed or not, little-endian, read as a stream.
//! Layout after "MAT-File Format" (The MathWorks): a 128-byte header, then elements, each a tag (type, size) and its data padded to 8 bytes.
//! Read next: `svhn.rs`.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::files::{MOST_BYTES, damaged, read_at_most};
use crate::DataError;

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// MATLAB's own limits for what precedes the values.
const MOST_NAME: u32 = 64;
const MOST_DIMENSIONS: u32 = 32;

/// A matrix's values in the type they are stored as; MATLAB stores whole numbers as bytes even in matrices of doubles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    U8(Vec<u8>),
    Other(Vec<f64>),
}

/// A named matrix, its values in column-major order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    pub name: String,
    pub sizes: Vec<usize>,
    pub values: Values,
}

/// Reads the matrices whose names are `wanted`; those of other names are passed over.
pub(crate) fn read(place: &str, mut reader: impl Read, wanted: &[&str]) -> Result<Vec<Matrix>, DataError> {
    check_header(place, &mut reader)?;
    let mut matrices = Vec::new();
    while let Some((kind, size)) = next_element(place, &mut reader)? {
        let mut element = Source { place, reader: reader.by_ref().take(u64::from(size)) };
        match kind {
            COMPRESSED => {
                let mut inside = Source { place, reader: ZlibDecoder::new(&mut element.reader) };
                let tag = inside.tag()?;
                if tag.kind != MATRIX {
                    return Err(DataError::format(
                        place,
                        format!("a compressed element of type {} is not a matrix: the file is damaged", tag.kind),
                    ));
                }
                matrices.extend(inside.matrix(wanted)?);
            }
            MATRIX => matrices.extend(element.matrix(wanted)?),
            // Other top-level elements carry nothing that is asked for.
            _ => {}
        }
        // To the end of the element; top-level elements that are not compressed end on multiples of 8 by themselves.
        std::io::copy(&mut element.reader, &mut std::io::sink()).map_err(|error| damaged(place, error))?;
        if element.reader.limit() > 0 {
            let problem =
                format!("an element claims {size} bytes, more than the file holds: it is truncated, get it again");
            return Err(DataError::format(place, problem));
        }
    }
    Ok(matrices)
}

fn check_header(place: &str, reader: &mut impl Read) -> Result<(), DataError> {
    let header = read_at_most(place, reader, 128)?;
    if header.starts_with(b"MATLAB 7.3") || header.starts_with(b"\x89HDF") {
        return Err(DataError::format(
            place,
            "is a MATLAB 7.3 file (HDF5), a level-5 file is needed: save it with -v7",
        ));
    }
    match header.get(124..128) {
        Some([0, 1, b'I', b'M']) => Ok(()),
        Some([1, 0, b'M', b'I']) => {
            Err(DataError::format(place, "is a big-endian MAT file, only little-endian ones are read"))
        }
        _ => Err(DataError::format(place, "has no level-5 MAT header: is it the right file?")),
    }
}

/// Type and size of the next top-level element, none at the end of the file.
fn next_element(place: &str, reader: &mut impl Read) -> Result<Option<(u32, u32)>, DataError> {
    let tag = read_at_most(place, reader, 8)?;
    match tag[..] {
        [] => Ok(None),
        [a, b, c, d, e, f, g, h] => Ok(Some((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))),
        _ => Err(DataError::format(place, "ends within an element's tag: the file is truncated, get it again")),
    }
}

/// An element's tag; small data stands in the tag itself.
struct Tag {
    kind: u32,
    size: u32,
    small: Option<[u8; 4]>,
}

/// The inside of a top-level element.
struct Source<'a, R> {
    place: &'a str,
    reader: R,
}

impl<R: Read> Source<'_, R> {
    fn word(&mut self) -> Result<[u8; 4], DataError> {
        let mut bytes = [0; 4];
        self.reader.read_exact(&mut bytes).map_err(|error| damaged(self.place, error))?;
        Ok(bytes)
    }

    fn tag(&mut self) -> Result<Tag, DataError> {
        let first = u32::from_le_bytes(self.word()?);
        let second = self.word()?;
        let (kind, small_size) = (first & 0xffff, first >> 16);
        match small_size {
            0 => Ok(Tag { kind, size: u32::from_le_bytes(second), small: None }),
            1..=4 => Ok(Tag { kind, size: small_size, small: Some(second) }),
            _ => Err(DataError::format(
                self.place,
                format!("a small element claims {small_size} bytes of 4: the file is damaged"),
            )),
        }
    }

    /// The data of one sub-element, of at most `most` bytes.
    fn data(&mut self, what: &str, most: u64) -> Result<(u32, Vec<u8>), DataError> {
        let tag = self.tag()?;
        let size = u64::from(tag.size);
        if size > most {
            let problem = format!("{what} claims {size} bytes, {most} are expected: the file is damaged");
            return Err(DataError::format(self.place, problem));
        }
        if let Some(small) = tag.small {
            return Ok((tag.kind, small[..tag.size as usize].to_vec()));
        }
        let padding = size.next_multiple_of(8) - size;
        let mut bytes = read_at_most(self.place, &mut self.reader, size + padding)?;
        // The last element's padding is missing from some writers' files.
        if (bytes.len() as u64) < size {
            let problem = format!(
                "{what} claims {size} bytes but only {} follow: the file is truncated, get it again",
                bytes.len()
            );
            return Err(DataError::format(self.place, problem));
        }
        bytes.truncate(size as usize);
        Ok((tag.kind, bytes))
    }

    /// A matrix after its tag: flags, sizes, name, values; none where its name is not wanted.
    fn matrix(&mut self, wanted: &[&str]) -> Result<Option<Matrix>, DataError> {
        let (_, flags) = self.data("a matrix's flags", 8)?;
        let (_, sizes) = self.data("a matrix's list of sizes", u64::from(4 * MOST_DIMENSIONS))?;
        let (_, name) = self.data("a matrix's name", u64::from(MOST_NAME))?;
        let name = String::from_utf8_lossy(&name).into_owned();
        if !wanted.contains(&name.as_str()) {
            return Ok(None);
        }
        let bad = |problem: String| DataError::format(self.place, problem);
        // Classes 6 to 15 are numbers; cells, structures, characters and sparse matrices come before them. Bit 3 of the next byte: complex.
        if !matches!(flags[..], [6..=15, bits, ..] if bits & 8 == 0) {
            return Err(bad(format!("`{name}` is not a full matrix of real numbers")));
        }
        let sizes: Vec<usize> = sizes
            .chunks_exact(4)
            .map(|size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize)
            .collect();
        let shown = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
        let product = sizes
            .iter()
            .try_fold(1u64, |product, &size| product.checked_mul(size as u64))
            .filter(|&product| product <= MOST_BYTES);
        let Some(count) = product else {
            return Err(bad(format!(
                "`{name}` claims {shown} values, more than any file of this kind holds: the file is damaged"
            )));
        };
        let (kind, bytes) = self.data(&format!("`{name}`"), (8 * count).min(MOST_BYTES))?;
        let values = decode(kind, bytes)
            .ok_or_else(|| DataError::format(self.place, format!("`{name}` has values of the unknown type {kind}")))?;
        let found = match &values {
            Values::U8(values) => values.len(),
            Values::Other(values) => values.len(),
        };
        if found as u64 != count {
            return Err(DataError::format(
                self.place,
                format!("`{name}` is {shown} but has {found} values: the file is damaged"),
            ));
        }
        Ok(Some(Matrix { name, sizes, values }))
    }
}

/// The values of a data element of type `kind`, none where the type is not of numbers.
fn decode(kind: u32, bytes: Vec<u8>) -> Option<Values> {
    fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Values {
        Values::Other(bytes.as_chunks::<N>().0.iter().map(|&chunk| number(chunk)).collect())
    }
    Some(match kind {
        1 => each(&bytes, |b: [u8; 1]| f64::from(i8::from_le_bytes(b))),
        2 => Values::U8(bytes),
        3 => each(&bytes, |b| f64::from(i16::from_le_bytes(b))),
        4 => each(&bytes, |b| f64::from(u16::from_le_bytes(b))),
        5 => each(&bytes, |b| f64::from(i32::from_le_bytes(b))),
        6 => each(&bytes, |b| f64::from(u32::from_le_bytes(b))),
        7 => each(&bytes, |b| f64::from(f32::from_le_bytes(b))),
        9 => each(&bytes, f64::from_le_bytes),
        // What is too large to be exact in an f64 is no label either.
        12 => each(&bytes, |b| i64::from_le_bytes(b) as f64),
        13 => each(&bytes, |b| u64::from_le_bytes(b) as f64),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "mat5_tests.rs"]
mod tests;

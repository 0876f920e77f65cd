//! NumPy's `.npy`: a short header, a Python dictionary of three keys, then the numbers.
//! After NumPy's specification of the format, versions 1 to 3. The header is read here and not by a crate because the one there is
//! multiplies the claimed shape unchecked and parses all of Python's literals with a grammar of fifteen crates.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _};

use super::Location;
use super::element::{Element, Number};
use super::stored::{Stored, check_claim};
use crate::DataError;
use crate::source::files::damaged;

/// What a file begins with.
pub(super) const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// NumPy's own limit for headers that it trusts is 10,000 bytes.
const MOST_HEADER: usize = 1 << 16;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub element: Element,
    pub big_endian: bool,
    pub column_major: bool,
    pub shape: Vec<usize>,
}

/// Opens the one array of a `.npy` file.
pub(super) fn with_file<R>(
    location: &Location,
    place: &str,
    take: impl FnOnce(Stored<'_>) -> Result<R, DataError>,
) -> Result<R, DataError> {
    if let Some(key) = &location.key {
        let file = location.path.display();
        return Err(DataError::format(place, format!("a .npy file is one array and has no key `{key}`: pass {file}")));
    }
    let failed = |source| DataError::Io { place: place.to_owned(), source };
    let file = File::open(&location.path).map_err(failed)?;
    let held = file.metadata().map_err(failed)?.len();
    with_stream(place, &mut BufReader::new(file), held, true, take)
}

/// The same from any stream of `held` bytes; `vouched` where that number is known and not only claimed.
pub(super) fn with_stream<R>(
    place: &str,
    stream: &mut dyn Read,
    held: u64,
    vouched: bool,
    take: impl FnOnce(Stored<'_>) -> Result<R, DataError>,
) -> Result<R, DataError> {
    let (header, length) = read_header(place, stream)?;
    let Header { element, big_endian, column_major, shape } = header;
    check_claim(place, &shape, element, held.saturating_sub(length))?;
    take(Stored { place, element, shape, column_major, big_endian, vouched, data: stream })
}

/// What the header of a file says, and where its numbers begin.
pub(super) fn read_start(place: &str, file: &mut File) -> Result<(Header, u64), DataError> {
    let failed = |source| DataError::Io { place: place.to_owned(), source };
    let mut start = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(failed)?;
    if start != MAGIC {
        return Err(DataError::format(place, "the file is no .npy: write it with np.save"));
    }
    file.rewind().map_err(failed)?;
    read_header(place, &mut BufReader::new(file))
}

/// The header and its length in bytes.
fn read_header(place: &str, stream: &mut dyn Read) -> Result<(Header, u64), DataError> {
    let (text, length) = read_text(place, stream)?;
    Ok((parse(&text).map_err(|problem| DataError::format(place, problem))?, length))
}

/// The header's text, and where the numbers begin.
pub(super) fn read_text(place: &str, stream: &mut dyn Read) -> Result<(String, u64), DataError> {
    let mut read = |bytes: &mut [u8]| stream.read_exact(bytes).map_err(|error| damaged(place, error));
    let mut start = [0; 8];
    read(&mut start)?;
    let [.., version, _] = start;
    let (text, before) = match version {
        1 => {
            let mut length = [0; 2];
            read(&mut length)?;
            (usize::from(u16::from_le_bytes(length)), 10)
        }
        2 | 3 => {
            let mut length = [0; 4];
            read(&mut length)?;
            (u32::from_le_bytes(length) as usize, 12)
        }
        _ => return Err(DataError::format(place, format!("version {version} of the .npy format is not known"))),
    };
    if text > MOST_HEADER {
        return Err(DataError::format(
            place,
            format!("the header claims to be {text} bytes long: the file is damaged or no array of numbers"),
        ));
    }
    let mut bytes = vec![0; text];
    read(&mut bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), before + text as u64))
}

/// The entries of a header as they stand there.
pub(super) struct Fields<'a> {
    pub descr: &'a str,
    pub column_major: bool,
    pub shape: Vec<usize>,
}

fn parse(text: &str) -> Result<Header, String> {
    let Fields { descr, column_major, shape } = fields(text)?;
    let (element, big_endian) = number_type(descr)?;
    Ok(Header { element, big_endian, column_major, shape })
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
pub(super) fn fields(text: &str) -> Result<Fields<'_>, String> {
    let broken = || format!("the header `{}` is not a .npy header", text.trim());
    let mut rest = text.trim().strip_prefix('{').ok_or_else(broken)?.trim_start();
    let (mut descr, mut column_major, mut shape) = (None, None, None);
    while !rest.starts_with('}') {
        let (key, after) = quoted(rest).ok_or_else(broken)?;
        let value = after.trim_start().strip_prefix(':').ok_or_else(broken)?.trim_start();
        rest = match key {
            "descr" if value.starts_with('[') => {
                return Err("the array has named fields; save one of them as a plain array of numbers".to_owned());
            }
            "descr" => {
                let (text, after) = quoted(value).ok_or_else(broken)?;
                descr = Some(text);
                after
            }
            "fortran_order" => {
                let (word, after) = value.split_at(value.find([',', '}']).ok_or_else(broken)?);
                column_major = Some(match word.trim() {
                    "True" => true,
                    "False" => false,
                    _ => return Err(broken()),
                });
                after
            }
            "shape" => {
                let (inside, after) = value.strip_prefix('(').and_then(|v| v.split_once(')')).ok_or_else(broken)?;
                shape = Some(dimensions(inside).ok_or_else(broken)?);
                after
            }
            _ => return Err(broken()),
        }
        .trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Ok(Fields {
        descr: descr.ok_or_else(broken)?,
        column_major: column_major.ok_or_else(broken)?,
        shape: shape.ok_or_else(broken)?,
    })
}

/// The text between quotes, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// `3, 4` or `3,`; Python 2 wrote `3L`.
fn dimensions(inside: &str) -> Option<Vec<usize>> {
    let parts = inside.split(',').map(|k| k.trim().trim_end_matches('L'));
    parts.filter(|k| !k.is_empty()).map(|k| k.parse().ok()).collect()
}

/// The type behind `<f4` and its like, and whether its bytes are swapped.
fn number_type(descr: &str) -> Result<(Element, bool), String> {
    let (order, name) = descr.split_at(descr.find(|c: char| c.is_ascii_alphabetic() || c == '?').unwrap_or(0));
    let element = match name {
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        "i1" => Element::I8,
        "i2" => Element::I16,
        "i4" => Element::I32,
        "i8" => Element::I64,
        "u1" => Element::U8,
        "u2" => Element::U16,
        "u4" => Element::U32,
        "u8" => Element::U64,
        "b1" | "?" => Element::Bool,
        "O" => return Err("the array holds Python objects; save it as numbers, with x.astype(np.float32)".to_owned()),
        _ => {
            return Err(format!("the array's type is `{descr}`; save it as real numbers, with x.astype(np.float32)"));
        }
    };
    Ok((element, order == ">" && element.size() > 1))
}

/// The bytes of a version 1 header for a row-major array, padded so that the numbers begin at a multiple of 64.
pub(super) fn header_bytes(descr: &str, shape: &[usize]) -> Vec<u8> {
    let shape = shape.iter().map(|k| format!("{k},")).collect::<Vec<_>>().join(" ");
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(length as u16).to_le_bytes());
    bytes.extend_from_slice(format!("{text:<width$}\n", width = length - 1).as_bytes());
    bytes
}

/// Writes numbers in bounded pieces.
pub(super) fn write_numbers<T: Number>(
    out: &mut impl std::io::Write,
    values: impl IntoIterator<Item = T>,
) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(1 << 16);
    for value in values {
        value.put(&mut buffer);
        if buffer.len() >= (1 << 16) - 8 {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_numpy_are_read() {
        let read = |text: &str| parse(text).unwrap();
        let expected = Header { element: Element::F32, big_endian: false, column_major: false, shape: vec![3, 4] };
        assert_eq!(read("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }          \n"), expected);
        assert_eq!(read("{\"shape\":(3L,4L),\"descr\":\"<f4\",\"fortran_order\":False}"), expected);
        let other = read("{'descr': '>i8', 'fortran_order': True, 'shape': (7,), }");
        assert_eq!(other, Header { element: Element::I64, big_endian: true, column_major: true, shape: vec![7] });
        assert_eq!(read("{'descr': '|b1', 'fortran_order': False, 'shape': (), }").shape, Vec::<usize>::new());
    }

    #[test]
    fn what_is_no_array_of_numbers_is_said() {
        let problem = |text: &str| parse(text).unwrap_err();
        assert!(problem("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }").contains("Python objects"));
        assert!(problem("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }").contains("`<c8`"));
        assert!(problem("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }").contains("named fields"));
        for broken in [
            "",
            "{",
            "{'descr'",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'shape': (3, -4)}",
            "{'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': maybe, 'shape': ()}",
            "{'descr': '', 'fortran_order': False, 'shape': ()}",
            "é",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn written_headers_are_aligned_and_read_back() {
        for shape in [vec![], vec![5], vec![123_456_789, 512]] {
            let bytes = header_bytes("<f8", &shape);
            assert_eq!((bytes.len() % 64, bytes.last()), (0, Some(&b'\n')));
            let (header, length) = read_header("x", &mut bytes.as_slice()).unwrap();
            assert_eq!((header.shape, length), (shape, bytes.len() as u64));
        }
    }
}

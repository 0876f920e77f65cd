//! Results as files that NumPy and SciPy open: a matrix as `.npy`, a coupling as `.npz` in SciPy's sparse form.
//! Each is written under a temporary name and renamed, so that it is whole or not there.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::element::Number;
use super::npy::{header_bytes, write_numbers};
use crate::DataError;

/// Writes a row-major matrix `[n, d]` as `.npy`.
///
/// # Errors
/// The file cannot be written; an older one of that name is left as it was.
pub fn write_matrix<T: Number>(
    path: &Path,
    n: usize,
    d: usize,
    values: impl IntoIterator<Item = T>,
) -> Result<(), DataError> {
    whole(path, |out| {
        out.write_all(&header_bytes(T::DESCR, &[n, d]))?;
        write_numbers(out, values)
    })
}

/// What an array holds, row-major.
#[derive(Debug, Clone, Copy)]
pub enum Contents<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Written as i64, NumPy's own type of whole numbers.
    U32(&'a [u32]),
    /// Written in NumPy's type of the longest.
    Texts(&'a [String]),
}

/// An array under its name.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    /// What `numpy.load` knows it by.
    pub name: &'a str,
    /// Its axes, the outermost first.
    pub shape: &'a [usize],
    /// As many as the product of the axes.
    pub values: Contents<'a>,
}

/// Writes arrays as a `.npz` that `numpy.load` opens, not compressed.
///
/// # Errors
/// The file cannot be written; an older one of that name is left as it was.
pub fn write_arrays(path: &Path, arrays: &[Array]) -> Result<(), DataError> {
    whole(path, |out| {
        let mut zip = ZipWriter::new(out);
        for Array { name, shape, values } in arrays {
            match values {
                Contents::F32(values) => member(&mut zip, name, shape, values.iter().copied())?,
                Contents::U32(values) => member(&mut zip, name, shape, values.iter().map(|v| i64::from(*v)))?,
                Contents::Texts(values) => texts(&mut zip, name, shape, values)?,
            }
        }
        zip.finish().map_err(io::Error::from)?;
        Ok(())
    })
}

/// Writes a coupling `[n, m]` given by its entries (i, j, mass) as a `.npz` that `scipy.sparse.load_npz` opens as a COO matrix:
/// arrays `row`, `col` (both i32), `data` (f64), `shape` and `format`. The entries are asked for once an array, so that a large
/// coupling is never held a second time.
///
/// # Errors
/// The file cannot be written, or an index is beyond what SciPy's i32 holds.
pub fn write_coupling<I: Iterator<Item = (usize, usize, f64)>>(
    path: &Path,
    n: usize,
    m: usize,
    entries: impl Fn() -> I,
) -> Result<(), DataError> {
    if i32::try_from(n.max(m)).is_err() {
        let problem = format!("a coupling of {n} × {m} samples is too large for a sparse .npz");
        return Err(DataError::format(&path.display().to_string(), problem));
    }
    whole(path, |out| {
        let mut zip = ZipWriter::new(out);
        let length = [entries().count()];
        member(&mut zip, "row", &length, entries().map(|e| e.0 as i32))?;
        member(&mut zip, "col", &length, entries().map(|e| e.1 as i32))?;
        member(&mut zip, "data", &length, entries().map(|e| e.2))?;
        member(&mut zip, "shape", &[2], [n as i64, m as i64])?;
        start(&mut zip, "format")?;
        zip.write_all(&header_bytes("|S3", &[]))?;
        zip.write_all(b"coo")?;
        zip.finish().map_err(io::Error::from)?;
        Ok(())
    })
}

fn start<W: Write + io::Seek>(zip: &mut ZipWriter<W>, key: &str) -> io::Result<()> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    Ok(zip.start_file(format!("{key}.npy"), options)?)
}

fn member<T: Number, W: Write + io::Seek>(
    zip: &mut ZipWriter<W>,
    key: &str,
    shape: &[usize],
    values: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    start(zip, key)?;
    zip.write_all(&header_bytes(T::DESCR, shape))?;
    write_numbers(zip, values)
}

/// Texts of one width, four bytes a character, shorter ones filled up with zeros.
fn texts<W: Write + io::Seek>(zip: &mut ZipWriter<W>, key: &str, shape: &[usize], all: &[String]) -> io::Result<()> {
    let width = all.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    start(zip, key)?;
    zip.write_all(&header_bytes(&format!("<U{width}"), shape))?;
    for text in all {
        let characters = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
        zip.write_all(&characters.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
    }
    Ok(())
}

fn whole(path: &Path, fill: impl FnOnce(&mut BufWriter<AtomicWriteFile>) -> io::Result<()>) -> Result<(), DataError> {
    let attempt = || {
        let mut out = BufWriter::new(AtomicWriteFile::open(path)?);
        fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.commit()
    };
    attempt().map_err(|source| DataError::Write { place: path.display().to_string(), source })
}

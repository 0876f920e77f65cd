//! A set of features in many `.npy` files, read by position: `part-000.npy`, `part-001.npy`, … of a folder or a pattern, one after another.
//! Headers are read and compared once; rows are read when they are asked for, so that no machine has to hold the set.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::element::Element;
use super::matrix::{Features, Values, dimensions, element_of_features};
use super::npy::{self, Header};
use super::stored::check_claim;
use super::{Location, shard_names};
use crate::DataError;

/// Files that are kept open.
const MOST_OPEN: usize = 64;

/// Numbers converted at a time.
const CHUNK: usize = 1 << 16;

/// One file of a set.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    /// Where its numbers begin.
    begin: u64,
    /// The number of its first row in the set.
    first: usize,
    element: Element,
    big_endian: bool,
}

/// n samples × d features in one or many `.npy` files, none of them held.
#[derive(Debug)]
pub struct Shards {
    shards: Vec<Shard>,
    /// Samples of all files.
    n: usize,
    /// Features of a sample.
    d: usize,
    /// The last files that were read, newest last.
    open: Mutex<Vec<(usize, Arc<File>)>>,
}

/// A precision that features are read in.
pub trait Precision: Copy + Default + Send + Sync + sealed::Extend {}
impl Precision for f32 {}
impl Precision for f64 {}

mod sealed {
    use super::Element;

    pub trait Extend: Sized {
        fn extend(element: Element, bytes: &[u8], out: &mut Vec<Self>);
    }

    impl Extend for f32 {
        fn extend(element: Element, bytes: &[u8], out: &mut Vec<Self>) {
            element.extend_f32(bytes, out);
        }
    }

    impl Extend for f64 {
        fn extend(element: Element, bytes: &[u8], out: &mut Vec<Self>) {
            element.extend_f64(bytes, out);
        }
    }
}

impl Shards {
    /// Whether a location names a folder or a pattern (`DIR`, `DIR/part-*.npy`) and not one file.
    pub fn are_at(location: &Location) -> bool {
        location.key.is_none()
            && (location.path.is_dir() || (!location.path.is_file() && shard_names::is_pattern(location)))
    }

    /// Reads the headers of a folder's `part-*.npy`, of a pattern's files, or of one `.npy` file.
    ///
    /// # Errors
    /// No such files, a hole in their numbers, a file that is damaged or claims more than it holds, files of different widths or
    /// types, numbers that are no features. Each names the file.
    pub fn open(location: &Location) -> Result<Self, DataError> {
        let paths = match Self::are_at(location) {
            true => shard_names::list(location)?,
            false => vec![location.path.clone()],
        };
        let mut found = Self { shards: Vec::with_capacity(paths.len()), n: 0, d: 0, open: Mutex::default() };
        for path in paths {
            found.add(path)?;
        }
        Ok(found)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), DataError> {
        let place = path.display().to_string();
        let failed = |source| DataError::Io { place: place.clone(), source };
        let mut file = File::open(&path).map_err(failed)?;
        let held = file.metadata().map_err(failed)?.len();
        let (Header { element, big_endian, column_major, shape }, begin) = npy::read_start(&place, &mut file)?;
        check_claim(&place, &shape, element, held.saturating_sub(begin))?;
        let (n, d) = dimensions(&place, &shape)?;
        element_of_features(&place, element)?;
        let wrong = |problem: String| Err(DataError::format(&place, problem));
        if column_major && n > 1 && d > 1 {
            return wrong(
                "the array lies column by column, rows are read by position: save np.ascontiguousarray(x)".into(),
            );
        }
        if let Some(first) = self.shards.first() {
            let of_first = first.path.display();
            if d != self.d {
                return wrong(format!(
                    "has {d} columns, {of_first} has {}: files of one set have the same features",
                    self.d
                ));
            }
            if element != first.element {
                let (own, other) = (element.name(), first.element.name());
                return wrong(format!("is of type {own}, {of_first} of {other}: save all files of a set alike"));
            }
        }
        self.d = d;
        self.shards.push(Shard { path, begin, first: self.n, element, big_endian });
        self.n += n;
        Ok(())
    }

    /// Samples of all files together.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there is no sample in any of them.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Features of a sample.
    pub fn width(&self) -> usize {
        self.d
    }

    /// Whether the numbers need `f64`.
    pub fn are_double(&self) -> bool {
        self.shards.first().is_some_and(|shard| shard.element == Element::F64)
    }

    /// Writes rows from `first` on into a row-major slice of whole rows, across files where they lie in several.
    ///
    /// # Errors
    /// A file that is gone, was cut since it was opened, or cannot be read; rows beyond the last.
    pub fn read<T: Precision>(&self, first: usize, into: &mut [T]) -> Result<(), DataError> {
        let (mut row, mut rest) = (first, into);
        while !rest.is_empty() {
            let at = self.shards.partition_point(|shard| shard.first <= row).saturating_sub(1);
            let Some(shard) = self.shards.get(at).filter(|_| row < self.n) else {
                let problem = format!("row {row} was asked for, there are {}", self.n);
                return Err(DataError::format("the set", problem));
            };
            let end = self.shards.get(at + 1).map_or(self.n, |next| next.first);
            let (own, more) = rest.split_at_mut(rest.len().min((end - row) * self.d));
            self.read_one(at, shard, row - shard.first, own)?;
            row += own.len() / self.d;
            rest = more;
        }
        Ok(())
    }

    fn read_one<T: Precision>(&self, at: usize, shard: &Shard, row: usize, into: &mut [T]) -> Result<(), DataError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                let problem =
                    "is shorter than when it was opened: leave the files as they are while a command works with them";
                DataError::format(&shard.path.display().to_string(), problem)
            }
            _ => DataError::Io { place: shard.path.display().to_string(), source },
        };
        let file = self.file(at, shard).map_err(failed)?;
        let size = shard.element.size();
        let mut place = shard.begin + (row * self.d * size) as u64;
        let mut bytes = vec![0; into.len().min(CHUNK) * size];
        let mut numbers = Vec::with_capacity(into.len().min(CHUNK));
        for into in into.chunks_mut(CHUNK) {
            let bytes = &mut bytes[..into.len() * size];
            read_at(&file, bytes, place).map_err(failed)?;
            place += bytes.len() as u64;
            if shard.big_endian {
                bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            numbers.clear();
            T::extend(shard.element, bytes, &mut numbers);
            into.copy_from_slice(&numbers);
        }
        Ok(())
    }

    fn file(&self, at: usize, shard: &Shard) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.iter().position(|(of, _)| *of == at) {
            let known = open.remove(known);
            let file = known.1.clone();
            open.push(known);
            return Ok(file);
        }
        let file = Arc::new(File::open(&shard.path)?);
        if open.len() >= MOST_OPEN {
            open.remove(0);
        }
        open.push((at, file.clone()));
        Ok(file)
    }

    /// All rows in memory.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn whole(&self) -> Result<Features, DataError> {
        let Self { n, d, .. } = *self;
        fn all<T: Precision>(of: &Shards) -> Result<Vec<T>, DataError> {
            let mut values = vec![T::default(); of.n * of.d];
            of.read(0, &mut values)?;
            Ok(values)
        }
        let values = if self.are_double() { Values::F64(all(self)?) } else { Values::F32(all(self)?) };
        Ok(Features { values, n, d })
    }

    /// What tells this set from another: each file's name, size and time, in their order.
    ///
    /// # Errors
    /// A file that is gone.
    pub fn told_by(&self) -> Result<Vec<(String, u64)>, DataError> {
        let of = |shard: &Shard| {
            let name = shard.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let source = fs::metadata(&shard.path);
            source
                .map(|m| (name, m.len()))
                .map_err(|source| DataError::Io { place: shard.path.display().to_string(), source })
        };
        self.shards.iter().map(of).collect()
    }

    /// The first file's path, for messages.
    pub fn first_path(&self) -> Option<&Path> {
        self.shards.first().map(|shard| shard.path.as_path())
    }
}

/// Fills a buffer from a place of a file, without moving anybody's position in it.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place)
}

/// The same where files have only one position.
#[cfg(not(unix))]
fn read_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};

    // A second handle of the same file would share the position: this one is opened anew by `try_clone` under a lock of its own.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(place))?;
    file.read_exact(bytes)
}

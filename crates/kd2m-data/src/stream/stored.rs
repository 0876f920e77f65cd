//! Decoded images in one file: a head with what the survey found, then a place of fixed size for each image, with a sum. It is written
//! beside its name and gets it when it is whole, so that a program that is killed leaves no half file behind, and what is read is checked.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use super::ImageFile;
use crate::DataError;
use crate::statistics::Counts;

/// Begins every such file; its last letter counts the layouts.
const MAGIC: &[u8; 8] = b"kd2mimg1";
/// Bytes of the head: the magic, five numbers, 3 × 256 counts, a sum.
const HEAD: usize = 8 + 8 * (4 + 3 * 256) + 4;
/// Bytes before an image's pixels: its sum, and whether it is grey.
const BEFORE: usize = 5;

/// A file of decoded images that is whole.
#[derive(Debug)]
pub(super) struct Stored {
    path: PathBuf,
    file: Mutex<File>,
    plane: usize,
}

/// What its head says.
pub(super) struct Facts {
    pub shape: [usize; 3],
    pub counts: Counts,
}

/// Where the image of this number begins.
fn place(index: usize, plane: usize) -> u64 {
    HEAD as u64 + index as u64 * (BEFORE + 3 * plane) as u64
}

fn sum(parts: &[&[u8]]) -> [u8; 4] {
    let mut sum = crc32fast::Hasher::new();
    parts.iter().for_each(|part| sum.update(part));
    sum.finalize().to_le_bytes()
}

impl Stored {
    /// A file of so many images; none where there is no file of that name.
    ///
    /// # Errors
    /// A file that cannot be read, or is none of these.
    pub fn open(path: &Path, count: usize) -> Result<Option<(Self, Facts)>, DataError> {
        let shown = path.display().to_string();
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DataError::Io { place: shown, source }),
        };
        let damaged = || DataError::format(&shown, "is no whole file of decoded images: remove it, it is made again");
        let mut head = [0; HEAD];
        file.read_exact(&mut head).map_err(|_| damaged())?;
        let (said, own) = head.split_at(HEAD - 4);
        let numbers: Vec<u64> = said[8..].as_chunks::<8>().0.iter().map(|x| u64::from_le_bytes(*x)).collect();
        let (sizes, counts) = numbers.split_at(4);
        let [images, channels, height, width] = [0, 1, 2, 3].map(|i| usize::try_from(sizes[i]).unwrap_or(usize::MAX));
        if &said[..8] != MAGIC || own != sum(&[said]) || images != count {
            return Err(damaged());
        }
        let plane = height * width;
        let length = file.metadata().map_err(|source| DataError::Io { place: shown.clone(), source })?.len();
        if length != place(count, plane) {
            return Err(damaged());
        }
        let facts = Facts { shape: [channels, height, width], counts: Counts::from_numbers(counts).first(channels) };
        Ok(Some((Self { path: path.to_owned(), file: Mutex::new(file), plane }, facts)))
    }

    /// The image of this number: one plane if it is grey, else three.
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged there.
    pub fn read(&self, index: usize, of: &ImageFile) -> Result<Vec<u8>, DataError> {
        let mut image = vec![0; BEFORE + 3 * self.plane];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let read = file.seek(SeekFrom::Start(place(index, self.plane))).and_then(|_| file.read_exact(&mut image));
            read.map_err(|source| DataError::Io { place: self.path.display().to_string(), source })?;
        }
        let grey = image[4] == 1;
        image.truncate(BEFORE + if grey { 1 } else { 3 } * self.plane);
        if image[..4] != sum(&[&image[4..]]) {
            let (shown, path) = (self.path.display().to_string(), of.path.display());
            return Err(DataError::format(
                &shown,
                format!("is damaged where {path} should be: remove it, it is made again"),
            ));
        }
        image.drain(..BEFORE);
        Ok(image)
    }
}

/// A file of decoded images in the making.
pub(super) struct Writer {
    path: PathBuf,
    /// Where it is written: the same for every process that makes it, as all write the same bytes to the same places.
    unfinished: PathBuf,
    file: Mutex<File>,
    count: usize,
    /// Pixels of a channel, known with the first image.
    plane: OnceLock<usize>,
}

impl Writer {
    /// For so many images.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn new(path: PathBuf, count: usize) -> Result<Self, DataError> {
        let unfinished = path.with_extension("images-unfinished");
        let failed = |source| DataError::Write { place: unfinished.display().to_string(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let opened = File::options().create(true).read(true).write(true).truncate(false).open(&unfinished);
        let file = Mutex::new(opened.map_err(failed)?);
        Ok(Self { path, unfinished, file, count, plane: OnceLock::new() })
    }

    /// Writes an image of so many pixels a channel: one plane if it is grey, else three. One of another size than the first is left out: a
    /// data set with it is refused.
    ///
    /// # Errors
    /// The disk's.
    pub fn put(&self, index: usize, pixels: &[u8], plane: usize) -> Result<(), DataError> {
        if *self.plane.get_or_init(|| plane) != plane {
            return Ok(());
        }
        let grey = [u8::from(pixels.len() == plane)];
        let before = [&sum(&[&grey, pixels])[..], &grey].concat();
        self.write(place(index, plane), &[&before, pixels])
    }

    /// Takes away what was written, as there will be no more of it.
    pub fn abandon(self) {
        // Where it stays, the next one writes over it.
        let _ = fs::remove_file(&self.unfinished);
    }

    fn write(&self, at: u64, parts: &[&[u8]]) -> Result<(), DataError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written =
            file.seek(SeekFrom::Start(at)).and_then(|_| parts.iter().try_for_each(|part| file.write_all(part)));
        written.map_err(|source| DataError::Write { place: self.unfinished.display().to_string(), source })
    }

    /// Gives the file its name, and opens it.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(self, shape: [usize; 3], counts: &Counts) -> Result<Stored, DataError> {
        let [channels, height, width] = shape;
        let sizes = [self.count, channels, height, width].map(|size| size as u64);
        let numbers = sizes.into_iter().chain(counts.numbers());
        let mut head = MAGIC.to_vec();
        head.extend(numbers.flat_map(u64::to_le_bytes));
        head.resize(HEAD - 4, 0);
        let own = sum(&[&head]);
        self.write(0, &[&head, &own])?;
        let failed = |source| DataError::Write { place: self.path.display().to_string(), source };
        let length = place(self.count, height * width);
        // Behind a last image that is grey there is room.
        self.file.lock().unwrap_or_else(PoisonError::into_inner).set_len(length).map_err(failed)?;
        match fs::rename(&self.unfinished, &self.path) {
            // Another process was as far first.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.is_file() => {}
            renamed => renamed.map_err(failed)?,
        }
        let file = Mutex::new(File::open(&self.path).map_err(failed)?);
        Ok(Stored { path: self.path.clone(), file, plane: height * width })
    }
}

//! One epoch of one seed: half-precision rows, each at its sample's place under its own sum. A row is written before its sum, which lies on
//! eight aligned bytes, so that a writer that is killed anywhere leaves a row or none, and whatever else is found is damage. Several processes may
//! write one file. Rows never written are holes, which take no room on most file systems.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

use half::f16;
use sha2::{Digest, Sha256};

use super::error::ViewsError;
use crate::{files, teacher::key::Key};

const MAGIC: &[u8; 8] = b"kd2mviw1";
/// Magic, key, seed and epoch.
const HEADER: usize = MAGIC.len() + 32 + 2 * size_of::<u64>();
/// Bytes of a row's sum, and what rows are multiples of.
const SUM: usize = 8;

/// What file systems give room in.
const BLOCK: u64 = 4096;

/// Bytes that an epoch takes on the disk at the most where so many rows of so many numbers are written of so many places: rows that lie apart take
/// whole blocks.
pub(crate) fn size(width: usize, rows: usize, places: usize) -> u64 {
    let (stride, rows, places) = (stride(width), rows as u64, places as u64);
    let whole = (HEADER as u64 + stride * places).next_multiple_of(BLOCK);
    let apart = BLOCK + rows * (stride.next_multiple_of(BLOCK) + BLOCK);
    whole.min(apart)
}

/// From one row to the next.
fn stride(width: usize) -> u64 {
    (SUM + (width * size_of::<f16>()).next_multiple_of(SUM)) as u64
}

/// An open file.
pub(super) struct ViewFile {
    path: PathBuf,
    file: File,
    /// Numbers of a row.
    width: usize,
}

impl ViewFile {
    /// Opens or makes the file of an epoch of a seed.
    pub fn open(path: PathBuf, key: &Key, [seed, epoch]: [u64; 2], width: usize) -> Result<Self, ViewsError> {
        let header = [MAGIC.as_slice(), key.bytes(), &seed.to_le_bytes(), &epoch.to_le_bytes()].concat();
        if !path.try_exists().map_err(ViewsError::io("read", &path))? {
            files::create(&path, &header).map_err(ViewsError::io("write", &path))?;
        }
        let open = File::options().read(true).write(true).open(&path);
        let mut file = open.map_err(ViewsError::io("open", &path))?;
        let mut found = vec![0; HEADER];
        match file.read_exact(&mut found) {
            Ok(()) if found == header => Ok(Self { path, file, width }),
            Err(why) if why.kind() != ErrorKind::UnexpectedEof => Err(ViewsError::io("read", &path)(why)),
            _ => Err(ViewsError::damaged(&path, "does not begin as it was written")),
        }
    }

    /// The row of a sample, if it is there.
    pub fn read(&mut self, slot: u32) -> Result<Option<Vec<f32>>, ViewsError> {
        let bytes = self.bytes(slot).map_err(ViewsError::io("read", &self.path))?;
        let Some((sum, values)) = bytes.split_at_checked(SUM).filter(|(sum, _)| *sum != [0; SUM]) else {
            return Ok(None);
        };
        let length = self.width * size_of::<f16>();
        match values.get(..length) {
            Some(values) if sum == checksum(slot, values) => {
                Ok(Some(values.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()))
            }
            _ => Err(ViewsError::damaged(&self.path, format!("is damaged at image {slot}"))),
        }
    }

    /// What lies at a place, less where the file ends before.
    fn bytes(&mut self, slot: u32) -> io::Result<Vec<u8>> {
        let length = stride(self.width);
        self.seek(slot, 0)?;
        let mut bytes = Vec::with_capacity(length as usize);
        (&mut self.file).take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn seek(&mut self, slot: u32, within: usize) -> io::Result<()> {
        let at = HEADER as u64 + u64::from(slot) * stride(self.width) + within as u64;
        self.file.seek(SeekFrom::Start(at)).map(|_| ())
    }

    /// Stores the row of a sample.
    pub fn write(&mut self, slot: u32, row: &[f16]) -> Result<(), ViewsError> {
        let values: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut both = || {
            self.seek(slot, SUM)?;
            self.file.write_all(&values)?;
            self.seek(slot, 0)?;
            self.file.write_all(&checksum(slot, &values))
        };
        both().map_err(ViewsError::io("write", &self.path))
    }
}

/// Of a row at its place, so that a row that slipped to another place is not taken for its neighbour; never 0, which is a hole.
fn checksum(slot: u32, values: &[u8]) -> [u8; SUM] {
    let digest: [u8; 32] = Sha256::new().chain_update(slot.to_le_bytes()).chain_update(values).finalize().into();
    let mut sum = [0; SUM];
    sum.copy_from_slice(&digest[..SUM]);
    sum[0] |= u8::from(sum == [0; SUM]);
    sum
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{super::super::key::tests::some_key, *};

    fn row(of: f32) -> [f16; 3] {
        [of, -0.0, 0.1].map(f16::from_f32)
    }

    fn open(path: &Path) -> Result<ViewFile, ViewsError> {
        ViewFile::open(path.to_owned(), &some_key("a"), [7, 2], 3)
    }

    #[test]
    fn rows_come_back_bit_for_bit_and_the_rest_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.views");
        let mut file = open(&path).unwrap();
        file.write(4, &row(2.5)).unwrap();
        // Another process at the same file.
        let mut second = open(&path).unwrap();
        second.write(1, &[f16::ZERO; 3]).unwrap();
        let bits = |row: Vec<f32>| row.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let expected = row(2.5).map(|x| x.to_f32().to_bits());
        assert_eq!(file.read(4).unwrap().map(bits).unwrap(), expected);
        assert_eq!(file.read(1).unwrap(), Some(vec![0.0; 3]), "a row of zeros is no hole");
        assert_eq!((file.read(0).unwrap(), file.read(9).unwrap()), (None, None));
    }

    /// The writes of a row as a kill may leave them: its numbers, any part of them, without their sum.
    #[test]
    fn a_killed_writer_leaves_a_row_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.views");
        let mut file = open(&path).unwrap();
        file.write(0, &row(1.0)).unwrap();
        file.write(1, &row(2.0)).unwrap();
        let whole = fs::read(&path).unwrap();
        let begin = HEADER + stride(3) as usize;
        for length in begin..whole.len() {
            let mut torn = whole[..length].to_vec();
            torn[begin..(begin + SUM).min(length)].fill(0);
            fs::write(&path, &torn).unwrap();
            let mut file = open(&path).unwrap();
            assert!(file.read(0).unwrap().is_some() && file.read(1).unwrap().is_none(), "{length}");
        }
    }

    #[test]
    fn damage_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.views");
        open(&path).unwrap().write(0, &row(1.0)).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            let why = open(&path).and_then(|mut file| file.read(0)).unwrap_err().to_string();
            assert!(why.starts_with(&path.display().to_string()) && why.contains(": remove it"), "{at}: {why}");
        }
        // Cut within its only row, and within its beginning.
        for length in [HEADER + SUM, whole.len() - 1, HEADER - 1, 0] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(
                matches!(open(&path).and_then(|mut file| file.read(0)), Err(ViewsError::Damaged { .. })),
                "{length}"
            );
        }
        // Of another epoch, under this one's name.
        fs::write(&path, &whole).unwrap();
        let other = ViewFile::open(path, &some_key("a"), [7, 3], 3);
        assert!(matches!(other, Err(ViewsError::Damaged { .. })));
    }
}

//! Rows of numbers on disk, one for each sample at a place of its own, each under its own checksum.
//! So several processes may write one file, a writer may be killed anywhere, and what was torn or damaged is known and computed
//! anew. Rows never written are holes, which take no room on most file systems.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use super::key::{Key, bytes_of};
use crate::files;

const MAGIC: &[u8; 8] = b"kd2mrow1";
const HEADER: usize = MAGIC.len() + 32;
/// Bytes of a row's checksum.
const SUM: usize = 16;
/// How the names of these files end.
const EXTENSION: &str = "rows";

/// What lies at a place.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    Row(Vec<f32>),
    Nothing,
    /// Something that is not what was written.
    Damaged,
}

/// An open file of rows.
pub(super) struct RowFile {
    file: File,
    /// Numbers of a row.
    width: usize,
}

/// Where the file of a key lies.
fn place(folder: &Path, key: &Key) -> PathBuf {
    folder.join(format!("{}.{EXTENSION}", key.short()))
}

impl RowFile {
    /// Opens or makes the file of a key; its second answer tells what was wrong with the one that was there.
    /// Files of other keys are removed, the longest unused first, until `limit` bytes hold all with `rows` rows of this one.
    pub fn open(
        folder: &Path,
        key: &Key,
        width: usize,
        rows: usize,
        limit: u64,
    ) -> Result<(Self, Option<String>), crate::Error> {
        files::make_folder(folder)?;
        let path = place(folder, key);
        let room = limit.saturating_sub((HEADER + rows * (SUM + width * size_of::<f32>())) as u64);
        let removed = make_room(folder, &path, room);
        removed.map_err(|e| crate::Error::io("make room in", folder, e))?;
        let header = [MAGIC.as_slice(), key.bytes()].concat();
        let mut note = None;
        match read_header(&path) {
            Ok(found) if found == header => {}
            Err(e) if e.kind() == ErrorKind::NotFound => files::write(&path, &header)?,
            _ => {
                note = Some(format!("{} is damaged: the teacher's outputs are computed anew", path.display()));
                files::write(&path, &header)?;
            }
        }
        let open = File::options().read(true).write(true).open(&path);
        let file = open.map_err(|e| crate::Error::io("open", &path, e))?;
        // What was used last is removed last.
        let _ = file.set_modified(SystemTime::now());
        Ok((Self { file, width }, note))
    }

    fn seek(&mut self, slot: u32) -> io::Result<()> {
        let row = (SUM + self.width * size_of::<f32>()) as u64;
        self.file.seek(SeekFrom::Start(HEADER as u64 + u64::from(slot) * row)).map(|_| ())
    }

    pub fn read(&mut self, slot: u32) -> io::Result<Found> {
        self.seek(slot)?;
        let mut bytes = vec![0; SUM + self.width * size_of::<f32>()];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => {}
            // The end of the file, or a last row whose writer was killed.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(Found::Nothing),
            Err(e) => return Err(e),
        }
        let (sum, values) = bytes.split_at(SUM);
        if sum == checksum(slot, values) {
            let number = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            return Ok(Found::Row(values.chunks_exact(size_of::<f32>()).map(number).collect()));
        }
        Ok(if bytes.iter().all(|b| *b == 0) { Found::Nothing } else { Found::Damaged })
    }

    pub fn write(&mut self, slot: u32, row: &[f32]) -> io::Result<()> {
        self.seek(slot)?;
        let values = bytes_of(row);
        self.file.write_all(&[checksum(slot, &values).as_slice(), &values].concat())
    }
}

/// Of a row at its place, so that a row that slipped to another place is not taken for its neighbour.
fn checksum(slot: u32, values: &[u8]) -> [u8; SUM] {
    let digest: [u8; 32] = Sha256::new().chain_update(slot.to_le_bytes()).chain_update(values).finalize().into();
    let mut sum = [0; SUM];
    sum.copy_from_slice(&digest[..SUM]);
    sum
}

fn read_header(path: &Path) -> io::Result<Vec<u8>> {
    let mut header = vec![0; HEADER];
    File::open(path)?.read_exact(&mut header)?;
    Ok(header)
}

/// Removes the files of others, the longest unused first, until they take no more than `room`, holes counted as if they were full.
fn make_room(folder: &Path, own: &Path, room: u64) -> io::Result<()> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let (path, about) = {
            let e = entry?;
            (e.path(), e.metadata()?)
        };
        if path != own && path.extension().is_some_and(|e| e == EXTENSION) && about.is_file() {
            others.push((about.modified()?, about.len(), path));
        }
    }
    others.sort();
    let mut taken: u64 = others.iter().map(|(_, length, _)| length).sum();
    for (_, length, path) in others {
        if taken <= room {
            break;
        }
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => taken -= length,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::key::tests::some_key, *};

    const ROOMY: u64 = 1 << 20;

    fn open(folder: &Path, key: &Key) -> (RowFile, Option<String>) {
        RowFile::open(folder, key, 3, 10, ROOMY).unwrap()
    }

    #[test]
    fn rows_come_back_and_the_rest_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let key = some_key("a");
        let (mut first, note) = open(folder.path(), &key);
        assert_eq!(note, None);
        first.write(4, &[1.0, f32::NAN, -0.0]).unwrap();
        // Another process at the same file.
        let (mut second, note) = open(folder.path(), &key);
        assert_eq!(note, None);
        second.write(1, &[0.0; 3]).unwrap();
        let Found::Row(row) = first.read(4).unwrap() else { panic!("no row") };
        assert_eq!(row.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [1.0, f32::NAN, -0.0].map(f32::to_bits));
        assert_eq!(first.read(1).unwrap(), Found::Row(vec![0.0; 3]), "a row of zeros is no hole");
        assert_eq!((first.read(0).unwrap(), first.read(9).unwrap()), (Found::Nothing, Found::Nothing));
        let (mut other, _) = open(folder.path(), &some_key("b"));
        assert_eq!(other.read(4).unwrap(), Found::Nothing);
    }

    #[test]
    fn what_a_killed_writer_or_a_bad_disk_leaves_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let key = some_key("a");
        let (mut file, _) = open(folder.path(), &key);
        file.write(0, &[1.0, 2.0, 3.0]).unwrap();
        file.write(1, &[4.0, 5.0, 6.0]).unwrap();
        let path = place(folder.path(), &key);
        let whole = fs::read(&path).unwrap();
        // Cut at every byte: each row is whole or not there, never wrong.
        for length in HEADER..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (mut file, note) = open(folder.path(), &key);
            assert_eq!(note, None);
            let row = SUM + 12;
            let expected = if length >= HEADER + row { Found::Row(vec![1.0, 2.0, 3.0]) } else { Found::Nothing };
            assert_eq!((file.read(0).unwrap(), file.read(1).unwrap()), (expected, Found::Nothing), "{length}");
        }
        // Any bit of a row.
        for at in HEADER..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            let (mut file, _) = open(folder.path(), &key);
            let hit = ((at - HEADER) / (SUM + 12)) as u32;
            assert_eq!(file.read(hit).unwrap(), Found::Damaged, "{at}");
            assert!(matches!(file.read(1 - hit).unwrap(), Found::Row(_)));
            file.write(hit, &[7.0; 3]).unwrap();
            assert_eq!(file.read(hit).unwrap(), Found::Row(vec![7.0; 3]));
        }
        // The header, or a file of something else: said, and begun anew.
        for bad in [&b"garbage"[..], &[0; 200], &[&b"kd2mrow0"[..], &whole[8..]].concat()] {
            fs::write(&path, bad).unwrap();
            let (mut file, note) = open(folder.path(), &key);
            assert!(note.unwrap().contains("computed anew"));
            assert_eq!(file.read(0).unwrap(), Found::Nothing);
        }
    }

    #[test]
    fn a_folder_keeps_to_its_bound_and_the_longest_unused_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let keys = ["a", "b", "c"].map(some_key);
        let full = (HEADER + 10 * (SUM + 12)) as u64;
        let open = |key: &Key| RowFile::open(folder.path(), key, 3, 10, 2 * full).unwrap().0;
        for (age, key) in keys.iter().enumerate() {
            let mut file = open(key);
            (0..10).for_each(|slot| file.write(slot, &[1.0; 3]).unwrap());
            // Clocks of file systems are coarse.
            let past = SystemTime::now() - std::time::Duration::from_secs(100 - 10 * age as u64);
            file.file.set_modified(past).unwrap();
        }
        let there = |key: &Key| place(folder.path(), key).exists();
        assert_eq!(keys.each_ref().map(there), [false, true, true]);
        fs::write(folder.path().join("precious.txt"), vec![0; 5000]).unwrap();
        open(&keys[1]);
        open(&keys[0]);
        assert_eq!(keys.each_ref().map(there), [true, true, false]);
        assert!(folder.path().join("precious.txt").exists());
    }
}

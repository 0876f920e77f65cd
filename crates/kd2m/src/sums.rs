//! SHA-256 of what is on disk, as 64 hexadecimal digits: how a file that changed is known.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::Error;

/// Of bytes.
pub fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// Of a file, read in pieces.
///
/// # Errors
/// It cannot be read.
pub fn of_file(path: &Path) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut Hashing(&mut hash)));
    read.map_err(|source| Error::io("read", path, source))?;
    Ok(hexadecimal(hash))
}

/// Of one file, or of all that make up one network: shards that an index names, numbers beside an ONNX model.
///
/// # Errors
/// One of them cannot be read.
pub fn of_files(files: &[PathBuf]) -> Result<String, Error> {
    let sums = files.iter().map(|path| of_file(path)).collect::<Result<Vec<_>, Error>>()?;
    match <[String; 1]>::try_from(sums) {
        Ok([one]) => Ok(one),
        Err(several) => Ok(of_bytes(several.join("\n").as_bytes())),
    }
}

/// A writer that keeps nothing but the sum.
struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_a_file_of_them_have_the_published_sum() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!((of_bytes(b"abc").as_str(), of_file(&path).unwrap().as_str()), (abc, abc));
        assert!(of_file(&folder.path().join("none")).is_err());
    }
}

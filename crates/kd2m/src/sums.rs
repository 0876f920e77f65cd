//! Sums of what is on disk, in hexadecimal digits: SHA-256, by which a file that changed is known, and MD5, which others publish.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use md5::Md5;
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
    summed::<Sha256>(path)
}

/// The MD5 of a file, which tells a damaged one from a whole one and no more.
///
/// # Errors
/// It cannot be read.
pub fn md5_of_file(path: &Path) -> Result<String, Error> {
    summed::<Md5>(path)
}

fn summed<D: Digest>(path: &Path) -> Result<String, Error> {
    let mut hash = D::new();
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
struct Hashing<'a, D>(&'a mut D);

impl<D: Digest> io::Write for Hashing<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hexadecimal(hash: impl Digest) -> String {
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
        // RFC 1321, appendix A.5.
        assert_eq!(md5_of_file(&path).unwrap(), "900150983cd24fb0d6963f7d28e17f72");
        assert!(of_file(&folder.path().join("none")).is_err());
    }
}

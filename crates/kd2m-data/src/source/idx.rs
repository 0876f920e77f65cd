//! IDX files of unsigned bytes (Y. LeCun's format for MNIST): a magic number with the number of dimensions, the sizes, the values; big-endian.
//! Read next: `mnist.rs`, which pairs a file of images with one of labels.

use std::io::Read;

use super::files::{MOST_BYTES, damaged, read_at_most};
use crate::DataError;

/// The sizes and values of an IDX file with `N` dimensions.
#[derive(Debug, PartialEq)]
pub(crate) struct Idx<const N: usize> {
    pub sizes: [usize; N],
    pub values: Vec<u8>,
}

/// Reads a whole IDX file and checks that it holds exactly what its header claims.
pub(crate) fn read<const N: usize>(place: &str, mut reader: impl Read) -> Result<Idx<N>, DataError> {
    let mut word = || -> Result<u32, DataError> {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).map_err(|error| damaged(place, error))?;
        Ok(u32::from_be_bytes(bytes))
    };
    let (magic, expected) = (word()?, 0x0800 + N as u32);
    if magic != expected {
        let problem = format!(
            "starts with {magic:#010x}, expected {expected:#010x}, an IDX file of bytes with {N} dimension(s): is it the right file?"
        );
        return Err(DataError::format(place, problem));
    }
    let mut sizes = [0; N];
    for size in &mut sizes {
        *size = word()? as usize;
    }
    let claim = sizes
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size as u64))
        .filter(|&claim| claim <= MOST_BYTES);
    let shown = sizes.map(|size| size.to_string()).join(" × ");
    let Some(claim) = claim else {
        return Err(DataError::format(
            place,
            format!("the header claims {shown} bytes, more than any file of this kind holds: the file is damaged"),
        ));
    };
    // One byte more than claimed, to see whether something follows.
    let values = read_at_most(place, reader, claim + 1)?;
    let found = values.len() as u64;
    if found < claim {
        return Err(DataError::format(
            place,
            format!("the header claims {shown} bytes but only {found} follow: the file is truncated, get it again"),
        ));
    }
    if found > claim {
        return Err(DataError::format(
            place,
            format!("the header claims {shown} bytes but more follow: the file is damaged, get it again"),
        ));
    }
    Ok(Idx { sizes, values })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_sizes_and_values_are_read() {
        let file = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        assert_eq!(read::<2>("f", &file[..]).unwrap(), Idx { sizes: [2, 3], values: vec![1, 2, 3, 4, 5, 6] });
    }

    #[test]
    fn every_cut_is_an_error() {
        let file = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        for length in 0..file.len() {
            assert!(read::<2>("f", &file[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn broken_files_say_what_is_wrong() {
        let message = |bytes: &[u8]| read::<1>("f", bytes).unwrap_err().to_string();
        assert_eq!(
            message(&[0, 0, 8, 3, 0, 0, 0, 0]),
            "f: starts with 0x00000803, expected 0x00000801, an IDX file of bytes with 1 dimension(s): is it the right file?"
        );
        assert_eq!(
            message(&[0, 0, 8, 1, 255, 255, 255, 255, 7]),
            "f: the header claims 4294967295 bytes, more than any file of this kind holds: the file is damaged"
        );
        assert_eq!(
            message(&[0, 0, 8, 1, 0, 0, 0, 5, 7]),
            "f: the header claims 5 bytes but only 1 follow: the file is truncated, get it again"
        );
        assert_eq!(
            message(&[0, 0, 8, 1, 0, 0, 0, 1, 7, 8]),
            "f: the header claims 1 bytes but more follow: the file is damaged, get it again"
        );
        assert_eq!(message(&[0, 0]), "f: the file is truncated or damaged (failed to fill whole buffer): get it again");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), dimensions in 1u8..4) {
            let _ = read::<3>("f", &bytes[..]);
            let header = [&[0, 0, 8, dimensions][..], &bytes[..]].concat();
            let _ = (read::<1>("f", &header[..]), read::<3>("f", &header[..]));
        }
    }
}

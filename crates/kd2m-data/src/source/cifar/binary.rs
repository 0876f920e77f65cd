//! The binary layout: records of one or two label bytes and 3,072 pixels.

use super::kind::{Kind, PIXELS};
use crate::{DataError, samples::Raw};

/// Appends the records of one file; the last label byte is the one that counts.
pub(super) fn append(samples: &mut Raw, place: &str, bytes: &[u8], kinds: &[Kind]) -> Result<(), DataError> {
    let record_length = kinds.len() + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record_length) {
        let (found, over) = (bytes.len(), bytes.len() % record_length);
        let problem = format!(
            "{found} bytes are not whole records of {record_length} ({over} left over): the file is truncated or of another layout"
        );
        return Err(DataError::format(place, problem));
    }
    let count = bytes.len() / record_length;
    samples.pixels.reserve(count * PIXELS);
    for (record, bytes) in bytes.chunks_exact(record_length).enumerate() {
        let (labels, pixels) = bytes.split_at(kinds.len());
        for (&label, kind) in labels.iter().zip(kinds) {
            kind.check(place, record, i128::from(label))?;
        }
        samples.pixels.extend_from_slice(pixels);
        samples.labels.extend(labels.last().map(|&label| u32::from(label)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::kind::{COARSE, FINE, LABEL},
        *,
    };

    #[test]
    fn every_file_length_but_whole_records_is_an_error() {
        for length in [0, 1, 3072, 3074, 2 * 3073 - 1] {
            let error = append(&mut Raw::default(), "f", &vec![0; length], &[LABEL]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("f: {length} bytes are not whole records of 3073")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..9300)) {
            let _ = append(&mut Raw::default(), "f", &bytes, &[COARSE, FINE]);
            let whole = bytes.len() / 3073 * 3073;
            let _ = append(&mut Raw::default(), "f", &bytes[..whole], &[LABEL]);
        }
    }
}

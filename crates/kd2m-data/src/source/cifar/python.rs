//! The Python layout: a pickled dictionary of `data`, an array of bytes `[n, 3072]`, and of lists of labels. Nothing in it is executed.

use kd2m_pickle::{Pickle, Value, parse};

use super::kind::{Kind, PIXELS};
use crate::{DataError, samples::Raw};

/// Appends the records of one file; the last kind of label is the one that counts.
pub(super) fn append(samples: &mut Raw, place: &str, bytes: &[u8], kinds: &[Kind]) -> Result<(), DataError> {
    let refuse = |problem: String| DataError::format(place, problem);
    let pickle =
        parse(bytes).map_err(|why| refuse(format!("{why}: it is damaged or no file of CIFAR's Python version")))?;
    let part = |key: &str| {
        let found = pickle.get(pickle.root, key);
        found.ok_or_else(|| refuse(format!("has no entry `{key}`: it is no file of this data set's Python version")))
    };
    let data = pickle.array(part("data")?).map_err(|why| refuse(format!("its entry `data` {why}")))?;
    if data.dtype != "u1" || data.shape.len() != 2 || data.shape[1] != PIXELS || data.shape[0] == 0 {
        let (dtype, shape) = (data.dtype, &data.shape);
        return Err(refuse(format!(
            "its entry `data` is {shape:?} numbers of type {dtype}, expected bytes, {PIXELS} an image"
        )));
    }
    let mut labels = Vec::new();
    for kind in kinds {
        labels = read(&pickle, part(kind.key)?, place, kind)?;
        if labels.len() != data.shape[0] {
            let (count, images) = (labels.len(), data.shape[0]);
            return Err(refuse(format!("has {images} images and {count} entries in `{}`: it is damaged", kind.key)));
        }
    }
    samples.pixels.extend_from_slice(data.bytes);
    samples.labels.extend(labels);
    Ok(())
}

/// The labels of one kind.
fn read(pickle: &Pickle, id: usize, place: &str, kind: &Kind) -> Result<Vec<u32>, DataError> {
    let Value::Sequence(items) = &pickle.values[id] else {
        let found = pickle.values[id].kind();
        return Err(DataError::format(place, format!("its entry `{}` is {found}, expected a list", kind.key)));
    };
    let label = |(record, item): (usize, &usize)| match pickle.values[*item] {
        Value::Int(label) => kind.check(place, record, label),
        _ => kind.check(place, record, -1),
    };
    items.iter().enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::kind::LABEL, *};

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = append(&mut Raw::default(), "f", &bytes, &[LABEL]);
        }
    }
}

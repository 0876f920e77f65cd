//! Names beside numbers: an array of NumPy's texts (`<U7`) in a `.npz`, or a JSON list among the metadata of safetensors, which hold no texts.

use std::io::Read;

use super::{
    Location,
    format::{Format, array_names, format_of},
    npy::{self, Fields},
    npz, safetensors,
};
use crate::{DataError, source::files::damaged};

/// Bytes beyond which an array is no list of names.
const MOST: usize = 1 << 24;

/// The texts under the location's key; none where the file holds none of that name.
///
/// # Errors
/// A file that cannot be read; something else than texts, or more of them than names can be.
pub fn read_texts(location: &Location) -> Result<Option<Vec<String>>, DataError> {
    let (place, key) = (location.to_string(), location.key.as_deref().unwrap_or_default());
    match format_of(location)? {
        Format::Npz if array_names(location)?.iter().any(|held| held == key) => {
            npz::opened(location, &place, |member, held, _| of_npy(&place, member, held)).map(Some)
        }
        Format::Safetensors => safetensors::texts(location, &place, key),
        Format::Npz | Format::Npy | Format::Other => Ok(None),
    }
}

/// The texts of a `.npy` of `held` bytes.
fn of_npy(place: &str, stream: &mut dyn Read, held: u64) -> Result<Vec<String>, DataError> {
    let wrong = |problem: String| DataError::format(place, problem);
    let (header, length) = npy::read_text(place, stream)?;
    let Fields { descr, shape, .. } = npy::fields(&header).map_err(wrong)?;
    let (order, kind) = descr.split_at(descr.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0));
    let no_texts = || {
        wrong(format!("the array's type is `{descr}`, expected texts: save names with np.array([\"cat\", \"dog\"])"))
    };
    let (wide, width) = match kind.split_at_checked(1) {
        Some(("U", width)) => (true, width),
        Some(("S", width)) => (false, width),
        _ => return Err(no_texts()),
    };
    let width: usize = width.parse().map_err(|_| no_texts())?;
    let [count] = shape[..] else {
        return Err(wrong(format!("the array has {} axes, expected a list of texts", shape.len())));
    };
    let size = if wide { width.saturating_mul(4) } else { width };
    let claimed = count.checked_mul(size.max(1)).filter(|bytes| *bytes <= MOST);
    let bytes = claimed.ok_or_else(|| wrong(format!("{count} texts of {size} bytes are no list of names")))?;
    if size == 0 {
        return Ok(vec![String::new(); count]);
    }
    if bytes as u64 != held.saturating_sub(length) {
        let problem = format!(
            "the header claims {bytes} bytes of texts, but {} follow: the file is damaged, write it again",
            held.saturating_sub(length)
        );
        return Err(wrong(problem));
    }
    let mut data = vec![0; bytes];
    stream.read_exact(&mut data).map_err(|error| damaged(place, error))?;
    let character = |b: &[u8; 4]| match order {
        ">" => char::from_u32(u32::from_be_bytes(*b)),
        _ => char::from_u32(u32::from_le_bytes(*b)),
    };
    let text = |bytes: &[u8]| -> Option<String> {
        let text = match wide {
            true => bytes.as_chunks::<4>().0.iter().map(character).collect::<Option<String>>()?,
            false => String::from_utf8(bytes.to_vec()).ok()?,
        };
        Some(text.trim_end_matches('\0').to_owned())
    };
    data.chunks_exact(size).map(text).collect::<Option<_>>().ok_or_else(|| wrong("a name in it is no text".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Array, Contents, write_arrays};

    #[test]
    fn names_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        for names in [vec!["cat", "größer 猫", ""], vec![""], vec![]] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let shape = [names.len()];
            let of = |values| Array { name: "class_names", shape: &shape, values };
            let other = Array { name: "other", shape: &[1], values: Contents::F32(&[1.0]) };
            write_arrays(&path, &[of(Contents::Texts(&names)), other]).unwrap();
            let at = |key: &str| Location { path: path.clone(), key: Some(key.to_owned()) };
            assert_eq!(read_texts(&at("class_names")).unwrap().unwrap(), names);
            assert_eq!(read_texts(&at("names")).unwrap(), None);
            assert!(read_texts(&at("other")).unwrap_err().to_string().contains("`<f4`, expected texts"));
        }
    }

    #[test]
    fn what_numpy_writes_is_read_and_damage_is_said() {
        let read = |descr: &str, shape: &str, data: &[u8]| {
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes.extend(data);
            of_npy("x", &mut bytes.as_slice(), bytes.len() as u64).map_err(|e| e.to_string())
        };
        assert_eq!(read("|S3", "(2,)", b"catox\0").unwrap(), ["cat", "ox"]);
        assert_eq!(read("<U1", "(2,)", b"a\0\0\0\xe9\0\0\0").unwrap(), ["a", "é"]);
        assert_eq!(read(">U1", "(1,)", b"\0\0\0a").unwrap(), ["a"]);
        assert_eq!(read("<U0", "(2,)", b"").unwrap(), ["", ""]);
        for (descr, shape, data, words) in [
            ("|O", "(1,)", &b""[..], "expected texts"),
            ("<U1", "(1, 1)", b"a\0\0\0", "2 axes"),
            ("<U1", "(3,)", b"a\0\0\0", "claims 12 bytes"),
            ("<U1", "(1,)", b"\0\xd8\0\0", "no text"),
            ("|S1", "(1,)", b"\xff", "no text"),
            ("<U9999999", "(9999999,)", b"", "no list of names"),
            ("<U", "(1,)", b"", "expected texts"),
        ] {
            let found = read(descr, shape, data).unwrap_err();
            assert!(found.contains(words), "{descr}: {found}");
        }
    }

    #[test]
    fn safetensors_say_names_among_their_metadata() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let at = Location { path: path.clone(), key: Some("class_names".to_owned()) };
        let read = |metadata: &str| {
            let header = format!(r#"{{{metadata}"x":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
            std::fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat())
                .unwrap();
            read_texts(&at).map_err(|e| e.to_string())
        };
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read(r#""__metadata__":{"format":"pt"},"#).unwrap(), None);
        let listed = read(r#""__metadata__":{"class_names":"[\"cat\", \"dog\"]"},"#).unwrap();
        assert_eq!(listed.unwrap(), ["cat", "dog"]);
        let ours = read(r#""__metadata__":{"kd2m":"{\"class_names\":[\"cat\"],\"classes\":1}"},"#).unwrap();
        assert_eq!(ours.unwrap(), ["cat"]);
        assert!(read(r#""__metadata__":{"class_names":"cat, dog"},"#).unwrap_err().contains("JSON list of texts"));
    }
}

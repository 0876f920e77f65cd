//! Safetensors: eight bytes of length, a JSON header, then all tensors; only the wanted one is read.
//! The crate `safetensors` parses the header and checks that tensors neither overlap nor leave gaps.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use ::safetensors::tensor::{Dtype, Metadata};

use super::Location;
use super::element::Element;
use super::npz::chosen_key;
use super::stored::Stored;
use crate::DataError;
use crate::source::files::damaged;

/// Opens the tensor under the location's key, or the only one there is.
pub(super) fn with_tensor<R>(
    location: &Location,
    place: &str,
    take: impl FnOnce(Stored<'_>) -> Result<R, DataError>,
) -> Result<R, DataError> {
    let failed = |source| DataError::Io { place: place.to_owned(), source };
    let file = File::open(&location.path).map_err(failed)?;
    let held = file.metadata().map_err(failed)?.len();
    let mut file = BufReader::new(file);
    let (metadata, start) = read_header(place, &mut file, held)?;
    let promised = start + metadata.data_len() as u64;
    if promised != held {
        return Err(DataError::format(
            place,
            format!(
                "the header claims {promised} bytes, but the file has {held}: it is truncated or damaged, write it again"
            ),
        ));
    }
    let mut keys = metadata.offset_keys();
    keys.sort();
    let key = chosen_key(location, place, &keys.iter().map(String::as_str).collect::<Vec<_>>())?;
    let Some(info) = metadata.info(key) else {
        return Err(DataError::format(place, format!("the header lists `{key}` without saying where it is")));
    };
    let element = number_type(info.dtype).ok_or_else(|| {
        DataError::format(place, format!("`{key}` has the type {:?}; save it as F32 or F64", info.dtype))
    })?;
    let (from, to) = info.data_offsets;
    file.seek(SeekFrom::Start(start + from as u64)).map_err(failed)?;
    let mut data = file.take((to - from) as u64);
    let shape = info.shape.clone();
    take(Stored { place, element, shape, column_major: false, big_endian: false, vouched: true, data: &mut data })
}

/// The names of a file's tensors, in the order of the alphabet.
pub(super) fn names(location: &Location, place: &str) -> Result<Vec<String>, DataError> {
    let failed = |source| DataError::Io { place: place.to_owned(), source };
    let file = File::open(&location.path).map_err(failed)?;
    let held = file.metadata().map_err(failed)?.len();
    let mut names = read_header(place, &mut BufReader::new(file), held)?.0.offset_keys();
    names.sort();
    Ok(names)
}

/// The texts of this name among the metadata: a JSON list, or one in the text that kd2m writes.
pub(super) fn texts(location: &Location, place: &str, name: &str) -> Result<Option<Vec<String>>, DataError> {
    let failed = |source| DataError::Io { place: place.to_owned(), source };
    let file = File::open(&location.path).map_err(failed)?;
    let held = file.metadata().map_err(failed)?.len();
    let header = read_header(place, &mut BufReader::new(file), held)?.0;
    let Some(all) = header.metadata() else { return Ok(None) };
    if let Some(text) = all.get(name) {
        let list = serde_json::from_str(text).map(Some);
        return list
            .map_err(|_| DataError::format(place, format!("`{name}` of its metadata is no JSON list of texts")));
    }
    let own = all.get("kd2m").and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    Ok(own.and_then(|own| serde_json::from_value(own.get(name)?.clone()).ok()))
}

/// The header, and where the numbers begin.
fn read_header(place: &str, file: &mut impl Read, held: u64) -> Result<(Metadata, u64), DataError> {
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|error| damaged(place, error))?;
    let length = u64::from_le_bytes(length);
    if length > held.saturating_sub(8) {
        return Err(DataError::format(
            place,
            format!(
                "the header claims to be {length} bytes long, but the file has {held}: it is truncated or no safetensors file"
            ),
        ));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(|error| damaged(place, error))?;
    let metadata = serde_json::from_slice(&text).map_err(|error| {
        DataError::format(place, format!("the safetensors header is damaged ({error}): write the file again"))
    })?;
    Ok((metadata, 8 + length))
}

fn number_type(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::BOOL => Element::Bool,
        Dtype::U8 => Element::U8,
        Dtype::I8 => Element::I8,
        Dtype::I16 => Element::I16,
        Dtype::U16 => Element::U16,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::I32 => Element::I32,
        Dtype::U32 => Element::U32,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::I64 => Element::I64,
        Dtype::U64 => Element::U64,
        _ => return None,
    })
}

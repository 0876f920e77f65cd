//! The tar archive that `torch.save` wrote before version 0.1.10: `storages` (a count; key, device and class of each, then its length and
//! its bytes), `tensors` (a count; key, storage and class of each, then its sizes, strides and offset), `pickle` (the object, in which
//! tensors stand as persistent ids). `torch.serialization._legacy_load` reads it still.

use std::collections::HashMap;

use kd2m_pickle::{Id, Pickle, Value};

use super::{
    super::number::Number,
    checkpoint::{Checkpoint, Storages},
    dicts::{Entry, state_dicts},
    tensor::{Description, short_name, width_of_others},
};

/// Where a tar archive says that it is one.
const MAGIC: std::ops::Range<usize> = 257..262;

/// Whether these bytes are a tar archive.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.get(MAGIC).is_some_and(|magic| magic == b"ustar")
}

/// Opens one.
///
/// # Errors
/// A tar archive of other things, damage, or no state dict.
pub(super) fn open(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let members = members(bytes)?;
    let [Some(mut storages), Some(mut tensors), Some(object)] =
        ["storages", "tensors", "pickle"].map(|name| members.get(name).map(|bytes| Reader { bytes }))
    else {
        let names: Vec<&str> = members.keys().take(3).map(String::as_str).collect();
        return Err(format!("it is a tar archive of other things ({}): unpack it first", names.join(", ")));
    };
    let (kinds, contents) = storages.storages()?;
    let tensors = tensors.tensors(&kinds)?;
    let pickle = kd2m_pickle::parse(object.bytes)?;
    let dicts = state_dicts(&pickle, &|id| Some(tensors.get(&persistent(&pickle, id)?)?.clone()))?;
    Ok(Checkpoint { dicts, storages: Storages::Memory(contents) })
}

/// Members by name, as slices of the file.
fn members(bytes: &[u8]) -> Result<HashMap<String, &[u8]>, String> {
    let fail = |why: std::io::Error| format!("it is a damaged tar archive: {why}");
    let mut found = HashMap::new();
    for entry in tar::Archive::new(bytes).entries().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        let place = || {
            let start = usize::try_from(entry.raw_file_position()).ok()?;
            bytes.get(start..start.checked_add(usize::try_from(entry.size()).ok()?)?)
        };
        found.insert(name, place().ok_or("it is a tar archive that is cut short")?);
    }
    Ok(found)
}

/// The number by which the pickle names a tensor: alone, or first of several things.
fn persistent(pickle: &Pickle, id: Id) -> Option<String> {
    let Value::Persistent(argument) = pickle.values[id] else { return None };
    let key = match &pickle.values[argument] {
        Value::Sequence(parts) => *parts.first()?,
        _ => argument,
    };
    name(pickle, key)
}

/// A key: numbers here, texts there.
fn name(pickle: &Pickle, id: Id) -> Option<String> {
    match &pickle.values[id] {
        Value::Int(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// Class of numbers by the key of a storage, where that begins another's view: its root and offset.
type Kinds = HashMap<String, Kind>;

struct Kind {
    class: String,
    root: String,
    offset: usize,
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn pickle(&mut self) -> Result<Pickle, String> {
        let pickle = kd2m_pickle::parse(self.bytes)?;
        self.bytes = &self.bytes[pickle.length..];
        Ok(pickle)
    }

    fn take(&mut self, length: Option<usize>) -> Result<&'a [u8], String> {
        let (taken, rest) = length.and_then(|n| self.bytes.split_at_checked(n)).ok_or("it is cut short")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize, String> {
        let bytes = self.take(Some(8))?.first_chunk().ok_or("it is cut short")?;
        usize::try_from(i64::from_le_bytes(*bytes)).map_err(|_| "it has a negative size".to_owned())
    }

    fn count(&mut self) -> Result<usize, String> {
        let pickle = self.pickle()?;
        match pickle.values[pickle.root] {
            Value::Int(count) => usize::try_from(count).map_err(|_| format!("it has {count} things")),
            _ => Err("a count is missing".to_owned()),
        }
    }

    /// Key, another word and class of the thing that follows.
    fn heading(&mut self) -> Result<(String, String, String), String> {
        let pickle = self.pickle()?;
        let parts = match &pickle.values[pickle.root] {
            Value::Sequence(parts) => parts.as_slice(),
            _ => &[],
        };
        let class = |id: Id| match &pickle.values[id] {
            Value::Global(class) => Some(short_name(class).to_owned()),
            _ => None,
        };
        let found = match parts {
            [key, other, kind] => name(&pickle, *key).zip(name(&pickle, *other)).zip(class(*kind)),
            _ => None,
        };
        let ((key, other), class) = found.ok_or("a heading of three parts is missing")?;
        Ok((key, other, class))
    }

    fn storages(&mut self) -> Result<(Kinds, HashMap<String, &'a [u8]>), String> {
        let (mut kinds, mut contents) = (Kinds::new(), HashMap::new());
        for _ in 0..self.count()? {
            let (key, _, class) = self.heading()?;
            let width = Number::of_torch(&class).map(Number::width).or_else(|| width_of_others(&class));
            let width = width.ok_or_else(|| format!("storages of the type {class} are not read"))?;
            let length = self.number()?;
            contents.insert(key.clone(), self.take(length.checked_mul(width))?);
            kinds.insert(key.clone(), Kind { class, root: key, offset: 0 });
        }
        // Views of storages: key, root, offset, length.
        let views = self.pickle()?;
        let Value::Sequence(all) = &views.values[views.root] else { return Ok((kinds, contents)) };
        for view in all {
            let Value::Sequence(parts) = &views.values[*view] else { continue };
            let &[key, root, offset, _] = parts.as_slice() else { continue };
            let (Some(key), Some(root), Value::Int(offset)) =
                (name(&views, key), name(&views, root), &views.values[offset])
            else {
                continue;
            };
            if let (Some(of), Ok(offset)) = (kinds.get(&root), usize::try_from(*offset)) {
                let class = of.class.clone();
                kinds.insert(key, Kind { class, root, offset });
            }
        }
        Ok((kinds, contents))
    }

    fn tensors(&mut self, kinds: &Kinds) -> Result<HashMap<String, Entry>, String> {
        let mut tensors = HashMap::new();
        for _ in 0..self.count()? {
            let (key, storage, _) = self.heading()?;
            // Four bytes of the number of axes, four that are not read.
            let axes = self.number()? & 0xffff_ffff;
            let mut list = || (0..axes).map(|_| self.number()).collect::<Result<Vec<usize>, String>>();
            let (shape, strides) = (list()?, list()?);
            let offset = self.number()?;
            let kind = kinds.get(&storage).ok_or_else(|| format!("storage {storage} is missing"))?;
            let entry = match (Number::of_torch(&kind.class), kind.offset.checked_add(offset)) {
                (Some(number), Some(offset)) => {
                    Entry::Tensor(Description { number, storage: kind.root.clone(), offset, shape, strides })
                }
                _ => Entry::Unread(format!("holds numbers of the type {}, which are no weights", kind.class)),
            };
            tensors.insert(key, entry);
        }
        Ok(tensors)
    }
}

//! PyTorch's own checkpoints (`torch.save`), the zip of today and the pickle stream from before version 1.6.
//! Tensors are a pickle of shapes and strides over storages that lie beside it as plain bytes; see [`super::pickle`].

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{Cursor, Read},
};

use zip::ZipArchive;

use super::{
    NamedTensor, Weights,
    number::Number,
    pickle::{self, Id, Pickle, Value},
};

/// The number that opens a stream of the old format, as its own small pickle.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Whether these bytes are a checkpoint that [`Checkpoint::open`] reads.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(LEGACY_MAGIC)
}

/// A checkpoint's state dicts, described; values are read for the one that is chosen.
pub(super) struct Checkpoint<'a> {
    pub dicts: Vec<StateDict>,
    storages: Storages<'a>,
}

/// Named tensors at one place of a checkpoint.
pub(super) struct StateDict {
    /// Keys that lead to it, joined by dots; empty for the root.
    pub key: String,
    /// Or why they cannot be read. Integer ones (`num_batches_tracked`) are passed over.
    tensors: Result<Vec<(String, Description)>, String>,
}

/// Where the numbers lie.
enum Storages<'a> {
    Zip { archive: Box<ZipArchive<Cursor<&'a [u8]>>>, folder: String },
    Stream(HashMap<String, &'a [u8]>),
}

impl StateDict {
    /// Shapes by name, or why a tensor cannot be read.
    pub fn shapes(&self) -> Result<BTreeMap<String, Vec<usize>>, String> {
        let tensors = self.tensors.as_ref().map_err(Clone::clone)?;
        Ok(tensors.iter().map(|(key, tensor)| (key.clone(), tensor.shape.clone())).collect())
    }
}

impl<'a> Checkpoint<'a> {
    /// Reads what there is, no values yet.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.starts_with(LEGACY_MAGIC) { open_stream(bytes) } else { open_zip(bytes) }
    }

    /// The tensors of state dict number `index`.
    pub fn values(mut self, index: usize) -> Result<Weights, String> {
        let tensors = self.dicts.swap_remove(index).tensors?;
        match self.storages {
            Storages::Stream(storages) => gather(tensors, |key| storages.get(key).copied()),
            Storages::Zip { mut archive, folder } => {
                let mut storages = HashMap::new();
                for (_, tensor) in &tensors {
                    if !storages.contains_key(&tensor.storage) {
                        let content = load(&mut archive, &format!("{folder}data/{}", tensor.storage))?;
                        storages.insert(tensor.storage.clone(), content);
                    }
                }
                gather(tensors, |key| storages.get(key).map(Vec::as_slice))
            }
        }
    }
}

fn load(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, String> {
    let mut file = archive.by_name(name).map_err(|e| format!("{name}: {e}"))?;
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(|e| format!("{name}: {e}"))?;
    Ok(content)
}

fn open_zip(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let mut archive = Box::new(ZipArchive::new(Cursor::new(bytes)).map_err(|e| format!("zip: {e}"))?);
    let mut names = archive.file_names();
    let Some(entry) = names.find(|n| *n == "data.pkl" || n.ends_with("/data.pkl")).map(str::to_owned) else {
        return Err("a zip without data.pkl is not a PyTorch checkpoint".to_owned());
    };
    drop(names);
    let folder = entry.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if load(&mut archive, &format!("{folder}byteorder")).is_ok_and(|order| order != b"little") {
        return Err("its numbers are big-endian".to_owned());
    }
    let pickle = pickle::parse(&load(&mut archive, &entry)?)?;
    Ok(Checkpoint { dicts: state_dicts(&pickle)?, storages: Storages::Zip { archive, folder } })
}

/// Magic number, version and system, each a pickle; the object; a pickle of keys; each storage after its length.
fn open_stream(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let mut at = 0;
    let mut next = || {
        let pickle = pickle::parse(&bytes[at..])?;
        at += pickle.length;
        Ok::<_, String>(pickle)
    };
    for _ in 0..3 {
        next()?;
    }
    let (pickle, keys) = (next()?, next()?);
    let widths = storage_widths(&pickle)?;
    let Value::Sequence(order) = &keys.values[keys.root] else { return Err("no list of storages".to_owned()) };
    let mut storages = HashMap::new();
    for &id in order {
        let key = text(&keys, id)?;
        let width = widths.get(key).ok_or_else(|| format!("storage {key} belongs to nothing"))?;
        let cut = || format!("it ends within storage {key}");
        let (length, rest) = bytes[at..].split_first_chunk().ok_or_else(cut)?;
        let length = usize::try_from(i64::from_le_bytes(*length)).ok().and_then(|n| n.checked_mul(*width));
        let content = length.and_then(|n| rest.get(..n)).ok_or_else(cut)?;
        at += 8 + content.len();
        storages.insert(key.to_owned(), content);
    }
    Ok(Checkpoint { dicts: state_dicts(&pickle)?, storages: Storages::Stream(storages) })
}

/// A tensor as the pickle describes it.
struct Description {
    number: Number,
    storage: String,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// How deep state dicts are looked for: `{"models": {"teacher": {"state_dict": …}}}`.
const DEPTH: usize = 4;

/// Every dictionary that holds tensors, the root first, then as they stand in the file.
fn state_dicts(pickle: &Pickle) -> Result<Vec<StateDict>, String> {
    let mut found = Vec::new();
    // A pickle may hold one dictionary at several places, and even within itself.
    let mut seen = HashSet::new();
    let mut ahead = vec![(String::new(), pickle.root, DEPTH)];
    while let Some((path, id, deeper)) = ahead.pop() {
        if !seen.insert(id) {
            continue;
        }
        let entries = entries(pickle, id);
        if entries.iter().any(|(_, v)| matches!(pickle.values[*v], Value::Tensor(_))) {
            found.push(StateDict { key: path.clone(), tensors: tensors(pickle, &entries) });
        }
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let nested = entries.iter().rev().filter(|(_, v)| deeper > 0 && matches!(pickle.values[*v], Value::Dict(_)));
        ahead.extend(nested.map(|(key, v)| (below(key), *v, deeper - 1)));
    }
    if found.is_empty() { Err(no_state_dict(pickle)) } else { Ok(found) }
}

/// What a dictionary holds under names.
fn entries(pickle: &Pickle, id: Id) -> Vec<(&str, Id)> {
    match &pickle.values[id] {
        Value::Dict(pairs) => pairs.iter().filter_map(|(k, v)| Some((text(pickle, *k).ok()?, *v))).collect(),
        _ => Vec::new(),
    }
}

fn tensors(pickle: &Pickle, entries: &[(&str, Id)]) -> Result<Vec<(String, Description)>, String> {
    let mut tensors = Vec::new();
    for (key, id) in entries {
        match &pickle.values[*id] {
            Value::Tensor(arguments) => {
                if let Some(tensor) = describe(pickle, arguments).map_err(|reason| format!("{key}: {reason}"))? {
                    tensors.push(((*key).to_owned(), tensor));
                }
            }
            Value::Opaque(class) => return Err(format!("{key} is a {class}, which is not read")),
            // Plain numbers and notes beside the tensors.
            _ => {}
        }
    }
    Ok(tensors)
}

fn no_state_dict(pickle: &Pickle) -> String {
    if let Value::Opaque(class) = &pickle.values[pickle.root] {
        return format!("it holds a whole {class}; save its state_dict() instead");
    }
    let keys: Vec<&str> = entries(pickle, pickle.root).iter().map(|(k, _)| *k).take(6).collect();
    format!("no state dict among its keys [{}]", keys.join(", "))
}

/// Storage, offset, shape and strides from the arguments of `_rebuild_tensor_v2`; nothing for integers.
fn describe(pickle: &Pickle, arguments: &[Id]) -> Result<Option<Description>, String> {
    let [storage, offset, shape, strides, ..] = arguments else { return Err("a tensor of too few parts".to_owned()) };
    let (class, storage) = storage_of(pickle, *storage)?;
    let Some(number) = Number::of_storage(class) else {
        return if is_integer(class) { Ok(None) } else { Err(format!("{class} is not read")) };
    };
    Ok(Some(Description {
        number,
        storage: storage.to_owned(),
        offset: size(pickle, *offset)?,
        shape: sizes(pickle, *shape)?,
        strides: sizes(pickle, *strides)?,
    }))
}

fn is_integer(class: &str) -> bool {
    let name = class.strip_prefix("torch.").unwrap_or(class);
    ["Byte", "Char", "Short", "Int", "Long", "Bool"].iter().any(|t| name.strip_suffix("Storage") == Some(t))
}

/// Class and key of `("storage", class, key, device, length)`.
fn storage_of(pickle: &Pickle, id: Id) -> Result<(&str, &str), String> {
    let bad = || "a tensor without a storage".to_owned();
    let Value::Persistent(argument) = pickle.values[id] else { return Err(bad()) };
    let Value::Sequence(parts) = &pickle.values[argument] else { return Err(bad()) };
    match parts[..] {
        [_, class, key, ..] => match &pickle.values[class] {
            Value::Global(class) => Ok((class, text(pickle, key)?)),
            _ => Err(bad()),
        },
        _ => Err(bad()),
    }
}

/// Bytes a number for every storage of a stream: it gives lengths in numbers only.
fn storage_widths(pickle: &Pickle) -> Result<HashMap<String, usize>, String> {
    let mut widths = HashMap::new();
    for (id, value) in pickle.values.iter().enumerate() {
        if matches!(value, Value::Persistent(_)) {
            let (class, key) = storage_of(pickle, id)?;
            let integers = match class.strip_prefix("torch.").unwrap_or(class) {
                "ByteStorage" | "CharStorage" | "BoolStorage" => Some(1),
                "ShortStorage" => Some(2),
                "IntStorage" => Some(4),
                "LongStorage" => Some(8),
                _ => None,
            };
            let width = integers.or_else(|| Some(Number::of_storage(class)?.width()));
            widths.insert(key.to_owned(), width.ok_or_else(|| format!("{class} is not read"))?);
        }
    }
    Ok(widths)
}

fn text(pickle: &Pickle, id: Id) -> Result<&str, String> {
    match &pickle.values[id] {
        Value::Text(text) => Ok(text),
        other => Err(format!("a name was expected, not {other:?}")),
    }
}

fn size(pickle: &Pickle, id: Id) -> Result<usize, String> {
    match pickle.values[id] {
        Value::Int(n) => usize::try_from(n).map_err(|_| format!("{n} is no size")),
        ref other => Err(format!("a size was expected, not {other:?}")),
    }
}

fn sizes(pickle: &Pickle, id: Id) -> Result<Vec<usize>, String> {
    match &pickle.values[id] {
        Value::Sequence(items) => items.iter().map(|i| size(pickle, *i)).collect(),
        other => Err(format!("sizes were expected, not {other:?}")),
    }
}

fn gather<'a>(
    tensors: Vec<(String, Description)>,
    storage: impl Fn(&str) -> Option<&'a [u8]>,
) -> Result<Weights, String> {
    let mut weights = Weights::new();
    for (key, tensor) in tensors {
        let bytes = storage(&tensor.storage).ok_or_else(|| format!("{key}: storage {} is missing", tensor.storage))?;
        let values = tensor.values(bytes).map_err(|reason| format!("{key}: {reason}"))?;
        weights.insert(key, NamedTensor { shape: tensor.shape, values });
    }
    Ok(weights)
}

impl Description {
    /// The values in row-major order, whatever the strides.
    fn values(&self, storage: &[u8]) -> Result<Vec<f32>, String> {
        let width = self.number.width();
        let beyond =
            || format!("shape {:?} reaches beyond its storage of {} numbers", self.shape, storage.len() / width);
        if self.strides.len() != self.shape.len() {
            return Err("as many strides as sizes are needed".to_owned());
        }
        if self.shape.contains(&0) {
            return Ok(Vec::new());
        }
        // Only the part that this tensor spans is converted: several may share one storage.
        let mut spans = self.shape.iter().zip(&self.strides).map(|(size, stride)| (size - 1).checked_mul(*stride));
        let span = spans.try_fold(1_usize, |sum, span| sum.checked_add(span?));
        let bytes = || {
            let (start, span) = (self.offset.checked_mul(width)?, span?.checked_mul(width)?);
            storage.get(start..start.checked_add(span)?)
        };
        let numbers = self.number.to_f32(bytes().ok_or_else(beyond)?);
        // An expanded tensor would take more memory than its file holds; no network's weights are saved so.
        let count = self.shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s)).filter(|n| *n <= numbers.len());
        let mut values = Vec::with_capacity(count.ok_or_else(beyond)?);
        self.gather(0, 0, &numbers, &mut values);
        Ok(values)
    }

    /// Appends what lies along `axis` and the axes after it, from place `at` of the numbers.
    fn gather(&self, axis: usize, at: usize, numbers: &[f32], values: &mut Vec<f32>) {
        match (self.shape.get(axis), self.strides.get(axis)) {
            (Some(&size), Some(1)) if axis + 1 == self.shape.len() => values.extend_from_slice(&numbers[at..at + size]),
            (Some(&size), Some(&stride)) => {
                (0..size).for_each(|i| self.gather(axis + 1, at + i * stride, numbers, values));
            }
            _ => values.push(numbers[at]),
        }
    }
}

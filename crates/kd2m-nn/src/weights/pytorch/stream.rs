//! The stream that `torch.save` wrote before version 1.6, and writes still with `_use_new_zipfile_serialization=False`: magic number, version and
//! system, each a pickle; the object; a pickle of the storages' keys; each storage after its length.

use std::collections::HashMap;

use kd2m_pickle::{Pickle, Value};

use super::{
    super::number::Number,
    checkpoint::{Checkpoint, Storages},
    dicts::state_dicts,
    tensor::{StorageOf, short_name, width_of_others},
};

/// The number that opens a stream, a pickle of its own: under each protocol other bytes.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;

/// Enough bytes for the magic number under any protocol.
const OPENING: usize = 64;

/// Whether these bytes are such a stream.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    let opening = &bytes[..bytes.len().min(OPENING)];
    // Protocol 0 and 1 begin with the number's text, later ones say their own number first.
    let begins = matches!(opening.first(), Some(0x80 | b'L'));
    begins && kd2m_pickle::parse(opening).is_ok_and(|pickle| pickle.values[pickle.root] == Value::Int(MAGIC))
}

/// Opens one.
///
/// # Errors
/// Damage, numbers of another byte order, or no state dict.
pub(super) fn open(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let mut at = 0;
    let mut next = || {
        let pickle = kd2m_pickle::parse(&bytes[at..])?;
        at += pickle.length;
        Ok::<_, String>(pickle)
    };
    next()?;
    next()?;
    if is_big_endian(&next()?) {
        return Err("its numbers are big-endian, which is not read: save it again on another machine".to_owned());
    }
    let (pickle, keys) = (next()?, next()?);
    let widths = storage_widths(&pickle)?;
    let Value::Sequence(order) = &keys.values[keys.root] else {
        return Err("the list of its storages is missing".to_owned());
    };
    let mut storages = HashMap::new();
    for id in order {
        let Value::Text(key) = &keys.values[*id] else { return Err("a storage without a key".to_owned()) };
        // Without a class its length is not known: what lies here and behind it is missing, where a tensor asks for it.
        let Some(width) = widths.get(key.as_str()) else { break };
        let cut = || format!("it ends within storage {key}, it is cut short");
        let (length, rest) = bytes[at..].split_first_chunk().ok_or_else(cut)?;
        let length = usize::try_from(i64::from_le_bytes(*length)).ok().and_then(|n| n.checked_mul(*width));
        let content = length.and_then(|n| rest.get(..n)).ok_or_else(cut)?;
        at += 8 + content.len();
        storages.insert(key.clone(), content);
    }
    let dicts = state_dicts(&pickle, &|_| None)?;
    Ok(Checkpoint { dicts, storages: Storages::Memory(storages) })
}

/// Whether the pickle of the system says so.
fn is_big_endian(system: &Pickle) -> bool {
    let Value::Dict(pairs) = &system.values[system.root] else { return false };
    let word = Value::Text("little_endian".to_owned());
    pairs.iter().any(|(key, value)| system.values[*key] == word && system.values[*value] == Value::Bool(false))
}

fn is_storage(pickle: &Pickle, argument: usize) -> bool {
    let Value::Sequence(parts) = &pickle.values[argument] else { return false };
    parts.first().is_some_and(|first| pickle.values[*first] == Value::Text("storage".to_owned()))
}

/// Bytes a number for every storage: a stream gives lengths in numbers only.
fn storage_widths(pickle: &Pickle) -> Result<HashMap<&str, usize>, String> {
    let mut widths = HashMap::new();
    for (id, value) in pickle.values.iter().enumerate() {
        // Classes of modules are kept outside too; what is no storage at all, its tensor says.
        if matches!(value, Value::Persistent(argument) if is_storage(pickle, *argument)) {
            let storage = StorageOf::read(pickle, id).map_err(|why| format!("something in it {why}"))?;
            let class = short_name(storage.class);
            let width = Number::of_torch(class).map(Number::width).or_else(|| width_of_others(class));
            widths.insert(storage.key, width.ok_or_else(|| format!("storages of the type {class} are not read"))?);
        }
    }
    Ok(widths)
}

//! PyTorch's own checkpoints (`torch.save`): the zip of today, the pickle stream from before version 1.6, the tar from before 0.1.10.
//! Tensors are a pickle of shapes and strides over storages that lie beside it as plain bytes; see [`super::pickle`].
//! Read next: `dicts.rs` (which state dicts there are), `tensor.rs` (one tensor), `stream.rs` and `tar.rs` (the old formats).

mod dicts;
mod stream;
mod tar;
mod tensor;

use std::collections::HashMap;

use dicts::{Entry, StateDict, state_dicts};

use super::{
    NamedTensor, Weights,
    archive::Archive,
    pickle,
    slot::{Dict, Slot},
};

/// Whether these bytes are a checkpoint that [`Checkpoint::open`] reads, or look like one.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    Archive::recognises(bytes) || stream::recognises(bytes) || tar::recognises(bytes)
}

/// A checkpoint's state dicts, described; values are read for what is asked for.
pub(super) struct Checkpoint<'a> {
    dicts: Vec<StateDict>,
    storages: Storages<'a>,
}

/// Where the numbers lie.
enum Storages<'a> {
    Zip { archive: Archive<'a>, folder: String },
    Memory(HashMap<String, &'a [u8]>),
}

impl<'a> Storages<'a> {
    fn get(&self, key: &str) -> Result<&'a [u8], String> {
        match self {
            Self::Zip { archive, folder } => archive.member(&format!("{folder}data/{key}")),
            Self::Memory(all) => all.get(key).copied().ok_or_else(|| format!("storage {key} is missing")),
        }
    }
}

impl<'a> Checkpoint<'a> {
    /// Reads what there is, no values yet.
    ///
    /// # Errors
    /// Damage, or another kind of file: which.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        match () {
            () if Archive::recognises(bytes) => open_zip(bytes),
            () if tar::recognises(bytes) => tar::open(bytes),
            () => stream::open(bytes),
        }
    }

    /// Every state dict, with the shapes of what it holds.
    pub fn dicts(&self) -> Vec<Dict> {
        let slot = |entry: &Entry| match entry {
            Entry::Tensor(tensor) => Slot::Tensor(tensor.shape.clone()),
            Entry::Unread(why) => Slot::Other(why.clone()),
            Entry::Object(class) => Slot::Other(format!("is a {class}, which is not read")),
        };
        let dict = |dict: &StateDict| {
            let slots = dict.entries.iter().map(|(name, entry)| (name.clone(), slot(entry))).collect();
            Dict { key: dict.key.clone(), slots }
        };
        self.dicts.iter().map(dict).collect()
    }

    /// The tensors of these names in state dict number `index`; none of more than `most` numbers if its storage has not as many.
    ///
    /// # Errors
    /// Storages that are missing, damaged or too short, by the tensor's name.
    pub fn values(&self, index: usize, wanted: &dyn Fn(&str) -> bool, most: usize) -> Result<Weights, String> {
        let mut weights = Weights::new();
        let entries = self.dicts.get(index).map_or(&[][..], |dict| &dict.entries);
        for (name, entry) in entries.iter().filter(|(name, _)| wanted(name)) {
            if let Entry::Tensor(tensor) = entry {
                let bytes = self.storages.get(&tensor.storage).map_err(|why| format!("{name}: {why}"))?;
                let values = tensor.values(bytes, most).map_err(|why| format!("{name} {why}"))?;
                weights.insert(name.clone(), NamedTensor { shape: tensor.shape.clone(), values });
            }
        }
        Ok(weights)
    }
}

/// Other programs' archives by what they hold: a name, or the end of one, and what it is.
const OTHERS: [(&str, &str); 6] = [
    (
        "constants.pkl",
        "a TorchScript archive (torch.jit.save), a program and not a state dict: save model.state_dict()",
    ),
    ("serialized_exported_program.json", "a program of torch.export, not a state dict: save model.state_dict()"),
    ("archive_format", "a package of torch.export (.pt2), not a state dict: save model.state_dict()"),
    (".npy", "an archive of NumPy arrays (.npz), not a state dict"),
    ("model.weights.h5", "a Keras model, which is not read: convert it to PyTorch first"),
    (".onnx", "a zip with an ONNX model: unpack it first"),
];

fn open_zip(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let archive = Archive::open(bytes)?;
    let holds = |end: &str| archive.names().any(|name| name.ends_with(end));
    if let Some((_, what)) = OTHERS.iter().find(|(end, _)| holds(end)) {
        return Err(format!("it is {what}"));
    }
    let Some(entry) = archive.names().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl")) else {
        let names: Vec<&str> = archive.names().take(3).collect();
        return Err(format!(
            "it is a zip of other things ({}), not a PyTorch checkpoint: unpack it first",
            names.join(", ")
        ));
    };
    let folder = entry.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if archive.member(&format!("{folder}byteorder")).is_ok_and(|order| order != b"little") {
        return Err("its numbers are big-endian, which is not read: save it again on another machine".to_owned());
    }
    let pickle = pickle::parse(archive.member(entry)?)?;
    let dicts = state_dicts(&pickle, &|_| None)?;
    Ok(Checkpoint { dicts, storages: Storages::Zip { archive, folder } })
}

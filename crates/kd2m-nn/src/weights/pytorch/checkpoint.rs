//! A checkpoint that is open, whichever format it has: its state dicts and where the numbers lie.

use std::collections::HashMap;

use super::{
    super::{
        NamedTensor, Weights,
        archive::Archive,
        slot::{Dict, Slot},
    },
    dicts::{Entry, StateDict},
};

/// A checkpoint's state dicts, described; values are read for what is asked for.
pub struct Checkpoint<'a> {
    pub(super) dicts: Vec<StateDict>,
    pub(super) storages: Storages<'a>,
}

/// Where the numbers lie.
pub(super) enum Storages<'a> {
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

impl Checkpoint<'_> {
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

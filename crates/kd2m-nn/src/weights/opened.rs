//! A file of weights, or the shards of one, with its state dicts described; values are read for what is taken.

use std::path::PathBuf;

use super::{
    Weights, WeightsError,
    pytorch::{self, Checkpoint},
    recognise::other_file,
    safetensors::Flat,
    slot::Dict,
};

/// No tensor has a longer name: what has is no tensor's, and would fill a message.
const LONGEST: usize = 1000;

/// What files hold, without an owner.
pub(super) struct Opened<'a>(Vec<One<'a>>);

enum One<'a> {
    Flat(Flat<'a>),
    Checkpoint(Checkpoint<'a>),
}

impl<'a> Opened<'a> {
    /// Of these files and their bytes.
    ///
    /// # Errors
    /// The first that cannot be read, and why.
    pub fn new(files: &'a [(PathBuf, Vec<u8>)]) -> Result<Self, WeightsError> {
        let open = |(path, bytes): &'a (PathBuf, Vec<u8>)| {
            One::open(bytes).map_err(|reason| WeightsError::Malformed { path: path.clone(), reason })
        };
        files.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Its state dicts; those of shards are parts of one.
    pub fn dicts(&self) -> Vec<Dict> {
        let mut dicts = match self.0.as_slice() {
            [one] => one.dicts(),
            shards => {
                let roots = shards.iter().flat_map(|shard| shard.dicts().into_iter().take(1));
                vec![Dict { key: String::new(), slots: roots.flat_map(|dict| dict.slots).collect() }]
            }
        };
        dicts.iter_mut().for_each(|dict| dict.slots.retain(|name, _| name.len() <= LONGEST));
        dicts
    }

    /// The tensors of these names in state dict number `index`; none of more than `most` numbers if the file has not as many.
    ///
    /// # Errors
    /// Numbers that are missing or damaged.
    pub fn values(&self, index: usize, wanted: &dyn Fn(&str) -> bool, most: usize) -> Result<Weights, String> {
        let index = if self.0.len() == 1 { index } else { 0 };
        let mut weights = Weights::new();
        for one in &self.0 {
            weights.extend(match one {
                One::Flat(file) => file.values(wanted),
                One::Checkpoint(file) => file.values(index, wanted, most)?,
            });
        }
        Ok(weights)
    }
}

impl<'a> One<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, String> {
        if pytorch::recognises(bytes) {
            return Checkpoint::open(bytes).map(Self::Checkpoint);
        }
        // Safetensors begin with the length of a JSON text, then that.
        match other_file(bytes) {
            Some(what) if bytes.get(8) != Some(&b'{') => Err(format!("it {what}")),
            _ => Flat::open(bytes).map(Self::Flat),
        }
    }

    fn dicts(&self) -> Vec<Dict> {
        match self {
            Self::Flat(file) => vec![file.dict()],
            Self::Checkpoint(file) => file.dicts(),
        }
    }
}

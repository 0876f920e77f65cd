//! What a killed run goes on from: network, optimizer, learned parts, memories, history. A folder that is whole or not there:
//! it is written beside its place and renamed, and `state.json`, written last, marks it complete.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kd2m_nn::{Weights, weights};
use serde::{Deserialize, Serialize};

use super::record::EpochRecord;
use crate::{Error, files};

/// At most so often is a checkpoint written by default: repeating half a minute costs less than writing each epoch of a small
/// network.
pub const INTERVAL: Duration = Duration::from_secs(30);

/// Where training stands, beside the engine's own state.
#[derive(Debug, Default)]
pub struct State {
    /// One record an epoch, from the first on.
    pub history: Vec<EpochRecord>,
    /// Optimizer steps so far.
    pub steps: usize,
    /// The epoch that was best on validation, from 1; 0 before the first.
    pub best_epoch: usize,
    /// The weights of that epoch.
    pub best: Weights,
    /// What would be saved as the student now.
    pub last: Weights,
    /// Moving average of the weights; empty without one.
    pub average: Weights,
}

/// A loaded checkpoint.
pub struct Saved {
    /// Where training stood.
    pub state: State,
    /// The weights as the engine held them.
    pub network: Weights,
    /// The optimizer's state, in the format of `kd2m_nn::optimizer`.
    pub optimizer: Weights,
    /// What criteria and teacher remember from batch to batch.
    pub memories: Weights,
    learned: Weights,
}

impl Saved {
    /// Values and moments of the learned part of a term.
    pub fn learned_part(&self, name: &str) -> (Weights, Weights) {
        (below(&self.learned, &format!("{name}.values.")), below(&self.learned, &format!("{name}.optimizer.")))
    }
}

fn below(weights: &Weights, prefix: &str) -> Weights {
    weights.iter().filter_map(|(k, t)| Some((k.strip_prefix(prefix)?.to_owned(), t.clone()))).collect()
}

/// The numbers of a [`State`], as JSON.
#[derive(Serialize, Deserialize)]
struct Progress {
    history: Vec<EpochRecord>,
    steps: usize,
    best_epoch: usize,
}

/// Saves and reads the state of one network in its folder.
pub struct Checkpoints {
    folder: PathBuf,
    interval: Duration,
    last: std::cell::Cell<Instant>,
}

impl Checkpoints {
    /// In the folder of one network, after every epoch that ends an interval.
    pub fn new(folder: &Path, interval: Duration) -> Self {
        Self { folder: folder.to_owned(), interval, last: Instant::now().into() }
    }

    /// True when the last checkpoint is old enough.
    pub fn due(&self) -> bool {
        self.last.get().elapsed() >= self.interval
    }

    /// Writes everything that exact resume needs.
    ///
    /// # Errors
    /// The disk; an older checkpoint stays.
    pub fn save(
        &self,
        state: &State,
        network: Weights,
        optimizer: Weights,
        learned: Vec<(String, Weights, Weights)>,
        memories: Weights,
    ) -> Result<(), Error> {
        let (place, fresh) = self.places();
        remove(&fresh)?;
        files::make_folder(&fresh)?;
        let mut parts = Weights::new();
        for (name, values, moments) in learned {
            parts.extend(values.into_iter().map(|(k, t)| (format!("{name}.values.{k}"), t)));
            parts.extend(moments.into_iter().map(|(k, t)| (format!("{name}.optimizer.{k}"), t)));
        }
        let tensors =
            [("network", &network), ("optimizer", &optimizer), ("best", &state.best), ("average", &state.average)];
        for (name, tensors) in tensors.into_iter().chain([("learned", &parts), ("memories", &memories)]) {
            weights::write(&fresh.join(format!("{name}.safetensors")), tensors, None)?;
        }
        let Progress { history, steps, best_epoch } =
            Progress { history: state.history.clone(), steps: state.steps, best_epoch: state.best_epoch };
        files::write_json(&fresh.join("state.json"), &Progress { history, steps, best_epoch })?;
        remove(&place)?;
        fs::rename(&fresh, &place).map_err(|source| Error::io("rename", &fresh, source))?;
        self.last.set(Instant::now());
        Ok(())
    }

    /// The last whole checkpoint, if there is one.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn load(&self) -> Result<Option<Saved>, Error> {
        let (place, fresh) = self.places();
        let Some(folder) = [place, fresh].into_iter().find(|f| f.join("state.json").is_file()) else {
            return Ok(None);
        };
        let Progress { history, steps, best_epoch } = files::read_json(&folder.join("state.json"))?;
        let read = |name: &str| weights::read_any(&folder.join(format!("{name}.safetensors")));
        let (network, average) = (read("network")?, read("average")?);
        let last = if average.is_empty() { network.clone() } else { average.clone() };
        let state = State { history, steps, best_epoch, best: read("best")?, last, average };
        Ok(Some(Saved {
            state,
            network,
            optimizer: read("optimizer")?,
            memories: read("memories")?,
            learned: read("learned")?,
        }))
    }

    /// Keeps weights of a run that has to stop; the path, for the message.
    ///
    /// # Errors
    /// The disk.
    pub fn last_good(&self, weights: &Weights) -> Result<String, Error> {
        let path = self.folder.join("last-good.safetensors");
        weights::write(&path, weights, None)?;
        Ok(path.display().to_string())
    }

    /// Removes the checkpoint of a finished network.
    ///
    /// # Errors
    /// The disk.
    pub fn clear(&self) -> Result<(), Error> {
        let (place, fresh) = self.places();
        remove(&place)?;
        remove(&fresh)
    }

    fn places(&self) -> (PathBuf, PathBuf) {
        (self.folder.join("checkpoint"), self.folder.join("checkpoint.new"))
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder, e)),
        _ => Ok(()),
    }
}

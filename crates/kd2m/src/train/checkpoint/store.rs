//! Saves and loads what a killed run goes on from: network, optimizer, learned parts, memories, history.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kd2m_nn::{Weights, weights};

use super::{
    places::Places,
    state::{Course, Progress, STATE, State},
    whole::{SUMS, Writer, verify},
};
use crate::{Error, files};

/// At most so often is a checkpoint written by default: repeating half a minute costs less than writing each epoch of a small
/// network.
pub const INTERVAL: Duration = Duration::from_secs(30);

/// Training of this length is worth a checkpoint when its end is all that is missing.
const WORTH: Duration = Duration::from_secs(2);

/// How old half a file must be in a folder that others may be writing in, as the teacher's in a grid.
const LEFT: Duration = Duration::from_secs(600);

/// The tensors of a checkpoint, a file each.
const TENSORS: [&str; 6] = ["network", "optimizer", "best", "average", "learned", "memories"];
/// What the network was after the last whole epoch, in a checkpoint within one.
const LAST: &str = "last";

/// A loaded checkpoint.
#[derive(Debug)]
pub struct Saved {
    /// Where training stood.
    pub state: State,
    /// The weights as the engine held them.
    pub network: Weights,
    /// The optimizer's state, in the format of `kd2m_nn::optimizer`.
    pub optimizer: Weights,
    /// What criteria and teacher remember from batch to batch.
    pub memories: Weights,
    /// Why it is not the newest, where that one is damaged.
    pub passed_over: Option<String>,
    /// Where it lies.
    pub place: PathBuf,
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

/// Saves and reads the state of one network in its folder.
pub struct Checkpoints {
    folder: PathBuf,
    places: Places,
    interval: Duration,
    /// Networks that are trained side by side with this one, itself among them.
    together: u32,
    last: std::cell::Cell<Instant>,
}

impl Checkpoints {
    /// In the folder of one network, after every step or epoch that ends an interval. An interval of 0 is every epoch, and within a
    /// longer one [`INTERVAL`].
    pub fn new(folder: &Path, interval: Duration) -> Self {
        let last = Instant::now().into();
        Self { folder: folder.to_owned(), places: Places::new(folder), interval, together: 1, last }
    }

    /// Of one of so many networks that are trained side by side: each of them gets a share of the time, so intervals are that much longer and
    /// what a kill costs a network stays the same.
    pub fn among(self, networks: usize) -> Self {
        Self { together: u32::try_from(networks).unwrap_or(u32::MAX), ..self }
    }

    fn has_passed(&self, interval: Duration) -> bool {
        self.last.get().elapsed() >= interval.saturating_mul(self.together)
    }

    /// After an epoch: true when the last checkpoint is old enough.
    pub fn due(&self) -> bool {
        self.has_passed(self.interval)
    }

    /// After a step within an epoch: the same.
    pub fn due_within(&self) -> bool {
        self.has_passed(if self.interval.is_zero() { INTERVAL } else { self.interval })
    }

    /// After the last epoch: true where more would be lost with the network than it takes to save it, before its results are written.
    pub fn due_at_end(&self) -> bool {
        self.has_passed(self.interval.min(WORTH))
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
        let mut parts = Weights::new();
        for (name, values, moments) in learned {
            parts.extend(values.into_iter().map(|(k, t)| (format!("{name}.values.{k}"), t)));
            parts.extend(moments.into_iter().map(|(k, t)| (format!("{name}.optimizer.{k}"), t)));
        }
        let fresh = self.places.fresh()?;
        let mut writer = Writer::new(fresh.path());
        let tensors = [&network, &optimizer, &state.best, &state.average, &parts, &memories];
        TENSORS.iter().zip(tensors).try_for_each(|(name, tensors)| writer.tensors(name, tensors))?;
        if state.partial.is_some() {
            writer.tensors(LAST, &state.last)?;
        }
        writer.json(STATE, &Progress::of(state))?;
        writer.finish()?;
        self.places.put(fresh)?;
        self.last.set(Instant::now());
        Ok(())
    }

    /// The newest checkpoint that is whole and can be of a training of this length; none where there is no checkpoint.
    ///
    /// # Errors
    /// Checkpoints are there and none can be used.
    pub fn load(&self, course: &Course) -> Result<Option<Saved>, Error> {
        let mut first: Option<(PathBuf, Error)> = None;
        for place in self.places.there() {
            match (read(&place, course), first) {
                (Ok(saved), None) => return Ok(Some(saved)),
                (Ok(saved), Some((damaged, why))) => {
                    // It must not become the one before.
                    files::discard(&damaged)?;
                    return Ok(Some(Saved { passed_over: Some(why.to_string()), ..saved }));
                }
                (Err(why), before) => first = before.or(Some((place, why))),
            }
        }
        match first {
            None => Ok(None),
            Some((_, source)) => Err(Error::NoCheckpoint { folder: self.folder.clone(), source: Box::new(source) }),
        }
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

    /// Removes the checkpoints of a finished network, and what killed processes left half written beside them.
    ///
    /// # Errors
    /// The disk.
    pub fn clear(&self) -> Result<(), Error> {
        self.places.clear()?;
        files::sweep(&self.folder, LEFT)
    }

    /// Removes what killed processes left half written in the folder of a network that nobody else works on.
    ///
    /// # Errors
    /// The disk.
    pub fn sweep(&self) -> Result<(), Error> {
        files::sweep(&self.folder, Duration::ZERO)
    }
}

/// Reads one checkpoint.
fn read(folder: &Path, course: &Course) -> Result<Saved, Error> {
    let state_file = folder.join(STATE);
    let file = |name: &str| format!("{name}.safetensors");
    // Those of older versions have no checksums.
    let summed = folder.join(SUMS).is_file();
    if summed {
        let needed: Vec<String> = TENSORS.iter().map(|name| file(name)).chain([STATE.to_owned()]).collect();
        verify(folder, &needed)?;
    }
    let progress: Progress = files::read_json(&state_file)?;
    if !summed && progress.format > 1 {
        return Err(Error::Damaged { path: folder.join(SUMS), why: "is missing".to_owned() });
    }
    progress.check(course).map_err(|why| Error::Damaged { path: state_file, why })?;
    let read = |name: &str| Ok::<_, Error>(weights::read_any(&folder.join(file(name)))?);
    let (network, average) = (read("network")?, read("average")?);
    let Progress { history, steps, best_epoch, partial, .. } = progress;
    let last = match &partial {
        Some(_) => read(LAST)?,
        None if average.is_empty() => network.clone(),
        None => average.clone(),
    };
    let state = State { history, steps, best_epoch, partial, best: read("best")?, last, average };
    Ok(Saved {
        state,
        network,
        optimizer: read("optimizer")?,
        memories: read("memories")?,
        learned: read("learned")?,
        passed_over: None,
        place: folder.to_owned(),
    })
}

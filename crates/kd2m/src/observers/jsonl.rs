//! `metrics.jsonl` in a network's folder: one object an epoch. It is rewritten whole, so that a run which goes on from a checkpoint
//! has each epoch once.

use std::path::{Path, PathBuf};

use crate::{
    Error, files,
    train::{
        observer::{Event, Observer},
        record::EpochRecord,
        run::Training,
    },
};

/// The file's name.
pub const NAME: &str = "metrics.jsonl";

/// Writes it after every epoch.
struct Jsonl {
    path: PathBuf,
}

/// Of every network.
///
/// # Errors
/// None.
pub fn observe<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
    Ok(Some(Box::new(Jsonl { path: training.place.join(NAME) })))
}

impl Observer for Jsonl {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        if let Event::Epoch { history, .. } = event { write(&self.path, history) } else { Ok(()) }
    }
}

fn write(path: &Path, history: &[EpochRecord]) -> Result<(), Error> {
    let mut text = String::new();
    for record in history {
        text += &serde_json::to_string(record).map_err(Error::json(NAME))?;
        text.push('\n');
    }
    files::write(path, text.as_bytes())
}

//! What a grid passes on of the runs under it.

use std::collections::HashSet;

use super::progress::{Listener, Progress};
use crate::{
    Error,
    train::{Event, Observer},
};

/// Passes on what a person should know of given weights, once for all cells that share them.
pub(super) struct Once<'a> {
    pub listen: Listener<'a>,
    pub told: HashSet<String>,
}

impl Observer for Once<'_> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Notice(text) if self.told.insert(text.clone()) => (self.listen)(Progress::Notice(text.clone())),
            Event::Warning(text) if self.told.insert(text.clone()) => (self.listen)(Progress::Warning(text.clone())),
            _ => {}
        }
        Ok(())
    }
}

/// Passes on how far a unit is and what a person should know of it.
pub(super) struct Heard<'a> {
    listen: Listener<'a>,
    unit: &'a str,
    /// Of the network that is being trained.
    epochs: usize,
}

impl<'a> Heard<'a> {
    pub fn new(listen: Listener<'a>, unit: &'a str) -> Self {
        Self { listen, unit, epochs: 0 }
    }
}

impl Observer for Heard<'_> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Started { epochs, .. } => self.epochs = *epochs,
            Event::Epoch { record, .. } => (self.listen)(Progress::Epoch {
                unit: self.unit,
                epoch: record.epoch,
                of: self.epochs,
                val_accuracy: record.val.accuracy,
            }),
            Event::Note(note) => (self.listen)(Progress::Note(note.clone())),
            Event::Notice(text) => (self.listen)(Progress::Notice(text.clone())),
            Event::Warning(text) => (self.listen)(Progress::Warning(text.clone())),
            Event::Progress { .. } | Event::Evaluated { .. } | Event::Finished { .. } => {}
        }
        Ok(())
    }
}

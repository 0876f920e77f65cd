//! Who follows a run: a bar, a log, the files beside the weights, a test. All of them hear one [`Event`] type; which of them a
//! network has says [`crate::observers`].

use std::{cell::RefCell, collections::BTreeMap};

use kd2m_nn::Weights;

use super::record::EpochRecord;
use crate::{Error, engine::Engine, objective::Objective};

/// What happens during a run.
pub enum Event<'a> {
    /// Training of one network begins.
    Started {
        /// Which network, for people.
        what: &'a str,
        /// How many there are in all.
        epochs: usize,
        /// Training images of those ahead.
        images: usize,
        /// The epochs before, where the run goes on from a checkpoint: what an earlier process wrote of later ones is void.
        history: &'a [EpochRecord],
    },
    /// So many training images are done.
    Progress {
        /// Since the last such event.
        images: usize,
    },
    /// A network was evaluated on the validation split after `epoch`, counted from 1. The engine holds the `weights` that were
    /// evaluated; who measures more of them adds it to `bounds`, which join the epoch's record.
    Evaluated {
        /// Counted from 1.
        epoch: usize,
        /// Holds the evaluated weights.
        engine: &'a mut dyn Engine,
        /// Those that were evaluated.
        weights: &'a Weights,
        /// Has the learned parts.
        objective: &'a mut Objective,
        /// What joins the epoch's record, by name.
        bounds: &'a mut BTreeMap<String, f64>,
    },
    /// An epoch ended. `record` is the last of `history`, which begins with the network's first epoch.
    Epoch {
        /// Which network, for people.
        what: &'a str,
        /// What was measured in it.
        record: &'a EpochRecord,
        /// All epochs so far.
        history: &'a [EpochRecord],
    },
    /// Training of one network ended.
    Finished {
        /// Which network, for people.
        what: &'a str,
    },
    /// Something a person should know who follows the run.
    Note(String),
    /// What was chosen for the user; to be said even where progress is not shown.
    Notice(String),
    /// What may be other than meant.
    Warning(String),
}

/// Listens to a run.
pub trait Observer {
    /// Hears what happens.
    ///
    /// # Errors
    /// What must not be lost, as a line of `metrics.jsonl` on a full disk: the run ends with it. Who only shows something returns none.
    fn event(&mut self, event: &mut Event) -> Result<(), Error>;
}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        (**self).event(event)
    }
}

/// Several, who hear everything one after another, up to the first that ends the run.
impl Observer for Vec<Box<dyn Observer + '_>> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        self.iter_mut().try_for_each(|observer| observer.event(event))
    }
}

/// One observer of several networks that are trained side by side: each has such a handle.
pub(crate) struct Shared<'a, 'o>(pub &'a RefCell<&'o mut dyn Observer>);

impl Observer for Shared<'_, '_> {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        self.0.borrow_mut().event(event)
    }
}

/// Hears nothing.
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &mut Event) -> Result<(), Error> {
        Ok(())
    }
}

//! Told to stop: a flag that a signal's handler sets. Training looks at it between steps, writes a checkpoint and ends with
//! [`Error::Stopped`](crate::Error::Stopped); everything else leaves nothing behind that a kill would not leave, and may be ended.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::ranks::Ranks;

/// A flag, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct Halt {
    asked: Arc<AtomicBool>,
    at_work: Arc<AtomicUsize>,
    ranks: Option<Arc<dyn Ranks>>,
}

/// A network in training: as long as it lives there is something that a checkpoint keeps.
#[derive(Debug)]
pub struct AtWork(Arc<AtomicUsize>);

impl Halt {
    /// Asks all trainings to stop.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// The same flag, where several train together: all of them stop at the same place when one is asked to.
    pub fn among(&self, ranks: &Arc<dyn Ranks>) -> Self {
        Self { ranks: Some(ranks.clone()), ..self.clone() }
    }

    /// Whether to stop.
    pub fn is_asked(&self) -> bool {
        let own = self.asked.load(Ordering::Relaxed);
        self.ranks.as_ref().map_or(own, |ranks| {
            let mut asked = [f64::from(u8::from(own))];
            ranks.sum(&mut asked);
            asked[0] > 0.0
        })
    }

    /// The flag itself, for a signal's handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.asked.clone()
    }

    /// Notes that a network is being trained, until the guard is dropped.
    pub fn training(&self) -> AtWork {
        self.at_work.fetch_add(1, Ordering::SeqCst);
        AtWork(self.at_work.clone())
    }

    /// Whether a network is being trained.
    pub fn is_training(&self) -> bool {
        self.at_work.load(Ordering::SeqCst) > 0
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

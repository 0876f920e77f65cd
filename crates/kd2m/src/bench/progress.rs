//! What the workers of a grid say while they are at it.

/// What happens.
#[derive(Debug, Clone)]
pub enum Progress<'a> {
    /// So many units are ahead of this process, of so many in the grid.
    Planned {
        /// Units that this process may have to do.
        ahead: usize,
        /// Units of the grid.
        of: usize,
        /// Runs at once.
        jobs: usize,
        /// Threads of each run.
        threads: usize,
    },
    /// A unit begins here.
    Started {
        /// Its name.
        unit: &'a str,
    },
    /// A unit ended here.
    Finished {
        /// Its name.
        unit: &'a str,
        /// What it found, in a few words.
        text: String,
    },
    /// A unit ended here without a result; the grid goes on.
    Failed {
        /// Its name.
        unit: &'a str,
        /// What stopped it.
        why: &'a str,
    },
    /// An epoch of a unit under way ended.
    Epoch {
        /// Its name.
        unit: &'a str,
        /// Counted from 1.
        epoch: usize,
        /// Epochs of the unit.
        of: usize,
        /// Percent.
        val_accuracy: f64,
    },
    /// Another process ended a unit that this one was waiting for or would have done.
    Elsewhere,
    /// Nothing to do here until another process ends a unit.
    Waiting,
    /// Something a person should know who follows the grid.
    Note(String),
    /// What was chosen for the user; to be said even where progress is not shown.
    Notice(String),
    /// What may be other than meant.
    Warning(String),
}

/// Hears progress from all workers.
pub type Listener<'a> = &'a (dyn Fn(Progress) + Sync);

//! What the workers of a grid say while they are at it.

/// What happens.
#[derive(Debug, Clone)]
pub enum Progress<'a> {
    /// So many units are ahead of this process, of so many in the grid.
    Planned {
        ahead: usize,
        of: usize,
        jobs: usize,
        threads: usize,
    },
    Started {
        unit: &'a str,
    },
    Finished {
        unit: &'a str,
        text: String,
    },
    Failed {
        unit: &'a str,
        why: &'a str,
    },
    /// An epoch of a unit under way ended.
    Epoch {
        unit: &'a str,
        epoch: usize,
        of: usize,
        val_accuracy: f64,
    },
    /// Another process ended a unit that this one was waiting for or would have done.
    Elsewhere,
    /// Nothing to do here until another process ends a unit.
    Waiting,
    Note(String),
    /// What was chosen for the user; to be said even where progress is not shown.
    Notice(String),
    /// What may be other than meant.
    Warning(String),
}

/// Hears progress from all workers.
pub type Listener<'a> = &'a (dyn Fn(Progress) + Sync);

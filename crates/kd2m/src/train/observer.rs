//! Where progress goes: a bar, a log, a test.

use super::record::EpochRecord;

/// What happens during a run.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// Training of one network begins; `images` is the work ahead in training images.
    Started { what: &'a str, epochs: usize, images: usize },
    /// So many training images are done.
    Progress { images: usize },
    /// An epoch ended.
    Epoch { what: &'a str, record: &'a EpochRecord },
    /// Training of one network ended.
    Finished { what: &'a str },
    /// Something a person should know who follows the run.
    Note(String),
    /// What was chosen for the user; to be said even where progress is not shown.
    Notice(String),
    /// What may be other than meant.
    Warning(String),
}

/// Listens to a run.
pub trait Observer {
    fn event(&mut self, event: Event);
}

/// Hears nothing.
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: Event) {}
}

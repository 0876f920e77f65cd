//! Warnings: what a person should know although the command goes on. Each is said once, on stderr, whatever `--quiet` says, which is
//! about progress; a command that was told to be strict ends with it instead.

use std::{
    collections::HashSet,
    io::Write as _,
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    Error,
    train::{Event, Observer},
};

static STRICT: AtomicBool = AtomicBool::new(false);
static SAID: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// From now on warnings of this process are errors.
pub fn be_strict() {
    STRICT.store(true, Ordering::Relaxed);
}

static SILENT: AtomicBool = AtomicBool::new(false);

/// From now on another process says the warnings of this one too.
pub fn be_silent() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Says one sentence, unless it was said before: a grid opens the same data many times.
///
/// # Errors
/// The sentence itself, after [`be_strict`].
pub fn warn(sentence: &str) -> Result<(), Error> {
    refuse_if_strict(sentence)?;
    if !SILENT.load(Ordering::Relaxed)
        && SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(sentence.to_owned())
    {
        // Where nobody listens (stderr is closed) the command goes on.
        let _ = writeln!(std::io::stderr(), "warning: {sentence}");
    }
    Ok(())
}

/// Says one sentence through an observer, who knows what else is on the screen.
///
/// # Errors
/// The sentence itself, after [`be_strict`]; the observer's.
pub fn tell(observer: &mut dyn Observer, sentence: String) -> Result<(), Error> {
    refuse_if_strict(&sentence)?;
    observer.event(&mut Event::Warning(sentence))
}

/// Says warnings on stderr, for what has no screen of its own.
#[cfg(feature = "report")]
pub(crate) struct Spoken;

#[cfg(feature = "report")]
impl Observer for Spoken {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        if let Event::Warning(sentence) = event { warn(sentence) } else { Ok(()) }
    }
}

fn refuse_if_strict(sentence: &str) -> Result<(), Error> {
    if STRICT.load(Ordering::Relaxed) { Err(Error::Strict(sentence.to_owned())) } else { Ok(()) }
}

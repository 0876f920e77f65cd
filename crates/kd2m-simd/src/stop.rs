//! How a long solve is ended from outside: a flag that the caller keeps and that every long loop looks at.
//! Loops look at it at least every few milliseconds; what they leave behind is thrown away, so that a stopped solve answers with
//! [`Interrupted`] and never with a value. Kernels and shared passes only leave early: whoever ran them asks [`Stop::check`] before
//! anything is made of what they left.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// A flag that ends the solves that were given it; its clones are the same flag.
///
/// A flag that is set stays set: later solves that are given it end at once.
#[derive(Debug, Clone)]
pub struct Stop(Option<Arc<AtomicBool>>);

impl Stop {
    /// A flag that nobody can set.
    pub const NEVER: Stop = Stop(None);

    /// A flag that is not set yet.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Tells the solves that were given this flag, or will be, to end. Safe to call from a signal's handler.
    pub fn set(&self) {
        if let Some(flag) = &self.0 {
            flag.store(true, Relaxed);
        }
    }

    /// Whether it was set.
    #[inline(always)]
    pub fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Relaxed))
    }

    /// Fails once it was set.
    ///
    /// # Errors
    /// [`Interrupted`].
    #[inline(always)]
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_set() { Err(Interrupted) } else { Ok(()) }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

/// A solve was told to stop before it had an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted: told to stop before there was an answer")]
pub struct Interrupted;

/// The answer of a solve that nobody can stop.
pub fn unstoppable<R>(solve: impl FnOnce(&Stop) -> Result<R, Interrupted>) -> R {
    match solve(&Stop::NEVER) {
        Ok(found) => found,
        Err(Interrupted) => unreachable!("a flag that nobody can set"),
    }
}

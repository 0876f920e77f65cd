//! Which values a parameter may have, and the words in which an error says so: one declaration for text and for Rust.

use crate::{error::OtError, options::Options};

/// A type that a parameter can have.
pub(crate) trait Value: Sized {
    /// Reads it from the text of an option.
    fn read(text: &str) -> Option<Self>;

    /// Writes it for an error.
    fn write(&self) -> String;
}

/// A type whose values say for themselves which of them are allowed: words, and words beside numbers.
pub(crate) trait Choice: Value + 'static {
    /// All that it may be.
    const DOMAIN: Domain<Self>;
    /// Help of the option that chooses it, unless the declaration has its own.
    const HELP: &'static str = "";
}

macro_rules! numbers {
    ($write:expr, $($number:ty),*) => { $(
        impl Value for $number {
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn write(&self) -> String {
                $write(self)
            }
        }
    )* };
}

numbers!(ToString::to_string, usize, u32, u64, bool);
numbers!(short, f64);

/// A number as a person would write it: 1e300 has no 300 zeros.
pub(crate) fn short(x: &f64) -> String {
    if *x == 0.0 || (1e-4..1e16).contains(&x.abs()) { x.to_string() } else { format!("{x:e}") }
}

impl Choice for bool {
    const DOMAIN: Domain<Self> = Domain::new("true or false", |_| true);
}

/// The values that a parameter may have.
#[derive(Clone, Copy)]
pub(crate) struct Domain<T: 'static> {
    /// What an error says was expected.
    expected: &'static str,
    holds: fn(&T) -> bool,
    /// Whether the word `auto` stands for the default.
    auto: bool,
}

impl<T: Value> Domain<T> {
    /// Values for which `holds`, in words.
    pub(crate) const fn new(expected: &'static str, holds: fn(&T) -> bool) -> Self {
        Self { expected, holds, auto: false }
    }

    /// The same, and `auto` for the default.
    const fn or_auto(self) -> Self {
        Self { auto: true, ..self }
    }

    /// Whether a value is one of them.
    pub(crate) fn has(&self, value: &T) -> bool {
        (self.holds)(value)
    }

    /// An option, or `default` where it is not given.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub(crate) fn read(&self, options: &Options, name: &str, default: T) -> Result<T, OtError> {
        match options.text(name) {
            None => Ok(default),
            Some("auto") if self.auto => Ok(default),
            Some(text) => T::read(text).filter(self.holds).ok_or_else(|| options.bad(name, text, self.expected)),
        }
    }

    /// An option, or `None` where it is not given or is the word that stands for that.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub(crate) fn read_unless(&self, options: &Options, name: &str, word: &str) -> Result<Option<T>, OtError> {
        match options.text(name) {
            None => Ok(None),
            Some(text) if text == word => Ok(None),
            Some(text) => {
                T::read(text).filter(self.holds).map(Some).ok_or_else(|| options.bad(name, text, self.expected))
            }
        }
    }

    /// Refuses a value that was set in Rust as its text would be.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub(crate) fn check(&self, metric: &str, name: &str, value: &T) -> Result<(), OtError> {
        if self.has(value) {
            return Ok(());
        }
        Err(Options::new(metric).bad(name, &value.write(), self.expected))
    }
}

/// Whether a number can stand for a scale: its square, and what is divided by it, are numbers.
pub(crate) fn is_scale(x: &f64) -> bool {
    (1e-100..=1e100).contains(x)
}

/// A number in the units of features or costs.
pub(crate) const SCALE: Domain<f64> = Domain::new("a number from 1e-100 to 1e100, or auto", is_scale);
/// A share at which an iteration ends.
pub(crate) const TOLERANCE: Domain<f64> =
    Domain::new("a number from 1e-16 to 1", |x| (1e-16..=1.0).contains(x)).or_auto();
/// A share, ends included.
pub(crate) const SHARE: Domain<f64> = Domain::new("a number from 0 to 1", |x| (0.0..=1.0).contains(x));
/// A weight that may be left to the data.
pub(crate) const WEIGHT: Domain<f64> = Domain::new("a number from 0 to 1e100, or auto", |x| (0.0..=1e100).contains(x));
/// Something is done at least once; more often than this nobody waits for.
pub(crate) const COUNT: Domain<usize> =
    Domain::new("a whole number from 1 to 1000000000", |x| (1..=1_000_000_000).contains(x));
/// MiB that something may take at most: one TiB.
pub(crate) const MEBIBYTES: Domain<usize> =
    Domain::new("a whole number of MiB from 1 to 1048576", |x| (1..=1 << 20).contains(x));
/// A count of what is held in memory, row by row.
pub(crate) const ROWS: Domain<usize> = Domain::new("a whole number from 1 to 1000000", |x| (1..=1_000_000).contains(x));
/// A seed.
pub(crate) const SEED: Domain<u64> = Domain::new("a whole number", |_| true);

//! Lines on stderr. Where nobody listens (it is closed, or its disk is full) the program goes on: no word is worth a training.

use std::{fmt::Arguments, io::Write as _};

/// Writes a line to stderr, as `eprintln!` does, but never ends the program.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::say::line(format_args!($($text)*))
    };
}

pub(crate) use say;

/// What [`say!`] calls.
pub(crate) fn line(text: Arguments) {
    // In one piece: other processes may write to the same log.
    let text = format!("{text}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}

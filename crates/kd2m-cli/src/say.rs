//! Lines on stderr. Where nobody listens (it is closed, or its disk is full) the program goes on: no word is worth a training.

use std::{
    fmt::Arguments,
    io::Write as _,
    time::{Duration, SystemTime},
};

use crate::ranks::is_silent;

/// How often progress is a line where nothing can be redrawn, as in a log.
pub(crate) const LINE_EVERY: Duration = Duration::from_secs(60);

/// Writes a line to stderr, as `eprintln!` does, but never ends the program.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::say::line(format_args!($($text)*))
    };
}

pub(crate) use say;

/// What [`say!`] calls.
pub(crate) fn line(text: Arguments) {
    if is_silent() {
        return;
    }
    // In one piece: other processes may write to the same log.
    let text = format!("{text}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What [`say!`] writes into a log: with the time.
pub(crate) fn timed(text: &str) {
    say!("{} {text}", humantime::format_rfc3339_seconds(SystemTime::now()));
}

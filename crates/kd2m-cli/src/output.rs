//! Results on stdout. A reader that closes early (`kd2m list metrics | head`) has seen enough: that is no failure.

use std::io::{ErrorKind, Write};

use kd2m::Error;

use crate::ranks::is_silent;

/// Writes text as it is, at once, so that a long table is seen to grow.
///
/// # Errors
/// stdout cannot be written for another reason than a closed pipe, e.g. a full disk.
pub fn show(text: &str) -> Result<(), Error> {
    if is_silent() {
        return Ok(());
    }
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::Stdout { source: e }),
        _ => Ok(()),
    }
}

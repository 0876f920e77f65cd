//! The network that a command was given: `RUN` or `WEIGHTS`.

use std::path::Path;

use super::{
    file::{self, Facts},
    network::Saved,
    run::{self, Which},
};
use crate::Error;

/// The network that a path means: of a run folder (or one student's in it) the one that is chosen, or that of a file.
///
/// # Errors
/// No such run, student or file; a choice among several that is left open; what is not known of a file.
pub fn open(path: &Path, which: &Which, facts: &Facts, data_root: Option<&Path>) -> Result<Saved, Error> {
    if file::is_weights(path) {
        if which.says_something() {
            return Err(Error::Config(format!(
                "{}: --arm, --seed, --best and --teacher choose a network of a run folder, this is a file of weights",
                path.display()
            )));
        }
        return file::open(path, facts);
    }
    run::open(path, which, data_root)
}

//! Loading data sets, with a word on how far it is where that takes long: a folder of photographs is looked through once before anything
//! is trained.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kd2m_data::{DataError, Dataset, Reading};

/// How often it is said how far something is.
const TOLD: Duration = Duration::from_secs(5);

static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on nothing is said of how far loading or a download is.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// On stderr, where what takes long is told.
pub(crate) fn tell(line: &str) {
    use std::io::Write;
    if !QUIET.load(Ordering::Relaxed) {
        // Where nobody listens the work goes on.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// The data set of this name; files are looked for under `root`.
///
/// # Errors
/// An unknown name, and whatever is missing from or wrong with the files.
pub fn load(name: &str, root: Option<&Path>, reading: Reading) -> Result<Dataset, DataError> {
    told(name, reading, |reading| kd2m_data::load_with(name, root, reading))
}

/// A data set with the images of a folder as further training images without labels.
///
/// # Errors
/// As [`kd2m_data::load_unlabelled`].
pub fn load_unlabelled(
    dataset: Dataset,
    name: &str,
    root: Option<&Path>,
    reading: Reading,
) -> Result<Dataset, DataError> {
    told(name, reading, |reading| kd2m_data::load_unlabelled(dataset, name, root, reading))
}

/// Reads, with a word on how far it is where that takes long.
fn told(
    name: &str,
    reading: Reading,
    read: impl FnOnce(&Reading) -> Result<Dataset, DataError>,
) -> Result<Dataset, DataError> {
    let began = Instant::now();
    let last = Mutex::new(began);
    let progress = |done: usize, all: usize| {
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() < TOLD {
            return;
        }
        *last = Instant::now();
        let left = began.elapsed().as_secs_f64() / done as f64 * (all - done) as f64;
        tell(&format!("{name}: {done} of {all} images are looked at, {left:.0} s left"));
    };
    let loaded = read(&Reading { progress: Some(&progress), ..reading })?;
    if *last.lock().unwrap_or_else(PoisonError::into_inner) > began {
        tell(&format!("{name}: all images are whole ({:.0} s)", began.elapsed().as_secs_f64()));
    }
    Ok(loaded)
}

//! How many threads distances may use.

use kd2m::Error;

/// Bounds the threads of this program's distances; 0: one a core.
///
/// # Errors
/// Threads that cannot be started.
pub fn use_threads(threads: usize) -> Result<(), Error> {
    if threads == 0 {
        return Ok(());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|e| Error::Config(format!("cannot start {threads} threads: {e}")))
}

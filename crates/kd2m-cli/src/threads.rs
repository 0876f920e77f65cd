//! How many threads commands may use.

use kd2m::Error;

use crate::say::say;

/// Threads for each core that the program may run on: beyond a few they only wait for each other, and 999 hold up a whole machine.
const MOST_PER_CORE: usize = 4;

/// Brings a number of threads that would hold up the machine down, and says so.
pub fn cap(threads: &mut usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = MOST_PER_CORE * cores;
    if *threads > most {
        say!("warning: --threads {threads} is taken as {most}, {MOST_PER_CORE} for each of {cores} core(s)");
        *threads = most;
    }
}

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

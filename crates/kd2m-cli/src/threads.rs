//! How many threads commands may use.

use std::error::Error as _;

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

/// Says where the threads of each of several processes share fewer cores than there are of them, as a launcher binds processes to cores.
/// `threads` is what was asked for, 0 for one a core.
pub fn tell_of_cores(threads: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if threads <= cores && cores > 1 || threads == 1 {
        return;
    }
    let each = if threads == 0 { "one thread".to_owned() } else { format!("{threads} threads") };
    say!(
        "warning: {each} on {cores} core(s) in each process, which may use no more: mpirun binds one or two processes to a core each; \
         --bind-to none, or --map-by slot:PE=N for N cores each, gives them room"
    );
}

/// Starts the threads of this program; 0: one a core. Started at once, as a system that has none for a later need would end the program.
///
/// # Errors
/// Threads that cannot be started.
pub fn use_threads(threads: usize) -> Result<(), Error> {
    let started = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    match started {
        // They run already, and as many as there are may be used.
        Err(running) if threads == 0 && running.source().is_none() => Ok(()),
        started => started.map_err(|e| {
            let count = if threads == 0 { "one thread a core".to_owned() } else { format!("{threads} threads") };
            Error::Config(format!(
                "cannot start {count}: {e}; allow for more (ulimit -u, ulimit -v), or set RAYON_NUM_THREADS=1"
            ))
        }),
    }
}

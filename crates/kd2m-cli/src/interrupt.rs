//! Ctrl-C while distances are computed: the solver is told to stop, the program says so and ends with exit code 130. What cannot be
//! told, such as reading a large file, is ended by a second Ctrl-C, or after [`PATIENCE`]. In a container the program is often the
//! first process, which Linux ends by no signal that it does not handle.

use kd2m_ot::Stop;

/// What a shell reports of a program that Ctrl-C ended.
#[cfg(unix)]
const EXIT_CODE: i32 = 130;

/// How long a solve may take to hear that it is to stop; with [`LOOK`] less than a tenth of a second.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(70);

/// How often the signal is looked for.
#[cfg(unix)]
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// A flag that Ctrl-C sets. Where the program was started with the signal ignored, as in the background, it stays ignored.
#[cfg(unix)]
pub fn stop_on_interrupt() -> Stop {
    use std::sync::OnceLock;

    static STOP: OnceLock<Stop> = OnceLock::new();

    extern "C" fn on_interrupt(_: libc::c_int) {
        let Some(stop) = STOP.get() else { return };
        if stop.is_set() {
            // SAFETY: allowed in a signal's handler; it does not return.
            unsafe { libc::_exit(EXIT_CODE) }
        }
        stop.set();
    }

    let stop = STOP.get_or_init(Stop::new).clone();
    let handler = on_interrupt as extern "C" fn(libc::c_int);
    // SAFETY: the handler reads an initialised cell and stores to an atomic, both of which a signal's handler may.
    let before = unsafe { libc::signal(libc::SIGINT, handler as libc::sighandler_t) };
    if before == libc::SIG_IGN {
        // SAFETY: puts back what was there.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
        return stop;
    }
    let seen = stop.clone();
    let wait = move || {
        while !seen.is_set() {
            std::thread::sleep(LOOK);
        }
        std::thread::sleep(PATIENCE);
        std::process::exit(EXIT_CODE);
    };
    // Without a thread to be had, a second Ctrl-C ends what the first cannot.
    drop(std::thread::Builder::new().spawn(wait));
    stop
}

/// A flag that nothing sets: Ctrl-C ends the program as the system does.
#[cfg(not(unix))]
pub fn stop_on_interrupt() -> Stop {
    Stop::NEVER
}

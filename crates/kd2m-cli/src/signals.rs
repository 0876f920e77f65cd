//! SIGTERM, SIGINT and SIGHUP while networks are trained: the step is finished, a checkpoint written, and the program says how to go on
//! and leaves with 128 + the signal. A second signal ends it at once.

use kd2m::{Error, train::Halt};

use crate::say::say;

/// How long the program may take to leave by itself once no network is in training: what it does else can be done again.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(700);

/// How often the signal is looked for.
#[cfg(unix)]
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// Signals so close to each other are one: a shell and a terminal both hang up, a job's manager sends two.
#[cfg(unix)]
const TOGETHER: std::time::Duration = std::time::Duration::from_millis(150);

/// How a command that was stopped is gone on with.
#[derive(Debug, Clone, Copy)]
pub enum GoOn {
    /// `kd2m train` and `kd2m distill`.
    Resume,
    /// `kd2m bench` and `kd2m reproduce`, which skip what is finished.
    Again,
}

impl GoOn {
    fn advice(self) -> &'static str {
        match self {
            Self::Resume => "the same command with --resume (in place of --overwrite) goes on from there",
            Self::Again => "the same command goes on from there",
        }
    }

    /// Says that a run was stopped, where `error` is that it was.
    pub fn tell(self, error: Error) -> Error {
        if let Error::Stopped { .. } | Error::Halted = error {
            say!("{error}; {}", self.advice());
        }
        error
    }
}

/// A flag that the signals set. One that the program was started to ignore, as SIGHUP by `nohup`, stays ignored.
///
/// # Errors
/// The system refuses a handler.
#[cfg(unix)]
pub fn halt_on_signals(go_on: GoOn) -> Result<Halt, Error> {
    use std::{
        process,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
    };

    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        flag,
    };

    let (halt, armed) = (Halt::default(), Arc::new(AtomicBool::new(false)));
    for signal in [SIGTERM, SIGINT, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        flag::register_conditional_shutdown(signal, code(signal as usize), armed.clone())
            .and_then(|_| flag::register_usize(signal, Arc::clone(&HEARD), signal as usize))
            .and_then(|_| flag::register(signal, halt.flag()))
            .map_err(|source| Error::Signals { source })?;
    }
    let heard = halt.clone();
    let wait = move || {
        while !heard.is_asked() {
            thread::sleep(LOOK);
        }
        thread::sleep(TOGETHER);
        armed.store(true, Ordering::SeqCst);
        while heard.is_training() {
            thread::sleep(LOOK);
        }
        thread::sleep(PATIENCE);
        GoOn::tell(go_on, Error::Halted);
        process::exit(code(HEARD.load(Ordering::SeqCst)));
    };
    thread::Builder::new().spawn(wait).map_err(|source| Error::Signals { source })?;
    Ok(halt)
}

/// A flag that nothing sets: the system ends the program.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn halt_on_signals(_: GoOn) -> Result<Halt, Error> {
    Ok(Halt::default())
}

/// The signal that was heard.
#[cfg(unix)]
static HEARD: std::sync::LazyLock<std::sync::Arc<std::sync::atomic::AtomicUsize>> =
    std::sync::LazyLock::new(Default::default);

/// What a shell reports of a program that a signal ended.
#[cfg(unix)]
fn code(signal: usize) -> i32 {
    128 + signal as i32
}

/// The exit code of a program that was stopped.
pub fn exit_code() -> Option<u8> {
    #[cfg(unix)]
    {
        let heard = HEARD.load(std::sync::atomic::Ordering::SeqCst);
        if heard > 0 {
            return u8::try_from(code(heard)).ok();
        }
    }
    None
}

#[cfg(unix)]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action the call only writes the present one to `now`.
    let read = unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) };
    // SAFETY: zeroed, or written by the call; plain integers either way.
    read == 0 && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
}

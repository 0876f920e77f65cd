//! Long solves away from the interpreter: other threads of Python run meanwhile, and Ctrl-C ends the solve within a tenth of a second.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use kd2m_ot::Stop;
use pyo3::prelude::*;

/// How often signals are looked at.
const BEAT: Duration = Duration::from_millis(30);

/// Runs `work` without the interpreter's lock. What is `short` runs on this thread; anything else on another, while this one looks
/// for signals.
///
/// # Errors
/// What a signal's handler raised, `KeyboardInterrupt` in most programs.
pub fn detached<R: Send>(py: Python<'_>, short: bool, work: impl FnOnce(&Stop) -> R + Send) -> PyResult<R> {
    let stop = Stop::new();
    if short {
        return Ok(py.detach(|| work(&stop)));
    }
    let (found, raised) = py.detach(|| {
        thread::scope(|scope| {
            // The answer itself wakes this thread: a thread that has answered is not at once one that has ended.
            let (answer, answered) = channel();
            let stop_of_work = stop.clone();
            let worker = scope.spawn(move || drop(answer.send(work(&stop_of_work))));
            let mut raised = None;
            let found = loop {
                match answered.recv_timeout(BEAT) {
                    Ok(found) => break Ok(found),
                    Err(RecvTimeoutError::Disconnected) => break Err(()),
                    Err(RecvTimeoutError::Timeout) if raised.is_none() => {
                        raised = Python::attach(|py| py.check_signals()).err();
                        if raised.is_some() {
                            stop.set();
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
            };
            (found.map_err(|()| worker.join().err()), raised)
        })
    });
    match (raised, found) {
        (Some(error), _) => Err(error),
        (None, Ok(found)) => Ok(found),
        // A panic of the solver goes on as one: the interpreter shows it.
        (None, Err(panic)) => std::panic::resume_unwind(panic.unwrap_or_else(|| Box::new("the solver gave no answer"))),
    }
}

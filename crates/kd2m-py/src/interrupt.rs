//! Long solves away from the interpreter: other threads of Python run meanwhile, and Ctrl-C ends the solve within a tenth of a second.

use std::{thread, time::Duration};

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
            let main = thread::current();
            let (own, stop_of_work) = (main.clone(), stop.clone());
            let worker = scope.spawn(move || {
                let found = work(&stop_of_work);
                own.unpark();
                found
            });
            let mut raised = None;
            while !worker.is_finished() {
                thread::park_timeout(BEAT);
                if raised.is_none() && !worker.is_finished() {
                    raised = Python::attach(|py| py.check_signals()).err();
                    if raised.is_some() {
                        stop.set();
                    }
                }
            }
            (worker.join(), raised)
        })
    });
    match (raised, found) {
        (Some(error), _) => Err(error),
        (None, Ok(found)) => Ok(found),
        // A panic of the solver goes on as one: the interpreter shows it.
        (None, Err(panic)) => std::panic::resume_unwind(panic),
    }
}

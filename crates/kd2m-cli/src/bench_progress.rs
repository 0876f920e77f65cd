//! Progress of a grid on stderr: one redrawn line on a terminal, elsewhere, as in a log, a line with the
//! time at most once a minute; failures always.

use std::{
    collections::HashSet,
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kd2m::bench::{Progress, estimate::clock};

use crate::say::{LINE_EVERY, say, timed};

/// Hears all workers.
pub struct BenchProgress {
    bar: ProgressBar,
    quiet: bool,
    terminal: bool,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    printed: Instant,
    /// Ended here, or found ended by other processes.
    done: usize,
    elsewhere: usize,
    ahead: usize,
    /// Units of which an epoch was told: their end is told, too.
    told: HashSet<String>,
}

impl State {
    /// `[3/12]`.
    fn count(&self) -> String {
        format!("[{}/{}]", self.done, self.ahead)
    }

    /// Whether it is time for another line; it then is printed.
    fn due(&mut self) -> bool {
        let due = self.printed.elapsed() >= LINE_EVERY;
        if due {
            self.printed = Instant::now();
        }
        due
    }
}

impl BenchProgress {
    /// `quiet`: only failures.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta} {msg}") {
            bar.set_style(style.progress_chars("━╸ "));
        }
        let now = Instant::now();
        let state =
            Mutex::new(State { started: now, printed: now, done: 0, elsewhere: 0, ahead: 0, told: HashSet::new() });
        Self { bar, quiet, terminal, state }
    }

    /// Shows an event.
    pub fn hear(&self, event: &Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Progress::Planned { ahead, of, jobs, threads } => {
                state.ahead = *ahead;
                self.bar.set_length(*ahead as u64);
                self.say(&format!("{ahead} of {of} units ahead, {jobs} at once with {threads} thread(s) each"));
            }
            Progress::Started { unit } => self.bar.set_message((*unit).to_owned()),
            Progress::Epoch { unit, epoch, of, val_accuracy } => {
                let text = format!("{unit}: epoch {epoch}/{of}, {val_accuracy:.2} % on validation");
                if !self.terminal && state.due() {
                    state.told.insert((*unit).to_owned());
                    self.say(&format!("{} {text}", state.count()));
                }
                self.bar.set_message(text);
            }
            Progress::Elsewhere => {
                state.done += 1;
                state.elsewhere += 1;
                self.bar.inc(1);
            }
            Progress::Finished { unit, text } => {
                state.done += 1;
                self.bar.inc(1);
                self.bar.set_message(format!("{unit}: {text}"));
                let told = state.told.remove(*unit) || state.done == state.ahead;
                if !self.terminal && (told || state.due()) {
                    let own = (state.done - state.elsewhere) as f64;
                    let each = state.started.elapsed().as_secs_f64() / own;
                    let left = clock(each * state.ahead.saturating_sub(state.done) as f64);
                    self.say(&format!("{} {unit}: {text}; about {left} left", state.count()));
                    state.printed = Instant::now();
                }
            }
            Progress::Failed { unit, why } => {
                state.done += 1;
                self.bar.inc(1);
                self.bar.suspend(|| say!("failed: {unit}: {why}"));
            }
            Progress::Waiting => self.say("waiting for what other processes have claimed"),
            Progress::Note(text) => self.say(text),
            Progress::Notice(text) => self.bar.suspend(|| say!("{text}")),
            Progress::Warning(text) => self.bar.suspend(|| say!("warning: {text}")),
        }
    }

    /// Clears the line.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, text: &str) {
        match (self.quiet, self.terminal) {
            (true, _) => {}
            (false, true) => self.bar.suspend(|| say!("{text}")),
            (false, false) => timed(text),
        }
    }
}

//! Progress on stderr: one redrawn line on a terminal; elsewhere, as in a log, a line with the time at most once a minute, and one for every
//! network that is done.

use std::{collections::HashMap, io::IsTerminal, time::Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kd2m::{
    Error,
    train::{EpochRecord, Event, Observer, TermRecord},
};

use crate::say::{LINE_EVERY, say, timed};

/// Follows a run of several networks.
pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
    terminal: bool,
    what: String,
    last: String,
    /// Of each network that is being trained, its last epoch.
    epochs: HashMap<String, String>,
    /// Networks side by side, and whether the first of them have ended.
    together: usize,
    ending: bool,
    started: Instant,
    printed: Instant,
    done: usize,
    ahead: usize,
    /// Networks still to come after the current one.
    networks: usize,
    network: usize,
}

impl Progress {
    /// For a command that trains nothing: only what must be said.
    pub fn none() -> Self {
        Self::new(true, &[])
    }

    /// For stages of (networks, epochs each).
    pub fn new(quiet: bool, stages: &[(usize, usize)]) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {per_sec} {eta} {msg}") {
            bar.set_style(style.progress_chars("━╸ ").with_key(
                "per_sec",
                |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                    let _ = write!(w, "{:.0} images/s", state.per_sec());
                },
            ));
        }
        Self {
            bar,
            quiet,
            terminal,
            what: String::new(),
            last: String::new(),
            epochs: HashMap::new(),
            together: 0,
            ending: true,
            started: Instant::now(),
            printed: Instant::now(),
            done: 0,
            ahead: 0,
            networks: stages.iter().map(|(n, _)| n).sum(),
            network: 0,
        }
    }

    /// A network begins, alone or beside others that have begun.
    fn begin(&mut self, what: &str, images: usize) {
        self.network = if what.starts_with("teacher") { 0 } else { self.network + 1 };
        if std::mem::take(&mut self.ending) {
            (self.started, self.done, self.ahead, self.together) = (Instant::now(), 0, 0, 0);
            // What follows is of other networks.
            self.epochs.clear();
            self.last = "no epoch is done yet".to_owned();
            self.bar.set_message("");
            self.bar.reset();
        }
        self.together += 1;
        self.ahead += images;
        self.what = match (self.network, self.together) {
            (0, _) => what.to_owned(),
            (k, 1) => format!("[{k}/{}] {what}", self.networks),
            (k, n) => format!("[{}-{k}/{}] {n} arms side by side", (k + 1).saturating_sub(n), self.networks),
        };
        self.bar.set_length(self.ahead as u64);
        self.bar.set_prefix(self.what.clone());
    }

    /// A line; with the time where it goes to a log.
    fn say(&mut self, text: &str) {
        match (self.quiet, self.terminal) {
            (true, _) => {}
            (false, true) => self.bar.suspend(|| say!("{text}")),
            (false, false) => timed(text),
        }
    }
}

/// What each criterion was of the epoch's loss and of its gradient.
fn shares(record: &EpochRecord) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let one = |(name, term): (&String, &TermRecord)| {
        let loss = percent(term.share_of_loss?);
        let gradient = term.share_of_gradient.map(|share| format!(", {} of the gradient", percent(share)));
        Some(format!("; {name} {loss} of it{}", gradient.unwrap_or_default()))
    };
    record.train.terms.iter().filter_map(one).collect()
}

impl Observer for Progress {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Started { what, images, .. } => self.begin(what, *images),
            Event::Progress { images } => {
                self.done += *images;
                self.bar.inc(*images as u64);
                if !self.terminal && self.printed.elapsed() >= LINE_EVERY {
                    self.printed = Instant::now();
                    let speed = self.done as f64 / self.started.elapsed().as_secs_f64();
                    let left = self.ahead.saturating_sub(self.done) as f64 / speed;
                    let line = format!("{}: {speed:.0} images/s, {left:.0} s left; {}", self.what, self.last);
                    self.say(&line);
                }
            }
            Event::Epoch { what, record, .. } => {
                let text = format!(
                    "epoch {}: validation {:.2} %, loss {:.4}{}",
                    record.epoch,
                    record.val.accuracy,
                    record.val.loss,
                    shares(record)
                );
                self.last = if self.together > 1 { format!("{what}, {text}") } else { text.clone() };
                self.epochs.insert((*what).to_owned(), text);
                self.bar.set_message(self.last.clone());
            }
            Event::Finished { what } => {
                self.ending = true;
                let (seconds, last) = (self.started.elapsed().as_secs_f64(), self.epochs.remove(*what));
                let (last, whose) = (
                    last.unwrap_or_else(|| self.last.clone()),
                    if self.together > 1 { *what } else { self.what.as_str() },
                );
                let line = format!("{whose}: {last} ({seconds:.1} s)");
                self.say(&line);
                self.bar.set_message("");
            }
            Event::Evaluated { .. } => {}
            Event::Note(text) => self.say(text),
            Event::Notice(text) => self.bar.suspend(|| say!("{text}")),
            Event::Warning(text) => self.bar.suspend(|| say!("warning: {text}")),
        }
        Ok(())
    }
}

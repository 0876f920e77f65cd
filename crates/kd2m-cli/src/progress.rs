//! Progress on stderr: one redrawn line on a terminal; elsewhere, as in a log, a line with the time at most once a minute, and one for every
//! network that is done.

use std::{io::IsTerminal, time::Instant};

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
            started: Instant::now(),
            printed: Instant::now(),
            done: 0,
            ahead: 0,
            networks: stages.iter().map(|(n, _)| n).sum(),
            network: 0,
        }
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
            Event::Started { what, images, .. } => {
                if what.starts_with("teacher") {
                    self.network = 0
                } else {
                    self.network += 1
                };
                self.what = match self.network {
                    0 => (*what).to_owned(),
                    k => format!("[{k}/{}] {what}", self.networks),
                };
                (self.started, self.done, self.ahead) = (Instant::now(), 0, *images);
                // What follows is another network's.
                self.last = "no epoch is done yet".to_owned();
                self.bar.set_message("");
                self.bar.reset();
                self.bar.set_length(*images as u64);
                self.bar.set_prefix(self.what.clone());
            }
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
            Event::Epoch { record, .. } => {
                self.last = format!(
                    "epoch {}: validation {:.2} %, loss {:.4}{}",
                    record.epoch,
                    record.val.accuracy,
                    record.val.loss,
                    shares(record)
                );
                self.bar.set_message(self.last.clone());
            }
            Event::Finished { .. } => {
                let seconds = self.started.elapsed().as_secs_f64();
                let line = format!("{}: {} ({seconds:.1} s)", self.what, self.last);
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

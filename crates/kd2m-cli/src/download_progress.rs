//! A download on stderr: one redrawn line on a terminal; elsewhere, as in a log, a line with the time at most once a minute, and one where a file begins.

use std::{io::IsTerminal, time::Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kd2m::hub::Step;

use crate::say::{LINE_EVERY, say, timed};

/// Follows the files of a data set.
pub struct DownloadProgress {
    bar: ProgressBar,
    quiet: bool,
    terminal: bool,
    pace: Pace,
}

impl DownloadProgress {
    /// `quiet`: nothing is shown.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target =
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {bytes}/{total_bytes} {eta}") {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { bar, quiet, terminal, pace: Pace::new(Instant::now()) }
    }

    /// Shows a step.
    pub fn hear(&mut self, step: Step) {
        match step {
            Step::Said(line) => {
                self.pace = Pace::new(Instant::now());
                self.say(line);
            }
            Step::Bytes { name, done, before, all } => {
                if self.bar.length() != Some(all) || self.bar.position() > done {
                    self.bar.reset();
                    self.bar.set_length(all);
                    self.bar.set_prefix(name.to_owned());
                    // What was here before says nothing of the speed.
                    self.bar.set_position(before);
                    self.bar.reset_eta();
                }
                self.bar.set_position(done);
                match self.pace.line(name, [before, done, all], Instant::now()) {
                    Some(line) if !self.terminal => self.say(&line),
                    _ => {}
                }
                if done == all {
                    self.bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn say(&self, text: &str) {
        match (self.quiet, self.terminal) {
            (true, _) => {}
            (false, true) => self.bar.suspend(|| say!("{text}")),
            (false, false) => timed(text),
        }
    }
}

/// When a line of a log is due.
struct Pace {
    begun: Instant,
    printed: Instant,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { begun: now, printed: now }
    }

    /// The line on a file of which so many bytes were here before, are here and will be, if it is due.
    fn line(&mut self, name: &str, [before, done, all]: [u64; 3], now: Instant) -> Option<String> {
        if done == all || now.duration_since(self.printed) < LINE_EVERY {
            return None;
        }
        self.printed = now;
        let speed = (done - before) as f64 / now.duration_since(self.begun).as_secs_f64();
        let (megabytes, left) = (|bytes: u64| bytes as f64 / 1e6, (all - done) as f64 / speed);
        Some(format!(
            "{name}: {:.1} of {:.1} MB, {:.1} MB/s, {left:.0} s left",
            megabytes(done),
            megabytes(all),
            speed / 1e6
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_log_gets_a_line_a_minute_with_the_speed_of_this_connection() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        // 1 MB a second from 40 MB on, of 180 MB.
        let line = |second: u64, pace: &mut Pace| {
            pace.line(
                "a.zip",
                [40_000_000, 40_000_000 + second * 1_000_000, 180_000_000],
                begun + Duration::from_secs(second),
            )
        };
        let lines: Vec<String> = (1..=140).filter_map(|second| line(second, &mut pace)).collect();
        assert_eq!(
            lines,
            ["a.zip: 100.0 of 180.0 MB, 1.0 MB/s, 80 s left", "a.zip: 160.0 of 180.0 MB, 1.0 MB/s, 20 s left"]
        );
    }

    /// The bar of a file that goes on begins where it broke off, and that of the next at its own beginning.
    #[test]
    fn the_bar_follows_file_after_file() {
        let mut progress = DownloadProgress::new(true);
        for (name, done, before, all) in [("a", 60, 50, 100), ("a", 100, 50, 100), ("b", 10, 0, 100), ("b", 30, 0, 100)]
        {
            progress.hear(Step::Said("a file begins"));
            progress.hear(Step::Bytes { name, done, before, all });
            assert_eq!((progress.bar.position(), progress.bar.length()), (done, Some(all)));
        }
        assert_eq!(progress.bar.prefix(), "b");
    }
}

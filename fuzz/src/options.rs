//! Text that a person writes: configurations, and options of metrics with what they compute.

use std::{
    path::Path,
    sync::{Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use kd2m::config::Source;
use kd2m_ot::{
    Cloud, Options, OtError, Side, Stop,
    divergence::{Request, registry},
};

/// TOML; a line `--set KEY=VALUE` behind it is applied as on the command line.
pub fn config(bytes: &[u8], _: &Path) {
    let text = String::from_utf8_lossy(bytes);
    let (sets, toml): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("--set "));
    let Ok(mut source) = Source::parse("fuzzed", &toml.join("\n")) else { return };
    for set in sets {
        let _ = source.set(&set["--set ".len()..]);
    }
    let _ = source.resolve();
}

/// The metric's name, then an option a line. Two small clouds are compared, in both precisions, for at most a moment.
pub fn metric(bytes: &[u8], _: &Path) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let name = lines.next().unwrap_or_default();
    let options = lines.filter_map(|line| line.split_once('='));
    let options = options.fold(Options::new(name), |options, (key, value)| options.set(key, value));
    let Ok(divergence) = registry::build(&options) else { return };
    let stop = ended_after(Duration::from_millis(20));
    let request = Request { stop: &stop, ..Request::ALL };
    let wide: Vec<f64> = (0..42).map(|k| f64::from(k * 7919 % 101) / 25.0 - 2.0).collect();
    let narrow: Vec<f32> = wide.iter().map(|x| *x as f32).collect();
    let labels = [0, 1, 0, 1, 0, 1, 0, 1];
    let in_single = || -> Result<(), OtError> {
        let a = Cloud::new(Side::A, &narrow[..24], 8, 3)?.with_labels(&labels)?;
        let b = Cloud::new(Side::B, &narrow[24..], 6, 3)?.with_labels(&labels[..6])?;
        divergence.evaluate(&a, &b, request).map(drop)
    };
    let in_double = || -> Result<(), OtError> {
        let a = Cloud::new(Side::A, &wide[..24], 8, 3)?.with_labels(&labels)?;
        let b = Cloud::new(Side::B, &wide[24..], 6, 3)?.with_labels(&labels[..6])?;
        divergence.evaluate(&a, &b, request).map(drop)
    };
    let _ = (in_single(), in_double());
}

/// A flag that a thread of its own sets after a while.
fn ended_after(time: Duration) -> Stop {
    static WAITING: OnceLock<Mutex<Vec<(Instant, Stop)>>> = OnceLock::new();
    let waiting = || WAITING.get().expect("made below").lock().expect("nobody panics here");
    if WAITING.set(Mutex::default()).is_ok() {
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(5));
                let now = Instant::now();
                waiting().retain(|(end, stop)| {
                    if *end <= now {
                        stop.set();
                    }
                    *end > now
                });
            }
        });
    }
    let stop = Stop::new();
    waiting().push((Instant::now() + time, stop.clone()));
    stop
}

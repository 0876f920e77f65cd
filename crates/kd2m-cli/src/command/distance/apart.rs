//! `--metric all` where memory is short: each metric in a process of its own, so that one that cannot have what it needs ends alone, with
//! its reason in its row. An allocation that fails ends its process: nothing in it can go on.

use std::process::{Command, Output};

use kd2m::Error;

use super::metrics::Metric;
use crate::say::say;

/// Memory with which every metric has enough on small sets; more is taken with the size of the sets.
const ENOUGH: usize = 2 << 30;
/// How many times the sets themselves a metric may hold.
const COPIES: usize = 16;

/// Whether it is, for sets of so many bytes together.
pub fn memory_is_short(bytes: usize) -> bool {
    !kd2m_simd::memory::is_there(bytes.saturating_mul(COPIES).saturating_add(ENOUGH))
}

/// What a metric's process came to.
pub enum Row {
    /// Its line, or its object in JSON; true where `--strict` doubts it.
    Printed(String, bool),
    /// Why it has none.
    Failed(String),
}

/// Asks this program about one of all metrics, with the arguments that it has itself.
///
/// # Errors
/// A process that cannot be started.
pub fn ask(metric: &Metric) -> Result<Row, Error> {
    let failed = |source| Error::io("start", std::path::Path::new("a process for each metric"), source);
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).arg("--only").arg(&metric.name);
    Ok(row(command.output().map_err(failed)?))
}

fn row(output: Output) -> Row {
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines().filter(|line| line.starts_with("warning: ")).for_each(|line| say!("{line}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let doubted = output.status.code() == Some(1);
    if !printed.is_empty() && (output.status.success() || doubted) {
        return Row::Printed(printed, doubted);
    }
    let reason = said.lines().find_map(|line| line.strip_prefix("error: "));
    Row::Failed(reason.map_or_else(|| format!("its process ended with {}", output.status), str::to_owned))
}

#[cfg(all(test, unix))]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use super::*;

    #[test]
    fn a_row_is_what_was_printed_or_the_reason_why_not() {
        let of = |code: i32, stdout: &str, stderr: &str| {
            let status = ExitStatus::from_raw(code << 8);
            match row(Output { status, stdout: stdout.into(), stderr: stderr.into() }) {
                Row::Printed(text, doubted) => format!("{text} {doubted}"),
                Row::Failed(reason) => reason,
            }
        };
        assert_eq!(of(0, "w2 1", ""), "w2 1 false");
        assert_eq!(of(1, "w2 1", "error: not everything converged"), "w2 1 true");
        assert_eq!(of(1, "", "note\nerror: 64 bytes cannot be had\nmore"), "64 bytes cannot be had");
        assert_eq!(of(7, "", ""), "its process ended with exit status: 7");
        assert!(memory_is_short(usize::MAX));
    }
}

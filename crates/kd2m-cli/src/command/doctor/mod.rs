//! `kd2m doctor`: what this machine has for a run, before hours are spent on it: device, kernels, threads, memory, disk, data sets.
//! [`machine`] looks, [`data`] reads the data sets as a run would, here it is shown.

mod data;
mod disk;
mod finding;
mod machine;

use std::process::ExitCode;

use kd2m::Error;
use serde_json::{Value, json};

use self::finding::{Finding, State};
use crate::{arguments::DoctorArguments, output::show};

/// Looks and prints; exit code 1 where a run would end at what was found.
///
/// # Errors
/// stdout that cannot be written.
pub fn doctor(arguments: &DoctorArguments) -> Result<ExitCode, Error> {
    let mut findings = vec![
        machine::device(&arguments.device),
        machine::kernels(),
        machine::threads(arguments.threads),
        machine::memory(),
        disk::room_for_runs(&arguments.out),
    ];
    findings.extend(data::sets(arguments.data_root.as_deref()));
    let is_well = findings.iter().all(|finding| finding.state != State::Wrong);
    if arguments.json {
        let all: Vec<Value> = findings.iter().map(Finding::json).collect();
        show(&format!("{:#}\n", json!({ "version": env!("CARGO_PKG_VERSION"), "ok": is_well, "findings": all })))?;
    } else {
        let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or_default();
        let line = |f: &Finding| format!("{:<width$}  {:<5}  {}\n", f.name, f.state.word(), f.says);
        show(&findings.iter().map(line).collect::<String>())?;
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

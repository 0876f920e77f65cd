//! `kd2m doctor`: what this machine has for a run, before hours are spent on it: device, kernels, threads, memory, disk, data sets.
//! [`machine`] looks, [`data`] reads the data sets as a run would, here it is shown.

mod data;
mod disk;
mod machine;

use std::process::ExitCode;

use kd2m::Error;
use serde_json::{Value, json};

use crate::{arguments::DoctorArguments, output::show};

/// One thing that was looked at.
struct Finding {
    name: String,
    /// What there is, or what is wrong with it, in a sentence.
    says: String,
    state: State,
    /// The same as numbers and words.
    facts: Value,
}

/// What is to be thought of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Fine,
    /// Not there; a run that needs it says so, others do not miss it.
    Absent,
    /// A run would end here.
    Wrong,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Absent => "–",
            State::Wrong => "wrong",
        }
    }
}

impl Finding {
    fn new(name: &str, state: State, says: String, facts: Value) -> Self {
        Self { name: name.to_owned(), says, state, facts }
    }

    /// As part of a JSON document.
    fn json(&self) -> Value {
        let mut object = json!({ "name": self.name, "state": self.state.word(), "says": self.says });
        if let (Value::Object(all), Value::Object(facts)) = (&mut object, &self.facts) {
            all.extend(facts.clone());
        }
        object
    }
}

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
        disk::disk(&arguments.out),
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

//! `kd2m compare`: finished runs side by side.

use std::process::ExitCode;

use kd2m::{
    Error,
    columns::{self, Table},
    train::{
        compare::{ComparedRun, Comparison, compare as compared},
        statistics::{ENOUGH, plus_minus},
    },
};

use crate::{arguments::CompareArguments, output::show, table::align};

/// Reads, compares and prints.
///
/// # Errors
/// A folder that is no finished run, or an arm that the first run lacks.
pub fn compare(arguments: &CompareArguments) -> Result<ExitCode, Error> {
    let found = compared(&arguments.runs, arguments.against.as_deref())?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&found).map_err(Error::json("the comparison"))?;
        show(&format!("{text}\n"))?;
    } else {
        show(&page(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The runs, their arms, and what the differences allow one to say.
fn page(found: &Comparison) -> String {
    let mut runs = vec![["run", "folder", "data", "teacher", "test %", "seeds"].map(str::to_owned).to_vec()];
    for (number, run) in (1..).zip(&found.runs) {
        let seeds = run.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let teacher = plus_minus(run.teacher_test_accuracy.unwrap_or(f64::NAN), None);
        let folder = run.path.display().to_string();
        runs.push(vec![format!("{number}"), folder, run.dataset.clone(), run.teacher.clone(), teacher, seeds]);
    }
    let mut out = align(&runs);
    out.push('\n');
    out += &align(&columns::lines(Table::Compare, &found.rows()));
    out += &legend(found);
    let alone: Vec<String> = found.alone().map(|(run, arm)| format!("{arm} of run {run}")).collect();
    if !alone.is_empty() {
        let (names, first) = (alone.join(", "), &found.runs[0].arms[0].summary.arm);
        out += &format!(
            "{names}: run 1 has no arm of that name; --against {first} compares every arm with {first} of run 1\n"
        );
    }
    for (number, run) in (1..).zip(&found.runs).skip(1) {
        out += &differs(number, run);
    }
    out
}

/// What a difference is, and what so many seeds allow.
fn legend(found: &Comparison) -> String {
    let to = match &found.against {
        Some(arm) => format!("{arm} of run 1"),
        None => "the arm of the same name in run 1".to_owned(),
    };
    let fewest = found.differences().map(|d| d.seeds.len()).min();
    match fewest {
        None => format!(
            "no difference to {to} can be told: it takes the same data, and two seeds that both runs have{}\n",
            if found.against.is_none() {
                "; --against ARM compares with one arm of run 1, whatever the names"
            } else {
                ""
            }
        ),
        Some(fewest) => {
            let claim = if fewest < ENOUGH {
                format!("; {fewest} seeds describe, a claim needs {ENOUGH} or more")
            } else {
                String::new()
            };
            let but =
                if found.differences().any(|d| d.same) { " but students that are the same in both runs" } else { "" };
            format!(
                "difference: to {to}, in points of test accuracy, paired by seed, ± half of its 95 % t interval; p after Holm over \
                 all of them{but}{claim}\n"
            )
        }
    }
}

/// How one run is otherwise than the first.
fn differs(number: usize, run: &ComparedRun) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let keys: Vec<String> =
        run.differs.iter().map(|(key, [first, own])| format!("{key} {} → {}", value(first), value(own))).collect();
    let mut out = match keys.as_slice() {
        [] => format!("run {number} has the configuration of run 1\n"),
        keys => format!("run {number} differs from run 1 in {}\n", keys.join(", ")),
    };
    if let Some(why) = &run.apart {
        out += &format!("run {number} is not compared: {why}\n");
    }
    out
}

//! `kd2m eval`: saved students again.

use std::process::ExitCode;

use kd2m::{
    Error,
    device::DeviceChoice,
    train::inspect::{On, evaluate_saved},
    warning,
};

use crate::{
    arguments::{EvalArguments, SplitName},
    output::show,
    progress::Progress,
};

/// Evaluates and prints.
///
/// # Errors
/// A folder that is no run, or files that cannot be read.
pub fn eval(arguments: &EvalArguments) -> Result<ExitCode, Error> {
    if arguments.strict {
        warning::be_strict();
    }
    let on = match arguments.split {
        SplitName::Val => On::Validation,
        SplitName::Test => On::Test,
    };
    let device = DeviceChoice::parse(&arguments.device)?;
    let (root, threads, mut progress) = (arguments.data_root.as_deref(), arguments.threads, Progress::none());
    let found = evaluate_saved(&arguments.run, on, root, device, threads, &mut progress)?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&found).map_err(Error::json("the evaluation"))?;
        show(&format!("{text}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table =
        format!("{:<20} {:>5}  {:>10}  {:>10}  {:>14}\n", "arm", "seed", "accuracy %", "ce", "W₂² to teacher");
    for row in found {
        let w2 = row.w2_to_teacher.map_or("–".to_owned(), |w| format!("{w:.4}"));
        table += &format!("{:<20} {:>5}  {:>10.2}  {:>10.4}  {:>14}\n", row.arm, row.seed, row.accuracy, row.ce, w2);
    }
    show(&table)?;
    Ok(ExitCode::SUCCESS)
}

#![doc = include_str!("../README.md")]
//!
//! The program is [`run`]; one that adds criteria of its own registers them and calls it too.
#![deny(missing_docs)]

mod arguments;
mod bench_progress;
mod command;
mod interrupt;
mod output;
mod progress;
mod table;
mod threads;

use std::{ffi::OsString, process::ExitCode};

use arguments::{Arguments, Command};
use clap::Parser;
use kd2m_ot::internals::Isa;

/// Parses the process's arguments, calls, shows: stdout holds results, stderr everything else. A mistake in the arguments ends the
/// process.
pub fn run() -> ExitCode {
    run_with(std::env::args_os())
}

/// The same with these arguments, the program's name first.
pub fn run_with(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(arguments);
    if let Err(error) = Isa::requested() {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let outcome = match arguments.command {
        Command::Train(run) => command::run::train(&run),
        Command::Distill(run) => command::run::distill(&run),
        Command::Eval(eval) => command::eval::eval(&eval),
        Command::Predict(predict) => command::predict::predict(&predict),
        Command::Features(features) => command::features::features(&features),
        Command::Export(export) => command::export::export(&export),
        Command::Bound(bound) => command::bound::bound(&bound),
        Command::Report(report) => command::report::report(&report),
        Command::Distance(distance) => command::distance::distance(&distance),
        Command::Bench(bench) => command::bench::bench(&bench),
        Command::Reproduce(reproduce) => command::reproduce::reproduce(&reproduce),
        Command::List(list) => command::list::list(&list),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

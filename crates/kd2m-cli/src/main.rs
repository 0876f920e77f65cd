//! The `kd2m` program: parse, call, show. stdout holds results, stderr everything else.

mod arguments;
mod bench_progress;
mod command;
mod interrupt;
mod output;
mod progress;
mod table;
mod threads;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use kd2m_ot::isa::Isa;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = Isa::requested() {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let outcome = match arguments.command {
        Command::Train(run) => command::run::train(&run),
        Command::Distill(run) => command::run::distill(&run),
        Command::Eval(eval) => command::eval::eval(&eval),
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

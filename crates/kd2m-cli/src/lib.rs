#![doc = include_str!("../README.md")]
//!
//! The program is [`run`]; one that adds criteria of its own registers them and calls it too.
#![deny(missing_docs)]
// They end the program where nobody listens: `say!` and `output::show` do not.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod arguments;
mod bench_progress;
mod command;
#[cfg_attr(not(any(test, feature = "download")), expect(dead_code, reason = "a build that downloads shows it"))]
mod download_progress;
mod interrupt;
mod memory;
mod next;
mod output;
mod progress;
mod ranks;
mod say;
mod signals;
mod table;
mod threads;
mod version;

use std::{
    ffi::OsString,
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

use arguments::{Arguments, Command};
use clap::Parser;
use kd2m::Error;
use kd2m_ot::internals::Isa;
pub use memory::Memory;
use ranks::Crew;
use say::say;

/// Parses the process's arguments, calls, shows: stdout holds results, stderr everything else. A mistake in the arguments ends the
/// process.
pub fn run() -> ExitCode {
    run_with(std::env::args_os())
}

/// The same with these arguments, the program's name first.
pub fn run_with(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    memory::tell_of_want();
    let mut arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(text) => return shown(&text),
    };
    if let Err(error) = Isa::requested() {
        say!("error: {error}");
        return ExitCode::from(2);
    }
    let threads = arguments.command.threads().map(|threads| {
        threads::cap(threads);
        *threads
    });
    let crew = match arguments.command {
        Command::Train(_) | Command::Distill(_) | Command::Distance(_) => Crew::begin(),
        _ => Ok(Crew::default()),
    };
    let crew = match crew {
        Ok(crew) => crew,
        Err(error) => {
            say!("error: {error}");
            return ExitCode::from(error.exit_code());
        }
    };
    if let (Some(threads), true) = (threads, crew.ranks().is_some()) {
        threads::tell_of_cores(threads);
    }
    let outcome = call(arguments.command, &crew);
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let code = match error {
                // Told by the command, with how to go on.
                Error::Stopped { .. } | Error::Halted => signals::exit_code(),
                _ => {
                    say!("error: {error}");
                    crew.fail(&error, error.exit_code());
                    None
                }
            };
            ExitCode::from(code.unwrap_or_else(|| error.exit_code()))
        }
    }
}

/// One command, with the threads that it may use.
fn call(command: Command, crew: &Crew) -> Result<ExitCode, Error> {
    match &command {
        Command::Distance(distance) => threads::use_threads(distance.threads)?,
        Command::Bound(bound) => threads::use_threads(bound.threads)?,
        Command::List(_) | Command::Compare(_) | Command::Completions(_) | Command::Man(_) => {}
        _ => threads::use_threads(0)?,
    }
    let quiet = match &command {
        Command::Train(run) | Command::Distill(run) => run.quiet,
        Command::Bench(bench) => bench.quiet,
        Command::Reproduce(reproduce) => reproduce.quiet,
        _ => false,
    };
    if quiet {
        kd2m::loading::be_quiet();
    }
    match command {
        Command::Train(run) => command::run::train(&run, crew),
        Command::Distill(run) => command::run::distill(&run, crew),
        Command::Eval(eval) => command::eval::eval(&eval),
        Command::Predict(predict) => command::predict::predict(&predict),
        Command::Features(features) => command::features::features(&features),
        Command::Export(export) => command::export::export(&export),
        Command::Bound(bound) => command::bound::bound(&bound),
        Command::Compare(compare) => command::compare::compare(&compare),
        Command::Report(report) => command::report::report(&report),
        Command::Distance(distance) => command::distance::distance(&distance, crew),
        Command::Bench(bench) => command::bench::bench(&bench),
        Command::Reproduce(reproduce) => command::reproduce::reproduce(&reproduce),
        Command::List(list) => command::list::list(&list),
        Command::Data(data) => command::data::data(&data),
        Command::Init(init) => command::init::init(&init),
        Command::Doctor(doctor) => command::doctor::doctor(&doctor),
        Command::Completions(completions) => command::shell::completions(&completions),
        Command::Man(man) => command::shell::man(&man),
    }
}

/// A page of help on stdout, or what is wrong with the arguments on stderr; the exit code of either.
fn shown(text: &clap::Error) -> ExitCode {
    let printed = text.print().and_then(|()| std::io::stdout().flush());
    match printed {
        // Whoever reads the help has seen enough.
        Err(source) if !text.use_stderr() && source.kind() != ErrorKind::BrokenPipe => {
            let error = Error::Stdout { source };
            say!("error: {error}");
            ExitCode::from(error.exit_code())
        }
        _ => ExitCode::from(text.exit_code() as u8),
    }
}

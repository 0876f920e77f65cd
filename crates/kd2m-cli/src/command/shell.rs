//! `kd2m completions` and `kd2m man`: what shells complete and manuals say is what the help pages say, since all are made from one
//! definition of the command line.

use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use kd2m::{Error, files};
use kd2m_ot::error::nearest_names;

use crate::{
    arguments::{Arguments, CompletionsArguments, ManArguments},
    output::show,
    say::say,
};

/// The script of a shell, on stdout.
///
/// # Errors
/// stdout cannot be written.
pub fn completions(arguments: &CompletionsArguments) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "kd2m", &mut script);
    show(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// A page on stdout, or all of them in a folder.
///
/// # Errors
/// A command that there is not; the disk.
pub fn man(arguments: &ManArguments) -> Result<ExitCode, Error> {
    let program = built();
    if let Some(folder) = &arguments.out {
        files::make_folder(folder)?;
        let pages = std::iter::once(&program).chain(program.get_subcommands());
        for command in pages {
            let page = Man::new(command.clone());
            let path = folder.join(page.get_filename());
            files::write(&path, &text(&page)?)?;
            say!("{}", path.display());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let command = match &arguments.command {
        None => &program,
        Some(name) => program.find_subcommand(name).ok_or_else(|| unknown(name, &program))?,
    };
    show(&String::from_utf8_lossy(&text(&Man::new(command.clone()))?))?;
    Ok(ExitCode::SUCCESS)
}

/// The command line with every name as a page has it.
fn built() -> Command {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    program
}

fn text(page: &Man) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    page.render(&mut text).map_err(|source| Error::Stdout { source })?;
    Ok(text)
}

fn unknown(name: &str, program: &Command) -> Error {
    let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    let near = nearest_names(name, names.iter().copied());
    let instead = match near.as_slice() {
        [] => format!("there are {}", names.join(", ")),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    Error::Config(format!("no command is called `{name}`; {instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Help, completions and pages are made from this: it has no mistake that clap finds only when a flag is used.
    #[test]
    fn the_command_line_is_whole() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_command_that_there_is_not_is_named_with_the_nearest() {
        let said = |name| unknown(name, &built()).to_string();
        assert!(
            said("distil").starts_with("no command is called `distil`; did you mean distill"),
            "{}",
            said("distil")
        );
        assert!(said("zzz").starts_with("no command is called `zzz`; there are train, distill, "), "{}", said("zzz"));
    }
}

//! What a shell and a reader of manuals get, made from the same definitions as the help pages.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Args)]
pub struct CompletionsArguments {
    /// Which shell's script.
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Args)]
pub struct ManArguments {
    /// A command; the program's own page when left out.
    #[arg(conflicts_with = "out")]
    pub command: Option<String>,
    /// Write all pages into this folder, which is made.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

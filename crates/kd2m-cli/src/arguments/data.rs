//! `kd2m data`: data sets that others publish.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub const HELP: &str = "Examples:
  kd2m data list
  kd2m data info cifar10
  kd2m data verify --data-root data                   # whatever of them is there
  kd2m data download fashion_mnist --data-root data";

#[derive(Args)]
pub struct DataArguments {
    /// What to do.
    #[arg(value_enum)]
    pub action: DataAction,
    /// Names of `kd2m list datasets`; all that are published, or of `verify` all that are there, when left out.
    pub names: Vec<String>,
    /// Folder of the data sets, for `verify` and `download`; this one by default.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub data_root: PathBuf,
    /// Print JSON; of `download` nothing is printed.
    #[arg(long)]
    pub json: bool,
    /// No progress.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DataAction {
    /// Each in a line.
    List,
    /// What they are, whose, their files, addresses and sums.
    Info,
    /// Compare what is on this machine with what is published; exit code 2 where it is another.
    Verify,
    /// Bring the published files here, unless they are; what broke off is gone on with.
    Download,
}

//! `kd2m compare`.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct CompareArguments {
    /// Finished runs; differences are to the first.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Compare every arm with this one of the first run, in place of the arm of its own name.
    #[arg(long, value_name = "ARM")]
    pub against: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

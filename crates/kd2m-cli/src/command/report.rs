//! `kd2m report`: the page of a finished run again.

use std::process::ExitCode;

use kd2m::{Error, device::DeviceChoice, report};

use crate::{arguments::ReportArguments, output::show};

/// Writes report.html.
///
/// # Errors
/// A folder that is no finished run, or files that cannot be read.
pub fn report(arguments: &ReportArguments) -> Result<ExitCode, Error> {
    let device = DeviceChoice::parse(&arguments.device)?;
    let path = report::write(&arguments.run, arguments.data_root.as_deref(), device, 0)?;
    show(&format!("{}\n", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

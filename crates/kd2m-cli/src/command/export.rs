//! `kd2m export`: a trained network for others.

use std::process::ExitCode;

use kd2m::{
    Error,
    export::{self, Format},
};

use super::network;
use crate::{
    arguments::{ExportArguments, ExportFormat},
    output::show,
};

/// Writes the network.
///
/// # Errors
/// No such network, a place that cannot be written.
pub fn export(arguments: &ExportArguments) -> Result<ExitCode, Error> {
    let saved = network::open(&arguments.network, None)?;
    let format = match arguments.format {
        ExportFormat::Onnx => Format::Onnx,
        ExportFormat::Safetensors => Format::Safetensors,
        ExportFormat::Hf => Format::Hub,
    };
    export::export(&saved, format, &arguments.out)?;
    let [c, h, w] = saved.description.input;
    show(&format!(
        "{}: {} ({}), {} classes, images of {c}×{h}×{w}\n",
        arguments.out.display(),
        saved.description.model,
        saved.whose,
        saved.description.classes
    ))?;
    Ok(ExitCode::SUCCESS)
}

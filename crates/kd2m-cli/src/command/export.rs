//! `kd2m export`: a trained network for others.

use std::process::ExitCode;

use kd2m::{
    Error,
    device::DeviceChoice,
    export::{self, Format},
    saved::{Images, Split},
};
use kd2m_nn::weights::Precision;

use super::network;
use crate::{
    arguments::{AnySplit, ExportArguments, ExportFormat},
    output::show,
};

/// Writes the network.
///
/// # Errors
/// No such network, a place that cannot be written.
pub fn export(arguments: &ExportArguments) -> Result<ExitCode, Error> {
    let precision = if arguments.half { Precision::Half } else { Precision::Single };
    let format = match arguments.format {
        ExportFormat::Onnx | ExportFormat::OnnxInt8 if arguments.half => {
            let message = "--half belongs to --format safetensors and hf; onnx-int8 makes an ONNX file smaller";
            return Err(Error::Config(message.to_owned()));
        }
        ExportFormat::OnnxInt8 => return int8(arguments),
        ExportFormat::Onnx => Format::Onnx,
        ExportFormat::Safetensors => Format::Safetensors(precision),
        ExportFormat::Hf => Format::Hub(precision),
    };
    let saved = network::open(&arguments.network, None)?;
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

/// On integers: ranges from validation, accuracy on test.
fn int8(arguments: &ExportArguments) -> Result<ExitCode, Error> {
    let own = &arguments.network;
    let (saved, validation) =
        network::open_with_images(own, arguments.data.as_deref(), AnySplit::Val, arguments.skip_bad)?;
    let test = Images::of(validation.dataset.clone(), Split::Test, &saved);
    let device = DeviceChoice::parse(&own.device)?;
    let found = export::export_int8(&saved, &validation, &test, &arguments.out, device, own.threads);
    let found = found.map_err(|e| network::with_all_broken(e, own, arguments.data.as_deref()))?;
    let ([plain, rounded], [whole, small]) = (found.accuracy, found.bytes);
    show(&format!(
        "{}: {} ({}) on 8 bits, ranges from {} validation images\naccuracy on {} (test): f32 {plain:.2} %, int8 {rounded:.2} %\n\
         size: f32 {whole} bytes, int8 {small} bytes ({:.3})\n",
        arguments.out.display(),
        saved.description.model,
        saved.whose,
        found.calibrated_on,
        test.dataset.name,
        small as f64 / whole as f64
    ))?;
    Ok(ExitCode::SUCCESS)
}

//! `kd2m features`: a network's outputs on a data set, as arrays.

use std::process::ExitCode;

use kd2m::{Error, device::DeviceChoice};

use super::network;
use crate::{arguments::FeaturesArguments, output::show};

/// Runs the network and writes the file.
///
/// # Errors
/// No such network or data, images of another shape, a file that cannot be written.
pub fn features(arguments: &FeaturesArguments) -> Result<ExitCode, Error> {
    let out = &arguments.out;
    if out.extension().is_none_or(|ending| ending != "npz") {
        return Err(Error::Config(format!("--out {}: the file is a .npz, give it that ending", out.display())));
    }
    let (saved, images) =
        network::open_with_images(&arguments.network, arguments.data.as_deref(), arguments.split, arguments.skip_bad)?;
    let device = DeviceChoice::parse(&arguments.network.device)?;
    let mut engine = saved.engine(device, arguments.network.threads)?;
    let outputs = saved.outputs(&images, engine.as_mut());
    let outputs = outputs.map_err(|e| network::with_all_broken(e, &arguments.network, arguments.data.as_deref()))?;
    outputs.write_npz(out)?;
    show(&format!(
        "{}: {} features of {} images of {} ({})\n",
        out.display(),
        outputs.width,
        outputs.rows(),
        images.dataset.name,
        images.split.name()
    ))?;
    Ok(ExitCode::SUCCESS)
}

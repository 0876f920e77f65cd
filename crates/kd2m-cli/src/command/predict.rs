//! `kd2m predict`: what images show.

use std::process::ExitCode;

use kd2m::{
    Error,
    device::DeviceChoice,
    saved::{self, Predicted},
    warning,
};
use kd2m_data::left_out;

use super::network;
use crate::{arguments::PredictArguments, output::show};

/// Runs the network on image files and prints the likeliest classes of each.
///
/// # Errors
/// No such network, or a file that is no image.
pub fn predict(arguments: &PredictArguments) -> Result<ExitCode, Error> {
    let network = network::open(&arguments.network, None)?;
    let device = DeviceChoice::parse(&arguments.network.device)?;
    let mut engine = network.engine(device, arguments.network.threads)?;
    let images = &arguments.images;
    let Predicted { answers, left } = saved::predict(&network, images, engine.as_mut(), arguments.skip_bad)?;
    if let Some(said) = left_out(images.len(), &left) {
        match left.len() == images.len() {
            true => return Err(Error::Config(said)),
            false => warning::warn(&said)?,
        }
    }
    let (mut text, mut all) = (String::new(), Vec::new());
    for (image, probabilities) in images.iter().zip(&answers) {
        let Some(probabilities) = probabilities else { continue };
        let mut ranked: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
        // Equal ones stay in the order of the classes.
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(arguments.top);
        text += &format!("{}\n", image.display());
        for (label, p) in &ranked {
            text += &format!("  {:>6.2} %  {}\n", 100.0 * p, network.description.class(*label));
        }
        let one = |(label, p): &(usize, f64)| serde_json::json!({ "class": network.description.class(*label), "label": label, "probability": p });
        let classes: Vec<_> = ranked.iter().map(one).collect();
        all.push(serde_json::json!({ "image": image.display().to_string(), "classes": classes }));
    }
    if arguments.json {
        text = serde_json::to_string_pretty(&all).map_err(Error::json("the predictions"))? + "\n";
    }
    show(&text)?;
    Ok(ExitCode::SUCCESS)
}

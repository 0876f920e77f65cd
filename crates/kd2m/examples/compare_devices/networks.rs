//! Every network of the zoo on a small batch.

use kd2m::device::DeviceChoice;
use kd2m_nn::{
    init,
    zoo::{self, MODELS, Stem, ZooOptions},
};

use crate::{
    Case, engines,
    row::{Row, Tolerance},
};

/// In deep networks some ReLU has an input so near zero that its sign depends on rounding, and one flipped sign moves every
/// gradient below it by a percent: in ResNet-101 the CPU engine is a tenth from flex, too, and its outputs 1.5e-3. The layers are
/// the sharp comparison.
pub const TOLERANCE: Tolerance = Tolerance { outputs: 3e-3, gradients: 1.5e-1 };

/// The networks of the table, those for ImageNet with both stems.
pub fn cases(choice: DeviceChoice) -> Vec<Case> {
    let both = |name: &'static str| {
        let stems: &[Stem] = if has_stems(name) { &[Stem::Imagenet, Stem::Cifar] } else { &[Stem::Cifar] };
        stems.iter().map(move |stem| (name, *stem))
    };
    let all = MODELS.iter().flat_map(|model| both(model.name));
    all.map(|(name, stem)| {
        let stem_name = if has_stems(name) { format!(", {stem:?} stem").to_lowercase() } else { String::new() };
        (format!("{name}{stem_name}"), Box::new(move || case(choice, name, stem)) as Box<dyn Fn() -> Row>)
    })
    .collect()
}

fn has_stems(name: &str) -> bool {
    ["resnet18", "resnet34", "resnet50", "resnet101"].contains(&name)
}

fn case(choice: DeviceChoice, name: &str, stem: Stem) -> Row {
    let [channels, side] = match name {
        _ if name.starts_with("digits") => [1, 8],
        _ if name.starts_with("mlp") => [1, 9],
        _ if has_stems(name) && stem == Stem::Cifar => [3, 16],
        _ => [3, 32],
    };
    match zoo::build(name, &ZooOptions::new(7, channels, side, side).stem(stem)) {
        Ok(graph) => engines::compare(choice, &graph, &init::initialise(&graph, 5), 8, 1),
        Err(why) => {
            let mut row = Row::default();
            row.fail(why.to_string());
            row
        }
    }
}

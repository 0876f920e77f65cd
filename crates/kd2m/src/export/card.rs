//! The model card: what a person should know of a network before using it.

use std::fmt::Write as _;

use kd2m_nn::{Graph, weights::Precision};

use super::{eight::Eight, timm::timm_knows};
use crate::{
    config::ArmConfig,
    criterion::registry,
    saved::{Origin, Saved},
};

/// The page of a network, with the head that the hub reads.
pub(super) fn text(saved: &Saved, graph: &Graph, precision: Precision) -> String {
    let description = &saved.description;
    let library = if timm_knows(description) { "timm" } else { "kd2m" };
    let mut page = format!(
        "---\nlicense: other\nlibrary_name: {library}\npipeline_tag: image-classification\ntags:\n- image-classification\n- \
         knowledge-distillation\n- kd2m\n---\n\n# {} with {} classes\n\n",
        description.model, description.classes
    );
    let [channels, height, width] = description.input;
    // Writing to a String cannot fail.
    let _ = writeln!(
        page,
        "{} parameters, {} multiply–adds an image, {} features. Images of {channels}×{height}×{width}, resized without regard to their \
         aspect (bilinear), pixels in 0…1, mean {:?}, deviation {:?}.\n",
        graph.parameter_count(),
        graph.multiply_adds(),
        graph.feature_width(),
        description.mean,
        description.std
    );
    if precision == Precision::Half {
        page += "The numbers are in half precision (16 bits), rounded from those that were measured.\n\n";
    }
    match &saved.origin {
        Some(origin) => of_run(&mut page, origin),
        None => {
            let _ = writeln!(page, "Exported from {} by kd2m {}.\n", saved.whose, env!("CARGO_PKG_VERSION"));
        }
    }
    if !description.class_names.is_empty() {
        let _ = writeln!(page, "## Classes\n\n{}\n", description.class_names.join(", "));
    }
    page += "## Use\n\n";
    if timm_knows(description) {
        page += "    import timm\n    model = timm.create_model(\"local-dir:PATH\", pretrained=True).eval()\n\n";
    }
    page += "    kd2m predict PATH image.jpg\n\n## Licence\n\nTo be named by whoever publishes these weights";
    let credit = saved.origin.as_ref().and_then(|o| credit(&o.config.data.dataset));
    match credit {
        Some(credit) => page += &format!("; the data they were trained on: {credit}.\n"),
        None => page += ".\n",
    }
    page
}

/// The part of a network on eight bits.
pub(super) fn of_eight(found: &Eight, dataset: &str, split: &str) -> String {
    let [plain, rounded] = found.accuracy;
    let [whole, small] = found.bytes;
    format!(
        "\n## On eight bits\n\nWeights are integers of 8 bits by channel, values between layers of 8 bits with ranges from {} validation \
         images (ONNX's QuantizeLinear and DequantizeLinear).\n\n| | accuracy on {dataset} ({split}), % | bytes |\n|---|---|---|\n\
         | f32 | {plain:.2} | {whole} |\n| int8 | {rounded:.2} | {small} |\n",
        found.calibrated_on
    )
}

/// Who made a data set, by its name.
fn credit(dataset: &str) -> Option<&'static str> {
    let name = dataset.split(':').next().unwrap_or(dataset);
    kd2m_data::registry().iter().find(|entry| entry.name == name).map(|entry| entry.credit)
}

fn of_run(page: &mut String, origin: &Origin) {
    let Origin { config, teacher, student, .. } = origin;
    let _ = writeln!(page, "## Results\n\n| on {} | accuracy, % |\n|---|---|", config.data.dataset);
    let percent = |name: &str, value: f64| match value.is_finite() {
        true => format!("| {name} | {value:.2} |\n"),
        false => String::new(),
    };
    if let Some((_, Some(summary), best)) = student {
        let [test, val] = match best {
            true => [summary.best_val_test_accuracy, summary.best_val_accuracy],
            false => [summary.test_accuracy, summary.val_accuracy],
        };
        *page += &percent("this network, test", test);
        *page += &percent("this network, validation", val);
    }
    if let Some(teacher) = teacher {
        let whose =
            if student.is_some() { format!("its teacher {}", teacher.model) } else { "this network".to_owned() };
        *page += &percent(&format!("{whose}, test"), teacher.test_accuracy);
        *page += &percent(&format!("{whose}, validation"), teacher.val_accuracy);
    }
    page.push('\n');
    if let Some((arm, summary, best)) = student {
        *page += "## Training\n\n";
        *page += &criterion(arm);
        let epochs = match (best, summary) {
            (true, Some(summary)) => {
                format!("epoch {} of {}, the best on validation", summary.best_val_epoch, config.train.epochs)
            }
            _ => format!("{} epochs", config.train.epochs),
        };
        let _ =
            writeln!(page, "{epochs}, batches of {}, kd2m {}.\n", config.train.batch_size, env!("CARGO_PKG_VERSION"));
    }
}

/// What the student was asked beside its labels.
fn criterion(arm: &ArmConfig) -> String {
    if arm.losses.is_empty() {
        return "Cross-entropy alone, no teacher; ".to_owned();
    }
    let cards = registry::cards();
    let one = |loss: &crate::config::LossConfig| {
        let name = loss.criterion.name();
        let known = cards.iter().find(|card| card.name == name || card.aliases.iter().any(|alias| alias == name));
        let source = known.map_or_else(String::new, |card| format!(" ({}; {})", card.formula, card.source));
        format!("`{name}`{source}, weight {}", loss.resolved_weight())
    };
    let all: Vec<String> = arm.losses.iter().map(one).collect();
    format!("Distilled by {}; ", all.join(", and "))
}

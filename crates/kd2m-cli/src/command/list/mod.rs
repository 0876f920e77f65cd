//! `kd2m list`: criteria, metrics, models, data sets, kernels and keys of the configuration, each with what a person needs to choose.

mod card;
mod markdown;

use std::process::ExitCode;

use clap::ValueEnum;
use kd2m::{
    Error,
    config::keys,
    criterion::{NetworkShapes, registry},
};
use kd2m_cpu::{KernelChoice, Network, Options};
use kd2m_nn::{
    init,
    zoo::{self, Stem, ZooOptions},
};
use kd2m_ot::{divergence::registry as metrics, error::nearest_names, options::OptionSpec};
use serde_json::{Value, json};

use crate::{
    arguments::{ListArguments, Listed},
    output::show,
    say::say,
};

/// Names that the lists do not repeat for every metric.
const FORMS: &str = "\
class-NAME, joint-NAME
  Every metric has two more forms, which read labels. class-NAME compares within each class (cw2 is class-w2; priors=true weights
  classes by their share, else all alike). joint-NAME compares features with labels appended (beta=auto weights them as the largest
  squared feature distance); in training these are the softmax outputs of student and teacher.
";

/// Prints one list.
///
/// # Errors
/// None of the built-in tables fails.
pub fn list(arguments: &ListArguments) -> Result<ExitCode, Error> {
    let rows = match arguments.what {
        Listed::Criteria => criteria(),
        Listed::Metrics => metric_rows(),
        Listed::Models => models(arguments)?,
        Listed::Datasets => datasets(),
        Listed::Kernels => kernels(arguments)?,
        Listed::Keys if arguments.json => {
            show(&format!("{:#}\n", keys::schema()))?;
            return Ok(ExitCode::SUCCESS);
        }
        Listed::Keys => key_rows(),
    };
    let rows = match &arguments.name {
        Some(name) => named(rows, name)?,
        None => rows,
    };
    if arguments.markdown {
        show(&markdown::page(arguments.what, &word(arguments.what), &rows))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.json {
        show(&format!("{:#}\n", Value::Array(rows)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let word = word(arguments.what);
    let short = if arguments.long || arguments.name.is_some() { None } else { card::lines(&rows) };
    match &short {
        Some(lines) => show(lines)?,
        None => show(&rows.iter().map(card::card).collect::<String>())?,
    }
    if let (Listed::Criteria | Listed::Metrics, None) = (arguments.what, &arguments.name) {
        show(FORMS)?;
    }
    if short.is_some() {
        show(&format!("\n`kd2m list {word} NAME` shows one whole, `kd2m list {word} --long` all of them\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a list is called on the command line.
fn word(what: Listed) -> String {
    what.to_possible_value().map(|word| word.get_name().to_owned()).unwrap_or_default()
}

/// The row of a name or alias, or else those whose name holds it.
fn named(rows: Vec<Value>, name: &str) -> Result<Vec<Value>, Error> {
    let aliases = |row: &Value| row["aliases"].as_array().cloned().unwrap_or_default();
    let own = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
    if let Some(row) = rows.iter().find(|row| own(row) == name || aliases(row).iter().any(|alias| *alias == name)) {
        return Ok(vec![row.clone()]);
    }
    let names: Vec<String> = rows.iter().map(own).collect();
    let found: Vec<Value> = rows.into_iter().filter(|row| own(row).contains(name)).collect();
    match found.is_empty() {
        false => Ok(found),
        true => {
            let near = nearest_names(name, names.iter().map(String::as_str));
            let near = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
            Err(Error::Config(format!("nothing in this list is called `{name}`{near}")))
        }
    }
}

fn options(specs: &[OptionSpec]) -> Value {
    specs.iter().map(|o| json!({ "name": o.name, "default": o.default, "help": o.help })).collect()
}

fn criteria() -> Vec<Value> {
    let row = |c: registry::Card| {
        json!({
            "name": c.name, "aliases": c.aliases, "formula": c.formula, "source": c.source, "cost": c.cost,
            "when": c.when, "weight": c.weight.map_or_else(|| json!("auto"), |weight| json!(weight)), "options": options(&c.options),
        })
    };
    registry::cards().into_iter().map(row).collect()
}

fn metric_rows() -> Vec<Value> {
    let row = |e: &metrics::Entry| {
        json!({
            "name": e.name, "aliases": e.aliases, "formula": e.formula, "source": e.source, "cost": e.cost,
            "when": e.when, "options": options(e.options),
        })
    };
    metrics::ENTRIES.iter().map(row).collect()
}

/// For the images that each was made for, or of `--size`; those that cannot be built for such images are told on stderr.
fn models(arguments: &ListArguments) -> Result<Vec<Value>, Error> {
    let (mut rows, mut left) = (Vec::new(), Vec::new());
    for model in zoo::MODELS {
        let [channels, height, width] = model.images;
        let [height, width] = arguments.size.map_or([height, width], |size| [size; 2]);
        let graph = match zoo::build(model.name, &ZooOptions::new(arguments.classes, channels, height, width)) {
            Ok(graph) => graph,
            Err(error) if arguments.name.as_deref() == Some(model.name) => return Err(error.into()),
            Err(_) => {
                left.push(model.name);
                continue;
            }
        };
        let images = format!("{channels} × {height} × {width}");
        let mut row = json!({
            "name": model.name, "summary": model.summary, "images": images, "parameters": graph.parameter_count(),
            "multiply_adds": graph.multiply_adds(), "features": graph.feature_width(),
        });
        if arguments.name.is_some() {
            let maps = NetworkShapes::of(&graph).maps.into_iter();
            row["stages"] = maps.map(|(name, [c, h, w])| json!(format!("{name} ({c} × {h} × {w})"))).collect();
        }
        rows.push(row);
    }
    if !left.is_empty() {
        say!("left out, as they cannot be built for such images: {}", left.join(", "));
    }
    Ok(rows)
}

/// Height and width of images for which kernels are listed where nobody says.
const KERNELS_SIDE: usize = 32;

fn kernels(arguments: &ListArguments) -> Result<Vec<Value>, Error> {
    let stem = if arguments.stem == "cifar" { Stem::Cifar } else { Stem::Imagenet };
    let side = arguments.size.unwrap_or(KERNELS_SIDE);
    let graph = zoo::build(&arguments.model, &ZooOptions::new(arguments.classes, 3, side, side).stem(stem))?;
    let weights = init::initialise(&graph, 0);
    let network = Network::new(&graph, &weights, Options::default()).map_err(|e| Error::Config(e.to_string()))?;
    let row = |k: KernelChoice| {
        json!({
            "name": k.layer, "shape": k.shape, "kernel": k.kernel, "why": k.why, "multiply_adds": k.multiply_adds,
        })
    };
    Ok(network.kernels(arguments.batch).into_iter().map(row).collect())
}

fn key_rows() -> Vec<Value> {
    let row = |key: keys::Key| json!({ "name": key.name, "default": key.default, "meaning": key.meaning });
    keys::keys().into_iter().map(row).collect()
}

fn datasets() -> Vec<Value> {
    kd2m_data::registry()
        .iter()
        .map(|d| json!({ "name": d.name, "summary": d.about, "files": d.files, "credit": d.credit }))
        .collect()
}

//! `kd2m eval`: saved students again, or one network class by class.

use std::{process::ExitCode, time::Instant};

use kd2m::{
    Error,
    device::DeviceChoice,
    saved::Scores,
    train::inspect::{Evaluated, On, evaluate_saved},
    warning,
};
use serde::Serialize;

use super::network;
use crate::{
    arguments::{AnySplit, EvalArguments},
    output::show,
    progress::Progress,
    table::align,
};

/// Evaluates and prints.
///
/// # Errors
/// A folder that is no run, or files that cannot be read.
pub fn eval(arguments: &EvalArguments) -> Result<ExitCode, Error> {
    if arguments.strict {
        warning::be_strict();
    }
    let own = &arguments.network;
    let device = DeviceChoice::parse(&own.device)?;
    let on = match arguments.split {
        AnySplit::Val => On::Validation,
        AnySplit::Test => On::Test,
        AnySplit::Train => return one(arguments, device),
    };
    if network::is_chosen(own) || arguments.data.is_some() {
        return one(arguments, device);
    }
    let (root, mut progress) = (own.data_root.as_deref(), Progress::none());
    let found = evaluate_saved(&own.network, on, root, device, own.threads, &mut progress)?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&found).map_err(Error::json("the evaluation"))?;
        show(&format!("{text}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["arm", "seed", "accuracy %", "ce", "W₂² to teacher"].map(str::to_owned).to_vec();
    // One teacher, whose answers to the same images every row has.
    let teacher = found.first().and_then(|row| row.teacher_accuracy);
    let teacher =
        teacher.map(|accuracy| vec!["teacher".into(), "–".into(), format!("{accuracy:.2}"), "–".into(), "0".into()]);
    let student = |row: &Evaluated| {
        let w2 = row.w2_to_teacher.map_or("–".to_owned(), |w| format!("{w:.4}"));
        vec![row.arm.clone(), row.seed.to_string(), format!("{:.2}", row.accuracy), format!("{:.4}", row.ce), w2]
    };
    let rows: Vec<Vec<String>> = [head].into_iter().chain(teacher).chain(found.iter().map(student)).collect();
    show(&align(&rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Scores and what they took.
#[derive(Serialize)]
struct Timed {
    #[serde(flatten)]
    scores: Scores,
    /// Images a second of the evaluation itself.
    images_per_second: f64,
    /// From the start of the command to the scores: weights and images are read in it.
    seconds: f64,
}

/// One network: accuracy, each class, who is taken for whom.
fn one(arguments: &EvalArguments, device: DeviceChoice) -> Result<ExitCode, Error> {
    let start = Instant::now();
    let (saved, images) =
        network::open_with_images(&arguments.network, arguments.data.as_deref(), arguments.split, arguments.skip_bad)?;
    let mut engine = saved.engine(device, arguments.network.threads)?;
    let begun = Instant::now();
    let scores = saved.scores(&images, engine.as_mut());
    let scores = scores.map_err(|e| network::with_all_broken(e, &arguments.network, arguments.data.as_deref()))?;
    let images_per_second = scores.images as f64 / begun.elapsed().as_secs_f64();
    let found = Timed { scores, images_per_second, seconds: start.elapsed().as_secs_f64() };
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&found).map_err(Error::json("the evaluation"))? + "\n",
        false => table(&found),
    };
    show(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Classes up to which the whole confusion matrix is a table that fits a screen; of more, `--json` has it.
const MATRIX: usize = 20;
/// Confusions that are named where the matrix is not shown.
const NAMED: usize = 10;

fn table(Timed { scores, images_per_second, seconds }: &Timed) -> String {
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.2}"));
    let mut text = format!(
        "{} on {} ({}), {} images, {images_per_second:.1} a second ({seconds:.2} s with all that is read)\naccuracy {:.2} %, top-5 {}, cross-entropy {:.4}, calibration error {}\n\n",
        scores.network,
        scores.dataset,
        scores.split,
        scores.images,
        scores.accuracy,
        scores.top5.map_or("–".to_owned(), |v| format!("{v:.2} %")),
        scores.ce,
        scores.ece.map_or("–".to_owned(), |v| format!("{v:.2} points"))
    );
    let widest = scores.classes.iter().map(|c| c.class.chars().count()).max().unwrap_or(0).max(5);
    text += &format!("{:<widest$}  {:>7}  {:>10}  {:>11}\n", "class", "images", "accuracy %", "precision %");
    for class in &scores.classes {
        let (accuracy, precision) = (number(class.accuracy), number(class.precision));
        text += &format!("{:<widest$}  {:>7}  {accuracy:>10}  {precision:>11}\n", class.class, class.images);
    }
    text + &confusions(scores, widest)
}

fn confusions(scores: &Scores, widest: usize) -> String {
    let names: Vec<&str> = scores.classes.iter().map(|c| c.class.as_str()).collect();
    if names.len() <= MATRIX {
        let most = scores.confusion.rows().iter().flatten().max().map_or(1, |n| n.to_string().len());
        let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(1).clamp(most, 8);
        let head = names.iter().map(|name| format!("  {:>width$}", name.chars().take(width).collect::<String>()));
        let mut text =
            format!("\nrows: the image's class, columns: the answer\n{:<widest$}{}\n", "", head.collect::<String>());
        for (name, row) in names.iter().zip(scores.confusion.rows()) {
            let cells: String = row.iter().map(|n| format!("  {n:>width$}")).collect();
            text += &format!("{name:<widest$}{cells}\n");
        }
        return text;
    }
    let wrong = scores.confusion.most_frequent(NAMED);
    let lines = wrong.iter().map(|(n, of, to)| format!("{n:>6}  {} taken for {}\n", names[*of], names[*to]));
    format!("\nthe most frequent confusions (--json has the whole matrix)\n{}", lines.collect::<String>())
}

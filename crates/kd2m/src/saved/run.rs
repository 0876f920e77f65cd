//! A network of a run folder.

use std::{collections::BTreeSet, path::Path};

use kd2m_nn::weights::{self, Owner, Source};
use kd2m_ot::error::nearest_names;

use super::{
    description::Description,
    network::{Origin, Saved},
};
use crate::{
    Config, Error,
    device::DeviceChoice,
    files, frozen, imported,
    preprocess::Normalisation,
    train::{
        arms,
        folder::RunFolder,
        inputs,
        inspect::{self, Opened},
        networks::Network,
        setup::Setup,
    },
};

/// Which network of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which<'a> {
    /// The arm of a student; none: whichever.
    pub arm: Option<&'a str>,
    /// The seed of a student; none: whichever.
    pub seed: Option<u64>,
    /// The student after the epoch that was best on validation, not after its last.
    pub best: bool,
    /// The teacher of the run.
    pub teacher: bool,
}

impl Which<'_> {
    /// Whether anything was chosen.
    pub fn says_something(&self) -> bool {
        self.arm.is_some() || self.seed.is_some() || self.best || self.teacher
    }
}

/// What an arm that is not there may have meant.
fn suggested(arm: &str, students: &[(String, u64)]) -> String {
    let known: BTreeSet<&str> = students.iter().map(|(name, _)| name.as_str()).collect();
    match nearest_names(arm, known.iter().copied()).as_slice() {
        _ if known.contains(arm) => String::new(),
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// The one that is chosen.
///
/// # Errors
/// No run, no such student, several that are meant; files that cannot be read.
pub fn open(path: &Path, which: &Which, data_root: Option<&Path>) -> Result<Saved, Error> {
    if which.teacher {
        return teacher(path, data_root);
    }
    let Opened { folder, config, students, .. } = inspect::open(path)?;
    let meant =
        |(arm, seed): &&(String, u64)| which.arm.is_none_or(|a| a == arm) && which.seed.is_none_or(|s| s == *seed);
    let found: Vec<&(String, u64)> = students.iter().filter(meant).collect();
    let [(arm, seed)] = found[..] else {
        let what = match (found.is_empty(), which.arm) {
            (true, Some(arm)) => format!("has no such student{}", suggested(arm, &students)),
            (true, None) => "has no such student".to_owned(),
            (false, _) => "has several students".to_owned(),
        };
        let place = path.display();
        return Err(Error::Config(format!(
            "{place} {what}: choose one with --arm and --seed ({}), or --teacher",
            listed(&students)
        )));
    };
    let place = folder.student(arm, *seed);
    let file = if which.best { place.join("best.safetensors") } else { folder.student_weights(arm, *seed) };
    let of_arm = arms(&config, false).into_iter().find(|a| a.name == *arm);
    let origin = Origin {
        teacher: files::read_json(&folder.teacher_summary()).ok(),
        student: of_arm.map(|of_arm| (of_arm, files::read_json(&place.join("summary.json")).ok(), which.best)),
        folder: folder.clone(),
        config,
    };
    inputs::check(&folder, &file)?;
    let epoch = if which.best { ", best epoch" } else { "" };
    from_file(&file, format!("student {arm}, seed {seed}{epoch}"), origin, data_root)
}

/// `none: seeds 1 2; w2: seed 1`.
fn listed(students: &[(String, u64)]) -> String {
    let mut arms: Vec<(&str, Vec<String>)> = Vec::new();
    for (arm, seed) in students {
        match arms.last_mut() {
            Some((last, seeds)) if last == arm => seeds.push(seed.to_string()),
            _ => arms.push((arm, vec![seed.to_string()])),
        }
    }
    let one = |(arm, seeds): &(&str, Vec<String>)| {
        format!("{arm}: seed{} {}", if seeds.len() > 1 { "s" } else { "" }, seeds.join(" "))
    };
    arms.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A file of ours, which says itself what it is.
fn from_file(file: &Path, whose: String, origin: Origin, data_root: Option<&Path>) -> Result<Saved, Error> {
    if !file.is_file() {
        return Err(Error::RunFolder(format!("{} is not there: the run did not finish this student", file.display())));
    }
    let mut description = Description::read(file).ok_or_else(|| {
        Error::RunFolder(format!(
            "{} does not say which network it is (it has no metadata of ours): give it as a file with --model and --classes",
            file.display()
        ))
    })?;
    if description.class_names.is_empty() {
        // A run of an older version: the names are the data's, if these are still there.
        let root = data_root.or(origin.config.data.root.as_deref());
        let data = origin.config.data.load(root).ok();
        description.class_names =
            data.filter(|d| d.classes == description.classes).map_or_else(Vec::new, |d| d.class_names);
    }
    let graph = description.graph()?;
    let weights = weights::load(&Source { path: file.to_owned(), key: None }, &graph, Owner::Any)?.weights;
    let eyes_from = format!("the metadata of {}", file.display());
    Ok(Saved { description, network: frozen::Network::Graph(graph, weights), whose, eyes_from, origin: Some(origin) })
}

fn teacher(path: &Path, data_root: Option<&Path>) -> Result<Saved, Error> {
    let folder = RunFolder::open(path)?;
    let mut config = crate::train::folder::read_config(&folder)?;
    if let Some(root) = data_root {
        config.data.root = Some(root.to_owned());
    }
    let teacher = files::read_json(&folder.teacher_summary()).ok();
    let own = folder.teacher_weights();
    inputs::check(&folder, &own)?;
    if own.is_file() && Description::read(&own).is_some() && imported::file(&config.teacher.model).is_none() {
        let origin = Origin { folder, config, teacher, student: None };
        return from_file(&own, "teacher".to_owned(), origin, data_root);
    }
    // Given to the run: what it is, configuration and data say.
    let setup = Setup::with_data(&config, inputs::load_data(&folder, &config)?, DeviceChoice::Cpu, 0)?;
    let Network { graph, weights, eyes } = setup.saved_teacher(&config, &folder)?;
    let description = describe(&config, &setup, &eyes, graph.classes());
    let origin = Origin { folder, config, teacher, student: None };
    let network = frozen::Network::Graph(graph, weights);
    Ok(Saved { description, network, whose: "teacher".to_owned(), eyes_from: eyes.from, origin: Some(origin) })
}

fn describe(config: &Config, setup: &Setup, eyes: &Normalisation, classes: usize) -> Description {
    let names = setup.dataset.class_names.clone();
    Description {
        model: config.teacher.model.clone(),
        stem: config.teacher.stem,
        classes,
        class_names: if classes == setup.dataset.classes { names } else { Vec::new() },
        input: eyes.shape([setup.dataset.channels, setup.dataset.height, setup.dataset.width]),
        mean: eyes.mean.clone(),
        std: eyes.std.clone(),
        frame: eyes.frame,
    }
}

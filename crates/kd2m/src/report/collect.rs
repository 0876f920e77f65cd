//! Gathers what the page shows from a run folder: summary, histories and summaries of the students, pictures of features.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use kd2m_data::Dataset;

use super::{
    answers::{self, Answered},
    networks::{Size, sizes},
    picture::{Pictures, impossible, pictures},
};
use crate::{
    Error,
    device::DeviceChoice,
    files,
    measure::Calibration,
    observers::jsonl,
    train::{
        EpochRecord,
        about::About,
        folder::{RunFolder, read_config},
        inputs, outlook,
        setup::Setup,
        summary::{ArmSummary, StudentSummary, Summary},
    },
    warning::Spoken,
};

/// Everything on the page.
pub struct Collected {
    pub summary: Summary,
    pub config: String,
    pub histories: Vec<ArmHistory>,
    /// Reliability of each arm over its seeds; none where a summary is of an older version.
    pub calibrations: Vec<(String, Calibration)>,
    pub pictures: Pictures,
    /// Why there is none of features.
    pub unpictured: Option<String>,
    pub answered: Answered,
    pub about: Option<About>,
    pub networks: Vec<Size>,
    /// How many images were trained, validated and tested on.
    pub images: String,
    /// Wall time of the training parts of all students, in seconds.
    pub seconds: f64,
    pub dataset: Arc<Dataset>,
    pub root: PathBuf,
}

/// The epochs of an arm, one list a seed.
pub struct ArmHistory {
    pub arm: String,
    pub seeds: Vec<Vec<EpochRecord>>,
}

impl ArmHistory {
    /// (epoch, mean over seeds) of a quantity.
    pub fn mean_curve(&self, pick: fn(&EpochRecord) -> Option<f64>) -> Vec<(f64, f64)> {
        let epochs = self.seeds.iter().map(Vec::len).min().unwrap_or(0);
        let point = |e: usize| {
            let values: Option<Vec<f64>> = self.seeds.iter().map(|h| pick(&h[e])).collect();
            let mean = values.map_or(f64::NAN, |v| v.iter().sum::<f64>() / v.len() as f64);
            (e as f64 + 1.0, mean)
        };
        (0..epochs).map(point).collect()
    }
}

/// Reads a finished run and runs its networks on a few validation images.
///
/// # Errors
/// A folder that is no finished run, or files that cannot be read.
pub fn collect(
    root: &Path,
    data_root: Option<&Path>,
    device: DeviceChoice,
    threads: usize,
) -> Result<Collected, Error> {
    let folder = RunFolder::open(root)?;
    let text = files::read_text(&folder.config())?;
    let mut config = read_config(&folder)?;
    if let Some(root) = data_root {
        config.data.root = Some(root.to_owned());
    }
    // Compared again: a summary of an older version lacks what Holm makes of its p values.
    let summary = files::read_json::<Summary>(&folder.summary())?.compare();
    let setup = Setup::with_data(&config, inputs::load_data(&folder, &config)?, device, threads)?;
    inputs::verify(&folder, &config, &setup, &mut Spoken)?;
    inputs::check_all(&folder)?;
    let arms: Vec<&str> = summary.students.iter().map(|s| s.arm.as_str()).collect();
    let students = students(&folder, &summary)?;
    Ok(Collected {
        histories: histories(&folder, &summary)?,
        calibrations: calibrations(&summary, &students),
        pictures: pictures(&folder, &config, &setup, &arms)?,
        unpictured: impossible(&setup),
        answered: answers::read(&folder, &summary)?,
        about: About::of(&folder)?,
        networks: sizes(&folder, &config, &setup, &summary),
        images: outlook::images(&config, &setup, summary.students.len())?,
        seconds: students.iter().flatten().map(|student| student.seconds).sum(),
        dataset: setup.dataset.clone(),
        root: root.to_owned(),
        config: text,
        summary,
    })
}

fn histories(folder: &RunFolder, summary: &Summary) -> Result<Vec<ArmHistory>, Error> {
    let read = |arm: &str, seed: u64| {
        let path = folder.student(arm, seed).join(jsonl::NAME);
        let lines = files::read_text(&path)?;
        let parse =
            |line: &str| serde_json::from_str(line).map_err(|source| Error::Parse { path: path.clone(), source });
        lines.lines().map(parse).collect::<Result<Vec<EpochRecord>, Error>>()
    };
    summary
        .students
        .iter()
        .map(|arm| {
            let seeds = summary.seeds.iter().map(|seed| read(&arm.arm, *seed)).collect::<Result<_, _>>()?;
            Ok(ArmHistory { arm: arm.arm.clone(), seeds })
        })
        .collect()
}

/// The summaries of all students, one list an arm.
fn students(folder: &RunFolder, summary: &Summary) -> Result<Vec<Vec<StudentSummary>>, Error> {
    let read = |arm: &str, seed: &u64| files::read_json(&folder.student(arm, *seed).join("summary.json"));
    summary.students.iter().map(|arm| summary.seeds.iter().map(|seed| read(&arm.arm, seed)).collect()).collect()
}

fn calibrations(summary: &Summary, students: &[Vec<StudentSummary>]) -> Vec<(String, Calibration)> {
    let teacher = summary.teacher.calibration.clone().map(|c| ("teacher".to_owned(), c));
    let arm = |(arm, seeds): (&ArmSummary, &Vec<StudentSummary>)| {
        let found: Option<Vec<&Calibration>> = seeds.iter().map(|s| s.calibration.as_ref()).collect();
        found.and_then(Calibration::pooled).map(|c| (arm.arm.clone(), c))
    };
    teacher.into_iter().chain(summary.students.iter().zip(students).filter_map(arm)).collect()
}

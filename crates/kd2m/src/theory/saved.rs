//! The theory of finished students: `kd2m bound` reads a run folder, or one student's folder, and computes every term on a split.

use std::path::Path;

use kd2m_data::Part;
use serde::Serialize;

use super::{
    analysis::{Analysis, Settings, Subject},
    head::Affine,
    sample::Features,
};
use crate::{
    Error,
    device::DeviceChoice,
    train::{
        inputs,
        inspect::{Eyes, On, Opened, learned, open},
        networks::Network,
        observer::Observer,
        run::arms,
        setup::Setup,
    },
};

/// A saved student on a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bounded {
    /// The arm's name.
    pub arm: String,
    /// The student's seed.
    pub seed: u64,
    /// `val` or `test`.
    pub split: &'static str,
    /// Size of the run's mini-batches.
    pub batch_size: usize,
    /// What the theory says of it.
    #[serde(flatten)]
    pub analysis: Analysis,
}

/// What a command line says beside the folder.
#[derive(Debug, Clone)]
pub struct BoundOptions<'a> {
    /// The split.
    pub on: On,
    /// Only this arm.
    pub arm: Option<&'a str>,
    /// Couplings above this many samples are bounded instead of computed.
    pub exact_limit: usize,
    /// In place of the configuration's.
    pub data_root: Option<&'a Path>,
    /// Where networks run.
    pub device: DeviceChoice,
    /// Of the CPU engine; 0: one a core.
    pub threads: usize,
}

/// Computes the theory of the students that a path means, one after another; `each` hears them as they come, with
/// how many there are; `observer` what a person should know of the weights.
///
/// # Errors
/// A folder that is no run, an arm that it lacks, files that cannot be read, data that is not there, features that are not finite.
pub fn bound_saved(
    path: &Path,
    options: &BoundOptions,
    observer: &mut dyn Observer,
    each: &mut dyn FnMut(&Bounded, usize) -> Result<(), Error>,
) -> Result<Vec<Bounded>, Error> {
    let opened = open(path)?;
    opened.tell_missing(observer)?;
    let Opened { folder, mut config, mut students, .. } = opened;
    if let Some(arm) = options.arm {
        let known: Vec<String> = students.iter().map(|(arm, _)| arm.clone()).collect();
        students.retain(|(name, _)| name == arm);
        if students.is_empty() {
            return Err(Error::RunFolder(format!(
                "{} has no finished arm `{arm}`; it has {}",
                path.display(),
                distinct(known)
            )));
        }
    }
    if let Some(root) = options.data_root {
        config.data.root = Some(root.to_owned());
    }
    let data = inputs::load_data(&folder, &config)?;
    let setup = Setup::with_data(&config, data, options.device, options.threads)?;
    setup.teacher.classifying_graph(setup.dataset.classes)?;
    inputs::verify(&folder, &config, &setup, observer)?;
    let (part, indices, split): (_, Vec<u32>, _) = match options.on {
        On::Validation => (Part::Train, setup.val.clone(), "val"),
        On::Test => (Part::Test, (0..setup.dataset.test.len() as u32).collect(), "test"),
    };
    let all = &setup.dataset.samples(part).labels;
    let labels: Vec<u32> = indices.iter().map(|i| all[*i as usize]).collect();
    let read = |Network { graph, weights, eyes }: &Network| -> Result<(Features, Affine), Error> {
        let mut engine = setup.engine_seeing(eyes, graph, weights, &[], false)?;
        let features = Features::of(engine.as_mut(), &setup.dataset, part, &indices)?;
        Ok((features, Affine::head(graph, weights)?))
    };
    let saved = setup.saved_teacher(&config, &folder)?;
    let mut eyes = Eyes::new(&setup, observer);
    eyes.of_teacher(&saved.eyes)?;
    let (teacher, teacher_head) = read(&saved)?;
    let settings = Settings { exact_limit: options.exact_limit, ..Settings::new(config.train.batch_size) };
    let arms = arms(&config, false);
    let (count, mut found) = (students.len(), Vec::new());
    for (arm, seed) in students {
        let place = folder.student(&arm, seed);
        let saved = setup.saved_student(&config, &folder, &arm, seed)?;
        eyes.of_student(&saved.eyes, &format!("student {arm}, seed {seed}"))?;
        let (student, student_head) = read(&saved)?;
        let learned_file = place.join("learned.safetensors");
        inputs::check(&folder, &learned_file)?;
        let learned = learned(&learned_file)?;
        let losses = arms.iter().find(|a| a.name == arm);
        let projector = losses.and_then(|arm| Affine::projector(arm, &learned, [student.width, teacher.width]));
        let subject = Subject {
            student: &student,
            teacher: &teacher,
            labels: &labels,
            student_head: &student_head,
            teacher_head: &teacher_head,
            projector: projector.as_ref(),
        };
        let analysis = Analysis::of(&subject, settings)?;
        let bounded = Bounded { arm, seed, split, batch_size: config.train.batch_size, analysis };
        each(&bounded, count)?;
        found.push(bounded);
    }
    Ok(found)
}

fn distinct(mut names: Vec<String>) -> String {
    names.dedup();
    names.join(", ")
}

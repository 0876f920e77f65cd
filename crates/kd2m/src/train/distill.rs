//! A whole run: the teacher is trained or loaded and evaluated, then every arm is trained over every seed from the same
//! initial weights in the same order of data, and the summary compares them.

use std::{cell::RefCell, time::Duration};

use super::{
    about::About,
    crew,
    folder::{Existing, RunFolder},
    inputs,
    observer::{Event, Observer, Shared},
    outlook::{self, Ahead},
    owner::Owner,
    room,
    run::{Run, RunOptions, arms},
    setup::Setup,
    summary::{ArmSummary, StudentSummary, Summary},
    together::{self, Asked},
};
use crate::{
    Config, Error,
    config::{ArmConfig, Balance},
    files,
    objective::Objective,
};

/// A finished run.
pub struct Finished {
    /// Where everything lies.
    pub folder: RunFolder,
    /// What was found.
    pub summary: Summary,
}

/// Trains the teacher of a configuration alone (`kd2m train`).
///
/// # Errors
/// Bad input, or a loss that is no longer finite.
pub fn train_teacher(config: &Config, options: &RunOptions, observer: &mut dyn Observer) -> Result<Finished, Error> {
    let setup = Setup::new(config, options.device, options.threads)?.among(options.ranks.as_ref(), config);
    check_classes(&setup)?;
    setup.check_teacher(config, observer)?;
    let place = crew::place(config, options, &setup)?;
    let options = &place.options;
    let (folder, _owner) = open_folder(config, options)?;
    inputs::settle(&folder, config, &setup, observer)?;
    outlook::tell(config, &setup, Ahead { arms: 0, at_once: 0, teacher: Asked::ByEachGroup }, observer)?;
    let run = Run { config, setup: &setup, folder: &folder, options };
    if config.train.track_bounds > 0 {
        let note = "train.track_bounds waits for kd2m distill: no student is bounded here";
        observer.event(&mut Event::Note(note.to_owned()))?;
    }
    let (_, teacher) = run.teacher(observer)?;
    let summary = Summary {
        name: config.name.clone(),
        dataset: config.data.dataset.clone(),
        seeds: vec![config.teacher.seed],
        teacher,
        students: Vec::new(),
    };
    files::write_json(&folder.summary(), &summary)?;
    Ok(Finished { folder, summary })
}

/// Distils: every arm over every seed (`kd2m distill`).
///
/// # Errors
/// Bad input, a teacher no better than chance, or a loss that is no longer finite.
pub fn distill(config: &Config, options: &RunOptions, observer: &mut dyn Observer) -> Result<Finished, Error> {
    let arms = arms(config, options.no_baseline);
    arms.iter().try_for_each(|arm| Objective::check(config, arm))?;
    let setup = Setup::new(config, options.device, options.threads)?.among(options.ranks.as_ref(), config);
    if config.train.ce_weight > 0.0 {
        check_classes(&setup)?;
    }
    check_arms(config, &setup, &arms)?;
    check_weights(config, &setup, observer)?;
    for arm in arms.iter().filter(|arm| arm.balance != Balance::None && !Objective::balances(config, arm)) {
        let note = format!("arm {}: balance has nothing to balance, there is one term", arm.name);
        observer.event(&mut Event::Notice(note))?;
    }
    let place = crew::place(config, options, &setup)?;
    let options = &place.options;
    let (folder, _owner) = open_folder(config, options)?;
    inputs::settle(&folder, config, &setup, observer)?;
    let at_once = crew::least(options.ranks.as_ref(), together::at_once(config, &setup, options, 1)?);
    let teacher = together::asked(config, &setup, options);
    outlook::tell(config, &setup, Ahead { arms: arms.len(), at_once: at_once.min(arms.len()), teacher }, observer)?;
    let run = Run { config, setup: &setup, folder: &folder, options };
    if !options.no_teacher_cache {
        room::tell(config, &setup, &arms, &run.remembered_in(), observer)?;
    }
    let (weights, teacher) = run.teacher(observer)?;
    run.refuse_weak(&teacher, observer)?;
    let mut students: Vec<Vec<StudentSummary>> = vec![Vec::new(); arms.len()];
    let observer = RefCell::new(observer);
    for &seed in &config.train.seeds {
        for (arms, found) in arms.chunks(at_once).zip(students.chunks_mut(at_once)) {
            let mut heard: Vec<Shared> = arms.iter().map(|_| Shared(&observer)).collect();
            let each = arms.iter().zip(heard.iter_mut().map(|heard| heard as &mut dyn Observer));
            for (found, end) in found.iter_mut().zip(run.students(each.collect(), seed, &weights)?) {
                found.push(end?);
            }
        }
    }
    let parameters = setup.student.parameter_count();
    let arms = arms.iter().zip(&students);
    let summary = Summary {
        name: config.name.clone(),
        dataset: config.data.dataset.clone(),
        seeds: config.train.seeds.clone(),
        teacher,
        students: arms.map(|(arm, found)| ArmSummary::new(arm, &setup.student.name, parameters, found)).collect(),
    }
    .compare();
    files::write_json(&folder.summary(), &summary)?;
    #[cfg(feature = "report")]
    if crew::leads(options) {
        crate::report::write(folder.root(), None, options.device, options.threads)?;
    }
    folder.remove_teacher_cache()?;
    Ok(Finished { folder, summary })
}

/// That labels say something.
fn check_classes(setup: &Setup) -> Result<(), Error> {
    match setup.dataset.class_names.as_slice() {
        [only] => {
            let why = format!(
                "has one class, {only}: there is nothing to tell apart; name the folder above the classes, or, to match features alone, set \
                 train.ce_weight=0"
            );
            Err(Error::Key { key: "data.dataset".to_owned(), why })
        }
        _ => Ok(()),
    }
}

/// Makes every arm's criteria for the networks' sizes, so that what does not fit is known before anything is trained.
///
/// # Errors
/// A criterion that cannot be made for these networks.
pub fn check_arms(config: &Config, setup: &Setup, arms: &[ArmConfig]) -> Result<(), Error> {
    let (device, drawn) = (setup.device.burn()?, setup.drawn(config, 0)?);
    for arm in arms {
        let objective = Objective::new(config, arm, &setup.shapes(&drawn), &device, 0)?;
        let classes = setup.dataset.classes;
        for (name, member) in objective.readers_of_logits() {
            let reads = format!("{name} reads the teacher's logits, which");
            let other = match member {
                Some(place) => setup.teacher.other_classes_of(place, classes),
                None => setup.teacher.other_classes(classes),
            };
            let why = match other {
                Some(own) => {
                    format!("{reads} are of {own} classes, the data has {classes}: choose a criterion on features")
                }
                None if setup.teacher.lacks_logits(classes) => {
                    format!("{reads} teacher.outputs does not hold: store `logits` too")
                }
                None => continue,
            };
            return Err(Error::ArmKey { arm: arm.name.clone(), why });
        }
    }
    Ok(())
}

/// Reads the weights that a configuration names once before anything is written, and tells what a person should know of them.
pub(crate) fn check_weights(config: &Config, setup: &Setup, observer: &mut dyn Observer) -> Result<(), Error> {
    setup.check_teacher(config, observer)?;
    setup.check_student(config, observer)
}

/// The folder of the run, and that it is this process's.
fn open_folder(config: &Config, options: &RunOptions) -> Result<(RunFolder, Owner), Error> {
    let out = options.out.clone().unwrap_or_else(|| config.default_out());
    // A run that ended before anything was learned is in nobody's way.
    let existing = match options.existing {
        Existing::Refuse if RunFolder::open(&out).is_ok_and(|folder| !folder.holds_anything()) => Existing::Overwrite,
        existing => existing,
    };
    RunFolder::admit(&out, existing)?;
    let owner = Owner::take(&out)?;
    let folder = RunFolder::begin(&out, config, existing)?;
    About::now(&options.device.to_string(), options.threads).keep(&folder)?;
    // Of a teacher's folder others may be the owners, in a grid; here nobody is.
    [out, folder.teacher()].iter().try_for_each(|place| files::sweep(place, Duration::ZERO))?;
    Ok((folder, owner))
}

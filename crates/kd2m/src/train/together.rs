//! The students of one seed side by side. All arms of a seed see the same images in the same order, so one loader and one pass of the
//! teacher serve them all; each ends with the bytes that it would have alone.

use std::collections::BTreeMap;

use kd2m_nn::{Graph, Weights, init};
use kd2m_simd::memory;

use super::{
    drawn::Drawn,
    fit::{self, Views},
    observer::{Event, Observer},
    run::{Run, RunOptions},
    setup::Setup,
    side::TeacherSide,
    student::Prepared,
    summary::StudentSummary,
};
use crate::{Config, Error, config::ArmConfig, engine::Engine, objective::Objective};

/// Share of the free memory that students may take: the rest is for data, teacher and criteria.
const SHARE: f64 = 0.5;
/// What a system that does not say is taken to have free, bytes.
const UNKNOWN: u64 = 2 << 30;
/// What an engine takes with what its kernels keep aside, over what it says before.
const BESIDE: f64 = 1.75;
/// Copies of its weights that the loop keeps of a network: best, last, average.
const COPIES: usize = 3;

/// How often the teacher is run on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What it says is remembered from the first epoch on.
    Once,
    /// In each epoch of each seed, for all arms.
    InEachEpoch,
    /// In each epoch of each seed, for the arms that are trained at once.
    ByEachGroup,
}

/// How one arm of several ended.
type Ends = BTreeMap<usize, Result<StudentSummary, Error>>;

/// A student that is to be trained, and who hears of it.
struct Open<'a> {
    /// Its place among the arms that were given.
    at: usize,
    prepared: Prepared<'a>,
    objective: Objective,
    observer: &'a mut dyn Observer,
}

impl Run<'_> {
    /// Trains the students of a seed, those that read the same maps of the teacher side by side, and leaves their files in
    /// `students/ARM/seed-K`. How each one ended, in their order: one that fails ends no other.
    ///
    /// # Errors
    /// What ends all of them: they were told to stop, or data or teacher cannot be had.
    pub fn students<'a>(
        &self,
        arms: Vec<(&'a ArmConfig, &'a mut dyn Observer)>,
        seed: u64,
        teacher: &Weights,
    ) -> Result<Vec<Result<StudentSummary, Error>>, Error> {
        let drawn = self.setup.drawn(self.config, seed)?;
        let (mut ends, mut groups) = (Ends::new(), Vec::<Vec<Open>>::new());
        for (at, (arm, observer)) in arms.into_iter().enumerate() {
            let open = match self.finished(arm, seed) {
                Ok(Some(summary)) => Err(Ok(summary)),
                Ok(None) => self.prepare(arm, seed, &drawn).map_err(Err),
                Err(error) => Err(Err(error)),
            };
            match open {
                Ok((prepared, objective)) => {
                    let open = Open { at, prepared, objective, observer };
                    match groups.iter_mut().find(|group| group.iter().any(|one| one.maps() == open.maps())) {
                        Some(group) => group.push(open),
                        None => groups.push(vec![open]),
                    }
                }
                Err(end) => drop(ends.insert(at, end)),
            }
        }
        for group in groups {
            self.train_group(group, &drawn, seed, teacher, &mut ends)?;
        }
        Ok(ends.into_values().collect())
    }

    /// Those that read the same maps: a network that hands out others may round its features otherwise.
    fn train_group(
        &self,
        group: Vec<Open>,
        drawn: &Drawn,
        seed: u64,
        teacher: &Weights,
        ends: &mut Ends,
    ) -> Result<(), Error> {
        let Run { config, setup, options, .. } = self;
        let maps = group.first().map(|one| one.maps().to_vec()).unwrap_or_default();
        let mut source = self.source(teacher, &maps, drawn)?;
        let views = Views {
            dataset: &setup.dataset,
            train: &drawn.train,
            mixture: drawn.mixture.as_ref(),
            val: &setup.val,
            augment: &setup.augment,
            mix: config.train.mix(),
            epochs: config.train.epochs,
            batch_size: config.train.batch_size,
            accumulate: config.train.accumulate,
            seed,
            halt: options.halt.clone(),
            share: setup.share(),
        };
        let networks = group.len();
        let (prepared, others): (Vec<_>, Vec<_>) =
            group.into_iter().map(|one| ((one.at, one.prepared), (one.objective, one.observer))).unzip();
        let learners = prepared.iter().zip(others).map(|((_, prepared), (objective, observer))| {
            self.learner(prepared, objective, teacher, observer, networks)
        });
        let mut fitted = fit::fit(&views, Some(source.as_mut()), learners.collect())?;
        if let Some(first) = fitted.iter_mut().flatten().next() {
            source.notes().into_iter().try_for_each(|note| first.observer.event(&mut Event::Note(note)))?;
        }
        for ((at, prepared), fitted) in prepared.iter().zip(fitted) {
            let end = fitted.and_then(|fitted| self.conclude(prepared, fitted, source.as_mut(), drawn));
            ends.insert(*at, end);
        }
        Ok(())
    }
}

impl Open<'_> {
    /// Of the teacher, that its criteria read.
    fn maps(&self) -> &[String] {
        &self.prepared.needs.teacher_maps
    }
}

/// How often the teacher is run on an image: what it says to views that are always the same is known after the first epoch.
pub fn asked(config: &Config, setup: &Setup, options: &RunOptions) -> Asked {
    let stored = matches!(setup.teacher, TeacherSide::Outputs(_)) || !config.teacher.paired;
    let cached = config.teacher.cache.is_on() && !options.no_teacher_cache;
    let are_fixed = setup.augment.is_none() && config.train.mix().is_none();
    match (stored || cached, are_fixed) {
        (true, true) => Asked::Once,
        _ if cached && config.teacher.cache.has_views() => Asked::InEachEpoch,
        _ => Asked::ByEachGroup,
    }
}

/// An engine that trains the student of a run.
///
/// # Errors
/// An engine that cannot be made.
pub fn student(setup: &Setup) -> Result<Box<dyn Engine>, Error> {
    let start = init::initialise(&setup.student, 0);
    setup.engine_seeing(&setup.student_eyes, &setup.student, &start, &[], true)
}

/// Bytes of the copies that the loop keeps of a network's weights.
pub fn copies(graph: &Graph) -> usize {
    COPIES * size_of::<f32>() * graph.parameter_count()
}

/// How many arms of a seed each of so many workers trains side by side: what the options say, or as many as memory allows where the
/// teacher would run in every step. Where its outputs are known after the first epoch there is nothing to gain, and where an engine
/// does not say what it takes, too much to lose.
///
/// # Errors
/// An engine that cannot be made.
pub fn at_once(config: &Config, setup: &Setup, options: &RunOptions, workers: usize) -> Result<usize, Error> {
    if options.side_by_side > 0 {
        return Ok(options.side_by_side);
    }
    if asked(config, setup, options) == Asked::Once {
        return Ok(1);
    }
    let Some(bytes) = student(setup)?.bytes(config.train.batch_size) else { return Ok(1) };
    let each = BESIDE * bytes as f64 + copies(&setup.student) as f64;
    let room = SHARE * memory::available().unwrap_or(UNKNOWN) as f64 / workers.max(1) as f64;
    Ok(((room / each) as usize).max(1))
}

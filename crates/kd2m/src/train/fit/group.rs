//! Networks that are trained together, step for step. Each begins where its own checkpoint left it: who is ahead waits for the others.

use super::{
    learner::{Asked, Fitted, Learner, Place},
    learning::Learning,
    step::Lesson,
    views::Views,
};
use crate::Error;

/// How many are named where all of them stopped.
const NAMED: usize = 4;

/// Those at work, and how the others ended.
pub struct Group<'a, 'v> {
    views: &'v Views<'v>,
    members: Vec<Result<Learning<'a>, Error>>,
}

impl<'a, 'v> Group<'a, 'v> {
    /// All of them at their checkpoints, or at the start.
    pub fn begin(views: &'v Views<'v>, learners: Vec<Result<Learner<'a>, Error>>) -> Self {
        let members = learners.into_iter().map(|one| one.and_then(|one| Learning::begin(one, views)));
        Self { views, members: members.collect() }
    }

    /// Where the last of those is that are not done.
    pub fn behind(&self) -> Option<Place> {
        self.at_work().map(Learning::place).filter(|(epoch, _)| *epoch < self.views.epochs).min()
    }

    /// How many are to be shown this batch now.
    pub fn at(&self, place: Place) -> usize {
        self.at_work().filter(|one| one.place() == place).count()
    }

    /// Whether anybody is in this epoch.
    pub fn is_in(&self, epoch: usize) -> bool {
        self.at_work().any(|one| one.place().0 == epoch)
    }

    /// Each one that it is for takes its step on a batch.
    pub fn step(&mut self, lesson: &Lesson) {
        let views = self.views;
        self.each(|one| one.place() == (lesson.epoch, lesson.number), |one| one.step(views, lesson));
    }

    /// After a step: checkpoints of those here for which it is time, or of all of them where the training is to stop.
    ///
    /// # Errors
    /// [`Error::Stopped`]; a checkpoint that cannot be written then.
    pub fn pause(&mut self, here: Place) -> Result<(), Error> {
        match self.views.halt.is_asked() {
            true => Err(self.stop(|one| one.place() == here)),
            false => {
                self.each(|one| one.place() == here && one.checkpoints().due_within(), |one| one.save());
                Ok(())
            }
        }
    }

    /// Validates those who have seen the whole epoch.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub fn end_epoch(&mut self, teacher: &mut Asked, epoch: usize) -> Result<(), Error> {
        let (views, batches) = (self.views, self.views.batches());
        let (mut stopped, mut here) = (false, Vec::new());
        self.each(
            |one| one.place() == (epoch, batches),
            |one| {
                here.push(one.what().to_owned());
                if stopped {
                    return Ok(());
                }
                match one.end_epoch(views, teacher) {
                    Err(Error::Halted) => stopped = true,
                    end => return end,
                }
                Ok(())
            },
        );
        if stopped || views.halt.is_asked() {
            return Err(self.stop(|one| here.iter().any(|what| what == one.what())));
        }
        self.each(|one| one.place() == (epoch + 1, 0) && one.is_due(views), |one| one.save());
        Ok(())
    }

    /// How each one ended, in the order in which they were given.
    pub fn finish(self) -> Vec<Result<Fitted<'a>, Error>> {
        self.members.into_iter().map(|one| one.and_then(Learning::finish)).collect()
    }

    fn at_work(&self) -> impl Iterator<Item = &Learning<'a>> {
        self.members.iter().flatten()
    }

    /// Does something with those at work whom it is for; one that fails is told of and is out.
    fn each(
        &mut self,
        whom: impl Fn(&Learning) -> bool,
        mut action: impl FnMut(&mut Learning<'a>) -> Result<(), Error>,
    ) {
        for at in 0..self.members.len() {
            let end = match &mut self.members[at] {
                Ok(one) if whom(one) => action(one),
                _ => continue,
            };
            if let Err(error) = end {
                let out = std::mem::replace(&mut self.members[at], Err(error));
                if let (Ok(mut out), Err(error), true) = (out, &self.members[at], self.at_work().count() > 0) {
                    out.tell_failed(error);
                }
            }
        }
    }

    /// Writes the checkpoints of these, and says where they stand.
    fn stop(&mut self, whom: impl Fn(&Learning) -> bool) -> Error {
        let steps = self.views.batches();
        let (mut names, mut failed, mut place) = (Vec::new(), None, (0, 0));
        for one in self.members.iter_mut().flatten().filter(|one| whom(one)) {
            names.push(one.name().to_owned());
            place = place.max(one.place());
            if let Err(error) = one.save() {
                failed.get_or_insert(error);
            }
        }
        if names.is_empty() {
            // Who is left waits further on, where a checkpoint is.
            return Error::Halted;
        }
        // Between two epochs it is the end of the one before.
        let (epoch, step) = match place {
            (epoch, 0) => (epoch, steps),
            (epoch, step) => (epoch + 1, step),
        };
        let what = format!("{}, seed {}", listed(&names), self.views.seed);
        failed.unwrap_or(Error::Stopped { what, epoch, step, steps })
    }
}

/// `none, w2, cw2`, or the first of many.
fn listed(names: &[String]) -> String {
    match names.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..NAMED].join(", ")),
    }
}

//! Room on the disk for a teacher's outputs of drawn views (`teacher.cache = "views"`), said before the first step.

use std::{collections::BTreeSet, path::Path};

use super::{
    observer::{Event, Observer},
    setup::Setup,
};
use crate::{Config, Error, amount::bytes, config::ArmConfig, disk, objective::Objective, teacher::views};

/// Bytes that outputs of drawn views will take at the most: of all epochs of all seeds, once for each set of maps that these arms read; none where
/// none are stored.
///
/// # Errors
/// A criterion that cannot be made for these networks; a draw that the data do not allow.
fn bytes_of_views(config: &Config, setup: &Setup, arms: &[ArmConfig]) -> Result<Option<u64>, Error> {
    let (train, seeds) = (&config.train, &config.train.seeds);
    let (are_drawn, first) = (!setup.augment.is_none() || !train.mix().is_none(), seeds.first().copied());
    if !config.teacher.cache.has_views() || !are_drawn || !config.teacher.paired {
        return Ok(None);
    }
    let (device, drawn) = (setup.device.burn()?, setup.drawn(config, first.unwrap_or_default())?);
    let shapes = setup.shapes(&drawn);
    let mut maps = BTreeSet::new();
    for arm in arms {
        let objective = Objective::new(&arm.configured(config)?, arm, &shapes, &device, 0)?;
        maps.insert(objective.needs().teacher_maps);
    }
    let images = drawn.all().count().min(drawn.batches(train.batch_size) * train.batch_size);
    let epoch = |maps: &Vec<String>| {
        let layout = setup.teacher.layout(maps)?;
        Some(views::size(layout.width(), images, setup.dataset.train.len()))
    };
    let Some(epoch) = maps.iter().map(epoch).sum::<Option<u64>>() else { return Ok(None) };
    Ok(Some(epoch * train.epochs as u64 * seeds.len() as u64))
}

/// How much it is, and where.
pub struct Room {
    /// A sentence on it.
    pub line: String,
    /// That the disk has less, and what to do.
    pub short: Option<String>,
}

/// The room that outputs of drawn views take where they are stored in `place`; none where none are stored.
///
/// # Errors
/// As [`bytes_of_views`].
pub fn of_views(config: &Config, setup: &Setup, arms: &[ArmConfig], place: &Path) -> Result<Option<Room>, Error> {
    let Some(need) = bytes_of_views(config, setup, arms)? else { return Ok(None) };
    let (free, shown, what) = (disk::free(place), place.display(), "the teacher's outputs of drawn views");
    let beside = free.map_or_else(String::new, |free| format!(", where {} are free", bytes(free)));
    let short = free.filter(|free| *free < need).map(|free| {
        format!(
            "the disk may not do: {what} take up to {}, {} are free at {shown}: name a folder on another disk (teacher.cache = \"views:DIR\"), \
             or compute them in every step (teacher.cache = true)",
            bytes(need),
            bytes(free)
        )
    });
    Ok(Some(Room { line: format!("disk: {what} take at most {} in {shown}{beside}", bytes(need)), short }))
}

/// Tells it; that the disk has less even where progress is not shown.
///
/// # Errors
/// As [`bytes_of_views`]; the observer's.
pub fn tell(
    config: &Config,
    setup: &Setup,
    arms: &[ArmConfig],
    place: &Path,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    let Some(Room { line, short }) = of_views(config, setup, arms, place)? else { return Ok(()) };
    observer.event(&mut Event::Note(line))?;
    short.map_or(Ok(()), |text| observer.event(&mut Event::Notice(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Source,
        device::DeviceChoice,
        train::{RunOptions, Silent, arms, distill},
    };

    /// Bytes that the files below a folder take on the disk.
    #[cfg(unix)]
    fn taken(folder: &Path) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let views = |path: &Path| path.extension().is_some_and(|ending| ending == "views");
        entries
            .map(|path| match path.is_dir() {
                true => taken(&path),
                false if views(&path) => path.metadata().unwrap().blocks() * 512,
                false => 0,
            })
            .sum()
    }

    #[cfg(unix)]
    #[test]
    fn what_is_said_is_what_is_taken_at_the_most() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = Source::demo().unwrap();
        source.set_arms(&["w2".to_owned(), "at".to_owned()], None).unwrap();
        let cache = format!("teacher.cache=views:{}", folder.path().join("views").display());
        for set in ["teacher.epochs=1", "train.epochs=2", "train.seeds=[1]", "data.train_limit=0", &cache] {
            source.set(set).unwrap();
        }
        let config = source.clone().resolve().unwrap();
        let setup = Setup::new(&config, DeviceChoice::Cpu, 1).unwrap();
        let arms = arms(&config, false);
        let said = bytes_of_views(&config, &setup, &arms).unwrap().unwrap();
        let out = Some(folder.path().join("run"));
        let options =
            RunOptions { out, threads: 2, allow_weak_teacher: true, tensorboard: false, ..RunOptions::default() };
        distill(&config, &options, &mut Silent).unwrap();
        let taken = taken(folder.path());
        assert!(taken <= said && said < 2 * taken, "{taken} of {said}");
        // Where nothing is drawn, nothing is stored.
        source.set("data.augment=none").unwrap();
        let config = source.resolve().unwrap();
        let setup = Setup::new(&config, DeviceChoice::Cpu, 1).unwrap();
        assert_eq!(bytes_of_views(&config, &setup, &arms).unwrap(), None);
    }
}

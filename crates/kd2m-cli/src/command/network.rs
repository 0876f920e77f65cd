//! The network and the images that a command line names.

use std::sync::Arc;

use kd2m::{
    Error, loading,
    saved::{self, Facts, Images, Saved, Split, Which},
    warning,
};
use kd2m_data::{Dataset, Reading};
use kd2m_nn::zoo::Stem;

use crate::{
    arguments::{AnySplit, NetworkArguments},
    say::say,
};

/// Whether a command line chooses one network: of a run it may also mean all students.
pub fn is_chosen(arguments: &NetworkArguments) -> bool {
    which(arguments).says_something() || saved::is_weights(&arguments.network)
}

fn which(arguments: &NetworkArguments) -> Which<'_> {
    let NetworkArguments { arm, seed, best, teacher, .. } = arguments;
    Which { arm: arm.as_deref(), seed: *seed, best: *best, teacher: *teacher }
}

/// The network, of a file with what this data says of it; tells how pixels are normalised where a file is given.
pub fn open(arguments: &NetworkArguments, data: Option<&Dataset>) -> Result<Saved, Error> {
    let stem = arguments.stem.as_deref().map(|stem| if stem == "cifar" { Stem::Cifar } else { Stem::Imagenet });
    let facts = Facts {
        model: arguments.model.as_deref(),
        stem,
        classes: arguments.classes,
        size: arguments.size,
        channels: arguments.channels,
        preset: arguments.preset.as_deref(),
        data,
    };
    let saved = saved::open(&arguments.network, &which(arguments), &facts, arguments.data_root.as_deref())?;
    if saved.origin.is_none() {
        let (mean, std) = (&saved.description.mean, &saved.description.std);
        say!("{}: pixels are normalised by mean {mean:?}, deviation {std:?} ({})", saved.whose, saved.eyes_from);
    }
    Ok(saved)
}

/// The network and the images: those of a data set that is named, or of the run.
pub fn open_with_images(
    arguments: &NetworkArguments,
    data: Option<&str>,
    split: AnySplit,
    skip_bad: bool,
) -> Result<(Saved, Images), Error> {
    let split = match split {
        AnySplit::Train => Split::Train,
        AnySplit::Val => Split::Validation,
        AnySplit::Test => Split::Test,
    };
    let root = arguments.data_root.as_deref();
    let loaded = data.map(|name| loading::load(name, root, Reading { skip_bad, ..Reading::default() })).transpose()?;
    let saved = open(arguments, loaded.as_ref())?;
    let dataset = match (loaded, &saved.origin) {
        (Some(dataset), _) => dataset,
        (None, Some(origin)) => {
            let own = &origin.config.data;
            own.load(root.or(own.root.as_deref()))?
        }
        (None, None) => {
            return Err(Error::Config(format!(
                "{} is a file: name the images with --data DATASET (`kd2m list datasets`)",
                saved.whose
            )));
        }
    };
    dataset.notes.iter().try_for_each(|note| warning::warn(note))?;
    let images = Images::of(Arc::new(dataset), split, &saved);
    Ok((saved, images))
}

//! The network and the images that a command line names.

use std::sync::Arc;

use kd2m::{
    Error, loading,
    saved::{self, Facts, Images, Saved, Split, Which},
    warning,
};
use kd2m_data::{DataError, Dataset, Reading, Seen};
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
    // Of a run everything is known, of a file of weights what it does not say may be the data's.
    let run = if saved::is_weights(&arguments.network) { None } else { Some(open(arguments, None)?) };
    let seen = known(arguments, run.as_ref());
    let loaded =
        data.map(|name| loading::load(name, root, Reading { skip_bad, seen: seen.as_ref(), ..Reading::default() }));
    let loaded = loaded.transpose()?;
    let mut saved = match run {
        Some(saved) => saved,
        None => open(arguments, loaded.as_ref())?,
    };
    let dataset = match (loaded, &saved.origin) {
        (Some(dataset), _) => dataset,
        (None, Some(origin)) => origin.data(root)?,
        (None, None) => {
            return Err(Error::Config(format!(
                "{} is a file: name the images with --data DATASET (`kd2m list datasets`)",
                saved.whose
            )));
        }
    };
    dataset.notes.iter().try_for_each(|note| warning::warn(note))?;
    let classes = saved.in_order_of(&dataset);
    match classes.said(&dataset.name).map(|said| format!("{}: {said}", saved.whose)) {
        Some(said) if classes.is_doubtful() => warning::warn(&said)?,
        Some(said) => say!("{said}"),
        None => {}
    }
    let images = Images::of(Arc::new(dataset), split, &saved);
    Ok((saved, images))
}

/// What a first look at image files would be for, where the network does not ask for it: one that sees colours, and says itself how it sees, sees
/// every image in colour. Images are then decoded once, when it is asked about them.
fn known(arguments: &NetworkArguments, run: Option<&Saved>) -> Option<Seen> {
    let of_file =
        || saved::channels(&arguments.network).filter(|_| arguments.model.is_none() && arguments.channels.is_none());
    let channels = run.map_or_else(of_file, |saved| Some(saved.description.input[0]));
    // Mean and deviation are asked for by nobody then.
    channels.filter(|channels| *channels == 3).map(|channels| Seen {
        channels,
        size: None,
        mean: vec![0.0; channels],
        std: vec![1.0; channels],
    })
}

/// Of an image that cannot be decoded, found when the network was asked about it: all that cannot be.
pub fn with_all_broken(error: Error, arguments: &NetworkArguments, data: Option<&str>) -> Error {
    match (&error, data) {
        (Error::Data(DataError::Undecodable { .. }), Some(name)) => {
            let looked = loading::load(name, arguments.data_root.as_deref(), Reading::default());
            looked.err().map_or(error, Error::from)
        }
        _ => error,
    }
}

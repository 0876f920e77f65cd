//! Image sets of the Hugging Face hub as its `datasets` writes them: Parquet files with a column of images, each a file's bytes, and one of
//! classes. `parquet:PATH` is one such file, of which a share is kept for testing, or a folder with `train-*.parquet` and `test-*.parquet` or
//! `validation-*.parquet`, itself or in `data/` or another folder below it. Images are decoded as those of a folder are, and held in memory.
//!
//! `files.rs` finds files, `table.rs` reads one, `pages.rs` looks at what it claims first, `classes.rs` makes numbers of its classes.

mod classes;
mod files;
mod pages;
mod table;

use classes::Classes;
use files::Found;
use table::{How, Table};

use super::folder::{decode::Picture, parse};
use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::samples::Raw;
use crate::{Augment, DataError, Dataset, Operation, Undecoded, left_out, split};

pub(crate) const ENTRY: Entry = Entry {
    name: files::NAME,
    about: "an image set of the Hugging Face hub: parquet:PATH, or with a size as folder:PATH@32 has",
    files: files::FILES,
    credit: "images of the user's own files",
    takes_path: true,
    load,
};

/// Bytes of pixels beyond which a folder is the better place: its images are streamed.
const MOST_HELD: u64 = 8 << 30;

/// Draws the test part where a set has none: the same for everybody.
const SEED: u64 = 0;

fn load(Place { path, root, reading }: Place) -> Result<Dataset, DataError> {
    let (path_alone, frame) = parse(path);
    let Found { place, train, validation, test } = files::find(path_alone, root)?;
    let mut notes = Vec::new();
    let mut part = |files: Option<Vec<std::path::PathBuf>>, what: &str| -> Result<Option<Table>, DataError> {
        let Some(files) = files else { return Ok(None) };
        let how = How { frame: frame.as_ref(), orientation: reading.orientation, skip_bad: reading.skip_bad };
        let table = Table::read(&files, how, MOST_HELD)?;
        if table.labels.are_secret() {
            notes.push(format!("{}: the classes of {what} are kept secret (-1), it is left out", place.display()));
            return Ok(None);
        }
        Ok(Some(table))
    };
    let wrong = |problem: String| DataError::format(&place.display().to_string(), problem);
    let train = part(Some(train), "train")?.ok_or_else(|| wrong("has no class of a training image".to_owned()))?;
    let (validation, test) = (part(validation, "validation")?, part(test, "test")?);
    let (validation, test) = if test.is_none() { (None, validation) } else { (validation, test) };
    let classes = Classes::of(&place, &train)?;
    let all = || [Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten();
    let [height, width] = one_size(all())?;
    let channels = if all().flat_map(|table| &table.pictures).all(|picture| picture.grey) { 1 } else { 3 };
    let held = all().map(|table| table.pictures.len()).sum::<usize>() as u64 * (channels * height * width) as u64;
    if held > MOST_HELD {
        return Err(wrong(table::too_large(held)));
    }
    let left: Vec<Undecoded> = all().flat_map(|table| table.left.clone()).collect();
    let rows = all().map(|table| table.pictures.len()).sum::<usize>() + left.len();
    notes.extend(left_out(rows, &left).map(|said| format!("{}: {said}", place.display())));
    classes.keep_all(&train, &classes.numbers(&train)?)?;
    let raw = |table: Table| -> Result<Raw, DataError> {
        let labels = classes.numbers(&table)?;
        let mut pixels = Vec::with_capacity(labels.len() * channels * height * width);
        // Of grey pictures all planes are the same.
        table.pictures.iter().for_each(|picture| {
            pixels.extend(picture.planes.iter().cycle().take(channels * height * width));
        });
        Ok(Raw { pixels, labels })
    };
    let mut train = raw(train)?;
    let own = match validation {
        Some(validation) => {
            let validation = raw(validation)?;
            let count = validation.labels.len();
            train.append(validation);
            count
        }
        None => 0,
    };
    let test = match test {
        Some(test) => raw(test)?,
        None => {
            let (kept, test) = parted(train, classes.names.len(), reading.test_fraction);
            train = kept;
            notes.push(format!(
                "{} has no test part: {} of {} images are kept for testing (data.test_fraction = {}, by class)",
                place.display(),
                test.labels.len(),
                test.labels.len() + train.labels.len(),
                reading.test_fraction
            ));
            test
        }
    };
    if train.labels.is_empty() || test.labels.is_empty() {
        return Err(wrong("has too few images to keep some for testing: give a test part".to_owned()));
    }
    let description = Description {
        name: format!("parquet:{path}"),
        shape: [channels, height, width],
        class_names: classes.names,
        scale: 1.0 / 255.0,
        augment: Augment::of(Operation::CropFlip { padding: (height.min(width) / 8).max(1), flip: true }),
        val_fraction: 0.1,
        credit: ENTRY.credit,
    };
    Ok(description.with(train, test).validating(own).noting(notes))
}

/// The height and width that all images have.
fn one_size<'a>(tables: impl Iterator<Item = &'a Table> + Clone) -> Result<[usize; 2], DataError> {
    let mut all =
        tables.flat_map(|table| table.pictures.iter().enumerate().map(move |(i, picture)| (table, i, picture)));
    let Some((table, i, Picture { size: (height, width), .. })) = all.next() else { return Ok([0, 0]) };
    match all.find(|(.., picture)| picture.size != (*height, *width)) {
        None => Ok([*height as usize, *width as usize]),
        Some((other, j, picture)) => {
            let problem = format!(
                "is {}×{}, but {} is {height}×{width}: give all images one size, as in parquet:PATH@{height}x{width}",
                picture.size.0,
                picture.size.1,
                table.place(i)
            );
            Err(DataError::format(&other.place(j), problem))
        }
    }
}

/// What is trained and what is tested on: a share of each class.
fn parted(all: Raw, classes: usize, share: f64) -> (Raw, Raw) {
    let split = split(&all.labels, classes, share, SEED);
    let size = all.pixels.len().checked_div(all.labels.len()).unwrap_or(0);
    let side = |indices: &[u32]| {
        let places = || indices.iter().map(|i| *i as usize);
        Raw {
            pixels: places().flat_map(|i| &all.pixels[i * size..(i + 1) * size]).copied().collect(),
            labels: places().map(|i| all.labels[i]).collect(),
        }
    };
    (side(&split.train), side(&split.val))
}

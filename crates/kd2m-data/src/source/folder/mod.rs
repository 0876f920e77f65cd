//! A folder of one's own images, a subfolder a class: `PATH/train/CLASS/` and `PATH/test/CLASS/`, or `PATH/CLASS/` alone, of which a share is
//! kept for testing. Classes are in the order of their names, images in the order of torchvision's ImageFolder. All have one size or are resized
//! (bilinear, antialiased as in Pillow) to the one asked for; they are RGB unless every one of them is grey.
//!
//! `walk.rs` finds files, `parts.rs` says what each is for, `decode.rs` reads an image, `names.rs` compares names of classes;
//! `stream/` holds the images.

pub(crate) mod decode;
pub(crate) mod listing;
mod names;
mod parts;
mod walk;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::stream::{Files, ImageFile, Listing, Surveyed, survey};
use crate::{Augment, DataError, Dataset, Frame, Interpolation, Operation, Reading, Samples};
use parts::{Listed, Parts};

pub(crate) const ENTRY: Entry = Entry {
    name: parts::NAME,
    about: "your own images, a subfolder a class: folder:PATH, or folder:PATH@32 and folder:PATH@64x48 (height x width) to resize, folder:PATH@crop256 for the centre square at that side",
    files: parts::FILES,
    credit: "images of the user's own folder",
    takes_path: true,
    load,
};

fn load(Place { path: spec, root, reading }: Place) -> Result<Dataset, DataError> {
    let (path, frame) = parse(spec);
    let folder = resolve(path, root)?;
    let found = Parts::find(&folder, reading.test_fraction)?;
    let Parts { class_names, train, validation, test, parted, unlabelled } = found;
    let mut notes: Vec<String> = parted.into_iter().collect();
    if unlabelled && notes.is_empty() {
        notes.push(format!("{}/ holds images without classes, so they are unlabelled", train.folder.display()));
    }
    notes.extend([Some(&train), validation.as_ref(), Some(&test)].into_iter().flatten().filter_map(Listed::left_out));
    if !unlabelled {
        notes.extend(odd_classes(&train, &test, &class_names));
    }
    let (mut paths, mut labels) = (train.paths, train.labels);
    let own = validation.map_or(0, |part| {
        labels.extend(&part.labels);
        paths.extend(part.paths);
        part.labels.len()
    });
    let training = paths.len();
    paths.extend(test.paths);
    let files = as_they_are(paths)?;
    let listing = listing::listing(&folder, &files);
    let all = files.len();
    let Surveyed { set, moments, left } =
        survey(Listing { folder: folder.clone(), files, training, frame, colour: false }, reading)?;
    notes.extend(left.note(&folder, all));
    let (labels, test_labels) = left.keep_both(&labels, &test.labels);
    let own = own - left.within(training - own..training);
    check_kept(&folder, &class_names, &labels, &test_labels)?;
    let (training, tested) = (labels.len(), test_labels.len());
    let shape @ [_, height, width] = set.shape();
    let description = Description {
        name: format!("folder:{spec}"),
        shape,
        class_names,
        scale: 1.0 / 255.0,
        augment: Augment::of(Operation::CropFlip { padding: (height.min(width) / 8).max(1), flip: true }),
        val_fraction: 0.1,
        credit: ENTRY.credit,
    };
    let train = Samples::of_files(Files::new(&set, 0..training), labels);
    let test = Samples::of_files(Files::new(&set, training..training + tested), test_labels);
    Ok(description.measured(moments, train, test).validating(own).noting(notes).listed(listing))
}

/// All images below a folder, without labels, for a data set of this shape; what a person should know of them, and the sum of their list.
///
/// # Errors
/// A folder that is missing, cannot be read or holds no image; images that are broken or of another shape.
pub(crate) fn unlabelled(
    Place { path: spec, root, reading }: Place,
    dataset: &Dataset,
) -> Result<(Samples, Vec<String>, String), DataError> {
    let (path, frame) = parse(spec);
    let folder = resolve(path, root)?;
    let wrong = |problem: String| DataError::format(&folder.display().to_string(), problem);
    if dataset.scale != 1.0 / 255.0 {
        return Err(wrong(format!("holds bytes from 0 to 255, the pixels of {} are others", dataset.name)));
    }
    let listed = Listed::of_one_class(&folder)?;
    let mut notes: Vec<String> = listed.left_out().into_iter().collect();
    let files = as_they_are(listed.paths)?;
    let (all, listing) = (files.len(), listing::listing(&folder, &files));
    let (colour, reading) = (dataset.channels == 3, Reading { seen: None, ..*reading });
    let listed = Listing { folder: folder.clone(), files, training: 0, frame, colour };
    let Surveyed { set, left, .. } = survey(listed, &reading)?;
    notes.extend(left.note(&folder, all));
    let (count, shape) = (all - left.within(0..all), [dataset.channels, dataset.height, dataset.width]);
    if count == 0 {
        return Err(wrong("has no image that can be decoded".to_owned()));
    }
    if set.shape() != shape {
        let ([c, h, w], [channels, height, width]) = (set.shape(), shape);
        return Err(wrong(format!(
            "has images of {c}×{h}×{w}, those of {} are {channels}×{height}×{width}: give them that size, as in folder:PATH@{height}x{width}",
            dataset.name
        )));
    }
    Ok((Samples::of_files(Files::new(&set, 0..count), vec![0; count]), notes, listing))
}

/// Refuses a folder of which too much was left out: both parts and every class in training must keep an image.
pub(crate) fn check_kept(folder: &Path, class_names: &[String], train: &[u32], test: &[u32]) -> Result<(), DataError> {
    let wrong = |problem: String| Err(DataError::format(&folder.display().to_string(), problem));
    for (part, labels) in [("training", train), ("test", test)] {
        if labels.is_empty() {
            return wrong(format!("has no {part} image that can be decoded"));
        }
    }
    match (0..class_names.len()).find(|class| !train.contains(&(*class as u32))) {
        Some(class) => wrong(format!("has no training image of class {} that can be decoded", class_names[class])),
        None => Ok(()),
    }
}

/// Files as they are now.
fn as_they_are(paths: Vec<PathBuf>) -> Result<Vec<ImageFile>, DataError> {
    let files: Vec<Result<ImageFile, DataError>> = paths.into_par_iter().map(ImageFile::new).collect();
    files.into_iter().collect()
}

/// The images of a class's folder, in torchvision's order.
///
/// # Errors
/// A folder that cannot be read, or that holds none.
pub(crate) fn files_of_class(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let images = walk::images(folder, &mut walk::Omitted::default())?;
    match images.is_empty() {
        true => Err(DataError::format(&folder.display().to_string(), format!("holds no image ({})", walk::endings()))),
        false => Ok(images),
    }
}

/// What a person should know of the classes, a sentence each.
fn odd_classes(train: &Listed, test: &Listed, class_names: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if let [only] = class_names {
        notes.push(format!(
            "{}/ has one class, {only}: there is nothing to tell apart; is PATH the folder above train/CLASS/?",
            train.folder.display()
        ));
    }
    let untested: Vec<&str> = class_names
        .iter()
        .enumerate()
        .filter(|(label, _)| !test.labels.contains(&(*label as u32)))
        .map(|(_, name)| name.as_str())
        .collect();
    if !untested.is_empty() {
        let (count, all, shown) = (untested.len(), class_names.len(), names::list(&untested));
        let folder = test.folder.display();
        notes.push(format!(
            "{folder}/ has no image of {count} of {all} classes ({shown}): test figures say nothing of them"
        ));
    }
    notes
}

/// `PATH`, `PATH@SIZE`, `PATH@HEIGHTxWIDTH` or `PATH@cropSIDE`; an `@` that no size follows belongs to the path.
pub(crate) fn parse(spec: &str) -> (&str, Option<Frame>) {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
    let frame = |text: &str| {
        if let Some(text) = text.strip_prefix("crop") {
            let side = side(text)?;
            return Some(Frame::shorter(side, side, Interpolation::Bilinear));
        }
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        Some(Frame::squash([side(height)?, side(width)?], Interpolation::Bilinear))
    };
    match spec.rsplit_once('@') {
        Some((path, text)) if frame(text).is_some() => (path, frame(text)),
        _ => (spec, None),
    }
}

/// The folder under the data root where there is one, otherwise as written.
fn resolve(path: &str, root: Option<&Path>) -> Result<PathBuf, DataError> {
    let mut looked: Vec<PathBuf> = root.into_iter().map(|root| root.join(path)).collect();
    looked.push(path.into());
    looked.dedup();
    match looked.iter().find(|path| path.is_dir()) {
        Some(found) => Ok(found.clone()),
        None => Err(DataError::Missing {
            dataset: ENTRY.name,
            file: "the folder".into(),
            looked,
            help: format!("it must hold {}", ENTRY.files),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_differ_in_unicode_form_alone_are_told_apart_from_strangers() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        let why = names::unknown(decomposed, &["tea".to_owned(), composed.to_owned()]);
        assert!(why.contains("another Unicode form (decomposed, NFD here, composed, NFC there)"), "{why}");
        assert!(names::unknown("cafe", &[composed.to_owned()]).contains("a class that train/ lacks"));
        let folder = tempfile::tempdir().unwrap();
        for class in [composed, decomposed] {
            std::fs::create_dir_all(folder.path().join("train").join(class)).unwrap();
        }
        // A file system that keeps one form has one folder now.
        std::fs::create_dir_all(folder.path().join("test")).unwrap();
        let why = crate::load(&format!("folder:{}", folder.path().display()), None).unwrap_err().to_string();
        let two = std::fs::read_dir(folder.path().join("train")).unwrap().count() == 2;
        assert!(!two || why.contains("twice, in two Unicode forms (decomposed, NFD and composed, NFC)"), "{why}");
    }

    #[test]
    fn sizes_are_told_from_paths() {
        let squash = |size| Some(Frame::squash(size, Interpolation::Bilinear));
        assert_eq!(parse("a/b@32"), ("a/b", squash([32, 32])));
        assert_eq!(parse("a@b/c@64x48"), ("a@b/c", squash([64, 48])));
        assert_eq!(parse("a@crop72"), ("a", Some(Frame::shorter(72, 72, Interpolation::Bilinear))));
        assert_eq!(parse("a@crop"), ("a@crop", None));
        assert_eq!(parse("me@home/images"), ("me@home/images", None));
        assert_eq!(parse("x@0"), ("x@0", None));
    }
}

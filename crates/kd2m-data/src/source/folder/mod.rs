//! A folder of one's own images: `PATH/train/CLASS/` and `PATH/test/CLASS/` (or `val/`), classes in the order of their names, images in
//! the order of torchvision's ImageFolder. All have one size or are resized (bilinear, antialiased as in Pillow) to the one asked for; they are RGB unless
//! every one of them is grey. `walk.rs` finds them, `decode.rs` reads one, `names.rs` compares the names of classes.

pub(crate) mod decode;
mod listing;
mod names;
mod walk;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::dataset::Description;
use crate::entry::Entry;
use crate::{Augment, DataError, Dataset, Frame, Interpolation, Samples};
use decode::{Picture, decode};
use walk::{Omitted, name_of};

pub(crate) const ENTRY: Entry = Entry {
    name: "folder",
    about: "your own images, a subfolder a class: folder:PATH, or folder:PATH@32 and folder:PATH@64x48 (height x width) to resize, folder:PATH@crop256 for the centre square at that side",
    files: "train/CLASS/ and test/CLASS/ (or val/CLASS/) with images (JPEG, PNG, WebP, TIFF, BMP, PPM)",
    credit: "images of the user's own folder",
    takes_path: true,
    load,
};

fn load(spec: &str, root: Option<&Path>) -> Result<Dataset, DataError> {
    let (path, frame) = parse(spec);
    let folder = resolve(path, root)?;
    let train_folder = subfolder(&folder, "train/", &["train"])?;
    // Where both are there, `val` is left alone: validation is carved from train.
    let test_folder = subfolder(&folder, "test/ (or val/)", &["test", "val"])?;
    let mut omitted = Omitted::default();
    let train_classes = walk::classes(&train_folder, &mut omitted)?;
    let class_names: Vec<String> = train_classes.iter().map(|path| name_of(path)).collect();
    if class_names.is_empty() {
        return Err(DataError::format(
            &train_folder.display().to_string(),
            "holds no class, expected a subfolder for each",
        ));
    }
    if let Some(problem) = names::twins(&class_names) {
        return Err(DataError::format(&train_folder.display().to_string(), problem));
    }
    let train = Part::read(&train_folder, train_classes, &class_names, omitted, frame)?;
    let mut omitted = Omitted::default();
    let test_classes = walk::classes(&test_folder, &mut omitted)?;
    let test = Part::read(&test_folder, test_classes, &class_names, omitted, frame)?;
    let first = &train.pictures[0];
    for (picture, path) in train.pictures.iter().zip(&train.paths).chain(test.pictures.iter().zip(&test.paths)) {
        if picture.size != first.size {
            let ((height, width), (first_height, first_width)) = (picture.size, first.size);
            let shown = train.paths[0].display();
            let problem = format!(
                "is {height}×{width}, but {shown} is {first_height}×{first_width}: give all images one size, as in folder:PATH@{first_height}x{first_width}"
            );
            return Err(DataError::format(&path.display().to_string(), problem));
        }
    }
    let channels = if train.pictures.iter().chain(&test.pictures).all(|picture| picture.grey) { 1 } else { 3 };
    let (height, width) = (first.size.0 as usize, first.size.1 as usize);
    let description = Description {
        name: format!("folder:{spec}"),
        shape: [channels, height, width],
        class_names,
        scale: 1.0 / 255.0,
        augment: Augment::CropFlip { padding: (height.min(width) / 8).max(1), flip: true },
        val_fraction: 0.1,
        credit: ENTRY.credit,
    };
    let notes = notes(&train, &test, &description.class_names);
    let listing = listing::listing(&folder, train.paths.iter().chain(&test.paths))?;
    Ok(description.with(train.into_samples(channels), test.into_samples(channels)).noting(notes).listed(listing))
}

/// What a person should know of the folder, a sentence each.
fn notes(train: &Part, test: &Part, class_names: &[String]) -> Vec<String> {
    let mut notes: Vec<String> = [train, test].into_iter().filter_map(Part::left_out).collect();
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
fn parse(spec: &str) -> (&str, Option<Frame>) {
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

/// The first of `names` that is a subfolder.
fn subfolder(folder: &Path, shown: &str, names: &[&str]) -> Result<PathBuf, DataError> {
    let looked: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    match looked.iter().find(|path| path.is_dir()) {
        Some(found) => Ok(found.clone()),
        None => {
            let help = format!("the folder must hold {}; validation is carved from train", ENTRY.files);
            Err(DataError::Missing { dataset: ENTRY.name, file: shown.into(), looked, help })
        }
    }
}

/// The images of train or test, in the order of class and file name.
struct Part {
    folder: PathBuf,
    paths: Vec<PathBuf>,
    labels: Vec<u32>,
    pictures: Vec<Picture>,
    omitted: Omitted,
}

impl Part {
    fn read(
        folder: &Path,
        classes: Vec<PathBuf>,
        class_names: &[String],
        mut omitted: Omitted,
        frame: Option<Frame>,
    ) -> Result<Self, DataError> {
        let (mut paths, mut labels) = (Vec::new(), Vec::new());
        for class_folder in classes {
            let (place, name) = (class_folder.display().to_string(), name_of(&class_folder));
            let Some(label) = class_names.iter().position(|known| *known == name) else {
                return Err(DataError::format(&place, names::unknown(&name, class_names)));
            };
            let mut beside = Omitted::default();
            let images = walk::images(&class_folder, &mut beside)?;
            if images.is_empty() {
                return Err(DataError::format(&place, no_image(&beside)));
            }
            omitted.extend(beside);
            labels.resize(labels.len() + images.len(), label as u32);
            paths.extend(images);
        }
        if paths.is_empty() {
            return Err(DataError::format(&folder.display().to_string(), no_image(&omitted)));
        }
        // All are decoded before the first error is looked at, so that the message does not depend on the threads.
        let decoded: Vec<Result<Picture, DataError>> =
            paths.par_iter().map(|path| decode(path, frame.as_ref())).collect();
        let pictures = decoded.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { folder: folder.to_owned(), paths, labels, pictures, omitted })
    }

    /// The sentence on files that are not read.
    fn left_out(&self) -> Option<String> {
        let (left, read) = (self.omitted.count(), self.paths.len());
        let (folder, omitted, all) = (self.folder.display(), &self.omitted, left + read);
        (left > 0).then(|| format!("{folder}/: {left} of {all} files are not read ({omitted})"))
    }

    fn into_samples(self, channels: usize) -> Samples {
        // Of grey pictures all three planes are the same.
        let of = |picture: &Picture| picture.planes.len() / 3 * channels;
        let mut pixels = Vec::with_capacity(self.pictures.iter().map(of).sum());
        self.pictures.iter().for_each(|picture| pixels.extend_from_slice(&picture.planes[..of(picture)]));
        Samples { pixels, labels: self.labels }
    }
}

fn no_image(omitted: &Omitted) -> String {
    let read = walk::endings();
    match omitted.count() {
        0 => format!("holds no image ({read})"),
        _ => format!("holds no image ({read}), but files that are not read ({omitted})"),
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
        let why = load(&folder.path().display().to_string(), None).unwrap_err().to_string();
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

//! Which images of a folder are trained, validated and tested on.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{
    names,
    walk::{self, Omitted, name_of},
};
use crate::DataError;

/// By which name a folder is asked for, as `folder:PATH`.
pub(super) const NAME: &str = "folder";
/// What it must hold.
pub(super) const FILES: &str = "train/CLASS/ and test/CLASS/ (or val/CLASS/), or CLASS/ alone, with images (JPEG, PNG, WebP, TIFF, BMP, PPM), or images without classes";
/// The one class of images that have none.
const UNLABELLED: &str = "unlabelled";

/// The images of a folder by their use, none read yet.
pub(super) struct Parts {
    pub class_names: Vec<String>,
    pub train: Listed,
    /// Where there are folders for all three.
    pub validation: Option<Listed>,
    pub test: Listed,
    /// The sentence on images that were set apart for testing here.
    pub parted: Option<String>,
    /// Images lie in no class: all are of one.
    pub unlabelled: bool,
}

impl Parts {
    /// What `folder` holds: `train/`, `test/` and `val/`, or classes alone, of which this share is tested on.
    ///
    /// # Errors
    /// Folders that are missing, hold no class or no image, or classes that do not go together.
    pub fn find(folder: &Path, test_fraction: f64) -> Result<Self, DataError> {
        let is_parted = ["train", "test", "val"].iter().any(|name| folder.join(name).is_dir());
        if !is_parted && let Some(whole) = Listed::classes_alone(folder)? {
            return whole.part(test_fraction);
        }
        if !is_parted && let Some(whole) = Listed::without_classes(folder)? {
            return whole.part(test_fraction);
        }
        let train_folder = subfolder(folder, "train/", &["train"])?;
        let test_folder = subfolder(folder, "test/ (or val/)", &["test", "val"])?;
        let validation_folder = Some(folder.join("val")).filter(|val| val.is_dir() && *val != test_folder);
        let mut omitted = Omitted::default();
        let classes = walk::classes(&train_folder, &mut omitted)?;
        let whole = if classes.is_empty() { Listed::without_classes(&train_folder)? } else { None };
        if let Some(Whole { listed: train, class_names, unlabelled }) = whole {
            let validation = validation_folder.as_deref().map(Listed::of_one_class).transpose()?;
            let test = Listed::of_one_class(&test_folder)?;
            return Ok(Self { train, validation, test, class_names, parted: None, unlabelled });
        }
        let class_names = checked(&train_folder, &classes)?;
        let other = |folder: &Path| {
            let mut omitted = Omitted::default();
            let classes = walk::classes(folder, &mut omitted)?;
            Listed::of(folder, classes, &class_names, omitted)
        };
        let train = Listed::of(&train_folder, classes, &class_names, omitted)?;
        let validation = validation_folder.as_deref().map(other).transpose()?;
        let test = other(&test_folder)?;
        Ok(Self { train, validation, test, class_names, parted: None, unlabelled: false })
    }
}

/// The names of these classes, none twice.
fn checked(folder: &Path, classes: &[PathBuf]) -> Result<Vec<String>, DataError> {
    let class_names: Vec<String> = classes.iter().map(|path| name_of(path)).collect();
    let refuse = |problem| Err(DataError::format(&folder.display().to_string(), problem));
    match names::twins(&class_names) {
        _ if class_names.is_empty() => refuse("holds no class, expected a subfolder for each".to_owned()),
        Some(problem) => refuse(problem),
        None => Ok(class_names),
    }
}

/// The first of `names` that is a subfolder.
fn subfolder(folder: &Path, shown: &str, names: &[&str]) -> Result<PathBuf, DataError> {
    let looked: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    match looked.iter().find(|path| path.is_dir()) {
        Some(found) => Ok(found.clone()),
        None => {
            let help = format!("the folder must hold {FILES}");
            Err(DataError::Missing { dataset: NAME, file: shown.into(), looked, help })
        }
    }
}

/// Images with their labels, in the order of class and file name.
pub(super) struct Listed {
    pub folder: PathBuf,
    pub paths: Vec<PathBuf>,
    pub labels: Vec<u32>,
    pub omitted: Omitted,
}

/// A folder of classes that nobody has parted.
struct Whole {
    listed: Listed,
    class_names: Vec<String>,
    unlabelled: bool,
}

impl Listed {
    fn of(
        folder: &Path,
        classes: Vec<PathBuf>,
        class_names: &[String],
        mut omitted: Omitted,
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
        Ok(Self { folder: folder.to_owned(), paths, labels, omitted })
    }

    /// The sentence on files that are not read.
    pub fn left_out(&self) -> Option<String> {
        let (left, read) = (self.omitted.count(), self.paths.len());
        let (folder, omitted, all) = (self.folder.display(), &self.omitted, left + read);
        (left > 0).then(|| format!("{folder}/: {left} of {all} files are not read ({omitted})"))
    }

    /// The classes right below a folder; none where there are not two: then it is not what was meant.
    fn classes_alone(folder: &Path) -> Result<Option<Whole>, DataError> {
        let mut omitted = Omitted::default();
        let classes = walk::classes(folder, &mut omitted)?;
        if classes.len() < 2 {
            return Ok(None);
        }
        let class_names = checked(folder, &classes)?;
        let listed = Self::of(folder, classes, &class_names, omitted)?;
        Ok(Some(Whole { listed, class_names, unlabelled: false }))
    }

    /// The images of a folder that holds some itself, those below it too; none where it does not: then it is not what was meant.
    fn without_classes(folder: &Path) -> Result<Option<Whole>, DataError> {
        if !walk::holds_images(folder)? {
            return Ok(None);
        }
        let (listed, class_names) = (Self::of_one_class(folder)?, vec![UNLABELLED.to_owned()]);
        Ok(Some(Whole { listed, class_names, unlabelled: true }))
    }

    /// All images below a folder as one class.
    pub fn of_one_class(folder: &Path) -> Result<Self, DataError> {
        let mut omitted = Omitted::default();
        let paths = walk::images(folder, &mut omitted)?;
        match paths.is_empty() {
            true => Err(DataError::format(&folder.display().to_string(), no_image(&omitted))),
            false => Ok(Self { folder: folder.to_owned(), labels: vec![0; paths.len()], paths, omitted }),
        }
    }
}

impl Whole {
    /// Sets a share of each class apart for testing: by a hash of the file's path, so that an image stays where it is when others come.
    fn part(self, share: f64) -> Result<Parts, DataError> {
        let Listed { folder, paths, labels, omitted } = self.listed;
        let mut is_test = vec![false; paths.len()];
        for class in 0..self.class_names.len() as u32 {
            let hash = |&at: &usize| {
                let inside = paths[at].strip_prefix(&folder).unwrap_or(&paths[at]);
                Sha256::digest(inside.to_string_lossy().replace('\\', "/"))
            };
            let mut members: Vec<usize> = (0..paths.len()).filter(|&at| labels[at] == class).collect();
            members.sort_by_cached_key(hash);
            // At least one on either side, where there are two.
            let most = members.len().saturating_sub(1);
            let count = ((members.len() as f64 * share).round() as usize).clamp(1.min(most), most);
            members[..count].iter().for_each(|&at| is_test[at] = true);
        }
        let (all, tested) = (paths.len(), is_test.iter().filter(|test| **test).count());
        if tested == 0 {
            let each = if self.unlabelled { "" } else { " a class" };
            let problem = format!("holds one image{each}: none is left to test on");
            return Err(DataError::format(&folder.display().to_string(), problem));
        }
        let (what, by) = match self.unlabelled {
            true => ("images without classes, so they are unlabelled", "name"),
            false => ("classes and no train/ and test/", "class and name"),
        };
        let parted = format!(
            "{}/ holds {what}: {tested} of {all} images are kept for testing (data.test_fraction = {share}, by {by})",
            folder.display()
        );
        let side = |test: bool, omitted: Omitted| {
            let of_side = || (0..all).filter(|&at| is_test[at] == test);
            let (paths, labels) = of_side().map(|at| (paths[at].clone(), labels[at])).unzip();
            Listed { folder: folder.clone(), paths, labels, omitted }
        };
        let (train, test) = (side(false, omitted), side(true, Omitted::default()));
        let (class_names, unlabelled) = (self.class_names, self.unlabelled);
        Ok(Parts { class_names, train, validation: None, test, parted: Some(parted), unlabelled })
    }
}

fn no_image(omitted: &Omitted) -> String {
    let read = walk::endings();
    match omitted.count() {
        0 => format!("holds no image ({read})"),
        _ => format!("holds no image ({read}), but files that are not read ({omitted})"),
    }
}

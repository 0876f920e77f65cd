//! A folder of one's own images: `PATH/train/CLASS/*.png` and `PATH/test/CLASS/*.png` (or `val/`), PNG or JPEG, classes in the order of their names.
//! All images have one size or are resized (bilinear) to the one asked for; they are RGB unless every one of them is grey.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{ColorType, DynamicImage, ImageReader};
use rayon::prelude::*;
use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfd};

use crate::dataset::Description;
use crate::registry::Entry;
use crate::{Augment, DataError, Dataset, Samples};

pub(crate) const ENTRY: Entry = Entry {
    name: "folder",
    about: "your own images, a subfolder a class: folder:PATH, or folder:PATH@32 and folder:PATH@64x48 (height x width) to resize",
    files: "train/CLASS/ and test/CLASS/ (or val/CLASS/) with PNG or JPEG images",
    credit: "images of the user's own folder",
    takes_path: true,
    load,
};

/// Height and width.
type Size = (u32, u32);

fn load(spec: &str, root: Option<&Path>) -> Result<Dataset, DataError> {
    let (path, size) = parse(spec);
    let folder = resolve(path, root)?;
    let train_folder = subfolder(&folder, "train/", &["train"])?;
    // Where both are there, `val` is left alone: validation is carved from train.
    let test_folder = subfolder(&folder, "test/ (or val/)", &["test", "val"])?;
    let class_names: Vec<String> =
        entries(&train_folder)?.into_iter().filter(|path| path.is_dir()).map(|path| name_of(&path)).collect();
    if class_names.is_empty() {
        return Err(DataError::format(
            &train_folder.display().to_string(),
            "holds no class, expected a subfolder for each",
        ));
    }
    let mut spelt: HashMap<String, &str> = HashMap::new();
    for name in &class_names {
        if let Some(twin) = spelt.insert(name.nfc().collect(), name) {
            let forms = format!("{} and {}", form(twin), form(name));
            let problem =
                format!("holds the class {name} twice, in two Unicode forms ({forms}): move the images into one");
            return Err(DataError::format(&train_folder.display().to_string(), problem));
        }
    }
    let train = Part::read(&train_folder, &class_names, size)?;
    let test = Part::read(&test_folder, &class_names, size)?;
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
    Ok(description.with(train.into_samples(channels), test.into_samples(channels)))
}

/// `PATH` or `PATH@SIZE`; an `@` that no size follows belongs to the path.
fn parse(spec: &str) -> (&str, Option<Size>) {
    let size = |text: &str| {
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
        Some((side(height)?, side(width)?))
    };
    match spec.rsplit_once('@') {
        Some((path, text)) if size(text).is_some() => (path, size(text)),
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

/// What a folder holds, by name, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |source| DataError::Io { place: folder.display().to_string(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| !name_of(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A decoded image.
struct Picture {
    size: Size,
    grey: bool,
    /// `[h, w, 3]`.
    rgb: Vec<u8>,
}

/// The images of train or test, in the order of class and file name.
struct Part {
    paths: Vec<PathBuf>,
    labels: Vec<u32>,
    pictures: Vec<Picture>,
}

impl Part {
    fn read(folder: &Path, class_names: &[String], size: Option<Size>) -> Result<Self, DataError> {
        let (mut paths, mut labels) = (Vec::new(), Vec::new());
        for class_folder in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            let place = class_folder.display().to_string();
            let own = name_of(&class_folder);
            let Some(label) = class_names.iter().position(|name| *name == own) else {
                return Err(DataError::format(&place, lacking(&own, class_names)));
            };
            let images: Vec<PathBuf> = entries(&class_folder)?.into_iter().filter(|path| is_image(path)).collect();
            if images.is_empty() {
                return Err(DataError::format(&place, "holds no .png, .jpg or .jpeg image"));
            }
            labels.resize(labels.len() + images.len(), label as u32);
            paths.extend(images);
        }
        if paths.is_empty() {
            return Err(DataError::format(&folder.display().to_string(), "holds no image"));
        }
        // All are decoded before the first error is looked at, so that the message does not depend on the threads.
        let decoded: Vec<Result<Picture, DataError>> = paths.par_iter().map(|path| decode(path, size)).collect();
        let pictures = decoded.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { paths, labels, pictures })
    }

    fn into_samples(self, channels: usize) -> Samples {
        let mut pixels = Vec::with_capacity(self.pictures.iter().map(|picture| picture.rgb.len() / 3 * channels).sum());
        for picture in self.pictures {
            for channel in 0..channels {
                pixels.extend(picture.rgb.iter().skip(channel).step_by(3));
            }
        }
        Samples { pixels, labels: self.labels }
    }
}

/// Why a class of test/ is not among those of train/.
fn lacking(own: &str, class_names: &[String]) -> String {
    match class_names.iter().find(|name| name.nfc().eq(own.nfc())) {
        Some(twin) => format!(
            "is spelt like a class of train/ but in another Unicode form ({} here, {} there): rename one of them to the other's",
            form(own),
            form(twin)
        ),
        None => "is a class that train/ lacks: a network cannot have learned it".to_owned(),
    }
}

/// The form of a name whose letters have marks, as file systems and archives write it.
fn form(name: &str) -> &'static str {
    match () {
        () if is_nfc(name) => "composed, NFC",
        () if is_nfd(name) => "decomposed, NFD",
        () => "a mixture of NFC and NFD",
    }
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    path.is_file() && matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}

fn decode(path: &Path, size: Option<Size>) -> Result<Picture, DataError> {
    let place = path.display().to_string();
    let io = |source| DataError::Io { place: place.clone(), source };
    // By content, not by name: images are often misnamed. The reader's own limits stop a header that claims a huge image.
    let reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    let image = reader.decode().map_err(|error| {
        DataError::format(&place, format!("cannot be decoded ({error}): remove it or get it again"))
    })?;
    let image: DynamicImage = match size {
        Some((height, width)) if (image.height(), image.width()) != (height, width) => {
            image.resize_exact(width, height, FilterType::Triangle)
        }
        _ => image,
    };
    let grey = matches!(image.color(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    Ok(Picture { size: (image.height(), image.width()), grey, rgb: image.into_rgb8().into_raw() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_differ_in_unicode_form_alone_are_told_apart_from_strangers() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        let why = lacking(decomposed, &["tea".to_owned(), composed.to_owned()]);
        assert!(why.contains("another Unicode form (decomposed, NFD here, composed, NFC there)"), "{why}");
        assert!(lacking("cafe", &[composed.to_owned()]).contains("a class that train/ lacks"));
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
        assert_eq!(parse("a/b@32"), ("a/b", Some((32, 32))));
        assert_eq!(parse("a@b/c@64x48"), ("a@b/c", Some((64, 48))));
        assert_eq!(parse("me@home/images"), ("me@home/images", None));
        assert_eq!(parse("x@0"), ("x@0", None));
    }
}

//! Tiny-ImageNet (Stanford's course CS231n): `train/WNID/images/`, `val/images/` with `val_annotations.txt`, names in `words.txt`. The images for
//! validation are what is tested on, as the test part has no labels; classes are in the order of their WordNet numbers, as ImageFolder has them.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::files::{existing_root, open, read_at_most};
use super::folder::{check_kept, files_of_class, listing};
use crate::dataset::Description;
use crate::entry::{Entry, Place};
use crate::stream::{Files, ImageFile, Listing, Surveyed, survey};
use crate::{Augment, DataError, Dataset, Operation, Samples};

pub(crate) const ENTRY: Entry = Entry {
    name: "tiny-imagenet",
    about: "photographs: 100,000 + 10,000 images, 3×64×64, 200 classes",
    files: "the folder tiny-imagenet-200/ with train/, val/ and words.txt, or what is in it",
    credit: "Tiny ImageNet: Stanford CS231n (2015), from ImageNet (J. Deng et al. 2009); for non-commercial research and education",
    takes_path: false,
    load,
};

/// Where it is looked for below the data root.
const FOLDERS: [&str; 3] = ["tiny-imagenet-200", "tiny-imagenet", ""];
const ANNOTATIONS: &str = "val_annotations.txt";
/// Bytes of a list of names or of files.
const MOST_TEXT: u64 = 64 << 20;

fn load(Place { root, reading, .. }: Place) -> Result<Dataset, DataError> {
    let root = existing_root(&ENTRY, root)?;
    let looked: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder).join("val").join(ANNOTATIONS)).collect();
    let Some(annotations) = looked.iter().find(|path| path.is_file()).cloned() else {
        return Err(DataError::Missing {
            dataset: ENTRY.name,
            file: format!("val/{ANNOTATIONS}"),
            looked,
            help: "unpack tiny-imagenet-200.zip there (kd2m data download tiny-imagenet does); where val/ has a folder a class, name it as folder:PATH"
                .to_owned(),
        });
    };
    let val = annotations.parent().unwrap_or(root).to_owned();
    let folder = val.parent().unwrap_or(root).to_owned();
    let wnids = classes(&folder.join("train"))?;
    let (mut paths, mut labels) = (Vec::new(), Vec::new());
    for (label, wnid) in wnids.iter().enumerate() {
        let images = files_of_class(&folder.join("train").join(wnid))?;
        labels.resize(labels.len() + images.len(), label as u32);
        paths.extend(images);
    }
    let training = paths.len();
    let tested = tested(&annotations, &wnids)?;
    paths.extend(tested.iter().map(|(name, _)| val.join("images").join(name)));
    let files: Vec<Result<ImageFile, DataError>> = paths.into_par_iter().map(ImageFile::new).collect();
    let files = files.into_iter().collect::<Result<Vec<ImageFile>, DataError>>()?;
    let listing = listing::listing(&folder, &files);
    let class_names = names(&folder.join("words.txt"), &wnids)?;
    let all = files.len();
    let test_labels: Vec<u32> = tested.into_iter().map(|(_, label)| label).collect();
    let Surveyed { set, moments, left } =
        survey(Listing { folder: folder.clone(), files, training, frame: None, colour: false }, reading)?;
    let (labels, test_labels) = left.keep_both(&labels, &test_labels);
    check_kept(&folder, &class_names, &labels, &test_labels)?;
    let (training, tested) = (labels.len(), test_labels.len());
    let description = Description {
        name: ENTRY.name.into(),
        shape: set.shape(),
        class_names,
        scale: 1.0 / 255.0,
        augment: Augment::of(Operation::CropFlip { padding: 8, flip: true }),
        val_fraction: 0.1,
        credit: ENTRY.credit,
    };
    let train = Samples::of_files(Files::new(&set, 0..training), labels);
    let test = Samples::of_files(Files::new(&set, training..training + tested), test_labels);
    let notes = left.note(&folder, all).into_iter().collect();
    Ok(description.measured(moments, train, test).noting(notes).listed(listing))
}

/// The WordNet numbers of the classes, in their order.
fn classes(train: &Path) -> Result<Vec<String>, DataError> {
    let failed = |source| DataError::Io { place: train.display().to_string(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(train).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            found.push(name);
        }
    }
    found.sort();
    if found.len() < 2 {
        let problem = "holds no classes, expected a folder for each WordNet number".to_owned();
        return Err(DataError::format(&train.display().to_string(), problem));
    }
    Ok(found)
}

/// The images for testing with their labels, in the order of the list: `FILE<TAB>WNID<TAB>…` in each line.
fn tested(annotations: &Path, wnids: &[String]) -> Result<Vec<(String, u32)>, DataError> {
    let place = annotations.display().to_string();
    let text = text(annotations)?;
    let line = |(number, line): (usize, &str)| {
        let wrong = |problem: &str| Err(DataError::format(&format!("{place}, line {}", number + 1), problem));
        let mut fields = line.split('\t');
        let (Some(name), Some(wnid)) = (fields.next(), fields.next()) else {
            return wrong("is no file and class with a tab between");
        };
        if name.is_empty() || name.contains(['/', '\\']) {
            return wrong("names no file of val/images/");
        }
        match wnids.binary_search_by(|known| known.as_str().cmp(wnid)) {
            Ok(label) => Ok((name.to_owned(), label as u32)),
            Err(_) => wrong("names a class that train/ lacks"),
        }
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let found: Vec<(String, u32)> = lines.map(line).collect::<Result<_, _>>()?;
    if found.is_empty() { Err(DataError::format(&place, "names no image")) } else { Ok(found) }
}

/// What the classes are called: the first of the names of their WordNet number, with the number where two have the same; the numbers
/// alone where there is no list.
fn names(words: &Path, wnids: &[String]) -> Result<Vec<String>, DataError> {
    if !words.is_file() {
        return Ok(wnids.to_vec());
    }
    let text = text(words)?;
    let known: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let name = |wnid: &String| {
        let all = known.get(wnid.as_str()).copied().unwrap_or(wnid);
        all.split(',').next().unwrap_or(all).trim().to_owned()
    };
    let first: Vec<String> = wnids.iter().map(name).collect();
    let mut counts = BTreeMap::new();
    first.iter().for_each(|name| *counts.entry(name.clone()).or_insert(0) += 1);
    let told = first.into_iter().zip(wnids);
    Ok(told.map(|(name, wnid)| if counts[&name] > 1 { format!("{name} ({wnid})") } else { name }).collect())
}

fn text(path: &Path) -> Result<String, DataError> {
    let place = path.display().to_string();
    let bytes = read_at_most(&place, open(path)?, MOST_TEXT)?;
    String::from_utf8(bytes).map_err(|_| DataError::format(&place, "is no text in UTF-8"))
}

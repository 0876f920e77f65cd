//! `inputs.json` in a run folder: the SHA-256 of what a run is made from (data, files of weights that its configuration names) and of
//! every file of tensors that it wrote. What was replaced, changed or lost since is refused by name.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kd2m_data::{Dataset, Seen};
use kd2m_nn::{
    onnx,
    weights::{self, Source},
};
use serde::{Deserialize, Serialize};

use super::{folder::RunFolder, observer::Observer, setup::Setup};
use crate::{Config, Error, files, imported, sums, warning};

/// What a run is made from and what it wrote.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// None until the run has read its data.
    #[serde(default)]
    data: Option<Data>,
    /// Files that the configuration names, by their keys.
    #[serde(default)]
    given: BTreeMap<String, Given>,
    /// Files of tensors in the run folder, by their paths in it.
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// A data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Data {
    dataset: String,
    /// Of its decoded images and labels; of a folder of images, of its files' paths, sizes and times.
    sha256: String,
    /// Of a folder of images: what the first look found, which holds as long as the sum does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
}

/// A file of weights or outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Given {
    path: PathBuf,
    sha256: String,
}

/// `inputs.json`: what it holds, and the SHA-256 of that, so that damage to this very file blames no other.
#[derive(Serialize, Deserialize)]
struct Summed {
    #[serde(flatten)]
    inputs: Inputs,
    /// None in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<String>,
}

impl Inputs {
    fn sum(&self) -> String {
        sums::of_bytes(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// Compares what a run is made from with what it was made from when it began, and notes what is new.
///
/// # Errors
/// [`Error::Changed`] with the file or data set that is another; the disk.
pub fn settle(folder: &RunFolder, config: &Config, setup: &Setup, observer: &mut dyn Observer) -> Result<(), Error> {
    let now = Inputs { data: Some(data(config, setup)), given: given(config)?, files: BTreeMap::new() };
    let alone = lock(folder)?;
    let before = read(folder)?;
    if before.is_none() {
        tell_unknown(folder, observer)?;
    }
    let mut before = before.unwrap_or_default();
    refuse_changed(&before, &now)?;
    let after = Inputs { files: std::mem::take(&mut before.files), ..now };
    if before.data.is_none() || (before.data, before.given) != (after.data.clone(), after.given.clone()) {
        write(folder, &after)?;
    }
    drop(alone);
    Ok(())
}

/// The same for commands that only read a run.
///
/// # Errors
/// As [`settle`].
pub fn verify(folder: &RunFolder, config: &Config, setup: &Setup, observer: &mut dyn Observer) -> Result<(), Error> {
    let Some(before) = read(folder)? else { return tell_unknown(folder, observer) };
    refuse_changed(&before, &Inputs { data: Some(data(config, setup)), given: given(config)?, files: BTreeMap::new() })
}

/// Notes files of tensors that were written just now.
///
/// # Errors
/// The disk.
pub fn note(folder: &RunFolder, written: &[PathBuf]) -> Result<(), Error> {
    let sums = written.iter().map(|path| Ok((key(folder, path), sums::of_file(path)?)));
    let sums = sums.collect::<Result<Vec<_>, Error>>()?;
    let alone = lock(folder)?;
    let mut inputs = read(folder)?.unwrap_or_default();
    inputs.files.extend(sums);
    write(folder, &inputs)?;
    drop(alone);
    Ok(())
}

/// Refuses a file of tensors that is not what was written, or that is gone. One of which nothing is known may be anything.
///
/// # Errors
/// [`Error::Damaged`].
pub fn check(folder: &RunFolder, path: &Path) -> Result<(), Error> {
    let Some(inputs) = read(folder)? else { return Ok(()) };
    let sum = inputs.files.get(&key(folder, path));
    sum.map_or(Ok(()), |sum| compare(folder, path, sum))
}

/// The same of all that the network of a folder wrote.
///
/// # Errors
/// As [`check`].
pub fn check_network(folder: &RunFolder, place: &Path) -> Result<(), Error> {
    let Some(inputs) = read(folder)? else { return Ok(()) };
    let within = key(folder, place) + "/";
    let own = inputs.files.iter().filter(|(key, _)| key.starts_with(&within));
    own.into_iter().try_for_each(|(key, sum)| compare(folder, &folder.root().join(key), sum))
}

/// The same of all networks that are finished.
///
/// # Errors
/// As [`check`].
#[cfg(feature = "report")]
pub fn check_all(folder: &RunFolder) -> Result<(), Error> {
    let Some(inputs) = read(folder)? else { return Ok(()) };
    let finished = |path: &Path| path.with_file_name("summary.json").is_file();
    let all = inputs.files.iter().map(|(key, sum)| (folder.root().join(key), sum));
    all.filter(|(path, _)| finished(path)).try_for_each(|(path, sum)| compare(folder, &path, sum))
}

/// The SHA-256 of a run's data, where it is known.
///
/// # Errors
/// `inputs.json` cannot be read.
pub fn sum_of_data(folder: &RunFolder) -> Result<Option<String>, Error> {
    Ok(read(folder)?.and_then(|inputs| inputs.data).map(|data| data.sha256))
}

/// The data of a run; image files without a first look where the run has looked at these.
///
/// # Errors
/// Data that are not there or broken; `inputs.json` cannot be read.
pub fn load_data(folder: &RunFolder, config: &Config) -> Result<Dataset, Error> {
    let (data, root) = (&config.data, config.data.root.as_deref());
    if let Some(Data { sha256, seen: Some(seen), .. }) = read(folder)?.and_then(|inputs| inputs.data) {
        let dataset = data.load_seen(root, Some(&seen))?;
        if dataset.sum() == sha256 {
            return Ok(dataset);
        }
    }
    Ok(data.load(root)?)
}

/// Takes over what another folder knows of a file that is linked or copied from there.
///
/// # Errors
/// The disk.
#[cfg(feature = "bench")]
pub fn adopt(from: &RunFolder, to: &RunFolder, path: &Path) -> Result<(), Error> {
    let key = key(from, path);
    let Some(sum) = read(from)?.and_then(|mut inputs| inputs.files.remove(&key)) else { return Ok(()) };
    let alone = lock(to)?;
    let mut inputs = read(to)?.unwrap_or_default();
    inputs.files.insert(key, sum);
    write(to, &inputs)?;
    drop(alone);
    Ok(())
}

fn compare(folder: &RunFolder, path: &Path, sum: &str) -> Result<(), Error> {
    let why = match path.is_file() {
        false => "is missing",
        true if sums::of_file(path)? != sum => "is not what was written (its SHA-256 is another)",
        true => return Ok(()),
    };
    let advice = match path.parent() {
        Some(place) if place != folder.teacher() => {
            format!("remove {} to train it again with --resume", place.display())
        }
        _ => "begin anew with --overwrite, the students learned from it".to_owned(),
    };
    Err(Error::Damaged { path: path.to_owned(), why: format!("{why}: put it back from a copy, or {advice}") })
}

fn refuse_changed(before: &Inputs, now: &Inputs) -> Result<(), Error> {
    if let (Some(old), Some(new)) = (&before.data, &now.data)
        && old.sha256 != new.sha256
    {
        return Err(Error::Changed { what: format!("data set {}", new.dataset) });
    }
    let changed = |(key, new): &(&String, &Given)| before.given.get(*key).is_some_and(|old| old.sha256 != new.sha256);
    match now.given.iter().find(changed) {
        Some((key, given)) => Err(Error::Changed { what: format!("{key} {}", given.path.display()) }),
        None => Ok(()),
    }
}

fn data(config: &Config, setup: &Setup) -> Data {
    let data = &setup.dataset;
    let seen = data.listing.is_some().then(|| data.seen());
    Data { dataset: config.data.dataset.clone(), sha256: setup.data_sum(), seen }
}

/// Of the files that a configuration names.
fn given(config: &Config) -> Result<BTreeMap<String, Given>, Error> {
    let config = config.clone().anchored();
    let student = ("student".to_owned(), "weights", config.student.weights.clone());
    let named = config.teacher.all().enumerate().flat_map(|(i, teacher)| {
        let section = if i == 0 { "teacher".to_owned() } else { format!("teacher.{i}") };
        let model = imported::file(&teacher.model).map(Path::to_owned);
        let all = [
            // The same file may stand in teacher.init.
            ("init", teacher.init.clone().filter(|_| model.is_none())),
            ("model", model),
            ("weights", teacher.weights.clone()),
            ("outputs", teacher.outputs.clone()),
        ];
        all.map(|(key, path)| (section.clone(), key, path))
    });
    let sum = |(section, key, path): (String, &str, PathBuf)| {
        let sha256 = match key {
            "outputs" => sums::of_file(&path)?,
            "model" => sums::of_files(&onnx::files(&path)?)?,
            _ => sums::of_files(&weights::files(&Source::parse(&path))?)?,
        };
        Ok((format!("{section}.{key}"), Given { path, sha256 }))
    };
    let named = named.chain([student]).filter_map(|(section, key, path)| Some((section, key, path?)));
    named.map(sum).collect()
}

fn tell_unknown(folder: &RunFolder, observer: &mut dyn Observer) -> Result<(), Error> {
    let line = format!(
        "{} is not there, as in runs of older versions: whether data and weights are those that the run began with is not known",
        folder.inputs().display()
    );
    warning::tell(observer, line)
}

fn key(folder: &RunFolder, path: &Path) -> String {
    let inside = path.strip_prefix(folder.root()).unwrap_or(path);
    inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn lock(folder: &RunFolder) -> Result<std::fs::File, Error> {
    files::lock(&folder.root().join(files::LOCK))
}

fn read(folder: &RunFolder) -> Result<Option<Inputs>, Error> {
    let path = folder.inputs();
    if !path.is_file() {
        return Ok(None);
    }
    let damaged = |path: PathBuf, how: String| Error::Damaged {
        path,
        why: format!("{how}: put it back from a copy, or remove it to go on unchecked"),
    };
    let Summed { inputs, sum } = match files::read_json(&path) {
        Err(Error::Parse { path, source }) => return Err(damaged(path, format!("is damaged ({source})"))),
        read => read?,
    };
    if sum.is_some_and(|sum| sum != inputs.sum()) {
        return Err(damaged(path, "is not what was written (its SHA-256 is another)".to_owned()));
    }
    Ok(Some(inputs))
}

fn write(folder: &RunFolder, inputs: &Inputs) -> Result<(), Error> {
    files::write_json(&folder.inputs(), &Summed { sum: Some(inputs.sum()), inputs: inputs.clone() })
}

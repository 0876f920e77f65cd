//! What a run is to one of several processes that train together. Rank 0 has the run folder and writes it; the others keep what they would
//! write in a folder of their own that goes with them, so that no disk need be shared. All agree on what they are about to do first.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{
    folder::{Existing, RunFolder},
    run::RunOptions,
    setup::Setup,
};
use crate::{Config, Error, files, ranks::Ranks};

/// A message of a file's bytes.
const PIECE: usize = 64 << 20;

/// A process's options, and the folder that goes with it.
pub struct Place {
    /// As they are for this one.
    pub options: RunOptions,
    _scratch: Option<TempDir>,
}

/// What all must have alike.
#[derive(Serialize, Deserialize, PartialEq)]
struct Same {
    version: String,
    configuration: String,
    data: String,
    /// What of the command line changes what is computed.
    flags: String,
}

/// One rank's place in a run, after all have agreed; where a run is gone on with, each has its files then.
///
/// # Errors
/// [`Error::Ranks`] where they do not have the same; the disk.
pub fn place(config: &Config, options: &RunOptions, setup: &Setup) -> Result<Place, Error> {
    let Some(ranks) = &options.ranks else { return Ok(Place { options: options.clone(), _scratch: None }) };
    agree(ranks.as_ref(), config, options, setup)?;
    let mut own = options.clone();
    own.halt = options.halt.among(ranks);
    // What only one of them remembers, it alone would not ask the others about.
    own.no_teacher_cache = true;
    let out = options.out.clone().unwrap_or_else(|| config.default_out());
    if ranks.rank() == 0 {
        if options.existing == Existing::Resume {
            hand_out(ranks.as_ref(), &out)?;
        }
        return Ok(Place { options: own, _scratch: None });
    }
    let scratch = tempfile::tempdir().map_err(|source| Error::io("create", Path::new("a temporary folder"), source))?;
    let place = scratch.path().join("run");
    if options.existing == Existing::Resume {
        files::make_folder(&place)?;
        receive(ranks.as_ref(), &place)?;
    }
    own.out = Some(place);
    own.existing = Existing::Resume;
    own.tensorboard = false;
    Ok(Place { options: own, _scratch: Some(scratch) })
}

/// The least that any rank says: what depends on a machine's memory must be the same for all.
pub fn least(ranks: Option<&Arc<dyn Ranks>>, own: usize) -> usize {
    let all = ranks.map(|ranks| ranks.gather(&[own as f32])).unwrap_or_default();
    all.into_iter().fold(own, |least, other| least.min(other as usize))
}

/// Whether this process writes what people read.
#[cfg(feature = "report")]
pub fn leads(options: &RunOptions) -> bool {
    options.ranks.as_ref().is_none_or(|ranks| ranks.rank() == 0)
}

fn agree(ranks: &dyn Ranks, config: &Config, options: &RunOptions, setup: &Setup) -> Result<(), Error> {
    let without_places = |config: &Config| {
        let mut config = config.clone();
        config.data.root = None;
        config.to_toml()
    };
    let own = Same {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration: without_places(config)?,
        data: setup.data_sum(),
        flags: format!("{:?} {} {}", options.existing, options.no_baseline, options.allow_weak_teacher),
    };
    let text = serde_json::to_vec(&own).map_err(Error::json("what ranks agree on"))?;
    let all = ranks.gather_bytes(&text);
    for (rank, text) in all.iter().enumerate() {
        let other: Same = serde_json::from_slice(text).map_err(Error::json("what ranks agree on"))?;
        let first = |a: &str, b: &str| {
            let line = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            line.map_or_else(String::new, |(a, b)| format!(": {a:?} here, {b:?} there"))
        };
        let why = if other.version != own.version {
            format!("is kd2m {}, this one {}", other.version, own.version)
        } else if other.configuration != own.configuration {
            format!("has another configuration{}", first(&own.configuration, &other.configuration))
        } else if other.data != own.data {
            format!("has other images of {}", setup.dataset.name)
        } else if other.flags != own.flags {
            format!("was called with other flags ({}; here {})", other.flags, own.flags)
        } else {
            continue;
        };
        return Err(Error::Ranks { rank: ranks.rank(), other: rank, why });
    }
    Ok(())
}

/// Every file of a run below its folder, but what no rank reads again.
fn files_of(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut open, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|source| Error::io("read", &folder, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| Error::io("read", &folder, source))?;
            let (kind, path) =
                (entry.file_type().map_err(|source| Error::io("read", &entry.path(), source))?, entry.path());
            let name = entry.file_name();
            let aside = super::owner::FILES.iter().any(|own| name == *own);
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && !aside && path.extension().is_none_or(|end| end != "kd2m" && end != "html") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Gives the files of a run folder to all others; of one that is not there none.
fn hand_out(ranks: &dyn Ranks, root: &Path) -> Result<(), Error> {
    let found = if RunFolder::open(root).is_ok() { files_of(root)? } else { Vec::new() };
    let within = |path: &PathBuf| path.strip_prefix(root).ok().map(|path| path.to_string_lossy().into_owned());
    let mut list = Vec::with_capacity(found.len());
    for path in &found {
        let length = fs::metadata(path).map_err(|source| Error::io("read", path, source))?.len();
        list.extend(within(path).map(|name| (name, length)));
    }
    let text = serde_json::to_vec(&list).map_err(Error::json("the list of files"))?;
    ranks.gather_bytes(&text);
    for (name, length) in list {
        let path = root.join(name);
        let mut file = fs::File::open(&path).map_err(|source| Error::io("read", &path, source))?;
        for begin in (0..length).step_by(PIECE) {
            let mut piece = Vec::new();
            file.seek(SeekFrom::Start(begin)).map_err(|source| Error::io("read", &path, source))?;
            let mut part = (&mut file).take((length - begin).min(PIECE as u64));
            part.read_to_end(&mut piece).map_err(|source| Error::io("read", &path, source))?;
            ranks.gather_bytes(&piece);
        }
    }
    Ok(())
}

/// Takes what rank 0 hands out.
fn receive(ranks: &dyn Ranks, root: &Path) -> Result<(), Error> {
    let text = ranks.gather_bytes(&[]).swap_remove(0);
    let list: Vec<(String, u64)> = serde_json::from_slice(&text).map_err(Error::json("the list of files"))?;
    for (name, length) in list {
        let path = root.join(&name);
        let mut bytes = Vec::new();
        for _ in (0..length).step_by(PIECE) {
            bytes.append(&mut ranks.gather_bytes(&[]).swap_remove(0));
        }
        // From one's own kind, and still no way out of the folder.
        if Path::new(&name).components().all(|part| matches!(part, Component::Normal(_))) {
            path.parent().map_or(Ok(()), files::make_folder)?;
            files::write(&path, &bytes)?;
        }
    }
    Ok(())
}

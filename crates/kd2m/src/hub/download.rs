//! A repository of the hub into the cache of its programs: the weights, an index and its shards, and what says how they see.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kd2m_nn::weights::hub::{self, Repository, stays_within};
use serde::Deserialize;

use super::{
    blob::bring,
    fill::Broken,
    http::{Client, Transport, said},
    place::{Place, fail},
};
use crate::{Error, files};

/// What lies beside weights and says how pixels reach them.
const BESIDE: [&str; 2] = ["config.json", "preprocessor_config.json"];

/// What the hub says of a revision.
#[derive(Deserialize)]
struct Listing {
    /// The commit.
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// Downloads what is not there yet; `tell` hears how far it is.
///
/// # Errors
/// What the hub does not have or does not say; a connection that breaks; the disk. Half a file stays and is gone on with.
pub fn download(
    repository: &Repository,
    place: &Place,
    transport: &dyn Transport,
    tell: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let client = Client { transport, place };
    let Listing { sha, siblings } = listing(repository, &client)?;
    let names: Vec<&str> = siblings.iter().map(|sibling| sibling.rfilename.as_str()).collect();
    let weights = match &repository.file {
        Some(file) if names.contains(&file.as_str()) => file.as_str(),
        Some(file) => return Err(fail(repository, format!("has no {file}: it has {}", names.join(", ")))),
        None => hub::weights_among(&names).map_err(|why| fail(repository, why))?,
    };
    let folder = repository.folder(&place.cache);
    let [blobs, refs, snapshot] = [folder.join("blobs"), folder.join("refs"), folder.join("snapshots").join(&sha)];
    for made in [&blobs, &refs, &snapshot] {
        files::make_folder(made)?;
    }
    let mut get = |name: &str| -> Result<PathBuf, Error> {
        let path = format!("/{}/resolve/{sha}/{}", repository.id, escaped(name));
        let whole = format!("{}/{name}", repository.id);
        bring(&client, &blobs, [&path, &whole], tell).map_err(|broken| match broken {
            Broken::There(why) => fail(repository, why),
            Broken::Here(error) => error,
        })
    };
    // In one folder with the weights, where they are looked for.
    let parent = weights.rsplit_once('/').map_or(String::new(), |(parent, _)| format!("{parent}/"));
    for name in BESIDE.map(|name| format!("{parent}{name}")).iter().filter(|name| names.contains(&name.as_str())) {
        link(&get(name)?, &snapshot, name)?;
    }
    let blob = get(weights)?;
    // An index is linked last: while it is not there, nothing is taken for whole.
    let copy = snapshot.join(weights);
    if let Some(index) = weights.ends_with(".json").then_some(&blob) {
        for shard in shards(repository, index, &copy)? {
            let name = format!("{parent}{shard}");
            link(&get(&name)?, &snapshot, &name)?;
        }
    }
    link(&blob, &snapshot, weights)?;
    if repository.revision != sha {
        let reference = refs.join(&repository.revision);
        files::make_folder(reference.parent().unwrap_or(&refs))?;
        files::write(&reference, sha.as_bytes())?;
    }
    Ok(())
}

/// The commit of a revision, and its files.
fn listing(repository: &Repository, client: &Client) -> Result<Listing, Error> {
    let path = format!("/api/models/{}/revision/{}", repository.id, escaped(&repository.revision).replace('/', "%2F"));
    let answer = client.get(&path, 0).map_err(|why| fail(repository, why))?;
    if answer.status != 200 {
        return Err(fail(repository, format!("cannot be had: the hub answers {}", said(answer.status))));
    }
    let found: Listing =
        answer.text().and_then(|text| serde_json::from_str(&text).map_err(|e| e.to_string())).map_err(|why| {
            fail(repository, format!("is listed in a way that is not understood ({why}): is HF_ENDPOINT a hub?"))
        })?;
    let is_commit = found.sha.len() == 40 && found.sha.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_commit || !found.siblings.iter().all(|sibling| stays_within(&sibling.rfilename)) {
        return Err(fail(repository, "is listed with a commit or a file that is none: is HF_ENDPOINT a hub?"));
    }
    Ok(found)
}

/// Names of the shards of an index that lies among blobs and would stand at `place`.
fn shards(repository: &Repository, index: &Path, place: &Path) -> Result<Vec<String>, Error> {
    let text = fs::read(index).map_err(|source| Error::io("read", index, source))?;
    hub::shards_of(place, &text).map_err(|why| fail(repository, why.to_string()))
}

/// Puts a blob at its name in a snapshot, as a link where links are.
fn link(blob: &Path, snapshot: &Path, name: &str) -> Result<(), Error> {
    let place = snapshot.join(name);
    files::make_folder(place.parent().unwrap_or(snapshot))?;
    if place.is_file() {
        return Ok(());
    }
    let fails = |source| Error::io("write", &place, source);
    if place.symlink_metadata().is_ok() {
        // A link whose blob is gone.
        fs::remove_file(&place).map_err(fails)?;
    }
    #[cfg(unix)]
    {
        let up = "../".repeat(2 + name.matches('/').count());
        let blob = blob.file_name().unwrap_or_default().to_string_lossy();
        std::os::unix::fs::symlink(format!("{up}blobs/{blob}"), &place).map_err(fails)
    }
    #[cfg(not(unix))]
    {
        fs::copy(blob, &place).map(|_| ()).map_err(fails)
    }
}

/// A path of an address.
fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

//! Weights of the Hugging Face hub, `hf:OWNER/NAME`: what is not in the cache of its programs is downloaded into it, as they would, so that
//! each finds what the other brought. What is there is used as it is, without asking anybody; another state is another `@REVISION`.
//! `http.rs` asks (through `network.rs`, or whatever carries requests), `fill.rs` brings bytes to the disk, `blob.rs` a file whole, `download.rs` a repository, `place.rs` says from where to where.

mod blob;
mod download;
pub(crate) mod fill;
pub(crate) mod http;
#[cfg(feature = "download")]
mod network;
mod place;

use std::path::Path;

pub use download::download;
pub use fill::Step;
pub use http::{Reply, Transport};
use kd2m_nn::weights::{Source, WeightsError, hub::Repository};
#[cfg(feature = "download")]
pub use network::Network;
pub use place::Place;

use crate::{Config, Error};

/// Sees to it that a file which is named as `hf:…` is on this machine; of every other path nothing.
///
/// # Errors
/// What the hub says or does not; a name that is none.
pub fn provide(path: &Path) -> Result<(), Error> {
    let source = Source::parse(path);
    let Some(repository) = Repository::parse(&source.path)? else { return Ok(()) };
    let missing = match repository.local() {
        Ok(_) => return Ok(()),
        Err(missing @ (WeightsError::Hub { .. } | WeightsError::Folder { .. })) => missing,
        Err(other) => return Err(other.into()),
    };
    match Place::of_environment(&repository)? {
        Some(place) => bring(&repository, &place, missing),
        None => Err(missing.into()),
    }
}

#[cfg(feature = "download")]
fn bring(repository: &Repository, place: &Place, _: WeightsError) -> Result<(), Error> {
    download(repository, place, &Network, &mut crate::loading::tell)
}

#[cfg(not(feature = "download"))]
fn bring(repository: &Repository, _: &Place, missing: WeightsError) -> Result<(), Error> {
    let name = repository.to_string();
    let missing = missing.to_string();
    let why = missing.strip_prefix(&name).map_or(missing.as_str(), str::trim_start);
    Err(Error::Hub { name, why: format!("{why}; a build with `--features download` does it by itself") })
}

/// The same of all files that a configuration names.
///
/// # Errors
/// As [`provide`].
pub fn provide_all(config: &Config) -> Result<(), Error> {
    let teachers = config.teacher.all().flat_map(|teacher| [&teacher.weights, &teacher.init]);
    teachers.chain([&config.student.weights]).flatten().try_for_each(|path| provide(path))
}

//! Which hub is asked, and where its files come to, by the variables that the hub's own programs read.

use std::{env, path::PathBuf};

use kd2m_nn::weights::hub::{self, Repository};

use crate::Error;

/// Where the hub is when nothing says otherwise.
const ENDPOINT: &str = "https://huggingface.co";

/// The hub and the place on this machine that its files come to.
#[derive(Debug, Clone)]
pub struct Place {
    /// The hub's address.
    pub endpoint: String,
    /// The cache of its programs.
    pub cache: PathBuf,
    /// Who asks, where the hub wants to know.
    pub token: Option<String>,
}

impl Place {
    /// What the environment says; none where it says that nothing is to be downloaded.
    ///
    /// # Errors
    /// Nothing says where the cache is.
    pub fn of_environment(repository: &Repository) -> Result<Option<Self>, Error> {
        let variable = |name: &str| env::var(name).ok().map(|value| value.trim().to_owned()).filter(|v| !v.is_empty());
        let is_on = |value: String| ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str());
        if variable("HF_HUB_OFFLINE").is_some_and(is_on) {
            return Ok(None);
        }
        let homeless = || fail(repository, "has no place to be downloaded to: set HF_HOME to a folder");
        let cache = hub::cache().ok_or_else(homeless)?;
        let file = variable("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(hub::home()?.join("token")));
        let kept = || std::fs::read_to_string(file?).ok().map(|text| text.trim().to_owned()).filter(|t| !t.is_empty());
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        Ok(Some(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache,
            token: variable("HF_TOKEN").or_else(kept),
        }))
    }
}

/// What a repository is not, or the hub does not give.
pub(super) fn fail(repository: &Repository, why: impl Into<String>) -> Error {
    Error::Hub { name: repository.to_string(), why: why.into() }
}

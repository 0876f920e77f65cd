//! `about.json` in a run folder: when, where and by which command it was begun. Nothing is computed from it; reports show it.

use serde::{Deserialize, Serialize};

use super::folder::RunFolder;
use crate::{Error, files};

/// How a run was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Of kd2m.
    pub version: String,
    /// The words of the command line, the program first.
    pub command: Vec<String>,
    /// RFC 3339, UTC.
    pub begun: String,
    /// Operating system and architecture.
    pub system: String,
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// Which kernels its vectors get.
    pub kernels: String,
    /// Cores that the process may use.
    pub cores: usize,
    /// The engine's device.
    pub device: String,
    /// Threads of the engine.
    pub threads: usize,
}

impl About {
    /// This process, now.
    pub fn now(device: &str, threads: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            begun: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: processor(),
            kernels: kd2m_ot::internals::Isa::detect().name().to_owned(),
            cores,
            device: device.to_owned(),
            threads: if threads == 0 { cores } else { threads },
        }
    }

    /// Of a run folder; `None` of an older version's.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(folder: &RunFolder) -> Result<Option<Self>, Error> {
        let path = folder.about();
        path.is_file().then(|| files::read_json(&path)).transpose()
    }

    /// Writes it where a run begins; one that goes on keeps what it has.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(self, folder: &RunFolder) -> Result<(), Error> {
        let path = folder.about();
        if path.exists() { Ok(()) } else { files::write_json(&path, &self) }
    }
}

/// As Linux names it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_keeps_what_it_was_begun_with() {
        let place = tempfile::tempdir().unwrap();
        let config = crate::config::Source::demo().unwrap().resolve().unwrap();
        let folder = RunFolder::create(place.path(), &config, super::super::folder::Existing::Resume).unwrap();
        assert_eq!(About::of(&folder).unwrap(), None);
        let first = About::now("cpu", 3);
        assert!(first.begun.ends_with('Z') && first.threads == 3 && first.cores > 0);
        first.clone().keep(&folder).unwrap();
        About { begun: "later".to_owned(), ..About::now("cpu", 0) }.keep(&folder).unwrap();
        assert_eq!(About::of(&folder).unwrap(), Some(first));
    }
}

//! Who works in a run folder: one process. It holds a lock, which the system opens when it dies, and a claim with host, process and
//! heartbeat for whoever asks, also from another host.

use std::{
    fs::File,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{Error, claim::Claims, files};

/// The claim's name; `owner.json` says who it is.
const UNIT: &str = "owner";
/// The lock that its process holds as long as it lives.
const LOCK: &str = ".owner";

/// What it keeps in the folder.
pub const FILES: [&str; 3] = ["owner.json", LOCK, files::LOCK];

/// This process, working in a folder until it is dropped.
pub struct Owner {
    claims: Arc<Claims>,
    beat: Option<JoinHandle<()>>,
    _lock: File,
}

impl Owner {
    /// Takes a folder that is there.
    ///
    /// # Errors
    /// [`Error::Occupied`] while another process has it; the disk.
    pub fn take(root: &Path) -> Result<Self, Error> {
        let claims = Arc::new(Claims::open(root)?);
        let who = || {
            let holder = claims.holder(UNIT).map(|holder| format!("process {} on {}", holder.process, holder.host));
            let who = holder.unwrap_or_else(|| "another process".to_owned());
            Error::Occupied { root: root.to_owned(), who }
        };
        let lock = match files::try_lock(&root.join(LOCK))? {
            files::Lock::Free(lock) => {
                // Whoever wrote the claim on this machine would hold the lock, in a container too.
                claims.forget_here(UNIT)?;
                lock
            }
            files::Lock::Unknown(lock) => lock,
            files::Lock::Held => return Err(who()),
        };
        if !claims.take(UNIT)? {
            return Err(who());
        }
        let beating = claims.clone();
        let beat = thread::Builder::new().name("kd2m-owner".into()).spawn(move || beating.beat()).ok();
        Ok(Self { claims, beat, _lock: lock })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.claims.stop();
        if let Some(beat) = self.beat.take() {
            // It only writes heartbeats; one that broke says nothing of the run.
            let _ = beat.join();
        }
        self.claims.release(UNIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 14 of the reliability notes.
    #[test]
    fn a_folder_has_one_owner_and_is_free_when_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let owner = Owner::take(folder.path()).unwrap();
        let refused = Owner::take(folder.path()).map(|_| ()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(&format!("process {} on ", std::process::id())) && text.contains("owner.json"), "{text}");
        drop(owner);
        assert!(!folder.path().join("owner.json").exists());
        // Killed in another container of this machine: its claim stays, its lock does not.
        let claim = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|boot| {
            let boot = boot.trim();
            format!(r#"{{"host": "pod-1", "system": "{boot} pid:[1]", "process": 1, "started": "7", "beat": 0}}"#)
        });
        if let Ok(claim) = claim {
            std::fs::write(folder.path().join("owner.json"), claim).unwrap();
            drop(Owner::take(folder.path()).unwrap());
        }
        // On another machine: it has ten minutes.
        let other = r#"{"host": "elsewhere", "system": "x y", "process": 1, "started": "7", "beat": 0}"#;
        std::fs::write(folder.path().join("owner.json"), other).unwrap();
        let text = Owner::take(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(text.contains("process 1 on elsewhere"), "{text}");
    }
}

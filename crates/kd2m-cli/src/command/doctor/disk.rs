//! Room on the disk of run folders, and whether they can be written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kd2m_ot::room;
use serde_json::json;

use super::finding::{Finding, State};

/// Bytes below which a run with checkpoints of a large network may not end.
const LITTLE: u64 = 1 << 30;

/// The folder that runs go to, or the nearest one above it that is there.
pub fn disk(out: &Path) -> Finding {
    let folder = existing(out);
    let shown = folder.display();
    let free = free(&folder);
    let facts = json!({ "folder": folder.display().to_string(), "free_bytes": free });
    let says_free = match free {
        Some(bytes) => format!("{} free", room::size(usize::try_from(bytes).unwrap_or(usize::MAX))),
        None => "free space unknown".to_owned(),
    };
    match written(&folder) {
        Err(error) => {
            Finding::new("disk", State::Wrong, format!("{shown} cannot be written: {error}: give another --out"), facts)
        }
        Ok(()) if free.is_some_and(|bytes| bytes < LITTLE) => {
            let says = format!(
                "{says_free} at {shown}: checkpoints of large networks take more, make room or give another --out"
            );
            Finding::new("disk", State::Fine, says, facts)
        }
        Ok(()) => Finding::new("disk", State::Fine, format!("{says_free} at {shown}, which can be written"), facts),
    }
}

fn existing(out: &Path) -> PathBuf {
    let above = out.ancestors().find(|folder| folder.is_dir()).filter(|folder| !folder.as_os_str().is_empty());
    above.unwrap_or(Path::new(".")).to_owned()
}

/// Writes a file there and removes it.
fn written(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".kd2m-doctor-{}", std::process::id()));
    fs::File::create_new(&path)?.sync_all()?;
    fs::remove_file(path)
}

/// Bytes that this user may still write.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero and the system writes only into `found`, which is as large as it has to be.
    let status = unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) };
    if status != 0 {
        return None;
    }
    // SAFETY: the call succeeded, so every field is set; all of them are numbers.
    let found = unsafe { found.assume_init() };
    #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
    Some((found.f_bavail as u64).saturating_mul(found.f_frsize as u64))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

//! Files that are whole or not there: written under a temporary name beside their place, then renamed.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;

/// How the names of files begin that are not whole yet.
pub const TEMPORARY: &str = ".kd2m-";

/// Writes a file whole.
///
/// # Errors
/// The folder cannot be written, or the disk is full; nothing is left behind.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let attempt = || {
        let mut file = temporary().tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    attempt().map_err(|source| Error::io("write", path, source))?;
    sync_folder(folder)
}

/// Makes a file that is whole as soon as it is there; one that is there already stays.
///
/// # Errors
/// The folder cannot be written, or the disk is full; nothing is left behind.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = temporary().tempfile_in(folder)?;
    file.write_all(bytes)?;
    match file.persist_noclobber(path) {
        Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => Err(e.error),
        _ => Ok(()),
    }
}

/// Sees to it that names which were given or taken in a folder outlast a power cut.
///
/// # Errors
/// The disk.
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Elsewhere a folder cannot be opened as a file.
    if !cfg!(unix) {
        return Ok(());
    }
    fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(|source| Error::io("write", folder, source))
}

/// A new folder beside what it is to replace; removed when it is dropped.
///
/// # Errors
/// The disk.
pub fn temporary_folder(parent: &Path) -> Result<tempfile::TempDir, Error> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(parent).map_err(|source| Error::io("write", parent, source))
}

/// Removes a file or folder so that at no moment half of it stands at its place; that it is not there is no error.
///
/// # Errors
/// The disk.
pub fn discard(path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent().filter(|_| path.symlink_metadata().is_ok()) else { return Ok(()) };
    let aside = temporary_folder(parent)?;
    fs::rename(path, aside.path().join("away")).map_err(|source| Error::io("remove", path, source))?;
    aside.close().map_err(|source| Error::io("remove", path, source))
}

/// Removes what killed processes left half written in a folder, unless it is younger than `age`: where others may write, too, theirs is.
///
/// # Errors
/// The disk.
pub fn sweep(folder: &Path, age: Duration) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten().filter(|entry| is_temporary(&entry.file_name())) {
        let path = entry.path();
        let since = path.symlink_metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        if since.unwrap_or_default() < age {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|source| Error::io("remove", &path, source))?;
    }
    Ok(())
}

/// The file that processes take turns by in a folder.
pub const LOCK: &str = ".lock";

/// ENOLCK, which the standard library has no kind for: the file system has no locks to give.
const NO_LOCKS: i32 = if cfg!(target_os = "linux") { 37 } else { 77 };

/// Waits for a file's lock; given back when it is dropped, or by the system when its holder dies. A file system without locks does
/// without.
///
/// # Errors
/// The disk, or a lock that fails.
pub fn lock(path: &Path) -> Result<fs::File, Error> {
    let open = fs::File::options().create(true).append(true).open(path);
    let file = open.map_err(|source| Error::io("open", path, source))?;
    match file.lock() {
        Err(source) if !is_without_locks(&source) => Err(Error::Lock { path: path.to_owned(), source }),
        _ => Ok(file),
    }
}

/// A lock that was asked for without waiting.
pub enum Lock {
    /// It is this process's now.
    Free(fs::File),
    /// Somebody holds it.
    Held,
    /// The file system has none to give.
    Unknown(fs::File),
}

/// Takes a file's lock where nobody holds it.
///
/// # Errors
/// As [`lock`].
pub fn try_lock(path: &Path) -> Result<Lock, Error> {
    let open = fs::File::options().create(true).append(true).open(path);
    let file = open.map_err(|source| Error::io("open", path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock::Free(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(Lock::Held),
        Err(fs::TryLockError::Error(source)) if is_without_locks(&source) => Ok(Lock::Unknown(file)),
        Err(fs::TryLockError::Error(source)) => Err(Error::Lock { path: path.to_owned(), source }),
    }
}

/// Whether the file system has no locks at all: nothing that a second try would change.
fn is_without_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(NO_LOCKS)
}

/// Whether a name is one under which [`write`] or `kd2m_nn::weights::write` begin a file.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    // `.student.safetensors.XXXXXX`
    let of_weights = name.strip_prefix('.').and_then(|rest| rest.rsplit_once('.'));
    name.starts_with(TEMPORARY) || of_weights.is_some_and(|(file, _)| file.ends_with(".safetensors"))
}

/// Files with the permissions that any program's have; a temporary file's are for its owner alone.
fn temporary() -> tempfile::Builder<'static, 'static> {
    with_permissions(0o666)
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "elsewhere a folder says who may read what is in it"))]
fn with_permissions(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    builder
}

/// Makes a folder whole: `fill` writes into one beside its place, which is renamed when all is there.
///
/// # Errors
/// What `fill` says; a place that cannot be written. Nothing is left behind.
pub(crate) fn write_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = with_permissions(0o777).tempdir_in(parent).map_err(|source| Error::io("write", path, source))?;
    fill(folder.path())?;
    fs::rename(folder.path(), path).map_err(|source| Error::io("write", path, source))?;
    // It is not there under its own name any more.
    let _ = folder.keep();
    Ok(())
}

/// Writes a value as indented JSON.
///
/// # Errors
/// As [`write()`].
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(Error::json("a file of the run"))?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Reads a file as text.
///
/// # Errors
/// It is missing or not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::io("read", path, source))
}

/// Reads a value from JSON.
///
/// # Errors
/// A missing file, or one that does not hold such a value.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    serde_json::from_str(&read_text(path)?).map_err(|source| Error::Parse { path: path.to_owned(), source })
}

/// Makes a folder and its parents.
///
/// # Errors
/// A file stands in the way, or no permission.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::io("create", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_locks_is_told_from_one_that_fails() {
        let name =
            if cfg!(target_os = "linux") { io::Error::from_raw_os_error(NO_LOCKS).to_string() } else { String::new() };
        assert!(name.is_empty() || name.contains("No locks available"), "{name}");
        assert!(is_without_locks(&io::Error::from_raw_os_error(NO_LOCKS)));
        assert!(is_without_locks(&io::ErrorKind::Unsupported.into()));
        let denied: io::Error = io::ErrorKind::PermissionDenied.into();
        assert!(!is_without_locks(&denied));
        let error = Error::Lock { path: "grid/claims/.lock".into(), source: denied };
        assert_eq!(
            error.to_string(),
            "cannot lock grid/claims/.lock: permission denied; make the folder writable, or give --out a folder on another disk"
        );
    }
}

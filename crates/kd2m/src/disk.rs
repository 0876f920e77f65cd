//! Room on a disk.

use std::path::Path;

/// Bytes that this user may still write where `folder` is or will be made; none where the system does not say.
#[cfg(unix)]
pub fn free(folder: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(existing(folder).as_os_str().as_bytes()).ok()?;
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

/// Bytes that this user may still write; no such system says.
#[cfg(not(unix))]
pub fn free(_: &Path) -> Option<u64> {
    None
}

/// The nearest folder above a place, or the place itself, that is there.
pub fn existing(place: &Path) -> &Path {
    let above = place.ancestors().find(|folder| folder.is_dir()).filter(|folder| !folder.as_os_str().is_empty());
    above.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_made_yet_has_the_room_of_the_one_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("a/b");
        assert_eq!(existing(&later), folder.path());
        assert_eq!(existing(Path::new("not-there/x")), Path::new("."));
        assert_eq!(free(&later).is_some(), cfg!(unix));
    }
}

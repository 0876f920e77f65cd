//! Files appear whole or not at all.

use std::{io::Write as _, path::Path};

/// Writes under a temporary name beside the target, to the disk, then renames.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = atomic_write_file::AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}

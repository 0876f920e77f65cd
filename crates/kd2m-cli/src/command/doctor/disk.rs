//! Room on the disk of run folders, and whether they can be written.

use std::{fs, path::Path};

use kd2m::disk;
use kd2m_ot::room;
use serde_json::json;

use super::finding::{Finding, State};

/// Bytes below which a run with checkpoints of a large network may not end.
const LITTLE: u64 = 1 << 30;

/// The folder that runs go to, or the nearest one above it that is there.
pub fn room_for_runs(out: &Path) -> Finding {
    let folder = disk::existing(out);
    let shown = folder.display();
    let free = disk::free(folder);
    let facts = json!({ "folder": folder.display().to_string(), "free_bytes": free });
    let says_free = match free {
        Some(bytes) => format!("{} free", room::size(usize::try_from(bytes).unwrap_or(usize::MAX))),
        None => "free space unknown".to_owned(),
    };
    match written(folder) {
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

/// Writes a file there and removes it.
fn written(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".kd2m-doctor-{}", std::process::id()));
    fs::File::create_new(&path)?.sync_all()?;
    fs::remove_file(path)
}

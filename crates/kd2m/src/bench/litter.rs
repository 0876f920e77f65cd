//! What killed workers left in a grid's folder: checkpoints of networks that had finished, files that are half written.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::plan::Stage;
use crate::{Error, claim::Claims, files, train::checkpoint::Checkpoints};

/// How old half a file must be in a folder that other workers may be writing in.
const LEFT: Duration = Duration::from_secs(600);

/// Removes it, where nobody works.
///
/// # Errors
/// The disk.
pub(super) fn remove(out: &Path, claims: &Claims) -> Result<(), Error> {
    files::sweep(out, LEFT)?;
    files::sweep(&out.join("claims"), LEFT)?;
    for run in folders(&out.join("teachers")) {
        files::sweep(&run, LEFT)?;
        finished(&run.join("teacher"), &format!("teacher-{}", name(&run)), claims)?;
    }
    for stage in [Stage::Select, Stage::Runs] {
        for run in folders(&out.join(stage.folder())) {
            files::sweep(&run, LEFT)?;
            files::sweep(&run.join("teacher"), LEFT)?;
            for arm in folders(&run.join("students")) {
                for place in folders(&arm) {
                    let unit = format!("{}.{}.{}.{}", stage.folder(), name(&run), name(&arm), name(&place));
                    finished(&place, &unit, claims)?;
                }
            }
        }
    }
    Ok(())
}

/// Of a network that is finished; one that is not removes its own when it goes on.
fn finished(place: &Path, unit: &str, claims: &Claims) -> Result<(), Error> {
    let left = |entry: fs::DirEntry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("checkpoint") || files::is_temporary(&name)
    };
    let littered = fs::read_dir(place).into_iter().flatten().flatten().any(left);
    if !littered || !place.join("summary.json").is_file() || !claims.take(unit)? {
        return Ok(());
    }
    let checkpoints = Checkpoints::new(place, Duration::MAX);
    let removed = checkpoints.clear().and_then(|()| checkpoints.sweep());
    claims.release(unit);
    removed
}

fn folders(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fault 12 of the reliability notes, in a grid.
    #[test]
    fn litter_of_finished_networks_goes_and_what_others_work_on_stays() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        let claims = Claims::open(&out.join("claims")).unwrap();
        let place = |name: &str| out.join(name);
        let [done, busy, open] = ["done", "busy", "open"].map(|arm| format!("runs/cell/students/{arm}/seed-1"));
        for network in [&done, &busy, &open, &"teachers/key/teacher".to_owned()] {
            fs::create_dir_all(place(network).join("checkpoint.old")).unwrap();
            if *network != open {
                fs::write(place(network).join("summary.json"), "{}").unwrap();
            }
        }
        // Young, in a folder that others write in, and old.
        fs::write(place(".kd2m-young"), "").unwrap();
        fs::write(place(".kd2m-old"), "").unwrap();
        let ago = std::time::SystemTime::now() - Duration::from_secs(700);
        fs::File::options().append(true).open(place(".kd2m-old")).unwrap().set_modified(ago).unwrap();
        assert!(claims.take("runs.cell.busy.seed-1").unwrap());
        remove(out, &claims).unwrap();
        let left = [&done, &busy, &open, "teachers/key/teacher"].map(|n| place(n).join("checkpoint.old").exists());
        assert_eq!(left, [false, true, true, false]);
        assert_eq!([".kd2m-young", ".kd2m-old"].map(|name| place(name).exists()), [true, false]);
        assert!(claims.take("runs.cell.done.seed-1").unwrap(), "its claim was kept");
    }
}

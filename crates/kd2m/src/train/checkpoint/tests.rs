use std::{fs, path::Path, time::Duration};

use kd2m_nn::{NamedTensor, Weights};

use super::{Checkpoints, Course, State, whole::SUMS};
use crate::{Error, files};

const COURSE: Course = Course { epochs: 9, batches: 4, accumulate: 1 };

fn weights(x: f32) -> Weights {
    Weights::from([("w".to_owned(), NamedTensor { shape: vec![2], values: vec![x, -x] })])
}

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder, Duration::ZERO)
}

/// A checkpoint within the first epoch whose tensors tell it from others.
fn save(folder: &Path, batches: usize) {
    let partial = super::Partial { batches, ..super::Partial::default() };
    let state = State { steps: batches, partial: Some(partial), average: weights(0.5), ..State::default() };
    let learned = vec![("0.w2".to_owned(), weights(2.0), weights(3.0))];
    checkpoints(folder).save(&state, weights(batches as f32), weights(1.0), learned, weights(4.0)).unwrap();
}

/// Side by side each network gets a share of the time, and its own is what counts.
#[test]
fn intervals_are_of_a_networks_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let interval = Duration::from_millis(20);
    let [alone, shared] = [1, 1000].map(|networks| Checkpoints::new(folder.path(), interval).among(networks));
    std::thread::sleep(interval);
    assert!(alone.due() && alone.due_within() && alone.due_at_end());
    assert!(!shared.due() && !shared.due_within() && !shared.due_at_end());
    assert!(checkpoints(folder.path()).among(1000).due(), "an interval of 0 is every epoch");
}

/// At which batch the checkpoint stands that loads, and what is said of the newest.
fn loaded(folder: &Path) -> Result<(usize, Option<String>), Error> {
    let saved = checkpoints(folder).load(&COURSE)?.expect("no checkpoint");
    let batches = saved.state.partial.as_ref().unwrap().batches;
    assert_eq!(saved.network, weights(batches as f32));
    assert_eq!(saved.state.average, weights(0.5));
    assert_eq!(saved.learned_part("0.w2"), (weights(2.0), weights(3.0)));
    Ok((batches, saved.passed_over))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => assert!(fs::copy(&path, &target).is_ok()),
        }
    }
}

/// Fault 3 of the reliability notes: whatever a kill leaves while one checkpoint replaces another, one of them loads.
#[test]
fn a_kill_while_a_checkpoint_replaces_another_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let rename = |from: &str, to: &str| fs::rename(place(from), place(to)).unwrap();
    save(folder.path(), 1);
    save(folder.path(), 2);
    assert!(place("checkpoint").is_dir() && place("checkpoint.old").is_dir());
    // Half of the next one, and half of the one before that makes room.
    copy(&place("checkpoint"), &place(".kd2m-fresh"));
    fs::remove_file(place(".kd2m-fresh").join(SUMS)).unwrap();
    fs::create_dir(place(".kd2m-aside")).unwrap();
    rename("checkpoint.old", ".kd2m-aside/away");
    assert_eq!(loaded(folder.path()).unwrap(), (2, None));
    // The newest has become the one before, nothing has taken its place.
    rename("checkpoint", "checkpoint.old");
    assert_eq!(loaded(folder.path()).unwrap(), (2, None));
    checkpoints(folder.path()).sweep().unwrap();
    let names = || {
        let mut all: Vec<String> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        all.sort();
        all
    };
    assert_eq!(names(), ["checkpoint.old"]);
    save(folder.path(), 3);
    assert_eq!((loaded(folder.path()).unwrap(), names().len()), ((3, None), 2));
    // What an older version left in the same moment: the one before half removed, the next whole beside it.
    copy(&place("checkpoint"), &place("checkpoint.new"));
    files::discard(&place("checkpoint.old")).unwrap();
    fs::remove_file(place("checkpoint/learned.safetensors")).unwrap();
    let (batches, said) = loaded(folder.path()).unwrap();
    assert_eq!(batches, 3);
    assert!(said.unwrap().ends_with("learned.safetensors is missing"));
    checkpoints(folder.path()).clear().unwrap();
    assert!(names().is_empty() && checkpoints(folder.path()).load(&COURSE).unwrap().is_none());
}

/// Each way in which a file may be damaged: cut to nothing, to half, by a byte; a bit in its head, its middle, its end; gone.
fn damages(path: &Path) {
    let bytes = fs::read(path).unwrap();
    let folder = path.parent().unwrap().parent().unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let kept = tempfile::tempdir().unwrap();
    copy(folder, kept.path());
    let cut = [0, bytes.len() / 2, bytes.len() - 1].map(|length| Some(bytes[..length].to_vec()));
    let flipped = [0, bytes.len() / 2, bytes.len() - 1].map(|at| {
        let mut other = bytes.clone();
        other[at] ^= 4;
        Some(other)
    });
    for damaged in cut.into_iter().chain(flipped).chain([None]) {
        match &damaged {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let (batches, said) = loaded(folder).unwrap();
        let said = said.unwrap();
        assert_eq!(batches, 1, "{name}: {damaged:?}");
        // A flip in a name of the list of sums is told as the file that has none.
        assert!(said.contains(&name) || name == SUMS, "{name}: {said}");
        copy(kept.path(), folder);
    }
}

/// Faults 5 and 6 of the reliability notes.
#[test]
fn a_damaged_checkpoint_is_noticed_and_the_one_before_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), 1);
    save(folder.path(), 2);
    let newest = folder.path().join("checkpoint");
    let names: Vec<_> = fs::read_dir(&newest).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Six files of tensors, those of the last epoch, the numbers, the sums.
    assert_eq!(names.len(), 9);
    names.iter().for_each(|path| damages(path));
    fs::write(newest.join("network.safetensors"), "").unwrap();
    fs::write(folder.path().join("checkpoint.old/state.json"), "{}").unwrap();
    let error = loaded(folder.path()).unwrap_err();
    let expected = format!(
        "{} is not what was written (its SHA-256 is another); no other checkpoint can be used: remove {} to train this network \
         from its start (the rest of the run stays), then go on with --resume",
        newest.join("network.safetensors").display(),
        folder.path().display()
    );
    assert_eq!(error.to_string(), expected);
}

/// Fault 16 of the reliability notes.
#[test]
fn an_impossible_state_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), 1);
    let newest = folder.path().join("checkpoint");
    let state = newest.join("state.json");
    // As older versions wrote it: no format, no sums, whole epochs.
    fs::remove_file(newest.join(SUMS)).unwrap();
    fs::write(&state, r#"{"history": [], "steps": 0, "best_epoch": 0}"#).unwrap();
    assert!(checkpoints(folder.path()).load(&COURSE).unwrap().unwrap().state.history.is_empty());
    for (text, words) in [
        (r#"{"history": [], "steps": 0, "best_epoch": 7}"#, "has its best epoch at 7 of 0"),
        (r#"{"history": [], "steps": 3, "best_epoch": 0}"#, "counts 3 steps where 0 are done"),
        (r#"{"format": 2, "history": [], "steps": 0, "best_epoch": 0}"#, "SHA256SUMS is missing"),
        (r#"{"format": 3, "history": [], "steps": 0, "best_epoch": 0}"#, "SHA256SUMS is missing"),
        (r#"{"history": "none"}"#, "expected a sequence"),
    ] {
        fs::write(&state, text).unwrap();
        let error = checkpoints(folder.path()).load(&COURSE).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("go on with --resume"), "{error}");
    }
}

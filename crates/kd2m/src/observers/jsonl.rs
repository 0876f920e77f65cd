//! `metrics.jsonl` in a network's folder: one object an epoch, appended. A run that goes on from a checkpoint first puts right what a
//! killed one left: half a line, or epochs that are trained again.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
};

use crate::{
    Error, files,
    train::{
        observer::{Event, Observer},
        record::EpochRecord,
        run::Training,
    },
};

/// The file's name.
pub const NAME: &str = "metrics.jsonl";

/// Writes it after every epoch.
struct Jsonl {
    path: PathBuf,
    /// Open since the training began.
    file: Option<File>,
}

/// Of every network.
///
/// # Errors
/// None.
pub fn observe<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
    Ok(Some(Box::new(Jsonl { path: training.place.join(NAME), file: None })))
}

impl Observer for Jsonl {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        match event {
            Event::Started { history, .. } => self.begin(history),
            Event::Epoch { record, .. } => self.append(record),
            // What has been appended outlasts a power cut before anything says that the network is finished.
            Event::Finished { .. } => self.write(File::sync_all),
            _ => Ok(()),
        }
    }
}

impl Jsonl {
    /// Brings the file to these epochs.
    fn begin(&mut self, history: &[EpochRecord]) -> Result<(), Error> {
        let text = history.iter().map(line).collect::<Result<String, Error>>()?;
        if fs::read(&self.path).ok().as_deref() != Some(text.as_bytes()) {
            files::write(&self.path, text.as_bytes())?;
        }
        let open = File::options().append(true).open(&self.path);
        self.file = Some(open.map_err(|source| Error::io("write", &self.path, source))?);
        Ok(())
    }

    fn append(&mut self, record: &EpochRecord) -> Result<(), Error> {
        let line = line(record)?;
        self.write(|mut file| file.write_all(line.as_bytes()))
    }

    fn write(&self, action: impl FnOnce(&File) -> std::io::Result<()>) -> Result<(), Error> {
        let done = self.file.as_ref().map_or(Ok(()), action);
        done.map_err(|source| Error::io("write", &self.path, source))
    }
}

fn line(record: &EpochRecord) -> Result<String, Error> {
    Ok(serde_json::to_string(record).map_err(Error::json(NAME))? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::record::tests::filled;

    fn record(epoch: usize) -> EpochRecord {
        EpochRecord { epoch, ..filled() }
    }

    fn started(jsonl: &mut Jsonl, history: &[EpochRecord]) {
        jsonl.event(&mut Event::Started { what: "w2, seed 1", epochs: 9, images: 1, history }).unwrap();
    }

    fn epoch(jsonl: &mut Jsonl, number: usize) {
        let history = [record(number)];
        jsonl.event(&mut Event::Epoch { what: "w2, seed 1", record: &history[0], history: &history }).unwrap();
    }

    /// Fault 11 of the reliability notes.
    #[test]
    fn metrics_are_appended_and_a_torn_line_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let epochs = || {
            let text = fs::read_to_string(&path).unwrap();
            text.lines().map(|line| serde_json::from_str::<EpochRecord>(line).unwrap().epoch).collect::<Vec<_>>()
        };
        let mut jsonl = Jsonl { path: path.clone(), file: None };
        started(&mut jsonl, &[]);
        #[cfg(unix)]
        let inode = |path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
        #[cfg(unix)]
        let before = inode(&path);
        (1..=4).for_each(|number| epoch(&mut jsonl, number));
        assert_eq!(epochs(), [1, 2, 3, 4]);
        // One file from the first line on: nothing was written again.
        #[cfg(unix)]
        assert_eq!(inode(&path), before);
        // Killed in the fourth line, the checkpoint is of the third epoch.
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 7]).unwrap();
        let mut resumed = Jsonl { path: path.clone(), file: None };
        started(&mut resumed, &[record(1), record(2), record(3)]);
        epoch(&mut resumed, 4);
        assert!(fs::read(&path).unwrap() == whole);
        // Epochs behind the checkpoint are trained again.
        started(&mut Jsonl { path: path.clone(), file: None }, &[record(1)]);
        assert_eq!(epochs(), [1]);
    }
}

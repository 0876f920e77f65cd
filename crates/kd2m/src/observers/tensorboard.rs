//! The history of a network as a TensorBoard event file beside `metrics.jsonl`: one event an epoch with every number of it.
//! Format: TFRecord framing (length, its masked CRC-32C, data, its masked CRC-32C) around `Event` messages in protobuf
//! (tensorflow/core/util/event.proto, framework/summary.proto). The file is a function of its first time and the history,
//! so a resumed run repeats no step.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use prost::Message;

use crate::{
    Error, files,
    train::{
        observer::{Event, Observer},
        record::{EpochRecord, SplitRecord},
        run::Training,
    },
};

/// TensorBoard reads every file whose name holds `tfevents`.
pub const NAME: &str = "events.out.tfevents.kd2m";
/// What the first event says that the file is.
const VERSION: &str = "brain.Event:2";
/// Where the first event's time stands: behind length, checksum and the field's tag.
const FIRST_TIME: std::ops::Range<usize> = 13..21;

/// Writes it after every epoch.
struct EventFile {
    folder: PathBuf,
    written: Option<Written>,
}

/// What the file holds since the last epoch: the next one is added without a look at what is there.
struct Written {
    epochs: usize,
    bytes: u64,
    /// Of its last event.
    time: f64,
}

/// Of every network, unless the options say otherwise.
///
/// # Errors
/// None.
pub fn observe<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
    let file = || Box::new(EventFile { folder: training.place.to_owned(), written: None }) as Box<dyn Observer>;
    Ok(training.run.options.tensorboard.then(file))
}

impl Observer for EventFile {
    fn event(&mut self, event: &mut Event) -> Result<(), Error> {
        if let Event::Epoch { history, .. } = event { self.write(history) } else { Ok(()) }
    }
}

impl EventFile {
    /// Brings the file to this history. What is there already is kept and added to, so that a TensorBoard that watches sees it grow; a
    /// file of another history (the run went back to a checkpoint) is replaced. A history only grows in one process, and only what is
    /// new in it is encoded: the work of a run is linear in its epochs.
    fn write(&mut self, history: &[EpochRecord]) -> Result<(), Error> {
        let path = self.folder.join(NAME);
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let written = match self.written.take().filter(|w| w.bytes == length && w.epochs <= history.len()) {
            Some(Written { epochs, bytes, mut time }) => {
                let mut rest = Vec::new();
                encode_epochs(&mut rest, &mut time, &history[epochs..]);
                append(path, &rest)?;
                Written { epochs: history.len(), bytes: bytes + rest.len() as u64, time }
            }
            None => begin(path, history)?,
        };
        self.written = Some(written);
        Ok(())
    }
}

/// The same where nothing is known of the file yet.
fn begin(path: PathBuf, history: &[EpochRecord]) -> Result<Written, Error> {
    let old = fs::read(&path).unwrap_or_default();
    let mut time = first_time(&old).unwrap_or_else(now);
    let mut new = Vec::new();
    frame(&mut new, &version(time).encode_to_vec());
    encode_epochs(&mut new, &mut time, history);
    match new.strip_prefix(old.as_slice()) {
        Some(rest) if !old.is_empty() => append(path, rest)?,
        _ => files::write(&path, &new)?,
    }
    Ok(Written { epochs: history.len(), bytes: new.len() as u64, time })
}

fn append(path: PathBuf, rest: &[u8]) -> Result<(), Error> {
    let open = fs::File::options().append(true).open(&path);
    open.and_then(|mut file| file.write_all(rest)).map_err(|source| Error::io("write", &path, source))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

fn first_time(file: &[u8]) -> Option<f64> {
    let bytes = file.get(FIRST_TIME)?;
    let time = f64::from_le_bytes(bytes.try_into().ok()?);
    // Anything else that stands there is no file of ours.
    (file.get(12) == Some(&(1 << 3 | 1)) && time.is_finite()).then_some(time)
}

/// The part of TensorFlow's `Event` that says when, of which step, and what; numbers are those of `event.proto`.
#[derive(Clone, PartialEq, Message)]
struct EventProto {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, tag = "3")]
    file_version: String,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// One event an epoch, its time that of the event before and the seconds of its training.
fn encode_epochs(file: &mut Vec<u8>, time: &mut f64, records: &[EpochRecord]) {
    for record in records {
        *time += record.seconds;
        frame(file, &event(*time, record.epoch, numbers(record)).encode_to_vec());
    }
}

fn version(wall_time: f64) -> EventProto {
    EventProto { wall_time, file_version: VERSION.to_owned(), ..EventProto::default() }
}

/// TensorBoard draws no number that is not finite.
fn event(wall_time: f64, step: usize, numbers: Vec<(String, f64)>) -> EventProto {
    let finite = numbers.into_iter().filter(|(_, number)| number.is_finite());
    let value = finite.map(|(tag, number)| Value { tag, simple_value: Some(number as f32) }).collect();
    EventProto { wall_time, step: step as i64, summary: Some(Summary { value }), ..EventProto::default() }
}

/// Every number of an epoch under the path that it has in `metrics.jsonl`.
fn numbers(record: &EpochRecord) -> Vec<(String, f64)> {
    let mut all = vec![("lr".to_owned(), record.lr), ("images_per_second".to_owned(), record.images_per_second)];
    all.extend(record.w2_to_teacher.map(|w| ("w2_to_teacher".to_owned(), w)));
    all.extend(record.bounds.iter().map(|(name, value)| (format!("bounds/{name}"), *value)));
    for (split, values) in [("train", &record.train), ("val", &record.val)] {
        let SplitRecord { loss, accuracy, ce, terms, correct: _ } = values;
        for (name, value) in [("loss", loss), ("accuracy", accuracy), ("ce", ce)] {
            all.push((format!("{split}/{name}"), *value));
        }
        for (term, found) in terms {
            all.push((format!("{split}/{term}/raw"), found.raw));
            all.push((format!("{split}/{term}/weighted"), found.weighted));
            for (name, share) in
                [("share_of_loss", found.share_of_loss), ("share_of_gradient", found.share_of_gradient)]
            {
                all.extend(share.map(|share| (format!("{split}/{term}/{name}"), share)));
            }
            let own = found.diagnostics.iter();
            all.extend(own.map(|(name, value)| (format!("{split}/{term}/{name}"), *value)));
        }
    }
    all
}

fn frame(file: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(data);
    file.extend(masked(data).to_le_bytes());
}

/// A checksum as TFRecord stores it: rotated and shifted, so that the checksum of data with checksums inside stays good.
fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn record(epoch: usize) -> EpochRecord {
        let text = format!(
            r#"{{"epoch":{epoch},"lr":0.01,"seconds":1.5,"images_per_second":1000.0,"w2_to_teacher":12.5,
            "train":{{"loss":2.0,"accuracy":50.0,"ce":1.5,"terms":{{"w2":{{"raw":9.0,"weighted":0.5,"share_of_step":0.1}}}}}},
            "val":{{"loss":1.0,"accuracy":75.0,"ce":1.0}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn bytes_are_those_of_tensorboards_own_writer() {
        // scripts/golden/tfevents.py: the version event at time 1000 and the record of the step below, as TensorFlow frames them.
        let mut file = Vec::new();
        frame(&mut file, &version(1000.0).encode_to_vec());
        let numbers = vec![("val/accuracy".to_owned(), 75.0), ("val/loss".to_owned(), f64::NAN)];
        frame(&mut file, &event(1001.5, 300, numbers).encode_to_vec());
        let hex: String = file.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN);
    }

    /// The whole file: version, then every epoch.
    fn encode(mut start: f64, history: &[EpochRecord]) -> Vec<u8> {
        let mut file = Vec::new();
        frame(&mut file, &version(start).encode_to_vec());
        encode_epochs(&mut file, &mut start, history);
        file
    }

    fn file(folder: &Path) -> EventFile {
        EventFile { folder: folder.to_owned(), written: None }
    }

    #[test]
    fn a_history_grows_and_goes_back_without_repeating_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let read = || fs::read(folder.path().join(NAME)).unwrap();
        let mut first = file(folder.path());
        first.write(&[record(1)]).unwrap();
        let start = first_time(&read()).unwrap();
        first.write(&[record(1), record(2)]).unwrap();
        assert_eq!(read(), encode(start, &[record(1), record(2)]));
        // Resumed from epoch 1, and epoch 2 took longer this time.
        let again = EpochRecord { seconds: 3.0, ..record(2) };
        file(folder.path()).write(&[record(1), again.clone()]).unwrap();
        assert_eq!(read(), encode(start, &[record(1), again]));
        // Something foreign is replaced.
        fs::write(folder.path().join(NAME), b"no events").unwrap();
        file(folder.path()).write(&[record(1)]).unwrap();
        assert!(read().len() > 100);
    }

    #[test]
    fn what_is_written_is_neither_read_nor_encoded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let mut own = file(folder.path());
        own.write(&[record(1), record(2)]).unwrap();
        // A byte that another look at the file would put right.
        let mut bytes = fs::read(&path).unwrap();
        let start = first_time(&bytes).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let history: Vec<EpochRecord> = (1..=5).map(record).collect();
        own.write(&history[..4]).unwrap();
        own.write(&history).unwrap();
        let mut expected = encode(start, &history);
        expected[last] ^= 1;
        assert_eq!(fs::read(&path).unwrap(), expected);
        // Cut off by another hand: looked at, and whole again.
        fs::write(&path, &expected[..40]).unwrap();
        own.write(&history).unwrap();
        assert_eq!(fs::read(&path).unwrap(), encode(start, &history));
    }

    #[test]
    fn every_number_has_a_tag() {
        let tags: Vec<String> = numbers(&record(1)).into_iter().map(|(tag, _)| tag).collect();
        for tag in ["lr", "w2_to_teacher", "train/loss", "val/accuracy", "train/w2/raw", "train/w2/weighted"] {
            assert!(tags.iter().any(|t| t == tag), "{tag} in {tags:?}");
        }
    }

    const GOLDEN: &str = "1800000000000000a37f4b22090000000000408f401a0d627261696e2e4576656e743a3273ae6b562300000000000000b09f\
        77430900000000004c8f4010ac022a150a130a0c76616c2f616363757261637915000096429249744b";
}

//! Everything that can end a command, and the exit code each deserves.

use std::path::{Path, PathBuf};

use thiserror::Error;

#[cfg(feature = "theory")]
use crate::theory::head::HeadError;
use crate::{batch::CopyError, criterion::CriterionError, device::DeviceError, engine::EngineError};

/// Why a run did not finish. Messages say what, where and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration or a command line that says what cannot be; the text names the place.
    #[error("{0}")]
    Config(String),
    /// A key of a configuration whose value cannot be used.
    #[error("{key} {why}")]
    Key {
        /// Dotted, as in `train.epochs`.
        key: String,
        /// What is wrong with its value; follows the key in the sentence.
        why: String,
    },
    /// The same within an arm.
    #[error("arm {arm}: {why}")]
    ArmKey {
        /// The arm's name.
        arm: String,
        /// The key, and what is wrong with its value.
        why: String,
    },
    /// There is no such device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file that holds no JSON, or other JSON than is read from it.
    #[error("{}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        source: serde_json::Error,
    },
    /// A value of the program that JSON has no form for.
    #[error("cannot write {what} as JSON: {source}")]
    Json {
        /// The value's name.
        what: &'static str,
        /// What the writer says.
        source: serde_json::Error,
    },
    /// A configuration that TOML has no form for.
    #[error("cannot write the configuration: {source}")]
    Toml {
        /// What the writer says.
        source: Box<toml::ser::Error>,
    },
    /// A template of a page, which is part of the program.
    #[cfg(feature = "report")]
    #[error("report: {source}")]
    Template {
        /// What the template engine says.
        source: minijinja::Error,
    },
    /// The system takes no handler for a signal.
    #[error("cannot listen for signals: {source}")]
    Signals {
        /// What the system says.
        source: std::io::Error,
    },
    /// Nothing can be printed, as on a full disk.
    #[error("cannot write to stdout: {source}")]
    Stdout {
        /// What the system says.
        source: std::io::Error,
    },
    /// A data set that cannot be had.
    #[error(transparent)]
    Data(#[from] kd2m_data::DataError),
    /// A network that cannot be built.
    #[error(transparent)]
    Zoo(#[from] kd2m_nn::zoo::ZooError),
    /// A network that has not what is to be left out while it is trained.
    #[error(transparent)]
    Drop(#[from] kd2m_nn::DropError),
    /// Weights that cannot be read, written or used.
    #[error(transparent)]
    Weights(#[from] kd2m_nn::weights::WeightsError),
    /// An ONNX file that cannot be read, written or used.
    #[error(transparent)]
    Onnx(#[from] kd2m_nn::onnx::OnnxError),
    /// A distance that cannot be computed, or was interrupted.
    #[error(transparent)]
    Distance(#[from] kd2m_ot::OtError),
    /// A criterion that cannot be had or evaluated.
    #[error(transparent)]
    Criterion(#[from] CriterionError),
    /// The same of an arm's criterion.
    #[error("arm {arm}: {source}")]
    Arm {
        /// The arm's name.
        arm: String,
        /// What is wrong with it.
        source: Box<CriterionError>,
    },
    /// What the engine cannot do.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Values that could not be brought to or from the device.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A classifier that the theory cannot read.
    #[cfg(feature = "theory")]
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A file or folder that cannot be used.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `read`, `write` or another verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Processes that share a grid's folder take turns by it.
    #[error("cannot lock {}: {source}; make the folder writable, or give --out a folder on another disk", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A thread of a grid broke.
    #[error("a worker ended early: {why}")]
    Worker {
        /// What it left behind.
        why: String,
    },
    /// A worker of a grid cannot be started.
    #[error("cannot start a thread: {source}; run fewer at once with --jobs")]
    Thread {
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder that is not the run, or the kind of run, that was meant; the text is the whole sentence.
    #[error("{0}")]
    RunFolder(String),
    /// A run folder that `--overwrite` was emptying.
    #[error(
        "{} was being replaced when the process that did it was killed: begin anew with --overwrite or --resume",
        root.display()
    )]
    Replaced {
        /// The run folder.
        root: PathBuf,
    },
    /// A run folder in which another process works.
    #[error(
        "{} is being worked on by {who}: wait until it ends, or choose another --out; if it is gone for certain, remove {} and try again",
        root.display(),
        root.join("owner.json").display()
    )]
    Occupied {
        /// The run folder.
        root: PathBuf,
        /// The process and its host.
        who: String,
    },
    /// Processes that would train together, but not the same.
    #[error("rank {other} {why}: give every rank the same program, flags, configuration and data")]
    Ranks {
        /// The one that found it.
        rank: usize,
        /// The one that differs from it.
        other: usize,
        /// In what.
        why: String,
    },
    /// A file of a checkpoint or of a finished network that is not as it was written.
    #[error("{} {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Data or weights that were replaced since the run began.
    #[error(
        "{what} is not what this run was made with (its SHA-256 is not that in inputs.json): put back what was there, or begin anew with --overwrite or another --out"
    )]
    Changed {
        /// The file or data set.
        what: String,
    },
    /// Checkpoints that cannot be used, none of them.
    #[error(
        "{source}; no other checkpoint can be used: remove {} to train this network from its start (the rest of the run stays), then go on with --resume",
        folder.display()
    )]
    NoCheckpoint {
        /// The network's folder.
        folder: PathBuf,
        /// Why the newest cannot be used.
        source: Box<Error>,
    },
    /// Training that was told to stop, as by Ctrl-C.
    #[error("stopped in epoch {epoch} after step {step} of {steps} ({what}): a checkpoint is written")]
    Stopped {
        /// Arm and seed.
        what: String,
        /// From 1.
        epoch: usize,
        /// Batches of the epoch that are done.
        step: usize,
        /// Batches of the epoch.
        steps: usize,
    },
    /// The same where there is nothing to keep: the next start does it again.
    #[error("stopped: what is finished is kept")]
    Halted,
    /// A checkpoint of another network.
    #[error("{} does not fit this training: {source}; remove it to train the network from its start, then go on with --resume", place.display())]
    Unfit {
        /// The checkpoint's folder.
        place: PathBuf,
        /// What does not fit.
        source: Box<Error>,
    },
    /// A file of `teacher.outputs` that does not go with the data.
    #[error("teacher.outputs: {} {why}", path.display())]
    Outputs {
        /// The file.
        path: PathBuf,
        /// What does not go together.
        why: String,
    },
    /// `head = "teacher"` where the teacher has none to give.
    #[error(
        "head = \"teacher\": the teacher has no linear classifier to share; store head.weight and head.bias beside its outputs, or let students keep their own"
    )]
    NoTeacherHead,
    /// Something that has to run the teacher, where there are only its outputs.
    #[error(
        "the teacher of this run is a file of outputs (teacher.outputs), which cannot be run on other images: give its weights instead"
    )]
    NoTeacherNetwork,
    /// Something that has to have the teacher as a graph, where it is a model that only a runtime runs, or several networks.
    #[error(
        "the teacher of this run is an ONNX model that only the runtime runs, or several networks: it gives features and logits alone, so \
         its layers, weights and training are not to be had"
    )]
    OnlyAnswers,
    /// Weights of the Hugging Face hub that cannot be had.
    #[error("{name} {why}")]
    Hub {
        /// The repository.
        name: String,
        /// What the hub says, and what to do; follows the name in the sentence.
        why: String,
    },
    /// Published files of a data set that cannot be had, or are not what was published.
    #[error("{name}: {why}")]
    Published {
        /// The data set.
        name: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A model that the runtime of ONNX models does not run.
    #[error("{}: the ONNX runtime cannot run it: {why}", path.display())]
    Runtime {
        /// The file.
        path: std::path::PathBuf,
        /// What the runtime says.
        why: String,
    },
    /// What reads the classifier of a teacher of other classes.
    #[error(
        "the teacher tells {own} classes apart, the data has {data}: its classifier is not used, so there is nothing to bound or share"
    )]
    TeacherClasses {
        /// The teacher's.
        own: usize,
        /// The data's.
        data: usize,
    },
    /// A warning where `--strict` was asked for.
    #[error("{0} (an error because of --strict)")]
    Strict(String),
    /// A teacher from which nothing can be learned.
    #[error(
        "the teacher is no better than chance: {accuracy:.2} % on validation with {classes} classes. Check its weights and \
         its normalisation, train it longer (teacher.epochs), or pass --allow-weak-teacher"
    )]
    WeakTeacher {
        /// On validation, percent.
        accuracy: f64,
        /// Of the data set.
        classes: usize,
    },
    /// A loss became infinite or no number, and training ended.
    #[error(
        "{term} became {value} in epoch {epoch}, batch {batch} (arm {arm}, seed {seed}); {checkpoint}. Lower optim.lr or the \
         weight, or set optim.clip_norm"
    )]
    NotFinite {
        /// The loss, or the term of it.
        term: String,
        /// What it became.
        value: f64,
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1.
        batch: usize,
        /// The arm's name.
        arm: String,
        /// The student's seed.
        seed: u64,
        /// What is kept of the run; a part of the sentence.
        checkpoint: String,
    },
}

#[cfg(feature = "report")]
impl From<minijinja::Error> for Error {
    fn from(source: minijinja::Error) -> Self {
        Error::Template { source }
    }
}

impl From<toml::ser::Error> for Error {
    fn from(source: toml::ser::Error) -> Self {
        Error::Toml { source: Box::new(source) }
    }
}

impl Error {
    /// What turns an error of serde into one that says what was written.
    pub fn json(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Error::Json { what, source }
    }

    /// An input/output error at a path.
    pub fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { doing, path: path.to_owned(), source }
    }

    /// 1 for something that went wrong while running, 2 for bad input or usage.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NotFinite { .. } | Error::Strict(_) | Error::Copy(_) => 1,
            Error::Criterion(CriterionError::Copy(_)) | Error::Engine(EngineError::Copy(_)) => 1,
            // As a shell counts a program that Ctrl-C ended.
            Error::Distance(kd2m_ot::OtError::Interrupted(_)) | Error::Stopped { .. } | Error::Halted => 130,
            Error::Stdout { .. } => 1,
            error if lacks_room(error) => 1,
            _ => 2,
        }
    }
}

/// Whether it was a disk that is full, or a reader that is gone: nothing that was wrong with what was asked for.
fn lacks_room(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::{Error, ErrorKind};
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge, ErrorKind::BrokenPipe];
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    chain.any(|error| error.downcast_ref::<Error>().is_some_and(|source| full.contains(&source.kind())))
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_file_that_is_no_json_is_named_and_keeps_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        std::fs::write(&path, "{\"a\": ").unwrap();
        let error = crate::files::read_json::<u32>(&path).unwrap_err();
        assert!(matches!(error, Error::Parse { .. }) && error.exit_code() == 2);
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        assert!(error.source().is_some_and(|reason| reason.to_string().contains("line 1 column")));
    }

    #[test]
    fn only_what_breaks_while_running_has_exit_code_1() {
        let device = crate::device::DeviceChoice::parse("vulcan").unwrap_err();
        let stdout = Error::Stdout { source: std::io::ErrorKind::StorageFull.into() };
        assert_eq!((Error::from(device).exit_code(), stdout.exit_code()), (2, 1));
        let disk = |kind: std::io::ErrorKind| Error::io("write", std::path::Path::new("run/x.json"), kind.into());
        let weights =
            kd2m_nn::weights::WeightsError::Write { path: "w".into(), source: std::io::ErrorKind::StorageFull.into() };
        assert_eq!((disk(std::io::ErrorKind::StorageFull).exit_code(), Error::from(weights).exit_code()), (1, 1));
        assert_eq!(disk(std::io::ErrorKind::PermissionDenied).exit_code(), 2);
        assert_eq!(Error::Halted.exit_code(), 130);
        assert_eq!(Error::Strict("a note".to_owned()).exit_code(), 1);
        assert_eq!(Error::from(kd2m_ot::OtError::from(kd2m_ot::stop::Interrupted)).exit_code(), 130);
    }
}

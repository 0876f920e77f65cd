//! Everything that can end a command, and the exit code each deserves.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{batch::CopyError, criterion::CriterionError, engine::EngineError};

/// Why a run did not finish. Messages say what, where and what to do.
#[derive(Debug, Error)]
pub enum Error {
    #[error("{0}")]
    Config(String),
    #[error(transparent)]
    Data(#[from] kd2m_data::DataError),
    #[error(transparent)]
    Zoo(#[from] kd2m_nn::zoo::ZooError),
    #[error(transparent)]
    Weights(#[from] kd2m_nn::weights::WeightsError),
    #[error(transparent)]
    Distance(#[from] kd2m_ot::OtError),
    #[error(transparent)]
    Criterion(#[from] CriterionError),
    #[error("arm {arm}: {source}")]
    Arm { arm: String, source: CriterionError },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    /// Processes that share a grid's folder take turns by it.
    #[error("cannot lock {}: {source}; make the folder writable, or give --out a folder on another disk", path.display())]
    Lock { path: PathBuf, source: std::io::Error },
    /// A thread of a grid broke.
    #[error("a worker ended early: {why}")]
    Worker { why: String },
    #[error("cannot start a thread: {source}; run fewer at once with --jobs")]
    Thread { source: std::io::Error },
    #[error("{0}")]
    RunFolder(String),
    /// A warning where `--strict` was asked for.
    #[error("{0} (an error because of --strict)")]
    Strict(String),
    #[error(
        "the teacher is no better than chance: {accuracy:.2} % on validation with {classes} classes. Check its weights and \
         its normalisation, train it longer (teacher.epochs), or pass --allow-weak-teacher"
    )]
    WeakTeacher { accuracy: f64, classes: usize },
    #[error(
        "{term} became {value} in epoch {epoch}, batch {batch} (arm {arm}, seed {seed}); {checkpoint}. Lower optim.lr or the \
         weight, or set optim.clip_norm"
    )]
    NotFinite { term: String, value: f64, epoch: usize, batch: usize, arm: String, seed: u64, checkpoint: String },
}

impl Error {
    /// An input/output error at a path.
    pub fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { doing, path: path.to_owned(), source }
    }

    /// 1 for something that went wrong while running, 2 for bad input or usage.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NotFinite { .. } | Error::Strict(_) | Error::Copy(_) => 1,
            Error::Criterion(CriterionError::Copy(_)) | Error::Engine(EngineError::Copy(_)) => 1,
            _ => 2,
        }
    }
}

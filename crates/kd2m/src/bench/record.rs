//! What was found in run folders, as `summaries.json` holds it.

use serde::{Deserialize, Serialize};

use crate::{
    Config,
    train::summary::{StudentSummary, TeacherSummary},
};

/// What a unit found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    Finished(Box<StudentSummary>),
    /// A candidate whose loss was no longer finite: a result, the weight is too large.
    Diverged(String),
}

/// Everything that was found in one run folder: an entry of `summaries.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub stage: String,
    pub cell: String,
    pub config: Config,
    pub teacher: Option<TeacherSummary>,
    pub students: Vec<StudentSummary>,
    /// `ARM` and seed of candidates that diverged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diverged: Vec<(String, u64)>,
}

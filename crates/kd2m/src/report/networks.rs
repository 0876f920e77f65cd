//! The networks of a run and how big they are: what an engineer wants to know before the accuracy.

use crate::{
    Config,
    train::{folder::RunFolder, setup::Setup, summary::Summary},
};

/// One network.
pub struct Size {
    pub role: &'static str,
    pub model: String,
    /// Trained numbers; none of outputs that were given.
    pub parameters: Option<usize>,
    /// Of an image; none where the network is no graph of ours.
    pub multiply_adds: Option<u64>,
    /// Of its file in the run folder; none where it has none.
    pub bytes: Option<u64>,
    pub features: usize,
}

/// Teacher and student of a run.
pub fn sizes(folder: &RunFolder, config: &Config, setup: &Setup, summary: &Summary) -> Vec<Size> {
    let of = |path: std::path::PathBuf| std::fs::metadata(path).ok().map(|data| data.len());
    let arm = summary.students.first();
    let seed = summary.seeds.first();
    let student = Size {
        role: "student",
        model: setup.student.name.clone(),
        parameters: Some(setup.student.parameter_count()),
        multiply_adds: Some(setup.student.multiply_adds()),
        bytes: arm.zip(seed).and_then(|(arm, seed)| of(folder.student_weights(&arm.arm, *seed))),
        features: setup.student.feature_width(),
    };
    let given = config.teacher.weights.as_ref().and_then(|path| of(path.into()));
    let teacher = Size {
        role: "teacher",
        model: summary.teacher.model.clone(),
        parameters: Some(summary.teacher.parameters).filter(|count| *count > 0),
        multiply_adds: setup.teacher.graph().ok().map(|graph| graph.multiply_adds()),
        bytes: of(folder.teacher_weights()).or(given),
        features: setup.teacher.feature_width(),
    };
    vec![teacher, student]
}

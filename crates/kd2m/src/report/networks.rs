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

/// `11.2 M`, `1,369`.
pub fn count(number: u64) -> String {
    match number as f64 {
        n if n >= 1e9 => format!("{:.2} G", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e4 => format!("{:.1} k", n / 1e3),
        _ => number.to_string(),
    }
}

/// `42.7 MB`, `6.2 kB`: powers of ten.
pub fn bytes(number: u64) -> String {
    match number as f64 {
        n if n >= 1e9 => format!("{:.2} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.1} MB", n / 1e6),
        n if n >= 1e3 => format!("{:.1} kB", n / 1e3),
        _ => format!("{number} bytes"),
    }
}

/// `3.2 s`, `12 min`, `2.5 h`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.1} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_three_digits() {
        assert_eq!([1369, 65834, 11_181_642, 4_089_184_256].map(count), ["1369", "65.8 k", "11.2 M", "4.09 G"]);
        assert_eq!([999, 6204, 44_730_000, 2_500_000_000].map(bytes), ["999 bytes", "6.2 kB", "44.7 MB", "2.50 GB"]);
        assert_eq!([3.21, 600.0, 9000.0].map(duration), ["3.2 s", "10 min", "2.5 h"]);
    }
}

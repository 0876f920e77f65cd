//! What the columns are read from: an arm of a run or of a grid, or the teacher.

/// All that tables say of one of them; what is not known of it stays empty.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub is_teacher: bool,
    /// The teacher's network.
    pub teacher: String,
    pub teacher_test: Option<f64>,
    /// In a grid.
    pub cell: String,
    pub dataset: String,
    pub student: String,
    pub arm: String,
    pub criterion: String,
    /// λ of each loss, none of an arm without one; `None`: not one number, or a teacher.
    pub weights: Option<Vec<f64>>,
    /// λ over that of the file, where it was chosen.
    pub factor: Option<f64>,
    pub parameters: Option<usize>,
    pub seeds: usize,
    /// Seeds without a result.
    pub missing: usize,
    /// Percent on test, one a seed.
    pub test: Vec<f64>,
    pub test_mean: Option<f64>,
    pub test_std: Option<f64>,
    /// The same of the epoch that was best on validation.
    pub best_mean: Option<f64>,
    pub best_std: Option<f64>,
    /// Percent.
    pub top5: Option<f64>,
    /// Expected calibration error on test, percentage points.
    pub ece: Option<f64>,
    pub cka_to_teacher: Option<f64>,
    pub w2_to_teacher: Option<f64>,
    pub versus_none: Option<Versus>,
    pub step_ms: Option<f64>,
    /// All criteria of the arm together.
    pub criterion_ms: Option<f64>,
    pub criterion_percent: Option<f64>,
    pub images_per_second: Option<f64>,
    /// Of a run.
    pub seconds: Option<f64>,
}

/// Against the arm `none`, in points of test accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Versus {
    pub mean: f64,
    /// Of the 95 % t interval.
    pub half_width: f64,
    pub p: f64,
    pub p_holm: f64,
    pub verdict: &'static str,
}

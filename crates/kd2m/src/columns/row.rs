//! What the columns are read from: an arm of a run or of a grid, or the teacher.

/// All that tables say of one of them; what is not known of it stays empty.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The row is the teacher's, not an arm's.
    pub is_teacher: bool,
    /// The teacher's network.
    pub teacher: String,
    /// The teacher's accuracy on test, percent.
    pub teacher_test: Option<f64>,
    /// In a grid.
    pub cell: String,
    /// The data set's name.
    pub dataset: String,
    /// The student's network.
    pub student: String,
    /// The arm's name.
    pub arm: String,
    /// The arm's criteria, joined by `+`; `none` without one.
    pub criterion: String,
    /// λ of each loss, none of an arm without one; `None`: not one number, or a teacher.
    pub weights: Option<Vec<f64>>,
    /// λ over that of the file, where it was chosen.
    pub factor: Option<f64>,
    /// What else was chosen of a grid, as `optim.lr=0.05`.
    pub chosen: Option<String>,
    /// Trained numbers of the network.
    pub parameters: Option<usize>,
    /// How many were asked for.
    pub seeds: usize,
    /// Seeds without a result.
    pub missing: usize,
    /// Percent on test, one a seed.
    pub test: Vec<f64>,
    /// Mean of `test`.
    pub test_mean: Option<f64>,
    /// Deviation of `test` with n − 1; none with one seed.
    pub test_std: Option<f64>,
    /// The same of the epoch that was best on validation.
    pub best_mean: Option<f64>,
    /// Deviation over the seeds.
    pub best_std: Option<f64>,
    /// Percent.
    pub top5: Option<f64>,
    /// Expected calibration error on test, percentage points.
    pub ece: Option<f64>,
    /// Linear CKA between its features and the teacher's on validation, 0 … 1.
    pub cka_to_teacher: Option<f64>,
    /// Mean W₂² between its features and the teacher's on validation batches.
    pub w2_to_teacher: Option<f64>,
    /// What the criteria ask of the student over what is asked with cross entropy, 0 … 1.
    pub share_of_gradient: Option<f64>,
    /// The paired difference to the arm without a criterion.
    pub versus_none: Option<Versus>,
    /// Milliseconds of a training step.
    pub step_ms: Option<f64>,
    /// All criteria of the arm together.
    pub criterion_ms: Option<f64>,
    /// The same as a share of the step.
    pub criterion_percent: Option<f64>,
    /// Training images.
    pub images_per_second: Option<f64>,
    /// Of a run.
    pub seconds: Option<f64>,
}

/// Against the arm `none`, in points of test accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Versus {
    /// Mean difference over the seeds that both have.
    pub mean: f64,
    /// Of the 95 % t interval.
    pub half_width: f64,
    /// Of the two-sided paired t test.
    pub p: f64,
    /// The same after Holm over the arms.
    pub p_holm: f64,
    /// What may be said of it.
    pub verdict: &'static str,
}

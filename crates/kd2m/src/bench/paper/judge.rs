//! Whether a published figure is within our interval. The paper has one run of each row, so the question is where one more run
//! of ours would fall: the 95 % prediction interval mean ± t₀.₉₇₅ · s · √(1 + 1/n), which is wider than that of the mean.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::train::statistics::{deviation, mean};

/// What can be said of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// One more run of ours would fall around it.
    Within,
    /// It would not.
    Outside,
    /// Too few runs, or something differs from the paper's setting.
    NotComparable,
}

impl Answer {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Outside => "outside",
            Self::NotComparable => "not comparable",
        }
    }
}

/// Where one more run would fall in 95 of 100 cases; `None` of fewer than two runs, which show no spread.
pub fn prediction(runs: &[f64]) -> Option<[f64; 2]> {
    let n = runs.len() as f64;
    let t = (runs.len() > 1).then(|| StudentsT::new(0.0, 1.0, n - 1.0).ok())??;
    let half = t.inverse_cdf(0.975) * deviation(runs)? * (1.0 + 1.0 / n).sqrt();
    Some([mean(runs) - half, mean(runs) + half])
}

/// The answer for one figure; anything in `differences` makes the runs another experiment than the paper's.
pub fn judge(published: f64, runs: &[f64], differences: &[String]) -> (Answer, Option<[f64; 2]>) {
    let interval = prediction(runs);
    let answer = match interval {
        Some([low, high]) if differences.is_empty() => match (low..=high).contains(&published) {
            true => Answer::Within,
            false => Answer::Outside,
        },
        _ => Answer::NotComparable,
    };
    (answer, interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_within_outside_or_not_comparable() {
        let runs = [86.0, 86.4, 86.8];
        // t₀.₉₇₅ with 2 degrees of freedom is 4.302653; s = 0.4.
        let half = 4.302_652_73 * 0.4 * (4.0_f64 / 3.0).sqrt();
        let (answer, interval) = judge(86.54, &runs, &[]);
        let [low, high] = interval.unwrap();
        assert!((low - (86.4 - half)).abs() < 1e-6 && (high - (86.4 + half)).abs() < 1e-6);
        assert_eq!(answer, Answer::Within);
        assert_eq!(judge(86.4 + half + 0.01, &runs, &[]).0, Answer::Outside);
        assert_eq!(judge(86.4 - half + 0.01, &runs, &[]).0, Answer::Within);
        assert_eq!(judge(86.54, &runs, &["no weights".to_owned()]).0, Answer::NotComparable);
        assert_eq!(judge(86.54, &[86.54], &[]), (Answer::NotComparable, None));
    }
}

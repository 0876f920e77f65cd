//! Expected calibration error: samples in 15 bins of equal width by the confidence of their prediction,
//! Σ_b (n_b / n) · |accuracy_b − confidence_b|. Guo et al. 2017, "On calibration of modern neural networks".
//! The reliability diagram of the report draws the bins.

use serde::{Deserialize, Serialize};

/// Bins of equal width over confidences in (0, 1]; as in the paper.
pub const BINS: usize = 15;

/// Confidence against accuracy, in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error, percentage points.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub ece: f64,
    /// From the lowest confidence up, [`BINS`] of them.
    pub bins: Vec<Bin>,
}

/// Predictions of about the same confidence; means in percent, 0 in an empty bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Predictions in it.
    pub count: usize,
    /// Mean of the largest probability, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub confidence: f64,
    /// Share that is right, percent.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub accuracy: f64,
}

/// Sums from which a [`Calibration`] is made, batch by batch.
#[derive(Debug, Clone, Default)]
pub struct Reliability {
    /// (samples, Σ confidence, correct ones) of each bin.
    bins: [(usize, f64, usize); BINS],
}

impl Reliability {
    /// Adds logits `[n, classes]` row-major.
    pub fn add(&mut self, logits: &[f32], labels: &[u32]) {
        let classes = (logits.len() / labels.len().max(1)).max(1);
        for (row, label) in logits.chunks_exact(classes).zip(labels) {
            let (best, confidence) = super::logits::answer(row);
            let at = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            let (count, confidences, correct) = &mut self.bins[at];
            *count += 1;
            *confidences += confidence;
            *correct += usize::from(best == *label as usize);
        }
    }

    /// The error and its bins; `None` of nothing.
    pub fn calibration(&self) -> Option<Calibration> {
        let bin = |(count, confidence, correct): &(usize, f64, usize)| {
            let mean = |sum: f64| if *count > 0 { 100.0 * sum / *count as f64 } else { 0.0 };
            Bin { count: *count, confidence: mean(*confidence), accuracy: mean(*correct as f64) }
        };
        Calibration::of(self.bins.iter().map(bin).collect())
    }
}

impl Calibration {
    fn of(bins: Vec<Bin>) -> Option<Self> {
        let n: usize = bins.iter().map(|b| b.count).sum();
        let gap = |b: &Bin| b.count as f64 * (b.accuracy - b.confidence).abs();
        (n > 0).then(|| Self { ece: bins.iter().map(gap).sum::<f64>() / n as f64, bins })
    }

    /// All samples of several networks in one diagram; its error is that of the pooled bins, not the mean of theirs.
    pub fn pooled<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut bins = vec![Bin::default(); BINS];
        for one in all {
            for (to, from) in bins.iter_mut().zip(&one.bins) {
                let count = to.count + from.count;
                let mean = |a: f64, b: f64| (a * to.count as f64 + b * from.count as f64) / count.max(1) as f64;
                let (confidence, accuracy) = (mean(to.confidence, from.confidence), mean(to.accuracy, from.accuracy));
                *to = Bin { count, confidence, accuracy };
            }
        }
        Self::of(bins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs of scripts/golden/measures.py: a fixed sequence of 400 rows of 10 logits.
    pub(crate) fn logits() -> (Vec<f32>, Vec<u32>) {
        let value = |i: usize, c: usize| (4.0 * ((i * 37 + c * 101 + i * c * 7) as f64 * 0.618).sin()) as f32;
        let rows = (0..400).flat_map(|i| (0..10).map(move |c| value(i, c))).collect();
        (rows, (0..400).map(|i| ((i * i * 3 + i) % 10) as u32).collect())
    }

    #[test]
    fn the_error_is_that_of_an_independent_implementation() {
        // scripts/golden/measures.py, numpy 2: the paper's definition with masks, f64.
        let (rows, labels) = logits();
        let mut sums = Reliability::default();
        sums.add(&rows[..1000], &labels[..100]);
        sums.add(&rows[1000..], &labels[100..]);
        let found = sums.calibration().unwrap();
        assert!((found.ece - GOLDEN_ECE).abs() < 1e-5, "{}", found.ece);
        assert_eq!(found.bins.iter().map(|b| b.count).sum::<usize>(), 400);
    }

    #[test]
    fn certain_and_right_is_calibrated_certain_and_wrong_is_not() {
        let error = |label| {
            let mut sums = Reliability::default();
            sums.add(&[100.0, 0.0, 0.0, 100.0], &[label, 1 - label]);
            sums.calibration().unwrap().ece
        };
        assert!(error(0).abs() < 1e-9 && (error(1) - 100.0).abs() < 1e-9);
        assert!(Reliability::default().calibration().is_none());
    }

    #[test]
    fn pooling_parts_is_counting_all_at_once() {
        let (rows, labels) = logits();
        let of = |rows: &[f32], labels: &[u32]| {
            let mut sums = Reliability::default();
            sums.add(rows, labels);
            sums.calibration().unwrap()
        };
        let whole = of(&rows, &labels);
        let pooled = Calibration::pooled([&of(&rows[..700], &labels[..70]), &of(&rows[700..], &labels[70..])]).unwrap();
        assert!((whole.ece - pooled.ece).abs() < 1e-9);
    }

    const GOLDEN_ECE: f64 = 31.707_428_882_935_883;
}

//! How well a network answers, class by class.

use serde::Serialize;

use super::{
    answers::{Images, softmax},
    network::Saved,
};
use crate::{
    Error,
    engine::Engine,
    measure::{Confusion, calibration::Reliability, logits::best},
};

/// A network on a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Which network.
    pub network: String,
    /// The data set's name.
    pub dataset: String,
    /// `train`, `val` or `test`.
    pub split: &'static str,
    /// How many were asked about.
    pub images: u64,
    /// Percent.
    pub accuracy: f64,
    /// The label is among the five largest logits, percent; null with fewer than ten classes.
    pub top5: Option<f64>,
    /// Mean cross-entropy, nats.
    pub ce: f64,
    /// Expected calibration error, percentage points.
    pub ece: Option<f64>,
    /// In the data set's order.
    pub classes: Vec<ClassScore>,
    /// Row: the image's class; column: the answer.
    pub confusion: Confusion,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScore {
    /// Its name.
    pub class: String,
    /// How many images are of it.
    pub images: u64,
    /// Percent of its images that are answered with it; null of none.
    pub accuracy: Option<f64>,
    /// Percent of the answers with it that are right; null of none.
    pub precision: Option<f64>,
}

/// Counts from which scores are made.
pub(super) struct Counts {
    confusion: Confusion,
    among_five: u64,
    ce: f64,
    reliability: Reliability,
}

impl Counts {
    pub(super) fn new(classes: usize) -> Self {
        Self { confusion: Confusion::new(classes), among_five: 0, ce: 0.0, reliability: Reliability::default() }
    }

    /// Logits `[n, classes]` of images with these labels.
    pub(super) fn add(&mut self, logits: &[f32], labels: &[u32]) {
        let classes = self.confusion.classes();
        self.reliability.add(logits, labels);
        for (row, label) in logits.chunks_exact(classes.max(1)).zip(labels) {
            let label = *label as usize;
            self.confusion.add(label, best(row));
            self.among_five += u64::from(row.iter().filter(|x| **x > row[label]).count() < 5);
            self.ce -= softmax(row)[label].max(f64::MIN_POSITIVE).ln();
        }
    }

    pub(super) fn scores(self, network: &str, images: &Images, class: impl Fn(usize) -> String) -> Scores {
        let n = self.confusion.images();
        let classes = self.confusion.by_class().into_iter().enumerate().map(|(label, of)| {
            let (accuracy, precision) = (of.accuracy(), of.precision());
            ClassScore { class: class(label), images: of.images, accuracy, precision }
        });
        Scores {
            network: network.to_owned(),
            dataset: images.dataset.name.clone(),
            split: images.split.name(),
            images: n,
            accuracy: self.confusion.accuracy().unwrap_or(0.0),
            top5: (n > 0 && self.confusion.classes() >= 10).then(|| 100.0 * self.among_five as f64 / n as f64),
            ce: self.ce / n.max(1) as f64,
            ece: self.reliability.calibration().map(|c| c.ece),
            classes: classes.collect(),
            confusion: self.confusion,
        }
    }
}

impl Saved {
    /// Its answers to images whose classes are known.
    ///
    /// # Errors
    /// Images of another shape or of other classes; what engine or data cannot do.
    pub fn scores(&self, images: &Images, engine: &mut dyn Engine) -> Result<Scores, Error> {
        let (classes, data) = (self.network.classes(), &images.dataset);
        if classes != data.classes {
            return Err(Error::Config(format!(
                "{} tells {classes} classes apart, {} has {}: its answers cannot be counted there",
                self.whose, data.name, data.classes
            )));
        }
        let mut counts = Counts::new(classes);
        self.answer(images, engine, |_, logits, labels| counts.add(logits, labels))?;
        Ok(counts.scores(&self.whose, images, |label| data.class_names.get(label).cloned().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saved::Split;

    #[test]
    fn counts_are_those_of_a_table_made_by_hand() {
        let mut counts = Counts::new(3);
        // Classes 0, 0, 1, 1 answered with 0, 1, 1, 1; none of class 2.
        let logits = [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 3.0, 0.0], [0.0, 1.0, 0.5]];
        counts.add(&logits[..2].concat(), &[0, 0]);
        counts.add(&logits[2..].concat(), &[1, 1]);
        let dataset = std::sync::Arc::new(kd2m_data::load("digits", None).unwrap());
        let images = Images { dataset, part: kd2m_data::Part::Test, indices: Vec::new(), split: Split::Test };
        let found = counts.scores("x", &images, |label| format!("c{label}"));
        assert_eq!(found.confusion.rows(), [[1, 1, 0], [0, 2, 0], [0, 0, 0]]);
        assert_eq!((found.images, found.accuracy, found.top5), (4, 75.0, None));
        let of = |i: usize| (found.classes[i].images, found.classes[i].accuracy, found.classes[i].precision);
        assert_eq!(of(0), (2, Some(50.0), Some(100.0)));
        assert_eq!(of(1), (2, Some(100.0), Some(200.0 / 3.0)));
        assert_eq!(of(2), (0, None, None));
        let e = f64::exp;
        let ce = [(e(2.0) + 2.0).ln() - 2.0, (e(1.0) + 2.0).ln(), (e(3.0) + 2.0).ln() - 3.0];
        let last = (1.0 + e(1.0) + e(0.5)).ln() - 1.0;
        assert!((found.ce - (ce.iter().sum::<f64>() + last) / 4.0).abs() < 1e-6);
    }
}

//! What a network answers, class by class: who is taken for whom, and the wrong answers that it is surest of.

use serde::{Deserialize, Serialize};

use super::{confusion::Confusion, logits::answer};

/// Wrong answers that are kept.
pub const MISTAKES: usize = 12;

/// Counts over the images of a split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// How often each class was answered with each.
    pub confusion: Confusion,
    /// The surest wrong answers, the surest first, at most [`MISTAKES`].
    pub mistakes: Vec<Mistake>,
}

/// A wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The image's place in its part of the data set.
    pub index: u32,
    /// Its class.
    pub label: u32,
    /// The class that was answered.
    pub answer: u32,
    /// The answer's probability, 0 … 1.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub confidence: f64,
}

impl Answers {
    /// No image yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self { confusion: Confusion::new(classes), mistakes: Vec::new() }
    }

    /// Logits `[n, classes]` of the images at `indices`, whose classes are `labels`.
    pub fn add(&mut self, logits: &[f32], labels: &[u32], indices: &[u32]) {
        let classes = self.confusion.classes().max(1);
        for ((row, &label), &index) in logits.chunks_exact(classes).zip(labels).zip(indices) {
            let (answer, confidence) = answer(row);
            self.confusion.add(label as usize, answer);
            if answer != label as usize {
                self.mistake(Mistake { index, label, answer: answer as u32, confidence });
            }
        }
    }

    fn mistake(&mut self, new: Mistake) {
        let at = self.mistakes.partition_point(|old| old.confidence >= new.confidence);
        self.mistakes.insert(at, new);
        self.mistakes.truncate(MISTAKES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_and_the_surest_mistakes_kept() {
        let mut found = Answers::new(2);
        // Sure and right, unsure and wrong, sure and wrong.
        found.add(&[9.0, 0.0, 0.0, 1.0, 0.0, 5.0], &[0, 0, 0], &[7, 8, 9]);
        assert_eq!(found.confusion, Confusion::from(vec![vec![1, 2], vec![0, 0]]));
        assert_eq!(
            found.mistakes.iter().map(|m| (m.index, m.label, m.answer)).collect::<Vec<_>>(),
            [(9, 0, 1), (8, 0, 1)]
        );
        assert!((found.mistakes[1].confidence - 1.0 / (1.0 + (-1f64).exp())).abs() < 1e-9);
    }

    #[test]
    fn no_more_mistakes_than_asked_are_kept() {
        let mut found = Answers::new(2);
        for index in 0..40 {
            found.add(&[0.0, index as f32 / 10.0 + 0.1], &[0], &[index]);
        }
        assert_eq!(found.mistakes.iter().map(|m| m.index).collect::<Vec<_>>(), (28..40).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_confidence_may_be_null() {
        let mistake = Mistake { index: 1, label: 2, answer: 3, confidence: 0.5 };
        crate::number::tests::every_float_may_be_null(&Answers {
            confusion: Confusion::new(1),
            mistakes: vec![mistake],
        });
    }
}

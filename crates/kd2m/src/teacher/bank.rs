//! A bank: a teacher's outputs of images that the student never sees, from which each batch is matched with a draw. It stands where
//! a teacher cannot be run or its images cannot be shared; only distributions can be compared with it, never image with image.

use burn::tensor::Device;
use kd2m_data::draw;

use super::{Answer, Query, StoredOutputs, Teacher};
use crate::engine::{EngineError, Images};

/// A teacher of other images.
pub struct Bank {
    stored: StoredOutputs,
    /// Rows of each class.
    by_class: Vec<Vec<usize>>,
    device: Device,
}

impl Bank {
    /// Draws from these rows, as tensors on `device`.
    pub fn new(stored: StoredOutputs, device: Device) -> Self {
        let mut by_class: Vec<Vec<usize>> = Vec::new();
        for (row, label) in stored.labels.iter().flatten().enumerate() {
            let class = *label as usize;
            if by_class.len() <= class {
                by_class.resize(class + 1, Vec::new());
            }
            by_class[class].push(row);
        }
        Self { stored, by_class, device }
    }
}

impl Teacher for Bank {
    fn answer(&mut self, _: Images, query: &Query) -> Result<Answer, EngineError> {
        let [seed, a, b] = query.draw;
        let n = self.stored.rows() as u64;
        let any = draw(query.indices.len() + query.labels.len(), n, seed, a, b);
        let mut any = any.into_iter().map(|row| row as usize);
        let rows: Vec<usize> = any.by_ref().take(query.indices.len()).collect();
        // Each labelled sample meets one of its own class; any other where the bank has none of it, which a comparison within
        // classes then leaves out.
        let of_class = |label: &u32, random: usize| match self.by_class.get(*label as usize) {
            Some(members) if !members.is_empty() => members[random % members.len()],
            _ => random,
        };
        let alike: Vec<usize> = query.labels.iter().zip(any).map(|(label, random)| of_class(label, random)).collect();
        let labels = self.stored.labels.as_ref().map(|labels| alike.iter().map(|row| labels[*row]).collect());
        Ok(Answer {
            all: self.stored.outputs(&rows, &self.device),
            labelled: Some((self.stored.outputs(&alike, &self.device), labels.unwrap_or_default())),
        })
    }

    fn is_paired(&self) -> bool {
        false
    }

    fn recalled(&self) -> usize {
        0
    }

    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        batch::{Outputs, host},
        teacher::View,
    };
    use kd2m_data::Part;

    /// Features tell the row, labels alternate over three classes.
    fn bank(n: usize) -> Bank {
        let stored = StoredOutputs {
            features: (0..n).flat_map(|i| [i as f32, 0.5]).collect(),
            width: 2,
            logits: None,
            classes: 3,
            labels: Some((0..n as u32).map(|i| i % 3).collect()),
            ids: None,
            head: None,
            class_names: Vec::new(),
        };
        Bank::new(stored, Device::flex())
    }

    fn ask(bank: &mut Bank, n: usize, labels: &[u32], draw: [u64; 3]) -> (Vec<f32>, Vec<f32>, Vec<u32>) {
        let indices = vec![0; n];
        let view = View { part: Part::Train, fixed: false };
        let query = Query { indices: &indices, labels, view, draw };
        let answer = bank.answer(Images { pixels: &[], n }, &query).unwrap();
        let rows = |outputs: &Outputs| host(&outputs.features).unwrap().chunks(2).map(|row| row[0]).collect();
        let (alike, classes) = answer.labelled.unwrap();
        (rows(&answer.all), rows(&alike), classes)
    }

    #[test]
    fn draws_repeat_and_change_with_the_step() {
        let mut bank = bank(90);
        let first = ask(&mut bank, 16, &[0, 1, 2], [1, 0, 0]);
        assert_eq!(first, ask(&mut bank, 16, &[0, 1, 2], [1, 0, 0]));
        for other in [[2, 0, 0], [1, 1, 0], [1, 0, 1]] {
            assert_ne!(first.0, ask(&mut bank, 16, &[0, 1, 2], other).0);
        }
    }

    #[test]
    fn every_row_is_drawn_alike() {
        let mut bank = bank(10);
        let mut counts = [0.0f64; 10];
        for step in 0..2000 {
            ask(&mut bank, 10, &[], [7, 3, step]).0.iter().for_each(|row| counts[*row as usize] += 1.0);
        }
        // χ² with 9 degrees of freedom: 27.9 is its 99.9 % point.
        let chi_squared: f64 = counts.iter().map(|count| (count - 2000.0).powi(2) / 2000.0).sum();
        assert!(chi_squared < 27.9, "{counts:?}");
    }

    #[test]
    fn labelled_samples_meet_their_class() {
        let (_, rows, classes) = ask(&mut bank(90), 4, &[2, 0, 0, 1, 2], [1, 2, 3]);
        assert_eq!(classes, [2, 0, 0, 1, 2]);
        assert!(rows.iter().zip(classes).all(|(row, class)| *row as u32 % 3 == class));
        // No row of class 2.
        let (_, rows, classes) = ask(&mut bank(2), 4, &[2], [1, 2, 3]);
        assert!(classes[0] < 2 && rows[0] as u32 == classes[0]);
    }
}

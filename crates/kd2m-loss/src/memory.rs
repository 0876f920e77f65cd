//! A memory by class: the last features of each class, the student's beside the teacher's of the same images. It enlarges the
//! clouds of a batch that holds few samples of each class (128 samples of CIFAR-100 are 1.3 a class); its rows are constants.
//! Next: [`crate::matching`], which compares the enlarged clouds. The idea of a queue of past features: He et al. (2020), MoCo.

use std::collections::VecDeque;

use kd2m_nn::{NamedTensor, Weights};
use kd2m_ot::{Cloud, OtError, Side};

use crate::{error::CriterionError, parameters::fitting};

/// One side's samples on the host, row-major, with whatever labels the divergence reads.
#[derive(Debug, Clone, Default)]
pub struct HostCloud {
    /// `[n, width]`.
    pub features: Vec<f32>,
    /// Numbers a sample.
    pub width: usize,
    /// One class a sample, or empty.
    pub labels: Vec<u32>,
    /// Softmax outputs `[n, classes]`, or empty.
    pub soft: Vec<f32>,
    /// Numbers of `soft` a sample.
    pub classes: usize,
}

impl HostCloud {
    fn len(&self) -> usize {
        self.features.len() / self.width.max(1)
    }

    /// The cloud that a divergence takes: with soft labels if there are any, else with classes if there are any.
    ///
    /// # Errors
    /// Values that are not finite.
    pub fn cloud(&self, side: Side) -> Result<Cloud<'_, f32>, OtError> {
        let cloud = Cloud::new(side, &self.features, self.len(), self.width)?;
        match (self.soft.is_empty(), self.labels.is_empty()) {
            (false, _) => cloud.with_soft_labels(&self.soft, self.classes),
            (true, false) => cloud.with_labels(&self.labels),
            (true, true) => Ok(cloud),
        }
    }

    fn row(&self, i: usize) -> Row {
        let part = |values: &[f32], width: usize| values.get(i * width..(i + 1) * width).unwrap_or_default().to_vec();
        Row { features: part(&self.features, self.width), soft: part(&self.soft, self.classes) }
    }

    fn push(&mut self, row: &Row) {
        self.features.extend_from_slice(&row.features);
        self.soft.extend_from_slice(&row.soft);
    }
}

/// One remembered sample of one side.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    features: Vec<f32>,
    soft: Vec<f32>,
}

impl Row {
    /// It, moved by half the difference of two others.
    fn moved(&self, from: &Row, to: &Row) -> Row {
        let ends = from.features.iter().zip(&to.features);
        let features = self.features.iter().zip(ends).map(|(x, (from, to))| x + 0.5 * (to - from)).collect();
        Row { features, soft: self.soft.clone() }
    }
}

/// The last samples of every class, oldest first, as (student, teacher).
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMemory {
    per_class: usize,
    classes: Vec<VecDeque<[Row; 2]>>,
}

const KEYS: [[&str; 2]; 2] = [["student", "student_soft"], ["teacher", "teacher_soft"]];

impl ClassMemory {
    /// An empty memory for at most `per_class` samples of each of `classes` classes.
    pub fn new(per_class: usize, classes: usize) -> Self {
        Self { per_class, classes: vec![VecDeque::new(); classes] }
    }

    /// Adds all that is remembered behind the batch's rows, in the same order on both sides; `with_labels` adds the classes.
    pub fn enlarge(&self, clouds: [&mut HostCloud; 2], with_labels: bool) {
        let [student, teacher] = clouds;
        for (class, rows) in self.classes.iter().enumerate() {
            for [own, other] in rows {
                student.push(own);
                teacher.push(other);
                if with_labels {
                    student.labels.push(class as u32);
                    teacher.labels.push(class as u32);
                }
            }
        }
    }

    /// Remembers a batch; in a class that is full the oldest sample makes place.
    ///
    /// # Errors
    /// A class beyond those that the memory was made for.
    pub fn remember(&mut self, labels: &[u32], student: &HostCloud, teacher: &HostCloud) -> Result<(), CriterionError> {
        for (i, &class) in labels.iter().enumerate() {
            let known = self.classes.len();
            let unknown = CriterionError::UnknownClass { class, known };
            let queue = self.classes.get_mut(class as usize).ok_or(unknown)?;
            if queue.len() == self.per_class {
                queue.pop_front();
            }
            queue.push_back([student.row(i), teacher.row(i)]);
        }
        Ok(())
    }

    /// Samples that it holds at most.
    pub fn capacity(&self) -> usize {
        self.per_class * self.classes.len()
    }

    /// Fills each class that has samples with variations of them, moved alike on both sides, as after `samples` of all classes.
    pub fn vary(&mut self, samples: usize) {
        let most = self.per_class.min(samples.div_ceil(self.classes.len().max(1)));
        for rows in self.classes.iter_mut().filter(|rows| !rows.is_empty()) {
            let n = rows.len();
            for t in n..most {
                let [base, from, to] = [t % n, (t / n) % n, (t / n + 1 + t / (n * n)) % n];
                let row = [0, 1].map(|side| rows[base][side].moved(&rows[from][side], &rows[to][side]));
                rows.push_back(row);
            }
        }
    }

    /// The memory as tensors, for exact resume; none while it is empty.
    pub fn state(&self) -> Weights {
        let rows = || self.classes.iter().flatten();
        let count = rows().count();
        if count == 0 {
            return Weights::new();
        }
        let labels = self.classes.iter().enumerate().flat_map(|(class, rows)| vec![class as f32; rows.len()]).collect();
        let mut state = Weights::from([(key("labels"), NamedTensor { shape: vec![count], values: labels })]);
        for (side, [features, soft]) in KEYS.iter().enumerate() {
            for (name, values) in [
                (features, rows().flat_map(|row| row[side].features.iter().copied()).collect::<Vec<f32>>()),
                (soft, rows().flat_map(|row| row[side].soft.iter().copied()).collect()),
            ] {
                if !values.is_empty() {
                    state.insert(key(name), NamedTensor { shape: vec![count, values.len() / count], values });
                }
            }
        }
        state
    }

    /// Puts a saved memory back.
    ///
    /// # Errors
    /// A tensor that is missing or does not fit the others, or a class that the memory has no place for.
    pub fn load_state(&mut self, state: &Weights) -> Result<(), String> {
        let mut restored = Self::new(self.per_class, self.classes.len());
        if let Some(labels) = state.get(&key("labels")) {
            let classes: Vec<u32> = labels.values.iter().map(|class| *class as u32).collect();
            let side = |[features, soft]: [&str; 2]| {
                let read = |name: &str| match state.get(&key(name)).map(|tensor| tensor.shape.as_slice()) {
                    Some(&[_, width]) => {
                        fitting(state, &key(name), &[classes.len(), width]).map(|t| (t.values.clone(), width))
                    }
                    Some(shape) => Err(format!("`{}` has shape {shape:?}, expected a matrix", key(name))),
                    None => Ok((Vec::new(), 0)),
                };
                let ((features, width), (soft, classes)) = (read(features)?, read(soft)?);
                Ok::<_, String>(HostCloud { features, width, soft, classes, labels: Vec::new() })
            };
            let [student, teacher] = KEYS;
            restored.remember(&classes, &side(student)?, &side(teacher)?).map_err(|e| e.to_string())?;
        }
        *self = restored;
        Ok(())
    }
}

fn key(name: &str) -> String {
    format!("memory.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(rows: &[[f32; 2]], soft: bool) -> HostCloud {
        let soft = if soft { rows.iter().flat_map(|r| [r[0], 1.0 - r[0], 0.0]).collect() } else { Vec::new() };
        let classes = if soft.is_empty() { 0 } else { 3 };
        HostCloud { features: rows.concat(), width: 2, soft, classes, labels: Vec::new() }
    }

    #[test]
    fn the_oldest_of_a_full_class_makes_place_and_both_sides_keep_one_order() {
        let mut memory = ClassMemory::new(2, 3);
        let student = cloud(&[[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]], false);
        let teacher = cloud(&[[-1.0, 0.0], [-2.0, 0.0], [-3.0, 0.0], [-4.0, 0.0]], false);
        memory.remember(&[2, 0, 2, 2], &student, &teacher).unwrap();
        let (mut a, mut b) = (cloud(&[[9.0, 9.0]], false), cloud(&[[8.0, 8.0]], false));
        (a.labels, b.labels) = (vec![1], vec![1]);
        memory.enlarge([&mut a, &mut b], true);
        assert_eq!(a.features, [9.0, 9.0, 2.0, 0.0, 3.0, 0.0, 4.0, 0.0]);
        assert_eq!(b.features, [8.0, 8.0, -2.0, 0.0, -3.0, 0.0, -4.0, 0.0]);
        assert_eq!((a.labels, b.labels), (vec![1, 0, 2, 2], vec![1, 0, 2, 2]));
        let error = memory.remember(&[3], &student, &teacher).unwrap_err();
        assert_eq!(error.to_string(), "sample of class 3 in a memory of 3 classes");
    }

    #[test]
    fn variations_fill_the_classes_that_have_samples() {
        let mut memory = ClassMemory::new(40, 3);
        assert_eq!(memory.capacity(), 120);
        memory.vary(500);
        assert!(memory.state().is_empty());
        let student = cloud(&[[1.0, 0.0], [2.0, 5.0], [4.0, 0.0]], true);
        let teacher = cloud(&[[-1.0, 0.0], [-2.0, -5.0], [-4.0, 0.0]], true);
        memory.remember(&[2, 2, 2], &student, &teacher).unwrap();
        // Of 30 samples each of three classes has ten.
        memory.vary(30);
        assert_eq!(memory.classes.iter().map(VecDeque::len).collect::<Vec<_>>(), [0, 0, 10]);
        memory.vary(500);
        let rows = &memory.classes[2];
        assert_eq!(rows.len(), 40);
        let mut seen: Vec<String> = rows.iter().map(|[own, _]| format!("{:?}", own.features)).collect();
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 15, "{seen:?}");
        for [own, other] in rows {
            let opposite: Vec<f32> = other.features.iter().map(|x| -x).collect();
            assert!(own.features == opposite && own.soft.len() == 3, "{own:?} {other:?}");
        }
        memory.vary(0);
        assert_eq!(memory.classes[2].len(), 40);
    }

    #[test]
    fn a_saved_memory_comes_back_with_and_without_soft_labels() {
        for soft in [false, true] {
            let mut memory = ClassMemory::new(4, 3);
            assert!(memory.state().is_empty());
            let rows = [[0.1, 1.0], [0.2, 2.0], [0.3, 3.0]];
            memory.remember(&[1, 0, 1], &cloud(&rows, soft), &cloud(&rows, soft)).unwrap();
            let mut restored = ClassMemory::new(4, 3);
            restored.load_state(&memory.state()).unwrap();
            assert_eq!(restored, memory);
            restored.load_state(&Weights::new()).unwrap();
            assert_eq!(restored, ClassMemory::new(4, 3));
            let mut short = memory.state();
            short.insert(key("student"), NamedTensor { shape: vec![2, 2], values: vec![0.0; 4] });
            assert!(restored.load_state(&short).unwrap_err().contains("shape"));
        }
    }
}

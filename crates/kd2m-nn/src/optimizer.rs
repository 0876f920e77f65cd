//! The state of an optimizer as checkpoints hold it, whichever engine wrote it: `KEY.moment1` (SGD's momentum, AdamW's mean of gradients),
//! `KEY.moment2` (AdamW's mean of squares) in PyTorch's layout, and `steps`. So a run may go on in another engine than it began in.

use thiserror::Error;

use crate::weights::{NamedTensor, Weights};

/// The key of the count of steps.
const STEPS: &str = "steps";
/// What `kd2m-cpu` called it once.
const OLD_STEPS: &str = "step";

/// Which moment of a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// SGD's momentum, AdamW's mean.
    First,
    /// AdamW's mean of squares.
    Second,
}

impl Moment {
    /// Both, in order.
    pub const BOTH: [Moment; 2] = [Moment::First, Moment::Second];

    fn key(self, parameter: &str) -> String {
        match self {
            Self::First => format!("{parameter}.moment1"),
            Self::Second => format!("{parameter}.moment2"),
        }
    }

    /// What `kd2m-cpu` called it once.
    fn old_key(self, parameter: &str) -> String {
        match self {
            Self::First => format!("{parameter}.first"),
            Self::Second => format!("{parameter}.second"),
        }
    }
}

/// A state that is none of an optimizer's, or of another network's.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum OptimizerError {
    /// No count of steps.
    #[error("`{STEPS}` is missing: this is no state of an optimizer, or it lost its count of steps")]
    NoSteps,
    /// A count that is none.
    #[error("`{STEPS}` is {values:?}, which counts nothing: the checkpoint is damaged or of another program")]
    NoCount {
        /// What stands there.
        values: Vec<f32>,
    },
    /// A moment of another shape than its parameter's.
    #[error("`{key}` has shape {found:?} and {count} values, expected {expected:?}")]
    Shape {
        /// The moment.
        key: String,
        /// Its parameter's shape.
        expected: Vec<usize>,
        /// Its own.
        found: Vec<usize>,
        /// How many values it has.
        count: usize,
    },
}

/// Moments by parameter, and how many steps were taken.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerState {
    steps: u64,
    tensors: Weights,
}

impl OptimizerState {
    /// After so many steps, without moments yet.
    pub fn new(steps: u64) -> Self {
        Self { steps, tensors: Weights::new() }
    }

    /// Adds a moment of a parameter.
    pub fn insert(&mut self, parameter: &str, moment: Moment, tensor: NamedTensor) {
        self.tensors.insert(moment.key(parameter), tensor);
    }

    /// As a checkpoint holds it.
    pub fn into_weights(mut self) -> Weights {
        self.tensors.insert(STEPS.to_owned(), NamedTensor::of_count(self.steps));
        self.tensors
    }

    /// From a checkpoint, of today's form or of an older one's.
    ///
    /// # Errors
    /// No count of steps, or one that counts nothing.
    pub fn read(weights: &Weights) -> Result<Self, OptimizerError> {
        let count = weights.get(STEPS).or_else(|| weights.get(OLD_STEPS)).ok_or(OptimizerError::NoSteps)?;
        let steps = count.count().ok_or_else(|| OptimizerError::NoCount { values: count.values.clone() })?;
        Ok(Self { steps, tensors: weights.clone() })
    }

    /// Optimizer steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A moment of a parameter of this shape; `None` where it has none.
    ///
    /// # Errors
    /// A moment of another shape.
    pub fn moment(
        &self,
        parameter: &str,
        moment: Moment,
        shape: &[usize],
    ) -> Result<Option<&NamedTensor>, OptimizerError> {
        let keys = [moment.key(parameter), moment.old_key(parameter)];
        let mut found = keys.into_iter().filter_map(|key| self.tensors.get(&key).map(|tensor| (key, tensor)));
        let Some((key, tensor)) = found.next() else { return Ok(None) };
        if tensor.shape == shape && tensor.values.len() == shape.iter().product::<usize>() {
            return Ok(Some(tensor));
        }
        let (expected, found, count) = (shape.to_vec(), tensor.shape.clone(), tensor.values.len());
        Err(OptimizerError::Shape { key, expected, found, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> NamedTensor {
        NamedTensor { shape: vec![values.len()], values: values.to_vec() }
    }

    #[test]
    fn steps_are_whole_numbers_beyond_what_an_f32_can_count() {
        // 2²⁴ + 1 is the first whole number that an f32 lacks.
        for steps in [0, 1, (1 << 24) + 1, (1 << 40) + 12_345] {
            assert_eq!(OptimizerState::read(&OptimizerState::new(steps).into_weights()).unwrap().steps(), steps);
        }
        for wrong in [vec![], vec![0.5], vec![-1.0], vec![f32::NAN], vec![1.0, 2.0, 3.0]] {
            let state = Weights::from([(STEPS.to_owned(), tensor(&wrong))]);
            assert!(matches!(OptimizerState::read(&state), Err(OptimizerError::NoCount { .. })), "{wrong:?}");
        }
        let error = OptimizerState::read(&Weights::new()).unwrap_err().to_string();
        assert!(error.starts_with("`steps` is missing"), "{error}");
    }

    #[test]
    fn what_both_engines_wrote_before_is_read() {
        for (first, second, steps) in [("w.first", "w.second", "step"), ("w.moment1", "w.moment2", "steps")] {
            let (a, b) = (tensor(&[1.0, 2.0]), tensor(&[3.0, 4.0]));
            let old = [(first, a.clone()), (second, b.clone()), (steps, tensor(&[1234.0]))];
            let old = old.into_iter().map(|(key, tensor)| (key.to_owned(), tensor)).collect();
            let state = OptimizerState::read(&old).unwrap();
            assert_eq!(state.steps(), 1234);
            assert_eq!(state.moment("w", Moment::First, &[2]).unwrap(), Some(&a));
            assert_eq!(state.moment("w", Moment::Second, &[2]).unwrap(), Some(&b));
            assert_eq!(state.moment("v", Moment::First, &[2]).unwrap(), None);
            let error = state.moment("w", Moment::First, &[1, 2]).unwrap_err().to_string();
            assert_eq!(error, format!("`{first}` has shape [2] and 2 values, expected [1, 2]"));
        }
    }
}

//! Labels of two clouds as vectors over one set of classes, one-hot or soft: what joint distances compare beside the features.
//! Next: [`crate::divergence::jw2`] and [`crate::combine::joint`].

use crate::{
    cloud::{Cloud, Labels},
    error::OtError,
    real::Real,
    room,
};

/// One vector over classes for each sample of a cloud: its one-hot or soft label.
pub(crate) struct LabelVectors {
    /// Row-major `[n, classes]`.
    pub values: Vec<f64>,
    pub classes: usize,
}

impl LabelVectors {
    /// Those of A and of B over the same classes.
    ///
    /// # Errors
    /// Labels that are missing on a side, or that do not go together.
    pub(crate) fn of_both<T: Real>(metric: &str, a: &Cloud<T>, b: &Cloud<T>) -> Result<(Self, Self), OtError> {
        let fail = |message: String| OtError::Numeric { metric: metric.to_owned(), message };
        let fit = |count: usize, classes: usize| {
            let what = || format!("labels of {count} samples over {classes} classes");
            room::ask(metric, room::bytes::<f64>(&[count, classes]), what, "compare fewer samples, or merge classes")
        };
        let missing = |side| OtError::LabelsMissing { metric: metric.to_owned(), side };
        let one_hot = |labels: &[u32], classes: usize| match labels.iter().find(|&&l| l as usize >= classes) {
            None => Ok(Self::one_hot(labels, classes)),
            Some(l) => Err(fail(format!("label {l} does not fit the other side's {classes} classes"))),
        };
        match (a.labels(), b.labels()) {
            (Labels::None, _) => Err(missing(a.side())),
            (_, Labels::None) => Err(missing(b.side())),
            (Labels::Hard(x), Labels::Hard(y)) => {
                // Label numbers may be large and sparse; only their equality counts, so they are renumbered.
                let mut known: Vec<u32> = x.iter().chain(y).copied().collect();
                known.sort_unstable();
                known.dedup();
                let compact = |labels: &[u32]| -> Vec<u32> {
                    labels.iter().map(|l| known.partition_point(|k| k < l) as u32).collect()
                };
                fit(x.len() + y.len(), known.len())?;
                Ok((one_hot(&compact(x), known.len())?, one_hot(&compact(y), known.len())?))
            }
            (Labels::Soft { values, classes }, Labels::Hard(y)) => {
                fit(y.len(), classes)?;
                Ok((Self::soft(values, classes), one_hot(y, classes)?))
            }
            (Labels::Hard(x), Labels::Soft { values, classes }) => {
                fit(x.len(), classes)?;
                Ok((one_hot(x, classes)?, Self::soft(values, classes)))
            }
            (Labels::Soft { values: x, classes: c }, Labels::Soft { values: y, classes: e }) => {
                if c != e {
                    return Err(fail(format!("the soft labels of A have {c} classes and those of B {e}")));
                }
                Ok((Self::soft(x, c), Self::soft(y, e)))
            }
        }
    }

    /// The label of sample i.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.classes..][..self.classes]
    }

    fn one_hot(labels: &[u32], classes: usize) -> Self {
        let mut values = vec![0.0; labels.len() * classes];
        for (row, &label) in values.chunks_exact_mut(classes).zip(labels) {
            row[label as usize] = 1.0;
        }
        Self { values, classes }
    }

    fn soft<T: Real>(values: &[T], classes: usize) -> Self {
        Self { values: values.iter().map(|x| x.wide()).collect(), classes }
    }
}

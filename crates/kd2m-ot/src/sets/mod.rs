//! Sets of samples that no machine has to hold: rows are read by position whenever they are wanted, in tiles, and several ranks share the
//! tiles. What is asked of all pairs is asked row by row (the least of a row, its sum): each rank answers for its rows, and all are told
//! all answers in the order of the rows, so that a value does not depend on how many ranks there are.
//!
//! A divergence that can be had so implements [`Divergence::evaluate_sets`](crate::divergence::Divergence::evaluate_sets).
//! Next: [`tiles`], how rows are read and shared.

pub(crate) mod centres;
pub(crate) mod moments;
pub(crate) mod tiles;

use std::{fmt::Debug, io};

use kd2m_simd::ranks::{Alone, Ranks, wire};

use crate::{
    cloud::{Cloud, Weights},
    error::{OtError, Side},
    real::Real,
};

/// Rows of features that are read by position.
pub trait Source<T>: Send + Sync + Debug {
    /// Number of samples n.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of features d.
    fn width(&self) -> usize;

    /// Writes the rows from `first` on into a row-major slice of whole rows.
    ///
    /// # Errors
    /// What the place that they lie in says.
    fn read(&self, first: usize, into: &mut [T]) -> io::Result<()>;
}

/// Features in memory, as a source among others.
#[derive(Debug, Clone)]
pub struct Held<T> {
    features: Vec<T>,
    d: usize,
}

impl<T> Held<T> {
    /// Row-major features `[n, d]`.
    ///
    /// # Errors
    /// A slice that is no whole number of rows.
    pub fn new(features: Vec<T>, d: usize) -> Result<Self, OtError> {
        match features.len().checked_rem(d) {
            Some(0) => Ok(Self { features, d }),
            _ => {
                let (what, found) = ("the features".to_owned(), features.len());
                Err(OtError::Length { what, rows: found / d.max(1), columns: d, found })
            }
        }
    }
}

impl<T: Real> Source<T> for Held<T> {
    fn len(&self) -> usize {
        self.features.len() / self.d
    }

    fn width(&self) -> usize {
        self.d
    }

    fn read(&self, first: usize, into: &mut [T]) -> io::Result<()> {
        let rows = first.checked_mul(self.d).and_then(|from| self.features.get(from..from.checked_add(into.len())?));
        into.copy_from_slice(rows.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl<T: Real> Source<T> for Cloud<'_, T> {
    fn len(&self) -> usize {
        self.len()
    }

    fn width(&self) -> usize {
        self.width()
    }

    fn read(&self, first: usize, into: &mut [T]) -> io::Result<()> {
        let from = first * self.width();
        into.copy_from_slice(self.features().get(from..from + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// n samples × d features that are read by position, with marginal weights that sum to one.
#[derive(Debug, Clone)]
pub struct Set<'s, T> {
    side: Side,
    source: &'s dyn Source<T>,
    weights: Option<Weights>,
}

impl<'s, T: Real> Set<'s, T> {
    /// A set with uniform weights. Its features are checked as they are read.
    ///
    /// # Errors
    /// No samples.
    pub fn new(side: Side, source: &'s dyn Source<T>) -> Result<Self, OtError> {
        if source.is_empty() || source.width() == 0 {
            return Err(OtError::Empty { side });
        }
        Ok(Self { side, source, weights: None })
    }

    /// The same samples under these weights, normalised to sum to one in `f64`.
    ///
    /// # Errors
    /// Another number of weights, a negative or non-finite one, or a sum of zero.
    pub fn with_weights(mut self, weights: &[f64]) -> Result<Self, OtError> {
        self.weights = Some(Weights::new(self.side, weights, self.len())?);
        Ok(self)
    }

    /// Which of the two sets this is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Number of samples n.
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// Never true: a set has at least one sample.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Number of features d.
    pub fn width(&self) -> usize {
        self.source.width()
    }

    /// The weight of sample `i`; all weights sum to one.
    pub fn weight(&self, i: usize) -> f64 {
        self.weights.as_ref().map_or(1.0 / self.len() as f64, |w| w.normalised[i])
    }

    /// Explicit weights, or `None` when they are uniform.
    pub fn weights(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(|w| w.normalised.as_slice())
    }

    /// The weights as they were given, or `None` when they are uniform.
    pub(crate) fn masses(&self) -> Option<&[f64]> {
        self.weights.as_ref().map(|w| w.given.as_slice())
    }

    /// The weights as a vector, uniform ones written out.
    pub(crate) fn weights_vec(&self) -> Vec<f64> {
        self.weights().map_or_else(|| vec![1.0 / self.len() as f64; self.len()], <[f64]>::to_vec)
    }

    /// The same samples and weights from another source, as it holds them in another precision.
    pub(crate) fn with_source<'w, U: Real>(&self, source: &'w dyn Source<U>) -> Set<'w, U> {
        Set { side: self.side, source, weights: self.weights.clone() }
    }

    /// The samples of a cloud, as a set among others.
    pub(crate) fn of_cloud(cloud: &'s Cloud<'s, T>) -> Self {
        Self { side: cloud.side(), source: cloud, weights: cloud.explicit_weights().cloned() }
    }

    /// Where the rows come from.
    pub(crate) fn source(&self) -> &'s dyn Source<T> {
        self.source
    }
}

/// A set in single precision as one in double: no value changes.
#[derive(Debug)]
pub struct Widened<'s, T>(pub &'s dyn Source<T>);

impl<T: Real> Source<f64> for Widened<'_, T> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn read(&self, first: usize, into: &mut [f64]) -> io::Result<()> {
        let mut narrow = vec![T::zero(); into.len()];
        self.0.read(first, &mut narrow)?;
        into.iter_mut().zip(narrow).for_each(|(wide, x)| *wide = x.wide());
        Ok(())
    }
}

/// Fails unless both sets have the same width.
///
/// # Errors
/// [`OtError::Widths`].
pub(crate) fn equal_widths<T: Real>(metric: &str, a: &Set<T>, b: &Set<T>) -> Result<(), OtError> {
    if a.width() == b.width() {
        return Ok(());
    }
    Err(OtError::Widths { metric: metric.to_owned(), a: a.width(), b: b.width(), alternatives: "gw".to_owned() })
}

/// What is told of a long solve while it goes on: column potentials to begin from another time.
pub type Keep<'o> = &'o (dyn Fn(&[f64]) -> io::Result<()> + Sync);

/// Who works on a value together, and what is kept of it on the way.
#[derive(Clone, Copy)]
pub struct Over<'o> {
    /// All of them, each with the same two sets.
    pub ranks: &'o dyn Ranks,
    /// Called after each pass of an exact solve, or each part of its search, on every rank.
    pub keep: Option<Keep<'o>>,
}

impl Over<'static> {
    /// One process by itself that keeps nothing.
    pub const ALONE: Self = Self { ranks: &Alone, keep: None };
}

impl Over<'_> {
    /// Whether this holds for every rank, which all ask at the same place.
    pub(crate) fn agree(&self, own: bool) -> bool {
        wire::gather(self.ranks, vec![u32::from(own)]).into_iter().all(|holds| holds > 0)
    }
}

impl Debug for Over<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Over").field("ranks", &self.ranks).finish_non_exhaustive()
    }
}

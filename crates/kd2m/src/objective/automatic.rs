//! `weight = "auto"`: λ by which a criterion's gradient has a stated share of cross entropy's, measured where both meet
//! (`gradients.rs`) over the first batches and then fixed.
//!
//! λ = share · Σ strength of cross entropy / Σ strength of the criterion. While it is measured the batches so far decide, so that
//! the first step has its weight already. The sums are kept in single precision because a checkpoint keeps them so: a resumed run goes
//! on with the same number.

use kd2m_nn::{NamedTensor, Weights};

use crate::criterion::CriterionError;

/// Share of cross entropy's gradient that an automatic weight gives a criterion: chosen on validation over digits, MNIST and CIFAR-10, see
/// `docs/loss-weights.md`.
pub const SHARE: f64 = 0.03;

/// Batches over which λ is measured, and the first ones of each epoch whose gradients are told in `metrics.jsonl`.
pub const MEASURED: usize = 8;

/// Where a criterion hardly pulls at all, its weight still fits into single precision.
const HEAVIEST: f64 = 1e30;

/// What its sums are called in a checkpoint, before the term's name.
const KEY: &str = "auto";

/// A weight that is being measured, or was.
#[derive(Debug, Clone)]
pub(super) struct Automatic {
    /// Of [`SHARE`].
    times: f64,
    /// Of cross entropy and of the criterion, and the batches that they are of.
    sums: [f32; 3],
}

impl Automatic {
    pub fn new(times: f64) -> Self {
        Self { times, sums: [0.0; 3] }
    }

    /// Whether more batches are wanted.
    pub fn is_open(&self) -> bool {
        self.sums[2] < MEASURED as f32
    }

    /// A batch; one in which either does not pull says nothing of the other.
    pub fn add(&mut self, entropy: f64, criterion: f64) {
        let usable = |strength: f64| strength > 0.0 && (strength as f32).is_finite();
        if self.is_open() && usable(entropy) && usable(criterion) {
            let own = [entropy as f32, criterion as f32, 1.0];
            self.sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
    }

    /// λ as far as it is known: 0 before any batch.
    pub fn weight(&self) -> f64 {
        let [entropy, criterion, _] = self.sums.map(f64::from);
        if criterion > 0.0 { (self.times * SHARE * entropy / criterion).min(HEAVIEST) } else { 0.0 }
    }

    /// What a checkpoint keeps of it.
    pub fn state(&self, term: &str) -> (String, NamedTensor) {
        (format!("{KEY}.{term}"), NamedTensor { shape: vec![3], values: self.sums.to_vec() })
    }

    /// Puts that back; a checkpoint without it was made before the first batch.
    pub fn load(&mut self, term: &str, state: &Weights) -> Result<(), CriterionError> {
        let Some(saved) = state.get(&format!("{KEY}.{term}")) else { return Ok(()) };
        let wrong = || CriterionError::SavedMemory {
            criterion: term.to_owned(),
            why: "the sums of its automatic weight are not three numbers".to_owned(),
        };
        self.sums = saved.values.as_slice().try_into().map_err(|_| wrong())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_holds_over_the_first_batches_and_is_fixed_then() {
        let mut weight = Automatic::new(2.0);
        assert_eq!(weight.weight(), 0.0);
        weight.add(0.0, 3.0);
        weight.add(1.0, f64::NAN);
        weight.add(1.0, 0.0);
        assert_eq!(weight.weight(), 0.0, "none of these says anything");
        weight.add(1.0, 4.0);
        assert!((weight.weight() - 2.0 * SHARE / 4.0).abs() < 1e-12);
        (1..MEASURED).for_each(|_| weight.add(2.0, 8.0));
        let fixed = 2.0 * SHARE * 15.0 / 60.0;
        assert!(!weight.is_open() && (weight.weight() - fixed).abs() < 1e-12);
        weight.add(1e6, 1e-6);
        assert!((weight.weight() - fixed).abs() < 1e-12);
    }

    #[test]
    fn a_saved_weight_goes_on_to_the_same_bits() {
        let (mut whole, mut half) = (Automatic::new(1.0), Automatic::new(1.0));
        let batch = |weight: &mut Automatic, k: usize| weight.add(0.1 * k as f64, 1.0 / (3.0 + k as f64));
        (1..4).for_each(|k| batch(&mut half, k));
        let state = Weights::from([half.state("0.w2")]);
        let mut resumed = Automatic::new(1.0);
        resumed.load("1.w2", &state).unwrap();
        assert_eq!(resumed.weight(), 0.0, "of another term");
        resumed.load("0.w2", &state).unwrap();
        (4..12).for_each(|k| batch(&mut resumed, k));
        (1..12).for_each(|k| batch(&mut whole, k));
        assert!(whole.weight() > 0.0 && whole.weight() == resumed.weight());
        let torn = Weights::from([("auto.0.w2".to_owned(), NamedTensor { shape: vec![1], values: vec![1.0] })]);
        assert!(resumed.load("0.w2", &torn).is_err());
    }
}

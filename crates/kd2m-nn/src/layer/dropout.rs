//! What is left out at random while training: whole samples of a branch (stochastic depth, Huang et al. 2016), or single features (Srivastava et
//! al. 2014). What stays is divided by the share that stays, so that its mean is as it was.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::{Kind, Operators, one};
use crate::{onnx::writer::Writer, shape::Shape, step::Draws};

/// x / (1 − rate), or 0 with probability `rate`; x itself where nothing is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// From 0 to below 1.
    pub rate: f64,
    /// All values of a sample share their fate (torchvision's `StochasticDepth` of mode `row`); else each of its channels has its own, which all
    /// places of a map share.
    pub whole: bool,
    /// Its own among those of a network: each draws for itself.
    pub number: u64,
}

/// How the rate at which blocks are left out rises from 0 at the first of N blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Ramp {
    /// By 1 / (N − 1) a block: the last has the rate that is asked for (transformers, ConvNeXt, ResNets in torchvision and timm).
    #[default]
    ToLast,
    /// By 1 / N a block: that would be the rate of one more (the networks for phones in torchvision and timm).
    ToBehind,
}

impl Dropout {
    /// The factors of n samples, `[n, channels]`.
    pub fn factors(&self, draws: &Draws, n: usize, channels: usize) -> Vec<f32> {
        let stays = (1.0 / (1.0 - self.rate)) as f32;
        let factor = |sample, value| if draws.unit(self.number, sample, value) < self.rate { 0.0 } else { stays };
        let mut all = Vec::with_capacity(n * channels);
        for sample in 0..n {
            match self.whole {
                true => all.resize((sample + 1) * channels, factor(sample, 0)),
                false => all.extend((0..channels).map(|channel| factor(sample, channel))),
            }
        }
        all
    }
}

impl Kind for Dropout {
    fn shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match (0.0..1.0).contains(&self.rate) {
            true => one(inputs),
            false => Err(format!("a rate of {}: from 0 to below 1", self.rate)),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.whole { "stochastic depth" } else { "dropout" }, self.rate)
    }

    /// Files are for answering, where nothing is left out.
    fn write(&self, onnx: &mut Writer) {
        onnx.last("Identity", vec![onnx.input()], vec![]);
    }
}

/// None of its own: the importer passes `Dropout` and `Identity` over.
pub(super) const OPERATORS: &Operators<Dropout> = &[];

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: Draws = Draws { seed: 3, epoch: 2, batch: 5, first: 0 };

    /// Of 40,000 draws the share that is dropped lies within four standard errors of the rate, and the mean factor so of 1.
    #[test]
    fn the_mean_stays() {
        for whole in [true, false] {
            for rate in [0.05, 0.3, 0.8] {
                let dropout = Dropout { rate, whole, number: 7 };
                let (n, channels) = if whole { (40_000, 1) } else { (200, 200) };
                let factors = dropout.factors(&DRAWS, n, channels);
                let count = (n * channels) as f64;
                let dropped = factors.iter().filter(|f| **f == 0.0).count() as f64 / count;
                assert!((dropped - rate).abs() < 4.0 * (rate * (1.0 - rate) / count).sqrt(), "{rate}: {dropped}");
                let mean = factors.iter().map(|f| f64::from(*f)).sum::<f64>() / count;
                assert!((mean - 1.0).abs() < 4.0 * (rate / (1.0 - rate) / count).sqrt(), "{rate}: {mean}");
                let right = (1.0 / (1.0 - rate)) as f32;
                assert!(factors.iter().all(|f| *f == 0.0 || *f == right));
            }
        }
    }

    /// A part of a batch draws what the whole does there, and every number that is said matters.
    #[test]
    fn draws_are_functions_of_seed_step_sample_and_layer() {
        let of = |number, whole, draws: Draws, n| Dropout { rate: 0.5, whole, number }.factors(&draws, n, 3);
        for whole in [true, false] {
            let all = of(1, whole, DRAWS, 64);
            assert_eq!(of(1, whole, DRAWS, 64), all);
            assert_eq!(of(1, whole, Draws { first: 40, ..DRAWS }, 24), all[40 * 3..]);
            let others = [
                of(2, whole, DRAWS, 64),
                of(1, whole, Draws { seed: 4, ..DRAWS }, 64),
                of(1, whole, Draws { epoch: 3, ..DRAWS }, 64),
                of(1, whole, Draws { batch: 6, ..DRAWS }, 64),
            ];
            assert!(others.iter().all(|other| *other != all));
            let rows_are_whole = all.chunks(3).all(|row| row.iter().all(|f| *f == row[0]));
            assert_eq!(rows_are_whole, whole);
        }
    }
}

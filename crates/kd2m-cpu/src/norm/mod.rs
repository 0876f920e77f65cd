//! Batch normalisation in training (Ioffe & Szegedy 2015), fused with the residual addition and the activation after it.
//!
//! Forward: one pass for the sums, one to write y. Backward: one pass for the two sums, one to write dx; the activation's mask comes
//! from the output's sign. Evaluation folds the layer into the convolution before it. Loops: [`passes`].

mod passes;

use kd2m_nn::step::Reduce;

use crate::{
    epilogue::Activation,
    isa::Isa,
    threads::{Shared, for_each, part},
};
use passes::{Affine, BackwardSums, BackwardWrite, Sums};

/// Values of a part of the rows: parts are fixed by the shape, so sums do not depend on the number of threads.
const PART: usize = 16384;
/// f32 sums are handed to f64 after so many rows.
const MOST_ROWS: usize = 256;

/// What the forward pass leaves for the backward pass, and room for its sums; one value a channel each.
#[derive(Default)]
pub struct NormState {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    sums: Vec<f32>,
    /// Over how many rows mean and variance were taken, those that others have included.
    count: f64,
}

/// γ and β, eps.
#[derive(Clone, Copy)]
pub struct NormParameters<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub eps: f32,
}

/// Mean and unbiased variance of a batch, for the running statistics.
pub struct BatchStatistics {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

/// Gradients to γ and β.
#[derive(Default)]
pub struct NormGradients {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

/// Where the gradient to the input goes.
pub enum Target<'a> {
    /// Nobody asks for it.
    Nowhere,
    /// Into dy itself.
    InPlace,
    Write(&'a mut [f32]),
    Add(&'a mut [f32]),
}

/// How many parts the rows are cut into.
pub fn parts_of(rows: usize, channels: usize) -> usize {
    let each = (PART / channels).clamp(1, MOST_ROWS);
    rows.div_ceil(each)
}

/// Sums of the parts, added in their order: (Σ first, Σ second) of each channel.
pub fn total(sums: &[f32], parts: usize, channels: usize) -> Vec<(f64, f64)> {
    let mut total = vec![(0.0, 0.0); channels];
    for part in sums.chunks_exact(2 * channels).take(parts) {
        let (first, second) = part.split_at(channels);
        for ((sum, a), b) in total.iter_mut().zip(first).zip(second) {
            sum.0 += f64::from(*a);
            sum.1 += f64::from(*b);
        }
    }
    total
}

/// The number of rows that all have together, with mean and (biased) variance of each channel over them, from one's own.
fn of_all(count: f64, own: &[(f64, f64)], others: &dyn Reduce) -> (f64, Vec<(f64, f64)>) {
    let mut sums: Vec<f64> = own.iter().map(|(mean, _)| count * mean).chain([count]).collect();
    others.sum(&mut sums);
    let all = sums.pop().unwrap_or(count);
    let means: Vec<f64> = sums.iter().map(|sum| sum / all).collect();
    // Deviations from the common mean, which no large mean cancels.
    let spread = |((own, variance), mean): (&(f64, f64), &f64)| count * (variance + (own - mean).powi(2));
    let mut spreads: Vec<f64> = own.iter().zip(&means).map(spread).collect();
    others.sum(&mut spreads);
    (all, means.into_iter().zip(spreads).map(|(mean, spread)| (mean, spread / all)).collect())
}

impl NormState {
    /// `y = act(γ (z − mean) / √(var + eps) + β + residual)` over rows × channels; returns the statistics of the batch, of which others may
    /// have rows too.
    #[expect(clippy::too_many_arguments, reason = "one fused pass over all that the layer touches")]
    pub fn forward(
        &mut self,
        isa: Isa,
        p: NormParameters,
        z: &[f32],
        y: &mut [f32],
        residual: Option<&[f32]>,
        activation: Activation,
        others: Option<&dyn Reduce>,
    ) -> BatchStatistics {
        let channels = p.gamma.len();
        let rows = z.len() / channels;
        let parts = parts_of(rows, channels);
        self.sums.resize(parts * 2 * channels, 0.0);
        let sums = Shared::new(&mut self.sums);
        for_each(parts, |i| {
            let range = part(rows, i, parts);
            let values = &z[range.start * channels..range.end * channels];
            // SAFETY: each part has its own sums.
            let sums = unsafe { sums.slice(i * 2 * channels..(i + 1) * 2 * channels) };
            // Differences from the first row: squares of values far from zero would lose the variance.
            isa.run(Sums { values, origin: &z[..channels], sums });
        });
        let mut statistics =
            BatchStatistics { mean: Vec::with_capacity(channels), variance: Vec::with_capacity(channels) };
        for list in [&mut self.mean, &mut self.inverse_deviation, &mut self.scale, &mut self.shift] {
            list.clear();
        }
        let count = rows as f64;
        let own = total(&self.sums, parts, channels).into_iter().enumerate().map(|(c, (sum, squares))| {
            let difference = sum / count;
            (difference + f64::from(z[c]), (squares / count - difference * difference).max(0.0))
        });
        let own: Vec<(f64, f64)> = own.collect();
        let (count, all) = match others {
            Some(others) => of_all(count, &own, others),
            None => (count, own),
        };
        self.count = count;
        for (c, (mean, variance)) in all.into_iter().enumerate() {
            let inverse = 1.0 / (variance + f64::from(p.eps)).sqrt();
            let scale = f64::from(p.gamma[c]) * inverse;
            self.mean.push(mean as f32);
            self.inverse_deviation.push(inverse as f32);
            self.scale.push(scale as f32);
            self.shift.push((f64::from(p.beta[c]) - mean * scale) as f32);
            statistics.mean.push(mean as f32);
            statistics.variance.push((variance * count / (count - 1.0)) as f32);
        }
        self.write(isa, z, y, residual, activation);
        statistics
    }

    fn write(&self, isa: Isa, z: &[f32], y: &mut [f32], residual: Option<&[f32]>, activation: Activation) {
        affine(isa, (&self.scale, &self.shift), z, y, residual, activation);
    }

    /// From dy the gradients to the input, γ and β. Where there is an activation, dy is masked first: by `y` if it is given (a
    /// residual was added), and then in place too, because the residual's gradient is the masked dy; else by the sign recomputed from z.
    #[expect(clippy::too_many_arguments, reason = "one fused pass over all that the layer touches")]
    pub fn backward(
        &mut self,
        isa: Isa,
        z: &[f32],
        y: Option<&[f32]>,
        dy: &mut [f32],
        activation: Activation,
        target: Target,
        gradients: &mut NormGradients,
        others: Option<&dyn Reduce>,
    ) {
        let channels = self.scale.len();
        let rows = z.len() / channels;
        let parts = parts_of(rows, channels);
        self.sums.resize(parts * 2 * channels, 0.0);
        let sums = Shared::new(&mut self.sums);
        let limits = activation.limits();
        let masked = activation != Activation::None;
        let shared = Shared::new(dy);
        let (mean, scale, shift) = (&self.mean, &self.scale, &self.shift);
        let values = |i: usize| {
            let range = part(rows, i, parts);
            range.start * channels..range.end * channels
        };
        for_each(parts, |i| {
            // SAFETY: each part has its own rows and its own sums.
            let (dy, sums) = unsafe { (shared.slice(values(i)), sums.slice(i * 2 * channels..(i + 1) * 2 * channels)) };
            let (z, y) = (&z[values(i)], y.map(|y| &y[values(i)]));
            isa.run(BackwardSums { z, y, dy, mean, scale, shift, limits, masked, sums });
        });
        // dx = scale·dy + by_z·z + constant
        let (mut by_z, mut constant) = (Vec::with_capacity(channels), Vec::with_capacity(channels));
        let own = total(&self.sums, parts, channels);
        for ((sum, product), inverse) in own.iter().zip(&self.inverse_deviation) {
            gradients.beta.push(*sum as f32);
            gradients.gamma.push((product * f64::from(*inverse)) as f32);
        }
        // γ and β hear of one's own rows, dx of all that were averaged over.
        let mut all: Vec<f64> = own.into_iter().flat_map(|(sum, product)| [sum, product]).collect();
        if let Some(others) = others {
            others.sum(&mut all);
        }
        for (c, [sum, product]) in all.as_chunks::<2>().0.iter().enumerate() {
            let (inverse, scale) = (f64::from(self.inverse_deviation[c]), f64::from(self.scale[c]));
            let slope = -scale * inverse * inverse * product / self.count;
            by_z.push(slope as f32);
            constant.push((-scale * sum / self.count - slope * f64::from(self.mean[c])) as f32);
        }
        // With y the mask is in dy already.
        let masked = masked && y.is_none();
        let (by_z, constant) = (&by_z, &constant);
        let (out, add) = match target {
            Target::Nowhere => return,
            Target::InPlace => (None, false),
            Target::Write(dx) => (Some(Shared::new(dx)), false),
            Target::Add(dx) => (Some(Shared::new(dx)), true),
        };
        for_each(parts, |i| {
            // SAFETY: each part has its own rows.
            let (dy, out) = unsafe { (shared.slice(values(i)), out.map(|out| out.slice(values(i)))) };
            let z = &z[values(i)];
            isa.run(BackwardWrite { z, dy, out, add, scale, shift, by_z, constant, limits, masked });
        });
    }
}

/// `y = act(scale·x + shift + residual)` over rows × channels.
pub fn affine(
    isa: Isa,
    (scale, shift): (&[f32], &[f32]),
    x: &[f32],
    y: &mut [f32],
    residual: Option<&[f32]>,
    activation: Activation,
) {
    let channels = scale.len();
    let rows = x.len() / channels;
    let parts = parts_of(rows, channels);
    let limits = activation.limits();
    let shared = Shared::new(y);
    for_each(parts, |i| {
        let rows = part(rows, i, parts);
        let range = rows.start * channels..rows.end * channels;
        // SAFETY: each part has its own rows.
        let y = unsafe { shared.slice(range.clone()) };
        isa.run(Affine { x: &x[range.clone()], y, residual: residual.map(|r| &r[range]), scale, shift, limits });
    });
}

/// Adds the sum over rows of each channel to `to`: the gradient to a bias.
pub fn add_column_sums(isa: Isa, rows_by_channels: &[f32], to: &mut [f32]) {
    let channels = to.len();
    let rows = rows_by_channels.len() / channels;
    let parts = parts_of(rows, channels);
    let origin = vec![0.0; channels];
    let mut sums = vec![0.0; parts * 2 * channels];
    let shared = Shared::new(&mut sums);
    for_each(parts, |i| {
        let range = part(rows, i, parts);
        let values = &rows_by_channels[range.start * channels..range.end * channels];
        // SAFETY: each part has its own sums.
        let sums = unsafe { shared.slice(i * 2 * channels..(i + 1) * 2 * channels) };
        isa.run(Sums { values, origin: &origin, sums });
    });
    for (to, (sum, _)) in to.iter_mut().zip(total(&sums, parts, channels)) {
        *to += sum as f32;
    }
}

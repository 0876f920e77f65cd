//! Bytes to a batch of floats: picks the samples of a batch, augments them and writes NCHW values in 0…1.
//! Normalisation is not done here: each network begins with its own.
//! Read next: `augment/`, and `loader.rs`, which calls this ahead of the training loop.

use rayon::prelude::*;

use crate::random::{Draws, Purpose};
use crate::{Augment, DataError, Dataset, Samples};

/// Writes the images `indices` of `samples` to `out` as `[n, c, h, w]` floats in 0…1, augmented; `out` gets that length.
///
/// Each image's draw is a function of (`seed`, `epoch`, its index) alone, not of its place in the batch.
///
/// # Errors
/// An image file that cannot be read any more.
///
/// # Panics
/// If an index is not below `samples.len()`.
pub fn fill(
    dataset: &Dataset,
    samples: &Samples,
    indices: &[u32],
    augment: &Augment,
    seed: u64,
    epoch: usize,
    out: &mut Vec<f32>,
) -> Result<(), DataError> {
    // No clear(): a recycled buffer keeps its length, and every value is written below.
    out.resize(indices.len() * dataset.image_len(), 0.0);
    fill_into(dataset, samples, indices, augment, [seed, epoch as u64], out)
}

/// The same into a slice of that length; `draw` is seed and epoch.
pub(crate) fn fill_into(
    dataset: &Dataset,
    samples: &Samples,
    indices: &[u32],
    augment: &Augment,
    [seed, epoch]: [u64; 2],
    out: &mut [f32],
) -> Result<(), DataError> {
    let (height, width, scale) = (dataset.height, dataset.width, dataset.scale);
    let (size, shape) = (dataset.image_len(), [dataset.channels, height, width]);
    let one = |spare: &mut Vec<f32>, (&index, out): (&u32, &mut [f32])| -> Result<(), DataError> {
        let mut draws = Draws::new(Purpose::Augment, seed, epoch, u64::from(index));
        let image = match augment.cut() {
            Some(crop) => {
                samples.part(index as usize, shape, crop.interpolation, |size| crop.draw(size, &mut draws))?
            }
            None => samples.image(index as usize)?,
        };
        augment.apply(&image, [height, width], scale, &mut draws, out, spare);
        Ok(())
    };
    if samples.are_files() {
        // The first error, in order, whatever the threads do.
        let done: Vec<Result<(), DataError>> =
            indices.par_iter().zip(out.par_chunks_exact_mut(size)).map_init(Vec::new, one).collect();
        return done.into_iter().collect();
    }
    let mut spare = Vec::new();
    indices.iter().zip(out.chunks_exact_mut(size)).try_for_each(|pair| one(&mut spare, pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_in_the_order_of_the_indices_and_in_0_to_1() {
        let digits = crate::load("digits", None).unwrap();
        let mut out = vec![f32::NAN; 3];
        fill(&digits, &digits.test, &[5, 2], &Augment::none(), 0, 0, &mut out).unwrap();
        let expected: Vec<f32> =
            [5, 2].iter().flat_map(|&i| digits.test.image(i).unwrap().to_vec()).map(|p| f32::from(p) / 16.0).collect();
        assert_eq!(out, expected);
        assert!(out.iter().all(|value| (0.0..=1.0).contains(value)));
    }

    #[test]
    fn a_draw_depends_on_seed_epoch_and_index_only() {
        let digits = crate::load("digits", None).unwrap();
        let image = |indices: &[u32], seed, epoch| {
            let mut out = Vec::new();
            fill(&digits, &digits.train, indices, &digits.augment, seed, epoch, &mut out).unwrap();
            let place = indices.iter().position(|&index| index == 7).unwrap();
            out[place * 64..][..64].to_vec()
        };
        assert_eq!(image(&[7], 1, 2), image(&[3, 9, 7, 1], 1, 2));
        assert_ne!(image(&[7], 1, 2), image(&[7], 1, 3));
        assert_ne!(image(&[7], 1, 2), image(&[7], 2, 2));
    }
}

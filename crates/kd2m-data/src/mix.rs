//! Mixtures of the images of a batch, each with the one before it, the first with the last: mixup (Zhang et al. 2018) and CutMix (Yun et al.
//! 2019) as torchvision's v2 has them. What is drawn is a function of (seed, epoch, batch) alone.

use crate::{
    Batch,
    random::{Draws, Purpose},
};

/// How the images of a batch are mixed: α of the Beta(α, α) that shares are drawn from, 0 for not at all. Where both are above 0 every
/// batch is mixed in one of the two ways, each as often.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mix {
    /// A weighted sum of two images.
    pub mixup: f64,
    /// A rectangle of another image.
    pub cutmix: f64,
}

/// What a batch's images have become: their own labels count for `share`, these for the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// The label of each image's other part.
    pub labels: Vec<u32>,
    /// Of the own part, 0 … 1.
    pub share: f64,
}

/// What is drawn for a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Drawn {
    Sum { share: f64 },
    Cut { top: usize, left: usize, bottom: usize, right: usize },
}

impl Mix {
    /// Whether images stay apart.
    pub fn is_none(&self) -> bool {
        self.mixup == 0.0 && self.cutmix == 0.0
    }

    /// Mixes the images `[n, c, h, w]` of batch `number` of an epoch, both counted from 0; `height` and `width` are those of an image.
    pub fn apply(&self, batch: &mut Batch, [height, width]: [usize; 2], at: [u64; 3]) -> Option<Mixed> {
        let drawn = self.draw([height, width], at)?;
        let n = batch.len();
        let size = batch.images.len().checked_div(n).filter(|size| *size > 0)?;
        let mut labels = batch.labels.clone();
        labels.rotate_right(1);
        let last = batch.images[(n - 1) * size..].to_vec();
        // From the end, so that the one before is still what it was.
        for i in (0..n).rev() {
            let (before, image) = batch.images[..(i + 1) * size].split_at_mut(i * size);
            let other = if i == 0 { &last } else { &before[(i - 1) * size..] };
            drawn.mix(image, other, [height, width]);
        }
        Some(Mixed { labels, share: drawn.share([height, width]) })
    }

    /// Of (seed, epoch, batch).
    fn draw(&self, [height, width]: [usize; 2], [seed, epoch, number]: [u64; 3]) -> Option<Drawn> {
        if self.is_none() {
            return None;
        }
        let mut draws = Draws::new(Purpose::Mix, seed, epoch, number);
        let cuts = self.cutmix > 0.0 && (self.mixup == 0.0 || draws.below(2) == 1);
        if !cuts {
            return Some(Drawn::Sum { share: draws.beta(self.mixup) });
        }
        // Half of the rectangle's sides as a part of the image's.
        let half = 0.5 * (1.0 - draws.beta(self.cutmix)).sqrt();
        let mut side = |side: usize| {
            let (centre, half) = (draws.below(side as u64) as usize, (half * side as f64) as usize);
            (centre.saturating_sub(half), (centre + half).min(side))
        };
        let ((left, right), (top, bottom)) = (side(width), side(height));
        Some(Drawn::Cut { top, left, bottom, right })
    }
}

impl Drawn {
    /// Of the own part.
    fn share(self, [height, width]: [usize; 2]) -> f64 {
        match self {
            Self::Sum { share } => share,
            Self::Cut { top, left, bottom, right } => {
                1.0 - ((bottom - top) * (right - left)) as f64 / (height * width) as f64
            }
        }
    }

    /// An image with another, both `[c, h, w]`.
    fn mix(self, image: &mut [f32], other: &[f32], [height, width]: [usize; 2]) {
        match self {
            Self::Sum { share } => {
                let (own, rest) = (share as f32, (1.0 - share) as f32);
                image.iter_mut().zip(other).for_each(|(x, y)| *x = *y * rest + *x * own);
            }
            Self::Cut { top, left, bottom, right } => {
                let planes = image.chunks_exact_mut(height * width).zip(other.chunks_exact(height * width));
                for (plane, other) in planes {
                    let rows = plane.chunks_exact_mut(width).zip(other.chunks_exact(width));
                    let rows = rows.take(bottom).skip(top);
                    rows.for_each(|(row, other)| row[left..right].copy_from_slice(&other[left..right]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three images of one channel and 4×6 pixels, each of one value.
    fn batch() -> Batch {
        let images = [0.25, 0.5, 1.0].iter().flat_map(|x| vec![*x; 24]).collect();
        Batch { images, labels: vec![3, 4, 5], indices: vec![7, 8, 9] }
    }

    /// torchvision's `MixUp`: `roll(1, 0) · (1 − λ) + batch · λ`, labels alike.
    #[test]
    fn a_sum_is_of_each_image_and_the_one_before() {
        let mut mixed = batch();
        let Mixed { labels, share } = Mix { mixup: 1.0, cutmix: 0.0 }.apply(&mut mixed, [4, 6], [1, 2, 3]).unwrap();
        assert_eq!(labels, [5, 3, 4]);
        assert!(share > 0.0 && share < 1.0);
        let expected = [(0.25, 1.0), (0.5, 0.25), (1.0, 0.5)].map(|(own, other)| own * share + other * (1.0 - share));
        for (image, expected) in mixed.images.chunks(24).zip(expected) {
            assert!(image.iter().all(|x| (f64::from(*x) - expected).abs() < 1e-6), "{image:?} {expected}");
        }
        assert_eq!((mixed.labels, mixed.indices), (vec![3, 4, 5], vec![7, 8, 9]));
    }

    /// torchvision's `CutMix`: a box of the rolled batch, its area the labels' share.
    #[test]
    fn a_cut_is_a_rectangle_of_the_image_before_and_its_area_the_share() {
        let mut areas = std::collections::BTreeSet::new();
        for number in 0..200 {
            let mut mixed = batch();
            let found = Mix { mixup: 0.0, cutmix: 1.0 }.apply(&mut mixed, [4, 6], [1, 2, number]).unwrap();
            let others: Vec<usize> = [1.0, 0.25, 0.5]
                .iter()
                .zip(mixed.images.chunks(24))
                .map(|(other, image)| image.iter().filter(|x| *x == other).count())
                .collect();
            assert!(others.iter().all(|count| *count == others[0]), "{others:?}");
            assert!((found.share - (1.0 - others[0] as f64 / 24.0)).abs() < 1e-12);
            // A rectangle: its rows have the same columns.
            let rows: Vec<Vec<bool>> =
                mixed.images[24..48].chunks(6).map(|r| r.iter().map(|x| *x == 0.25).collect()).collect();
            let cut: Vec<&Vec<bool>> = rows.iter().filter(|row| row.contains(&true)).collect();
            assert!(cut.windows(2).all(|pair| pair[0] == pair[1]), "{rows:?}");
            areas.insert(others[0]);
        }
        assert!(areas.len() > 6 && areas.contains(&0), "{areas:?}");
    }

    /// With λ = ¾ half of a side is ¼ of it: torchvision's integer box around a centre.
    #[test]
    fn boxes_are_torchvision_s() {
        let mix = Mix { mixup: 0.0, cutmix: 2.0 };
        for number in 0..300 {
            let mut draws = Draws::new(Purpose::Mix, 4, 5, number);
            let half = 0.5 * (1.0 - draws.beta(2.0)).sqrt();
            let (x, y) = (draws.below(48) as i64, draws.below(32) as i64);
            let (w, h) = ((half * 48.0) as i64, (half * 32.0) as i64);
            let expected = [(y - h).max(0), (x - w).max(0), (y + h).min(32), (x + w).min(48)];
            let Some(Drawn::Cut { top, left, bottom, right }) = mix.draw([32, 48], [4, 5, number]) else { panic!() };
            assert_eq!([top, left, bottom, right].map(|side| side as i64), expected);
        }
    }

    #[test]
    fn draws_are_of_seed_epoch_and_batch_and_both_ways_come_as_often() {
        let both = Mix { mixup: 0.2, cutmix: 1.0 };
        let draw = |at| both.draw([32, 32], at).unwrap();
        assert_eq!(draw([1, 2, 3]), draw([1, 2, 3]));
        assert!([[0, 2, 3], [1, 0, 3], [1, 2, 0]].iter().all(|at| draw(*at) != draw([1, 2, 3])));
        let cuts = (0..2000).filter(|number| matches!(draw([1, 0, *number]), Drawn::Cut { .. })).count();
        assert!((900..1100).contains(&cuts), "{cuts}");
        assert!(Mix::default().apply(&mut batch(), [4, 6], [1, 2, 3]).is_none());
    }
}

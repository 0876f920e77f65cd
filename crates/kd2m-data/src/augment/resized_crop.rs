//! A part of random area and aspect, brought to the size that is seen: the augmentation of ImageNet since Szegedy et al. 2015, drawn as
//! torchvision's `RandomResizedCrop` draws it. Of an image that is a file it is cut from the original, and only it is resized.

use crate::pixels::convert;
use crate::random::Draws;
use crate::{Interpolation, Region, region::resized};

/// Area and aspect (3/4 to 4/3, evenly in its logarithm) are drawn until a part of them lies within the image, then its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizedCrop {
    /// Least share of the image's area, above 0 and at most 1; the greatest is 1.
    pub least: f64,
    /// How it is resized.
    pub interpolation: Interpolation,
}

/// Width over height.
const ASPECTS: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

/// Draws before the centre is taken.
const TRIES: usize = 10;

impl ResizedCrop {
    /// The part of an image of this height and width.
    pub(crate) fn draw(self, size: [usize; 2], draws: &mut Draws) -> Region {
        let [height, width] = size;
        for _ in 0..TRIES {
            let share = draws.uniform([self.least, 1.0]);
            let aspect = draws.uniform(ASPECTS.map(f64::ln)).exp();
            let [h, w] = sides(size, share, aspect);
            if (1..=height).contains(&h) && (1..=width).contains(&w) {
                let mut place = |room: usize| draws.below(room as u64 + 1) as usize;
                return Region { top: place(height - h), left: place(width - w), height: h, width: w };
            }
        }
        centre(size)
    }
}

impl ResizedCrop {
    /// A region of an image of floats in 0…1 at the size of the whole, by bytes, as Pillow resizes them.
    pub(crate) fn apply(self, region: Region, from: &[f32], size: [usize; 2], to: &mut [f32]) {
        let bytes: Vec<u8> = region.cut(from, size).iter().map(|x| (x * 255.0 + 0.5) as u8).collect();
        if let Ok(bytes) = resized(&bytes, [region.height, region.width], size, self.interpolation) {
            convert(&bytes, 1.0 / 255.0, to);
        }
    }
}

/// Height and width of a share of an image's area at an aspect; Python rounds halves to the even side.
fn sides([height, width]: [usize; 2], share: f64, aspect: f64) -> [usize; 2] {
    let area = (height * width) as f64 * share;
    [area / aspect, area * aspect].map(|square| square.sqrt().round_ties_even() as usize)
}

/// The largest part in the middle whose aspect is allowed.
fn centre([height, width]: [usize; 2]) -> Region {
    let aspect = width as f64 / height as f64;
    let rounded = |side: f64| (side.round_ties_even() as usize).max(1);
    let [h, w] = match aspect {
        narrow if narrow < ASPECTS[0] => [rounded(width as f64 / ASPECTS[0]).min(height), width],
        wide if wide > ASPECTS[1] => [height, rounded(height as f64 * ASPECTS[1]).min(width)],
        _ => [height, width],
    };
    Region { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn drawn(least: f64, size: [usize; 2]) -> Vec<Region> {
        let crop = ResizedCrop { least, interpolation: Interpolation::Bilinear };
        (0..20_000).map(|index| crop.draw(size, &mut Draws::new(Purpose::Augment, 1, 0, index))).collect()
    }

    /// Of a square image with shares up to 1 about two in five draws do not fit; what is left of a share s has an aspect below 1/s.
    #[test]
    fn areas_and_aspects_are_spread_as_they_should_be() {
        let size = [1000, 1000];
        let (mut all, mut kept) = ([0.0; 3], 0.0);
        // The expectation by a fine grid over share and logarithm of the aspect.
        let edges = ASPECTS.map(f64::ln);
        for i in 0..400 {
            for j in 0..400 {
                let share = 0.08 + 0.92 * (f64::from(i) + 0.5) / 400.0;
                let aspect = (edges[0] + (edges[1] - edges[0]) * (f64::from(j) + 0.5) / 400.0).exp();
                if share * aspect <= 1.0 && share / aspect <= 1.0 {
                    kept += 1.0;
                    [share, share * share, aspect.ln().powi(2)].iter().zip(&mut all).for_each(|(x, sum)| *sum += x);
                }
            }
        }
        let found = drawn(0.08, size);
        let mean = |of: &dyn Fn(&Region) -> f64| found.iter().map(of).sum::<f64>() / found.len() as f64;
        let share = |r: &Region| (r.height * r.width) as f64 / 1e6;
        let aspect = |r: &Region| (r.width as f64 / r.height as f64).ln();
        // Standard errors: 0.26/√20000 = 0.0018, and less of the others.
        assert!((mean(&share) - all[0] / kept).abs() < 0.008);
        assert!((mean(&|r| share(r).powi(2)) - all[1] / kept).abs() < 0.008);
        assert!((mean(&|r| aspect(r).powi(2)) - all[2] / kept).abs() < 0.001);
        assert!(mean(&aspect).abs() < 0.005);
        // Places are even over the room that is left.
        let place = |r: &Region| r.left as f64 / (1000 - r.width).max(1) as f64;
        assert!((mean(&place) - 0.5).abs() < 0.01);
        let bounds = |r: &Region| r.top + r.height <= 1000 && r.left + r.width <= 1000 && r.height > 0 && r.width > 0;
        assert!(found.iter().all(bounds));
    }

    /// `RandomResizedCrop.make_params` of torchvision 0.29.2 where no draw fits: (height, width) to (top, left, height, width).
    #[test]
    fn the_centre_is_taken_where_nothing_fits() {
        for (size, [top, left, height, width]) in
            [([20, 1000], [0, 486, 20, 27]), ([1000, 20], [486, 0, 27, 20]), ([1, 7], [0, 3, 1, 1])]
        {
            let right = Region { top, left, height, width };
            assert_eq!(centre(size), right);
            assert!(drawn(0.99, size).iter().all(|found| *found == right), "{size:?}");
        }
        assert_eq!(centre([30, 40]), Region::whole([30, 40]));
        assert!(drawn(1.0, [1, 1]).iter().all(|found| *found == Region::whole([1, 1])));
    }

    #[test]
    fn sides_are_rounded_as_python_rounds() {
        assert_eq!(sides([375, 500], 0.5, 1.25), [274, 342]);
        // √6.25 = 2.5 goes to 2, √12.25 = 3.5 to 4.
        assert_eq!((sides([5, 5], 0.25, 1.0), sides([7, 7], 0.25, 1.0)), ([2, 2], [4, 4]));
    }
}

//! Random erasing (Zhong et al. 2020) with torchvision's defaults: area 2 to 33 % of the image, aspect 0.3 to 3.3, ten tries, black.

use super::image::Image;
use crate::random::Draws;

const AREA: [f64; 2] = [0.02, 0.33];
const ASPECT: [f64; 2] = [0.3, 3.3];
const TRIES: usize = 10;

/// A rectangle of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    pub top: usize,
    pub left: usize,
    pub height: usize,
    pub width: usize,
}

/// What an image of this height and width loses: nothing, or a rectangle smaller than it on both sides.
pub(super) fn draw(probability: f32, [height, width]: [usize; 2], draws: &mut Draws) -> Option<Hole> {
    if draws.unit() >= f64::from(probability) {
        return None;
    }
    let area = (height * width) as f64;
    (0..TRIES).find_map(|_| {
        let erased = area * draws.uniform(AREA);
        let aspect = draws.uniform(ASPECT.map(f64::ln)).exp();
        // As Python rounds.
        let [tall, wide] = [erased * aspect, erased / aspect].map(|x| x.sqrt().round_ties_even() as usize);
        (tall < height && wide < width).then(|| {
            let place = |side: usize, part: usize, draws: &mut Draws| draws.below((side - part + 1) as u64) as usize;
            let (top, left) = (place(height, tall, draws), place(width, wide, draws));
            Hole { top, left, height: tall, width: wide }
        })
    })
}

impl Hole {
    pub(super) fn apply(self, image: &mut Image) {
        let Self { top, left, height, width } = self;
        let (plane, row) = (image.plane(), image.width);
        for plane in image.values.chunks_exact_mut(plane) {
            let rows = plane.chunks_exact_mut(row).skip(top).take(height);
            rows.for_each(|row| row[left..left + width].fill(0.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn holes_have_the_areas_and_aspects_asked_for_and_lie_inside() {
        let (height, width) = (64, 48);
        let all: Vec<Option<Hole>> = (0..4000)
            .map(|index| draw(0.25, [height, width], &mut Draws::new(Purpose::Augment, 0, 0, index)))
            .collect();
        let holes: Vec<Hole> = all.into_iter().flatten().collect();
        // 1000 expected, standard deviation 27; a hole is missed in ten tries hardly ever.
        assert!((890..1110).contains(&holes.len()), "{}", holes.len());
        let mut mean = 0.0;
        for Hole { top, left, height: tall, width: wide } in &holes {
            assert!(top + tall <= height && left + wide <= width && *tall < height && *wide < width);
            let share = (tall * wide) as f64 / (height * width) as f64;
            // Sides are rounded by half a pixel at most.
            let slack = 0.5 * (tall + wide + 1) as f64 / (height * width) as f64;
            assert!((0.02 - slack..=0.33 + slack).contains(&share), "{share}");
            let (tall, wide) = (*tall as f64, *wide as f64);
            assert!((tall - 0.5) / (wide + 0.5) <= 3.3 && (tall + 0.5) / (wide - 0.5) >= 0.3, "{tall} × {wide}");
            mean += share / holes.len() as f64;
        }
        // The mean of the shares is 0.175 less what does not fit; its standard error is 0.003.
        assert!((0.15..0.18).contains(&mean), "{mean}");
    }

    #[test]
    fn none_or_all_are_erased_at_the_ends() {
        let at = |p, index| draw(p, [32, 32], &mut Draws::new(Purpose::Augment, 0, 0, index));
        assert!((0..200).all(|index| at(0.0, index).is_none() && at(1.0, index).is_some()));
        // There is no smaller rectangle in a single row.
        assert!((0..50).all(|index| {
            draw(1.0, [1, 9], &mut Draws::new(Purpose::Augment, 0, 0, index)).is_none_or(|h| h.height == 0)
        }));
    }
}

//! Random brightness, contrast, saturation and hue: torchvision's ColorJitter.

use super::{colour, image::Image};
use crate::random::Draws;

/// How far each of the four may go; 0 leaves one out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter {
    /// Factors from max(0, 1 − this) to 1 + this.
    pub brightness: f32,
    /// The same.
    pub contrast: f32,
    /// The same.
    pub saturation: f32,
    /// Turns of the hue from minus this to this, 0 … ½.
    pub hue: f32,
}

/// One of the four with its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    Brightness(f32),
    Contrast(f32),
    Saturation(f32),
    Hue(f32),
}

/// What is drawn for one image, in the order in which it is done.
pub(super) struct Drawn([Option<Change>; 4]);

impl Jitter {
    pub(super) fn draw(self, draws: &mut Draws) -> Drawn {
        let mut factor = |most: f32| (most > 0.0).then(|| draws.between((1.0 - most).max(0.0), 1.0 + most));
        let mut changes = [
            factor(self.brightness).map(Change::Brightness),
            factor(self.contrast).map(Change::Contrast),
            factor(self.saturation).map(Change::Saturation),
            None,
        ];
        if self.hue > 0.0 {
            changes[3] = Some(Change::Hue(draws.between(-self.hue, self.hue)));
        }
        draws.shuffle(&mut changes);
        Drawn(changes)
    }
}

impl Drawn {
    pub(super) fn apply(&self, image: &mut Image) {
        self.0.iter().flatten().for_each(|change| change.apply(image));
    }
}

impl Change {
    pub(super) fn apply(self, image: &mut Image) {
        match self {
            Self::Brightness(factor) => colour::brightness(image, factor),
            Self::Contrast(factor) => colour::contrast(image, factor),
            Self::Saturation(factor) => colour::saturation(image, factor),
            Self::Hue(turn) => colour::hue(image, turn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn factors_fill_their_ranges_and_every_order_comes_up() {
        let jitter = Jitter { brightness: 0.4, contrast: 1.5, saturation: 0.2, hue: 0.1 };
        let (mut orders, mut sums) = (std::collections::BTreeMap::<Vec<u8>, usize>::new(), [0.0; 4]);
        let n = 24_000;
        for index in 0..n {
            let drawn = jitter.draw(&mut Draws::new(Purpose::Augment, 0, 0, index));
            let order = drawn.0.map(|change| match change.unwrap() {
                Change::Brightness(x) => (0, x, 0.6..=1.4),
                Change::Contrast(x) => (1, x, 0.0..=2.5),
                Change::Saturation(x) => (2, x, 0.8..=1.2),
                Change::Hue(x) => (3, x, -0.1..=0.1),
            });
            assert!(order.iter().all(|(_, x, range)| range.contains(x)), "{order:?}");
            order.iter().for_each(|(which, x, _)| sums[usize::from(*which)] += f64::from(*x));
            *orders.entry(order.map(|(which, ..)| which).to_vec()).or_default() += 1;
        }
        // 1000 each, standard deviation 31.
        assert!(orders.len() == 24 && orders.values().all(|count| (850..1150).contains(count)), "{orders:?}");
        // Four standard errors of a uniform draw's mean: width / √12 / √n · 4.
        for ((sum, mean), width) in sums.iter().zip([1.0, 1.25, 1.0, 0.0]).zip([0.8, 2.5, 0.4, 0.2]) {
            assert!((sum / n as f64 - mean).abs() < 4.0 * width / 12f64.sqrt() / (n as f64).sqrt(), "{sums:?}");
        }
    }

    #[test]
    fn what_has_no_range_is_left_out_and_takes_no_draw() {
        let none = Jitter { brightness: 0.0, contrast: 0.0, saturation: 0.3, hue: 0.0 };
        let drawn = none.draw(&mut Draws::new(Purpose::Augment, 0, 0, 0));
        assert_eq!(drawn.0.iter().flatten().count(), 1);
    }
}

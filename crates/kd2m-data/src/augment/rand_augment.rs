//! RandAugment (Cubuk et al. 2020) as torchvision has it: so many of fourteen operations, each drawn alike, all at one of 31 magnitudes,
//! whose tables are AutoAugment's (Cubuk et al. 2019). Signs are drawn.

use super::{colour, image::Image, tone, warp::Warp};
use crate::random::Draws;

/// How many, how strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandAugment {
    /// Operations an image gets.
    pub operations: usize,
    /// 0 … 30.
    pub magnitude: usize,
}

/// The strongest; magnitudes are counted from 0.
pub(super) const STRONGEST: usize = 30;

/// The fourteen, in torchvision's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

const KINDS: [Kind; 14] = [
    Kind::Identity,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Rotate,
    Kind::Brightness,
    Kind::Color,
    Kind::Contrast,
    Kind::Sharpness,
    Kind::Posterize,
    Kind::Solarize,
    Kind::AutoContrast,
    Kind::Equalize,
];

/// One operation as drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub kind: Kind,
    pub magnitude: usize,
    /// Of operations that go both ways.
    pub negative: bool,
}

impl RandAugment {
    pub(super) fn draw<'d>(self, draws: &'d mut Draws) -> impl Iterator<Item = Change> + use<'d> {
        (0..self.operations).map(move |_| Change {
            kind: KINDS[draws.below(KINDS.len() as u64) as usize],
            magnitude: self.magnitude,
            negative: draws.below(2) == 1,
        })
    }
}

impl Change {
    pub(super) fn apply(self, image: &mut Image) {
        // Of the largest; the tables begin at 0.
        let part = |largest: f64| largest * self.magnitude as f64 / STRONGEST as f64;
        let signed = |largest| if self.negative { -part(largest) } else { part(largest) };
        // Largest shift of AutoAugment, on images of 331 pixels.
        let shift = |side: usize| signed(150.0 / 331.0 * side as f64).trunc();
        let factor = || (1.0 + signed(0.9)) as f32;
        match self.kind {
            Kind::Identity => {}
            Kind::ShearX => Warp::shear_x(signed(0.3), image.height).apply(image),
            Kind::ShearY => Warp::shear_y(signed(0.3), image.width).apply(image),
            Kind::TranslateX => Warp::shift(shift(image.width), 0.0).apply(image),
            Kind::TranslateY => Warp::shift(0.0, shift(image.height)).apply(image),
            Kind::Rotate => Warp::turn(signed(30.0)).apply(image),
            Kind::Brightness => colour::brightness(image, factor()),
            Kind::Color => colour::saturation(image, factor()),
            Kind::Contrast => colour::contrast(image, factor()),
            Kind::Sharpness => tone::sharpness(image, factor()),
            Kind::Posterize => tone::posterize(image, (8.0 - part(4.0)).round_ties_even() as u32),
            Kind::Solarize => tone::solarize(image, (1.0 - part(1.0)) as f32),
            Kind::AutoContrast => tone::autocontrast(image),
            Kind::Equalize => tone::equalize(image),
        }
    }
}

#[cfg(test)]
impl Kind {
    /// By torchvision's name.
    pub(super) fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| format!("{kind:?}") == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn all_are_drawn_alike_with_both_signs() {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for index in 0..14_000 {
            let augment = RandAugment { operations: 2, magnitude: 9 };
            let drawn: Vec<Change> = augment.draw(&mut Draws::new(Purpose::Augment, 0, 0, index)).collect();
            assert!(drawn.len() == 2 && drawn.iter().all(|change| change.magnitude == 9));
            drawn.iter().for_each(|c| *counts.entry(format!("{:?} {}", c.kind, c.negative)).or_default() += 1);
        }
        // 1000 each, standard deviation 31.
        assert!(counts.len() == 28 && counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}

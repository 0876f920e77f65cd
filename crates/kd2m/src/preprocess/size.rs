//! At which size a network sees the images of a data set: the keys of a configuration, over what a preset or the weights say.

use kd2m_data::{Frame, Interpolation, Resize};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `squash`, or the shorter side in pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "resize is `squash`, or the length of the shorter side")]
pub enum ResizeKey {
    /// The shorter side gets this length, the aspect stays.
    Shorter(usize),
    /// `squash`: both sides at once.
    Word(String),
}

/// What a configuration says of the size.
#[derive(Debug, Clone, Copy, Default)]
pub struct SizeKeys<'a> {
    /// First.
    pub resize: Option<&'a ResizeKey>,
    /// The side of a square from the centre.
    pub crop: Option<usize>,
    /// The side of what the network sees.
    pub size: Option<usize>,
    /// `bilinear` or `bicubic`.
    pub interpolation: Option<&'a str>,
}

/// The one word for both sides at once.
const SQUASH: &str = "squash";

/// Images whose shorter side is less than this share of what a preset cuts out are no photographs, and are seen as they are.
const PHOTOGRAPH: f64 = 0.5;

impl SizeKeys<'_> {
    /// Whether the configuration has any of them.
    pub fn say_something(&self) -> bool {
        self.resize.is_some() || self.crop.is_some() || self.size.is_some() || self.interpolation.is_some()
    }

    /// Checks words and ranges.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if let Some(ResizeKey::Word(word)) = self.resize
            && word != SQUASH
        {
            return Err(("resize", format!("is \"{word}\": \"{SQUASH}\", or the length of the shorter side")));
        }
        if let Some(word) = self.interpolation
            && interpolation(word).is_none()
        {
            return Err(("interpolation", format!("is \"{word}\": bilinear or bicubic")));
        }
        let shorter = match self.resize {
            Some(ResizeKey::Shorter(side)) => Some(*side),
            _ => None,
        };
        for (key, side) in [("resize", shorter), ("crop", self.crop), ("size", self.size)] {
            if let Some(side) = side.filter(|side| !(1..=4096).contains(side)) {
                return Err((key, format!("is {side}: from 1 to 4096 pixels")));
            }
        }
        match (self.size, self.crop) {
            (Some(size), Some(crop)) if size != crop => Err((
                "crop",
                format!("is {crop} and size is {size}: what is cut out is what the network sees, give one"),
            )),
            _ => Ok(()),
        }
    }

    /// The frame of images of this height and width; nothing where they are seen as they are. `told` is what a preset or the weights say.
    ///
    /// # Errors
    /// Sides that come out too long.
    pub fn frame(&self, told: Option<Frame>, data: [usize; 2]) -> Result<Option<Frame>, String> {
        let frame = if self.say_something() { Some(self.over(told, data)) } else { told };
        let Some(frame) = frame.filter(|frame| !frame.keeps(data)) else { return Ok(None) };
        frame.check(data)?;
        Ok(Some(frame))
    }

    fn over(&self, told: Option<Frame>, data: [usize; 2]) -> Frame {
        let told = told.unwrap_or(Frame { resize: Resize::None, crop: None, interpolation: Interpolation::default() });
        let interpolation = self.interpolation.and_then(interpolation).unwrap_or(told.interpolation);
        let cut = self.size.or(self.crop);
        let crop = cut.map(|side| [side; 2]).or(told.crop);
        match (self.resize, self.size, told.resize) {
            (Some(ResizeKey::Shorter(side)), ..) => {
                let crop =
                    crop.map_or([*side; 2], |crop| if cut.is_none() { crop.map(|c| c.min(*side)) } else { crop });
                Frame { resize: Resize::Shorter(*side), crop: Some(crop), interpolation }
            }
            (Some(ResizeKey::Word(_)), size, _) => {
                let size = size.map(|side| [side; 2]).unwrap_or_else(|| told.size(data));
                Frame { resize: Resize::Squash(size), crop: self.crop.map(|side| [side; 2]), interpolation }
            }
            // Another size of the same kind: as much is cut off as before.
            (None, Some(size), Resize::Shorter(side)) => {
                let before = told.crop.map_or(side, |[h, w]| h.min(w)).max(1);
                Frame { resize: Resize::Shorter(size * side / before), crop, interpolation }
            }
            (None, Some(size), _) => Frame::squash([size; 2], interpolation),
            (None, None, resize) => Frame { resize, crop, interpolation },
        }
    }
}

/// What a preset's frame is for these images: photographs are seen through it, smaller images as they are.
pub fn of_preset(frame: Frame, data: [usize; 2]) -> Option<Frame> {
    let seen = frame.size(data).into_iter().min().unwrap_or(1) as f64;
    let side = data.into_iter().min().unwrap_or(0) as f64;
    (side >= PHOTOGRAPH * seen).then_some(frame)
}

/// By name.
pub(super) fn interpolation(name: &str) -> Option<Interpolation> {
    [Interpolation::Bilinear, Interpolation::Bicubic].into_iter().find(|i| i.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BILINEAR: Interpolation = Interpolation::Bilinear;
    const BICUBIC: Interpolation = Interpolation::Bicubic;

    fn frame(keys: SizeKeys, told: Option<Frame>) -> Option<Frame> {
        assert_eq!(keys.check(), Ok(()));
        keys.frame(told, [300, 400]).unwrap()
    }

    #[test]
    fn keys_stand_over_what_a_preset_says() {
        let imagenet = Some(Frame::shorter(256, 224, BILINEAR));
        let none = SizeKeys::default();
        let shorter = |side| ResizeKey::Shorter(side);
        assert_eq!(frame(none, None), None);
        assert_eq!(frame(none, imagenet), imagenet);
        assert_eq!(frame(SizeKeys { size: Some(64), ..none }, None), Some(Frame::squash([64; 2], BILINEAR)));
        assert_eq!(frame(SizeKeys { size: Some(112), ..none }, imagenet), Some(Frame::shorter(128, 112, BILINEAR)));
        let resized = SizeKeys { resize: Some(&shorter(72)), crop: Some(64), ..none };
        assert_eq!(frame(resized, None), Some(Frame::shorter(72, 64, BILINEAR)));
        assert_eq!(
            frame(SizeKeys { resize: Some(&shorter(232)), ..none }, imagenet),
            Some(Frame::shorter(232, 224, BILINEAR))
        );
        assert_eq!(
            frame(SizeKeys { resize: Some(&shorter(128)), ..none }, imagenet),
            Some(Frame::shorter(128, 128, BILINEAR))
        );
        let bicubic = SizeKeys { interpolation: Some("bicubic"), ..none };
        assert_eq!(frame(bicubic, imagenet), Some(Frame::shorter(256, 224, BICUBIC)));
        let word = ResizeKey::Word("squash".to_owned());
        assert_eq!(frame(SizeKeys { resize: Some(&word), ..none }, imagenet), Some(Frame::squash([224; 2], BILINEAR)));
        let cut = Frame { resize: Resize::None, crop: Some([200; 2]), interpolation: BILINEAR };
        assert_eq!(frame(SizeKeys { crop: Some(200), ..none }, None), Some(cut));
        // Images that are so already.
        assert_eq!(SizeKeys { size: Some(64), ..none }.frame(None, [64, 64]), Ok(None));
    }

    #[test]
    fn presets_are_for_photographs() {
        let imagenet = Frame::shorter(256, 224, BILINEAR);
        assert_eq!(of_preset(imagenet, [32, 32]), None);
        assert_eq!(of_preset(imagenet, [112, 300]), Some(imagenet));
    }

    #[test]
    fn words_and_sides_are_checked() {
        let word = ResizeKey::Word("stretch".to_owned());
        let none = SizeKeys::default();
        for (keys, key) in [
            (SizeKeys { resize: Some(&word), ..none }, "resize"),
            (SizeKeys { resize: Some(&ResizeKey::Shorter(0)), ..none }, "resize"),
            (SizeKeys { crop: Some(5000), ..none }, "crop"),
            (SizeKeys { size: Some(0), ..none }, "size"),
            (SizeKeys { size: Some(64), crop: Some(32), ..none }, "crop"),
            (SizeKeys { interpolation: Some("nearest"), ..none }, "interpolation"),
        ] {
            assert_eq!(keys.check().unwrap_err().0, key);
        }
    }
}

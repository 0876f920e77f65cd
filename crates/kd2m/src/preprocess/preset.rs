//! Preprocessing by name, as published weights were trained under it. Read next: `mod.rs`, which applies one.

use kd2m_data::{
    Frame,
    Interpolation::{self, Bicubic, Bilinear},
    Resize,
};
use kd2m_ot::error::nearest_names;

use super::size;

/// A named preprocessing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// As `teacher.preprocess` takes it.
    pub name: &'static str,
    /// Mean and deviation of each of three channels, of pixels in 0…1; none: the data set's own.
    pub numbers: Option<[[f64; 3]; 2]>,
    /// How photographs come to the size of the network's; none: as the data's.
    pub frame: Option<Frame>,
    /// Whose weights take it.
    pub about: &'static str,
}

const fn preset(
    name: &'static str,
    [mean, std]: [[f64; 3]; 2],
    (resize, crop, interpolation): (usize, usize, Interpolation),
    about: &'static str,
) -> Preset {
    let frame = Frame { resize: Resize::Shorter(resize), crop: Some([crop; 2]), interpolation };
    Preset { name, numbers: Some([mean, std]), frame: Some(frame), about }
}

const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

const CLIP: [[f64; 3]; 2] = [[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]];

/// All presets.
pub const PRESETS: [Preset; 7] = [
    Preset { name: "dataset", numbers: None, frame: None, about: "the data set's own mean and deviation" },
    preset("imagenet", IMAGENET, (256, 224, Bilinear), "torchvision's and most of timm's"),
    preset(
        "imagenet-v2",
        IMAGENET,
        (232, 224, Bilinear),
        "torchvision's IMAGENET1K_V2: the same numbers, shorter side 232",
    ),
    preset("clip", CLIP, (224, 224, Bicubic), "CLIP's"),
    preset("inception", [[0.5; 3]; 2], (342, 299, Bicubic), "Inception's and timm's of Google: -1…1"),
    preset("lite", [[127.0 / 255.0; 3], [128.0 / 255.0; 3]], (256, 224, Bicubic), "EfficientNet-Lite's"),
    Preset {
        name: "none",
        numbers: Some([[0.0; 3], [1.0; 3]]),
        frame: None,
        about: "pixels in 0…1 as they are (ToTensor alone)",
    },
];

impl Preset {
    /// Its frame for images of this height and width: photographs are seen through it, smaller images as they are.
    pub fn frame_of(&self, images: [usize; 2]) -> Option<Frame> {
        self.frame.and_then(|frame| size::of_preset(frame, images))
    }

    /// The preset of a name.
    ///
    /// # Errors
    /// What is wrong with the name, and the nearest ones.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        PRESETS.iter().find(|p| p.name == name).ok_or_else(|| {
            match nearest_names(&name.to_lowercase(), PRESETS.iter().map(|p| p.name)).as_slice() {
                [] => format!("is \"{name}\": expected {}", PRESETS.map(|p| p.name).join(", ")),
                near => format!("is \"{name}\"; did you mean {}?", near.join(" or ")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_mistyped_ones_get_the_nearest() {
        assert!(PRESETS.iter().all(|p| Preset::find(p.name) == Ok(p)));
        assert!(Preset::find("imagnet").unwrap_err().contains("did you mean imagenet"));
        assert!(Preset::find("CLIP").unwrap_err().contains("did you mean clip?"));
        assert!(Preset::find("xyz").unwrap_err().contains("expected dataset, imagenet, imagenet-v2, clip"));
    }
}

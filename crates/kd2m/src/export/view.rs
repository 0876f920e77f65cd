//! How images come to the size that a network sees, in the words of a file.

use kd2m_data::{Interpolation, Resize};

use crate::saved::Description;

/// In the words of ONNX metadata and of timm.
pub(super) struct View {
    /// `squash`, `none`, or the length of the shorter side.
    pub resize: String,
    /// Height and width that are cut out then.
    pub crop: [usize; 2],
    /// `bilinear` or `bicubic`.
    pub interpolation: &'static str,
    /// timm's: how much of the resized image is cut out.
    pub crop_pct: f64,
    /// timm's.
    pub crop_mode: &'static str,
}

impl View {
    /// What a description says; without a frame images are squashed.
    pub fn of(description: &Description) -> Self {
        let [_, height, width] = description.input;
        let interpolation = description.frame.map_or(Interpolation::Bilinear, |frame| frame.interpolation).name();
        let (resize, crop_pct, crop_mode) = match description.frame.map(|frame| frame.resize) {
            Some(Resize::Shorter(side)) => (side.to_string(), height.min(width) as f64 / side.max(1) as f64, "center"),
            Some(Resize::None) => ("none".to_owned(), 1.0, "center"),
            Some(Resize::Squash([h, _])) => ("squash".to_owned(), height as f64 / h.max(1) as f64, "squash"),
            None => ("squash".to_owned(), 1.0, "squash"),
        };
        Self { resize, crop: [height, width], interpolation, crop_pct, crop_mode }
    }
}

#[cfg(test)]
mod tests {
    use kd2m_data::Frame;
    use kd2m_nn::zoo::Stem;

    use super::*;

    #[test]
    fn frames_are_said_in_the_words_of_files() {
        let said = |frame| {
            let view = View::of(&Description {
                model: "resnet18".to_owned(),
                stem: Stem::default(),
                classes: 10,
                class_names: Vec::new(),
                input: [3, 224, 224],
                mean: vec![0.0],
                std: vec![1.0],
                frame,
            });
            (view.resize, view.crop, view.interpolation, view.crop_pct, view.crop_mode)
        };
        assert_eq!(said(None), ("squash".to_owned(), [224; 2], "bilinear", 1.0, "squash"));
        let photographs = Some(Frame::shorter(256, 224, Interpolation::Bicubic));
        assert_eq!(said(photographs), ("256".to_owned(), [224; 2], "bicubic", 0.875, "center"));
        let squash = Some(Frame::squash([224; 2], Interpolation::Bilinear));
        assert_eq!(said(squash), ("squash".to_owned(), [224; 2], "bilinear", 1.0, "squash"));
    }
}

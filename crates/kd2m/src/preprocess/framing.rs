//! What a description of weights says of the size of images: ours, timm's `pretrained_cfg`, Hugging Face's image processors.

use kd2m_data::{Frame, Interpolation, Resize};
use serde_json::Value;

use super::size;

/// timm's where nothing is said.
const CROP_PCT: f64 = 0.875;

/// The frame that stands in a part of a description, for images of this height and width; sizes of other programs are for photographs, as
/// those of presets.
pub(super) fn told(part: &Value, data: [usize; 2]) -> Option<Frame> {
    if let Some(own) = part.get("frame") {
        return serde_json::from_value(own.clone()).ok();
    }
    timm(part).or_else(|| hugging_face(part)).and_then(|frame| size::of_preset(frame, data))
}

/// `input_size` is what is cut out, `crop_pct` its share of what the image is resized to.
fn timm(part: &Value) -> Option<Frame> {
    let [_, height, width] = part.get("input_size")?.as_array()?.as_slice() else { return None };
    let crop = [side(height)?, side(width)?];
    let share = part.get("crop_pct").and_then(Value::as_f64).filter(|share| *share > 0.0).unwrap_or(CROP_PCT);
    let before = crop.map(|side| (side as f64 / share) as usize);
    let named = part.get("interpolation").and_then(Value::as_str);
    let interpolation = named.and_then(size::interpolation).unwrap_or_default();
    Some(match part.get("crop_mode").and_then(Value::as_str) {
        Some("squash") => Frame { resize: Resize::Squash(before), crop: Some(crop), interpolation },
        _ => Frame { resize: Resize::Shorter(before[0].min(before[1])), crop: Some(crop), interpolation },
    })
}

/// `size` is a shorter edge or both sides; `crop_size` is cut out of it, or `crop_pct` tells what to resize to before (ConvNeXT's, ResNet's).
fn hugging_face(part: &Value) -> Option<Frame> {
    let off = |key: &str| part.get(key).and_then(Value::as_bool) == Some(false);
    let sides = |value: &Value| match (value.get("height"), value.get("width")) {
        (Some(height), Some(width)) => Some([side(height)?, side(width)?]),
        _ => side(value).map(|side| [side; 2]),
    };
    let interpolation = match part.get("resample").and_then(Value::as_u64) {
        Some(3) => Interpolation::Bicubic,
        _ => Interpolation::Bilinear,
    };
    let size = part.get("size").filter(|_| !off("do_resize"))?;
    let crop = part.get("crop_size").filter(|_| !off("do_center_crop")).and_then(sides);
    let Some(edge) = size.get("shortest_edge").and_then(side) else {
        return Some(Frame { resize: Resize::Squash(sides(size)?), crop, interpolation });
    };
    // From 384 on these processors squash.
    const WHOLE: usize = 384;
    match (part.get("crop_pct").and_then(Value::as_f64), crop) {
        (Some(share), _) if share > 0.0 && edge < WHOLE => {
            Some(Frame::shorter((edge as f64 / share) as usize, edge, interpolation))
        }
        (Some(_), _) => Some(Frame::squash([edge; 2], interpolation)),
        (None, crop) => Some(Frame { resize: Resize::Shorter(edge), crop, interpolation }),
    }
}

fn side(value: &Value) -> Option<usize> {
    value.as_u64().map(|side| side as usize).filter(|side| (1..=4096).contains(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Frame> {
        told(&serde_json::from_str(text).unwrap(), [300, 400])
    }

    #[test]
    fn timm_s_and_hugging_face_s_sizes_are_read() {
        let (linear, cubic) = (Interpolation::Bilinear, Interpolation::Bicubic);
        for (text, right) in [
            (
                r#"{"input_size": [3, 224, 224], "crop_pct": 0.95, "interpolation": "bicubic"}"#,
                Frame::shorter(235, 224, cubic),
            ),
            (r#"{"input_size": [3, 224, 224]}"#, Frame::shorter(256, 224, linear)),
            (
                r#"{"input_size": [3, 288, 288], "crop_pct": 1.0, "crop_mode": "center"}"#,
                Frame::shorter(288, 288, linear),
            ),
            (r#"{"size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": 3}"#, Frame::shorter(256, 224, cubic)),
            (r#"{"size": {"shortest_edge": 384}, "crop_pct": 0.875, "resample": 3}"#, Frame::squash([384; 2], cubic)),
            (
                r#"{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 2}"#,
                Frame::shorter(256, 224, linear),
            ),
            (r#"{"size": {"height": 224, "width": 192}, "resample": 2}"#, Frame::squash([224, 192], linear)),
            (
                r#"{"frame": {"resize": {"shorter": 72}, "crop": [64, 64], "interpolation": "bicubic"}}"#,
                Frame::shorter(72, 64, cubic),
            ),
        ] {
            assert_eq!(of(text), Some(right), "{text}");
        }
        let squash = of(r#"{"input_size": [3, 224, 224], "crop_pct": 1.0, "crop_mode": "squash"}"#).unwrap();
        assert_eq!((squash.resize, squash.size([9, 9])), (Resize::Squash([224; 2]), [224; 2]));
        for nothing in
            ["{}", r#"{"size": {"shortest_edge": 224}, "do_resize": false}"#, r#"{"input_size": [3, 0, 224]}"#]
        {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        // Small images are no photographs, but what we wrote ourselves is followed.
        let small = |text: &str| told(&serde_json::from_str(text).unwrap(), [32, 32]);
        assert_eq!(small(r#"{"input_size": [3, 224, 224]}"#), None);
        assert!(small(r#"{"frame": {"resize": {"squash": [64, 64]}}}"#).is_some());
    }
}

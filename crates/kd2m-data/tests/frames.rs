//! Resizing and cutting as torchvision does it over Pillow: `frames.json`, which `scripts/golden/resample.py` wrote.

use kd2m_data::{Frame, Interpolation, Reframe, Resize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The script's picture as planes.
fn picture(height: usize, width: usize) -> Vec<u8> {
    let mut state = 12345_u32;
    let values: Vec<u8> = (0..height * width * 3)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    (0..3).flat_map(|channel| values.iter().skip(channel).step_by(3)).copied().collect()
}

fn pair(value: &Value) -> Option<[usize; 2]> {
    let list = value.as_array()?;
    Some([list[0].as_u64()? as usize, list[1].as_u64()? as usize])
}

#[test]
fn images_are_pillow_s() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("frames.json")).unwrap();
    assert_eq!(cases.len(), 55);
    for case in cases {
        let [height, width] = pair(&case["size"]).unwrap();
        let resize = match (pair(&case["resize"]), case["resize"].as_u64()) {
            (Some(size), _) => Resize::Squash(size),
            (None, Some(side)) => Resize::Shorter(side as usize),
            (None, None) => Resize::None,
        };
        let interpolation =
            if case["interpolation"] == "bicubic" { Interpolation::Bicubic } else { Interpolation::Bilinear };
        let frame = Frame { resize, crop: pair(&case["crop"]), interpolation };
        let reframe = Reframe::new(&frame, [3, height, width]).unwrap();
        let pixels = picture(height, width);
        let found = reframe.bytes(&pixels);
        assert_eq!(Some([reframe.to()[1], reframe.to()[2]]), pair(&case["out"]), "{case}");
        if let Some(near) = case["near"].as_str() {
            // Pillow rounds after the rows here, and then the columns: another byte now and then, by one.
            let right = (0..near.len() / 2).map(|i| u8::from_str_radix(&near[2 * i..2 * i + 2], 16).unwrap());
            let off: Vec<u8> = right.zip(&found).map(|(x, y)| x.abs_diff(*y)).collect();
            assert!(off.len() == found.len() && off.iter().all(|off| *off <= 1), "{case}");
            assert!(off.iter().filter(|off| **off > 0).count() < found.len() / 3, "{case}");
            continue;
        }
        let first: Vec<u64> = found.iter().take(12).map(|byte| u64::from(*byte)).collect();
        assert_eq!(Value::from(first), case["first"], "{case}");
        let sum: String = Sha256::digest(&found).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Value::from(sum), case["sha256"], "{case}");
        // The same as pixels in 0…1, several at once.
        let floats: Vec<f32> = pixels.iter().chain(&pixels).map(|byte| f32::from(*byte) / 255.0).collect();
        let mut out = Vec::new();
        reframe.floats(&floats, &mut out);
        let right: Vec<f32> = found.iter().chain(&found).map(|byte| f32::from(*byte) / 255.0).collect();
        assert_eq!(out, right, "{case}");
    }
}

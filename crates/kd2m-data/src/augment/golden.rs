//! Each operation against torchvision's v2: `augment.json`, which `scripts/golden/augment.py` wrote.

use serde_json::Value;

use super::{
    colour,
    erase::Hole,
    image::Image,
    rand_augment::{Change, Kind},
};

/// The script's picture as floats.
fn picture([channels, height, width]: [usize; 3]) -> Vec<f32> {
    let mut state = 12345_u32;
    (0..channels * height * width)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let ramp = 40 * (i / (height * width)) + 9 * (i / width % height) + 5 * (i % width);
            ((ramp + (state >> 26) as usize) % 256) as f32 / 255.0
        })
        .collect()
}

fn list<const N: usize>(value: &Value) -> [usize; N] {
    let numbers: Vec<usize> = value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect();
    numbers.try_into().unwrap()
}

#[test]
fn operations_are_torchvision_s() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../tests/augment.json")).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for case in &cases {
        let size @ [_, height, width] = list(&case["size"]);
        let (mut values, mut spare) = (picture(size), Vec::new());
        let mut image = Image { values: &mut values, height, width, spare: &mut spare };
        let name = case["operation"].as_str().unwrap();
        let factor = case["factor"].as_f64().unwrap_or_default() as f32;
        match name {
            "brightness" => colour::brightness(&mut image, factor),
            "contrast" => colour::contrast(&mut image, factor),
            "saturation" => colour::saturation(&mut image, factor),
            "hue" => colour::hue(&mut image, factor),
            "erase" => {
                let [top, left, height, width] = list(&case["hole"]);
                Hole { top, left, height, width }.apply(&mut image);
            }
            name => Change {
                kind: Kind::named(name).unwrap(),
                magnitude: case["magnitude"].as_u64().unwrap() as usize,
                negative: case["negative"].as_bool().unwrap(),
            }
            .apply(&mut image),
        }
        kinds.insert(name.to_owned());
        let every = case["every"].as_u64().unwrap() as usize;
        let right = case["values"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() / 1e6);
        let found: Vec<f64> = values.iter().step_by(every).map(|x| f64::from(*x)).collect();
        let off = right.clone().zip(&found).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(right.len() == found.len() && off < 3e-6, "{off} in {case}");
    }
    // Four of colour, erasing, and the fourteen of RandAugment.
    assert_eq!(kinds.len(), 4 + 1 + 14, "{kinds:?}");
}

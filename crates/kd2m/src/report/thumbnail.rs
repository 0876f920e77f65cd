//! An image of a data set as a small PNG within the page.

use std::io::Cursor;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use kd2m_data::Dataset;

/// Longest side, in pixels: larger images are made smaller, so that a page of many stays small.
const SIDE: u32 = 72;

/// A test image as a `data:` address; `None` of other than one or three channels, or of a file that is no longer there.
pub fn of_test(dataset: &Dataset, index: usize) -> Option<String> {
    if index >= dataset.test.len() {
        return None;
    }
    let (h, w) = (dataset.height, dataset.width);
    let byte = |value: u8| (f32::from(value) * dataset.scale * 255.0).round().clamp(0.0, 255.0) as u8;
    let planes: Vec<u8> = dataset.test.image(index).ok()?.iter().map(|value| byte(*value)).collect();
    let (width, height) = (u32::try_from(w).ok()?, u32::try_from(h).ok()?);
    let image = match dataset.channels {
        1 => DynamicImage::ImageLuma8(GrayImage::from_raw(width, height, planes)?),
        3 => {
            let pixels = (0..h * w).flat_map(|at| [planes[at], planes[h * w + at], planes[2 * h * w + at]]);
            DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, pixels.collect())?)
        }
        _ => return None,
    };
    let image = if width.max(height) > SIDE { image.thumbnail(SIDE, SIDE) } else { image };
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png).ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(file.into_inner())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_the_picture_that_it_was() {
        let digits = kd2m_data::load("digits", None).unwrap();
        let address = of_test(&digits, 3).unwrap();
        let file = STANDARD.decode(address.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let image = image::load_from_memory(&file).unwrap().to_luma8();
        let expected: Vec<u8> =
            digits.test.image(3).unwrap().iter().map(|v| (f32::from(*v) / 16.0 * 255.0).round() as u8).collect();
        assert_eq!((image.dimensions(), image.into_raw()), ((8, 8), expected));
        assert!(of_test(&digits, 1_000_000).is_none());
    }
}

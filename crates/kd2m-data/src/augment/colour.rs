//! Brightness, contrast, saturation and hue as torchvision's `adjust_*` for images of floats. Saturation and hue leave grey images as they are.

use super::image::Image;

/// Weights of red, green and blue in torchvision's grey.
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];

/// All values times `factor`.
pub(super) fn brightness(image: &mut Image, factor: f32) {
    image.values.iter_mut().for_each(|x| *x = (*x * factor).clamp(0.0, 1.0));
}

/// `factor` of the image, the rest of its mean grey.
pub(super) fn contrast(image: &mut Image, factor: f32) {
    let plane = image.plane() as f64;
    let sum = match image.colours() {
        Some([red, green, blue]) => {
            red.iter().zip(green).zip(blue).map(|((r, g), b)| f64::from(grey([*r, *g, *b]))).sum::<f64>()
        }
        None => image.values.iter().map(|x| f64::from(*x)).sum(),
    };
    let mean = (sum / plane) as f32;
    image.values.iter_mut().for_each(|x| *x = blend(*x, mean, factor));
}

/// `factor` of the image, the rest of its grey.
pub(super) fn saturation(image: &mut Image, factor: f32) {
    each_colour(image, |rgb| {
        let grey = grey(rgb);
        rgb.map(|x| blend(x, grey, factor))
    });
}

/// Turns the hue by `turn` of a whole turn, −½ … ½.
pub(super) fn hue(image: &mut Image, turn: f32) {
    each_colour(image, |rgb| {
        let [hue, saturation, value] = to_hsv(rgb);
        to_rgb([(hue + turn).rem_euclid(1.0), saturation, value])
    });
}

fn each_colour(image: &mut Image, change: impl Fn([f32; 3]) -> [f32; 3]) {
    let Some([red, green, blue]) = image.colours() else { return };
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        [*red, *green, *blue] = change([*red, *green, *blue]);
    }
}

fn grey([red, green, blue]: [f32; 3]) -> f32 {
    red * GREY[0] + green * GREY[1] + blue * GREY[2]
}

fn blend(x: f32, other: f32, factor: f32) -> f32 {
    (x * factor + other * (1.0 - factor)).clamp(0.0, 1.0)
}

/// Hue in turns, saturation, value.
fn to_hsv([red, green, blue]: [f32; 3]) -> [f32; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let range = most - least;
    if range == 0.0 {
        return [0.0, 0.0, most];
    }
    let [r, g, b] = [red, green, blue].map(|x| (most - x) / range);
    let sixths = match () {
        () if most == red => b - g,
        () if most == green => 2.0 + r - b,
        () => 4.0 + g - r,
    };
    [(sixths / 6.0 + 1.0) % 1.0, range / most, most]
}

fn to_rgb([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    let sixths = hue * 6.0;
    let (sector, part) = (sixths.floor(), sixths - sixths.floor());
    let at = |share: f32| (share * value).clamp(0.0, 1.0);
    let (low, falling) = (at(1.0 - saturation), at(1.0 - saturation * part));
    let rising = at(1.0 - saturation + saturation * part);
    // A hue that was rounded up to a whole turn is none.
    match sector as u32 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}

//! Changes of tone and sharpness as torchvision's for images of floats.

use super::image::Image;

/// So many bits of a value are kept.
pub(super) fn posterize(image: &mut Image, bits: u32) {
    let levels = (1_u32 << bits) as f32;
    image.values.iter_mut().for_each(|x| *x = (*x * levels).floor().clamp(0.0, levels - 1.0) / levels);
}

/// Values from the threshold on are inverted.
pub(super) fn solarize(image: &mut Image, threshold: f32) {
    image.values.iter_mut().filter(|x| **x >= threshold).for_each(|x| *x = 1.0 - *x);
}

/// The values of each plane spread over 0…1.
pub(super) fn autocontrast(image: &mut Image) {
    let plane = image.plane();
    for plane in image.values.chunks_exact_mut(plane) {
        let (least, most) = plane.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        if most > least {
            plane.iter_mut().for_each(|x| *x = ((*x - least) / (most - least)).clamp(0.0, 1.0));
        }
    }
}

/// The values of each plane, in 256 steps, made equally frequent: Pillow's `ImageOps.equalize`.
pub(super) fn equalize(image: &mut Image) {
    let plane = image.plane();
    for plane in image.values.chunks_exact_mut(plane) {
        let mut counts = [0_usize; 256];
        // torchvision's way from floats to bytes: 256 bins of one width.
        let byte = |x: f32| (x * (256.0 - 1e-3)) as u8;
        plane.iter().for_each(|x| counts[usize::from(byte(*x))] += 1);
        let last = counts.iter().rev().find(|count| **count > 0).copied().unwrap_or(0);
        let step = (plane.len() - last) / 255;
        let mut below = step / 2;
        let table = counts.map(|count| {
            let equal = below.checked_div(step).map(|level| level.min(255));
            below += count;
            equal
        });
        for x in plane {
            let byte = byte(*x);
            *x = table[usize::from(byte)].unwrap_or(usize::from(byte)) as f32 / 255.0;
        }
    }
}

/// `factor` of the image, the rest of its smoothed form; the outermost pixels stay.
pub(super) fn sharpness(image: &mut Image, factor: f32) {
    const AROUND: f32 = 1.0 / 13.0;
    const CENTRE: f32 = 5.0 / 13.0;
    let (height, width, plane) = (image.height, image.width, image.plane());
    if height <= 2 || width <= 2 {
        return;
    }
    image.replace(|from, to| {
        for (from, to) in from.chunks_exact(plane).zip(to.chunks_exact_mut(plane)) {
            for y in 1..height - 1 {
                for x in 1..width - 1 {
                    let at = y * width + x;
                    let around = [at - width - 1, at - width, at - width + 1, at - 1, at + 1];
                    let below = [at + width - 1, at + width, at + width + 1];
                    let sum: f32 = around.iter().chain(&below).map(|i| from[*i]).sum();
                    let smooth = AROUND * sum + CENTRE * from[at];
                    to[at] = (from[at] + (1.0 - factor) * (smooth - from[at])).clamp(0.0, 1.0);
                }
            }
        }
    });
}

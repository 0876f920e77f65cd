//! From the bytes of an image to numbers.

/// Bytes to floats, times `scale`.
pub(crate) fn convert(pixels: &[u8], scale: f32, out: &mut [f32]) {
    for (value, &pixel) in out.iter_mut().zip(pixels) {
        *value = f32::from(pixel) * scale;
    }
}

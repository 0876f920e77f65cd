//! From the bytes of an image to numbers.

/// Bytes (or floats) to floats, times `scale`.
pub(crate) fn convert<T: Copy + Into<f32>>(pixels: &[T], scale: f32, out: &mut [f32]) {
    for (value, &pixel) in out.iter_mut().zip(pixels) {
        *value = pixel.into() * scale;
    }
}

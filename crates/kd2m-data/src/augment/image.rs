//! What operations change: an image of floats.

/// Planes `[c, h, w]` of values in 0…1, one or three of them.
pub(super) struct Image<'a> {
    pub values: &'a mut [f32],
    pub height: usize,
    pub width: usize,
    /// Room for a second image, kept from one to the next.
    pub spare: &'a mut Vec<f32>,
}

impl Image<'_> {
    /// Pixels of a plane.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Red, green and blue; none of a grey image.
    pub fn colours(&mut self) -> Option<[&mut [f32]; 3]> {
        let plane = self.plane();
        let mut planes = self.values.chunks_exact_mut(plane);
        match (planes.next(), planes.next(), planes.next()) {
            (Some(red), Some(green), Some(blue)) => Some([red, green, blue]),
            _ => None,
        }
    }

    /// Writes every value anew from what the image was.
    pub fn replace(&mut self, write: impl FnOnce(&[f32], &mut [f32])) {
        self.spare.clear();
        self.spare.extend_from_slice(self.values);
        write(self.spare, self.values);
    }
}

//! Decoded images that stay in memory, up to so many bytes. Which ones stay depends on the threads; what an image is does not.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// A place for each image, empty where it did not fit or was not asked for yet.
#[derive(Debug)]
pub(super) struct Kept {
    places: Vec<OnceLock<Box<[u8]>>>,
    /// Bytes that are still free.
    free: AtomicU64,
}

impl Kept {
    /// Places for so many images, which hold so many bytes together.
    pub fn new(count: usize, bytes: u64) -> Self {
        Self { places: (0..count).map(|_| OnceLock::new()).collect(), free: AtomicU64::new(bytes) }
    }

    /// An image that stayed.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.places[index].get().map(AsRef::as_ref)
    }

    /// Keeps an image if it fits.
    pub fn keep(&self, index: usize, pixels: &[u8]) {
        let bytes = pixels.len() as u64;
        if self.free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(bytes)).is_ok()
            && self.places[index].set(pixels.into()).is_err()
        {
            // Another thread was first.
            self.free.fetch_add(bytes, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_fits_and_nothing_is_counted_twice() {
        let kept = Kept::new(4, 10);
        kept.keep(0, &[1; 4]);
        kept.keep(0, &[2; 4]);
        kept.keep(1, &[3; 7]);
        kept.keep(2, &[4; 6]);
        kept.keep(3, &[5; 1]);
        let held: Vec<Option<u8>> = (0..4).map(|i| kept.get(i).map(|pixels| pixels[0])).collect();
        assert_eq!(held, [Some(1), None, Some(4), None]);
    }
}

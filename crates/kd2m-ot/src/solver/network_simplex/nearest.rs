//! The few least of many numbers, with their places.

use kd2m_simd::ranks::wire::Wire;

/// Kept in order; of equal numbers those of the first places, in whatever order they are offered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearest<const K: usize> {
    found: [(f64, u32); K],
}

impl<const K: usize> Nearest<K> {
    pub(super) fn new() -> Self {
        Self { found: [(f64::INFINITY, u32::MAX); K] }
    }

    /// The largest that is kept: what lies above is passed over.
    pub(super) fn last(&self) -> f64 {
        self.found[K - 1].0
    }

    pub(super) fn offer(&mut self, value: f64, place: u32) {
        let new = (value, place);
        if new < self.found[K - 1] {
            let at = self.found.partition_point(|known| *known < new);
            self.found.copy_within(at..K - 1, at + 1);
            self.found[at] = new;
        }
    }

    pub(super) fn found(&self) -> impl Iterator<Item = (f64, u32)> {
        self.found.into_iter().take_while(|(value, _)| value.is_finite())
    }
}

impl<const K: usize> Wire for Nearest<K> {
    fn put(&self, out: &mut Vec<u8>) {
        self.found.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some(Self { found: Wire::take(from)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_are_kept_in_whatever_order_they_come() {
        let numbers: Vec<(f64, u32)> = (0..40).map(|k| (f64::from(k * 13 % 11), k)).collect();
        let mut sorted = numbers.clone();
        sorted.sort_by(|p, q| p.partial_cmp(q).unwrap());
        for first in 0..40 {
            let mut nearest = Nearest::<6>::new();
            numbers.iter().cycle().skip(first).take(40).for_each(|&(value, place)| nearest.offer(value, place));
            nearest.offer(f64::INFINITY, 3);
            assert_eq!(nearest.found().collect::<Vec<_>>(), sorted[..6]);
            assert_eq!(nearest.last(), sorted[5].0);
        }
    }
}

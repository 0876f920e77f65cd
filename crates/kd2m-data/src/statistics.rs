//! Mean and deviation of each channel of a data set's training images, from exact counts of pixel values: they are the same in whatever
//! order, and on however many threads, images are counted.

/// How often each byte occurs, a channel each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counts(Vec<[u64; 256]>);

impl Counts {
    /// None yet, of so many channels.
    pub fn new(channels: usize) -> Self {
        Self(vec![[0; 256]; channels])
    }

    /// Counts images `[n, c, h, w]` of so many pixels a channel in.
    pub fn add(&mut self, pixels: &[u8], plane: usize) {
        let channels = self.0.len();
        for (index, pixels) in pixels.chunks_exact(plane.max(1)).enumerate() {
            let counts = &mut self.0[index % channels];
            for &pixel in pixels {
                counts[usize::from(pixel)] += 1;
            }
        }
    }

    /// Counts what others counted too.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened()) {
            *own += other;
        }
    }

    /// Those of the first channels alone.
    pub fn first(mut self, channels: usize) -> Self {
        self.0.truncate(channels);
        self
    }

    /// One after another, channel by channel.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.as_flattened().iter().copied()
    }

    /// From [`numbers`](Self::numbers).
    pub fn from_numbers(numbers: &[u64]) -> Self {
        Self(numbers.as_chunks::<256>().0.to_vec())
    }

    /// Mean and standard deviation (1/n) of each channel, of bytes times `scale`; 1 where a channel is constant.
    pub fn moments(&self, scale: f32) -> (Vec<f32>, Vec<f32>) {
        let moment = |counts: &[u64; 256], value: &dyn Fn(f64) -> f64| {
            let total = counts.iter().sum::<u64>().max(1) as f64;
            counts
                .iter()
                .enumerate()
                .map(|(pixel, &count)| count as f64 * value(pixel as f64 * f64::from(scale)))
                .sum::<f64>()
                / total
        };
        self.0
            .iter()
            .map(|counts| {
                let mean = moment(counts, &|x| x);
                let variance = moment(counts, &|x| (x - mean).powi(2));
                (mean as f32, if variance > 0.0 { variance.sqrt() as f32 } else { 1.0 })
            })
            .unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_values() {
        // Two images of two channels with 1×2 pixels: channel 0 holds 0, 10, 20, 30, channel 1 is constant.
        let mut counts = Counts::new(2);
        counts.add(&[0, 10, 7, 7, 20, 30, 7, 7], 2);
        let (mean, std) = counts.moments(0.1);
        // Values 0, 1, 2, 3: mean 1.5, variance (2.25 + 0.25)/2 = 1.25.
        assert!((mean[0] - 1.5).abs() < 1e-6 && (std[0] - 1.25f32.sqrt()).abs() < 1e-6);
        assert!((mean[1] - 0.7).abs() < 1e-6 && std[1] == 1.0);
    }
}

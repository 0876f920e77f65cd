//! How the transformed tiles lie in scratch memory: 36 matrices of rows × channels, each cut into panels so that a product walks through memory in one direction.

/// Distinct products of a tile: the points of the transform, squared.
pub const POINTS: usize = 36;

/// Numbers in a cache line; what channels are padded to, and the offset that keeps 36 matrices from falling into the same cache sets.
pub(super) const LINE: usize = 16;

/// One matrix of `rows × channels` as `[channels / width][rows][width]`, the channels padded with zeros to whole panels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panels {
    pub rows: usize,
    /// A multiple of `LINE`.
    pub width: usize,
    pub count: usize,
}

impl Panels {
    /// Panels of `width` over so many channels.
    pub fn new(rows: usize, channels: usize, width: usize) -> Panels {
        Panels { rows, width, count: channels.div_ceil(width) }
    }

    /// Channels with their padding.
    pub fn padded(&self) -> usize {
        self.count * self.width
    }

    /// From one of the 36 matrices to the next.
    pub fn stride(&self) -> usize {
        self.rows * self.padded() + LINE
    }

    /// The numbers of all 36.
    pub fn len(&self) -> usize {
        POINTS * self.stride()
    }

    /// Where a panel starts in its matrix.
    pub fn panel(&self, index: usize) -> usize {
        index * self.rows * self.width
    }

    /// Where a number lies in its matrix.
    #[inline(always)]
    pub fn at(&self, row: usize, channel: usize) -> usize {
        self.panel(channel / self.width) + row * self.width + channel % self.width
    }
}

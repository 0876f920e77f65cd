//! The frame of a JPEG: its size, its components and how densely each is sampled.

use crate::Region;

/// Bytes that an image may take while it is decoded: as many as other formats' decoders are given.
const MOST_BYTES: usize = 512 << 20;

/// No side is longer in libjpeg.
const LONGEST: usize = 65_500;

/// A component: luminance, a colour difference, an ink.
#[derive(Clone)]
pub(super) struct Component {
    pub id: u8,
    /// Samples across and down beside those of the others.
    pub sampling: [usize; 2],
    /// Of the four quantisation tables.
    pub table: usize,
    /// Samples across and down.
    pub size: [usize; 2],
    /// Blocks across and down that hold them.
    pub blocks: [usize; 2],
    /// The same up to whole minimum coded units.
    pub padded: [usize; 2],
}

/// The samples of a component that a region needs: first column and row, columns and rows, neighbours that colours are enlarged with among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needed {
    pub first: [usize; 2],
    pub end: [usize; 2],
}

/// Size and components of an image.
pub(super) struct Frame {
    pub progressive: bool,
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// The densest sampling across and down.
    pub most: [usize; 2],
    /// Minimum coded units across and down.
    pub units: [usize; 2],
}

impl Frame {
    /// From a frame's segment.
    ///
    /// # Errors
    /// What libjpeg and Pillow refuse; an image that takes too much memory.
    pub fn read(segment: &[u8], progressive: bool) -> Result<Self, &'static str> {
        let [precision, high, low, wide, narrow, count, ref rest @ ..] = *segment else {
            return Err("its frame is cut off");
        };
        if precision != 8 {
            return Err("it has samples of other than 8 bits");
        }
        let (height, width) =
            (usize::from(u16::from_be_bytes([high, low])), usize::from(u16::from_be_bytes([wide, narrow])));
        if height == 0 || width == 0 || count == 0 {
            return Err("it is an image without pixels");
        }
        if height.max(width) > LONGEST {
            return Err("it is longer than any JPEG");
        }
        if rest.len() != 3 * usize::from(count) {
            return Err("its frame has another length than it says");
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err("it has neither one, three nor four components");
        }
        let samplings: Vec<[usize; 2]> =
            rest.as_chunks::<3>().0.iter().map(|part| [part[1] >> 4, part[1] & 0xf].map(usize::from)).collect();
        if samplings.as_flattened().iter().any(|factor| !(1..=4).contains(factor)) {
            return Err("its components are sampled as in no JPEG");
        }
        let most = [0, 1].map(|axis| samplings.iter().map(|sampling| sampling[axis]).max().unwrap_or(1));
        let sides = [width, height];
        let units = [0, 1].map(|axis| sides[axis].div_ceil(8 * most[axis]));
        let component = |([id, _, table], sampling): (&[u8; 3], &[usize; 2])| Component {
            id: *id,
            sampling: *sampling,
            table: usize::from(*table),
            size: [0, 1].map(|axis| (sides[axis] * sampling[axis]).div_ceil(most[axis])),
            blocks: [0, 1].map(|axis| (sides[axis] * sampling[axis]).div_ceil(8 * most[axis])),
            padded: [0, 1].map(|axis| units[axis] * sampling[axis]),
        };
        let components: Vec<Component> = rest.as_chunks::<3>().0.iter().zip(&samplings).map(component).collect();
        let blocks: usize = components.iter().map(|c| c.padded[0] * c.padded[1]).sum();
        // Samples and, if they come in several scans, coefficients; then pixels.
        let bytes = 64 * blocks * if progressive { 3 } else { 1 } + 3 * width * height;
        if bytes > MOST_BYTES {
            return Err("it is too large to be held in memory");
        }
        Ok(Self { progressive, width, height, components, most, units })
    }

    /// The region, or all where none is asked for.
    ///
    /// # Errors
    /// A region that is no part of the image.
    pub fn region(&self, region: Option<Region>) -> Result<Region, &'static str> {
        let size = [self.height, self.width];
        let region = region.unwrap_or(Region::whole(size));
        if region.is_within(size) { Ok(region) } else { Err("it has another size than its header said") }
    }

    /// What a region needs of a component.
    pub fn needed(&self, component: &Component, region: &Region) -> Needed {
        let along = |axis: usize, first: usize, count: usize| {
            // Samples of a component for one, rounded down where it is no whole number: more are taken then.
            let factor = (self.most[axis] / component.sampling[axis]).max(1);
            let end = ((first + count).div_ceil(factor) + 1).min(component.size[axis]);
            ((first / factor).saturating_sub(1).min(end), end)
        };
        let (columns, rows) = (along(0, region.left, region.width), along(1, region.top, region.height));
        Needed { first: [columns.0, rows.0], end: [columns.1, rows.1] }
    }

    /// Rows of units down to the end of a region and what it needs below.
    pub fn units_to(&self, region: &Region) -> usize {
        let below = |component: &Component| {
            let rows = self.needed(component, region).end[1];
            rows.div_ceil(8 * component.sampling[1])
        };
        self.components.iter().map(below).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_as_in_the_standard() {
        // 17×9, luminance twice as dense in both directions.
        let frame = Frame::read(&[8, 0, 9, 0, 17, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1], false).unwrap();
        assert_eq!((frame.units, frame.most), ([2, 1], [2, 2]));
        let [y, cb, _] = &frame.components[..] else { panic!() };
        assert_eq!((y.size, y.blocks, y.padded), ([17, 9], [3, 2], [4, 2]));
        assert_eq!((cb.size, cb.blocks, cb.padded), ([9, 5], [2, 1], [2, 1]));
    }

    #[test]
    fn frames_that_are_none_are_refused() {
        for bad in [
            &[8, 0, 9, 0, 17][..],
            &[12, 0, 9, 0, 17, 1, 1, 0x11, 0],
            &[8, 0, 0, 0, 17, 1, 1, 0x11, 0],
            &[8, 0, 9, 0, 17, 2, 1, 0x11, 0, 2, 0x11, 0],
            &[8, 0, 9, 0, 17, 1, 1, 0x51, 0],
            &[8, 0, 9, 0, 17, 1, 1, 0x10, 0],
            &[8, 0, 9, 0, 17, 1, 1, 0x11, 0, 0],
            // 60,000 × 60,000.
            &[8, 0xea, 0x60, 0xea, 0x60, 1, 1, 0x11, 0],
        ] {
            assert!(Frame::read(bad, false).is_err(), "{bad:?}");
        }
    }
}

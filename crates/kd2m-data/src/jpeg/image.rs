//! An image in the making: scan by scan to coefficients and samples of its components, then row by row to colours. What is run often is written
//! as kernels, which are compiled for the instructions of the processor.

use kd2m_simd::isa::{Isa, Kernel, Simd};

use super::{
    bits::Bits,
    colour::{Colours, to_rgb},
    frame::{Component, Frame},
    idct::{EMPTY, Group, LANES, samples},
    scan::{Carried, Scan, Tables, Visitor, blocks},
    upsample::{Enlarged, Plane},
};
use crate::Region;

/// A decoded image, or a region of one.
pub(crate) struct Jpeg {
    pub height: usize,
    pub width: usize,
    /// Whether it has one component.
    pub grey: bool,
    /// `[3, h, w]`.
    pub planes: Vec<u8>,
}

type Quantisation = Option<[u16; 64]>;

pub(super) struct Image {
    pub frame: Frame,
    region: Region,
    /// Rows of units that are read for it.
    units: usize,
    /// One a component.
    planes: Vec<Plane>,
    /// Of each component the table that held at its first scan.
    pub tables: Vec<Quantisation>,
    /// Of each component of a progressive image, block by block.
    coefficients: Vec<Vec<[i16; 64]>>,
}

impl Image {
    /// Of a region, or of all.
    ///
    /// # Errors
    /// A region that is no part of the image.
    pub fn new(frame: Frame, region: Option<Region>) -> Result<Self, &'static str> {
        let region = frame.region(region)?;
        let units = frame.units_to(&region);
        let coefficients = |c: &Component| {
            let count = if frame.progressive { c.padded[0] * (units * c.sampling[1]).min(c.padded[1]) } else { 0 };
            vec![[0; 64]; count]
        };
        Ok(Self {
            planes: frame.components.iter().map(|c| Plane::new(frame.needed(c, &region))).collect(),
            tables: vec![None; frame.components.len()],
            coefficients: frame.components.iter().map(coefficients).collect(),
            region,
            units,
            frame,
        })
    }

    /// Takes a scan in: at once to samples, or coefficients of which others follow.
    pub fn scan(&mut self, scan: &Scan, tables: &[Tables], interval: usize, bits: &mut Bits) {
        let Self { frame, planes, tables: quantisation, coefficients, units, .. } = self;
        if frame.progressive {
            let mut visitor = Progressive { scan, frame, tables, coefficients };
            return blocks(scan, frame, interval, *units, bits, &mut visitor);
        }
        let strip = |part: &super::scan::Part| {
            let (plane, component) = (&planes[part.component], &frame.components[part.component]);
            vec![EMPTY; plane.stride / (8 * LANES) * component.sampling[1]]
        };
        let strips = scan.parts.iter().map(strip).collect();
        let visitor = Sequential { scan, tables, planes, quantisation, strips };
        Isa::detect().run(Walk { scan, frame, interval, units: *units, bits, visitor });
    }

    /// The pixels.
    ///
    /// # Errors
    /// A sampling that is not read.
    pub fn finish(mut self, jfif: bool, adobe: Option<u8>) -> Result<Jpeg, &'static str> {
        if self.frame.progressive {
            Isa::detect().run(Transform(&mut self));
        }
        let Self { frame, planes, region, .. } = self;
        let names: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        let colours = Colours::of(&names, jfif, adobe);
        let enlarge = |(plane, component)| Enlarged::new(plane, component, &frame, &region);
        let components = planes.iter().zip(&frame.components).map(enlarge).collect::<Result<Vec<_>, _>>()?;
        let planes = Isa::detect().run(Colour { components, colours, region });
        let Region { height, width, .. } = region;
        Ok(Jpeg { height, width, grey: colours == Colours::Grey, planes })
    }
}

/// The blocks of a sequential scan.
struct Walk<'a, 'b> {
    scan: &'a Scan,
    frame: &'a Frame,
    interval: usize,
    units: usize,
    bits: &'a mut Bits<'b>,
    visitor: Sequential<'a>,
}

impl Kernel for Walk<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(mut self, _: S) {
        blocks(self.scan, self.frame, self.interval, self.units, self.bits, &mut self.visitor);
    }
}

/// Gathers the blocks of a row of units, and transforms them when all are there.
struct Sequential<'a> {
    scan: &'a Scan,
    tables: &'a [Tables],
    planes: &'a mut [Plane],
    quantisation: &'a [Quantisation],
    /// Of each part of the scan, group by group and row of blocks by row of blocks.
    strips: Vec<Vec<Group>>,
}

impl Visitor for Sequential<'_> {
    #[inline(always)]
    fn block(&mut self, bits: &mut Bits, carried: &mut Carried, part: usize, place: [usize; 2]) {
        let component = self.scan.parts[part].component;
        let (plane, strip) = (&self.planes[component], &mut self.strips[part]);
        let groups = plane.stride / (8 * LANES);
        let Some([_, column]) = plane.block(place) else {
            return carried.sequential(bits, component, &self.tables[part], |_, _| {});
        };
        // Of a scan of one component a row of units is one of blocks.
        let row = if self.scan.parts.len() > 1 { place[0] % (strip.len() / groups) } else { 0 };
        let (group, lane) = (&mut strip[row * groups + column / LANES], column % LANES);
        carried.sequential(bits, component, &self.tables[part], |place, value| group[place][lane] = value);
    }

    #[inline(always)]
    fn end_row(&mut self, part: usize, row: usize, high: usize) {
        let component = self.scan.parts[part].component;
        let (plane, strip) = (&mut self.planes[component], &mut self.strips[part]);
        let Some(table) = &self.quantisation[component] else { return };
        let (groups, left) = (plane.stride / (8 * LANES), plane.first[0]);
        for y in 0..high {
            let Some([row, _]) = plane.block([row * high + y, left]) else { continue };
            for (number, group) in strip[y * groups..(y + 1) * groups].iter_mut().enumerate() {
                let stride = plane.stride;
                samples(group, table, plane.group(row, number), stride);
                *group = EMPTY;
            }
        }
    }
}

/// Keeps the coefficients of all blocks.
struct Progressive<'a> {
    scan: &'a Scan,
    frame: &'a Frame,
    tables: &'a [Tables],
    coefficients: &'a mut [Vec<[i16; 64]>],
}

impl Visitor for Progressive<'_> {
    fn block(&mut self, bits: &mut Bits, carried: &mut Carried, part: usize, [row, column]: [usize; 2]) {
        let Self { scan, frame, tables, coefficients } = self;
        let component = scan.parts[part].component;
        let block = &mut coefficients[component][row * frame.components[component].padded[0] + column];
        match &tables[part].ac {
            None => carried.progressive_dc(bits, scan, component, &tables[part], block),
            Some(table) if scan.refines => carried.more_ac(bits, scan, table, block),
            Some(table) => carried.first_ac(bits, scan, table, block),
        }
    }

    fn end_row(&mut self, _: usize, _: usize, _: usize) {}
}

/// The coefficients of a progressive image to samples.
struct Transform<'a>(&'a mut Image);

impl Kernel for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, _: S) {
        let Image { frame, planes, tables, coefficients, .. } = self.0;
        for (((component, plane), table), blocks) in frame.components.iter().zip(planes).zip(tables).zip(coefficients) {
            let (Some(table), [left, top], stride) = (table, plane.first, plane.stride) else { continue };
            for row in 0..plane.blocks[1] {
                let row_of_blocks = &blocks[(top + row) * component.padded[0] + left..][..plane.blocks[0]];
                for (number, blocks) in row_of_blocks.chunks(LANES).enumerate() {
                    let mut group = EMPTY;
                    for (lane, block) in blocks.iter().enumerate() {
                        for (to, value) in group.iter_mut().zip(block) {
                            to[lane] = *value;
                        }
                    }
                    samples(&group, table, plane.group(row, number), stride);
                }
            }
        }
    }
}

/// The samples of components to planes of red, green and blue, `[3, h, w]`.
struct Colour<'a> {
    components: Vec<Enlarged<'a>>,
    colours: Colours,
    region: Region,
}

impl Kernel for Colour<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn call<S: Simd>(mut self, _: S) -> Vec<u8> {
        let Region { top, height, width, .. } = self.region;
        let mut out = vec![0; 3 * height * width];
        let (red, rest) = out.split_at_mut(height * width);
        let (green, blue) = rest.split_at_mut(height * width);
        let mut rows = vec![vec![0; width]; self.components.len()];
        let outs = red.chunks_exact_mut(width).zip(green.chunks_exact_mut(width)).zip(blue.chunks_exact_mut(width));
        for (y, ((red, green), blue)) in (top..).zip(outs) {
            for (component, row) in self.components.iter_mut().zip(&mut rows) {
                component.row(y, row);
            }
            to_rgb(self.colours, &rows, [red, green, blue]);
        }
        out
    }
}

//! A scan: which components and coefficients it brings, and the blocks that it brings them for, one after another.

use super::{bits::Bits, frame::Frame, huffman::Table};

/// Where coefficients lie in a block, in the order in which they are sent; what a broken run leads beyond the last one falls on it.
const ORDER: [u8; 80] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
];

/// The place in a block of what is sent as number `k`.
pub(super) fn place(k: usize) -> usize {
    usize::from(ORDER[k.min(ORDER.len() - 1)])
}

/// One component in a scan.
pub(super) struct Part {
    pub component: usize,
    /// Of the four tables for DC, and for other coefficients.
    pub dc: usize,
    pub ac: usize,
}

/// What a scan's header says.
pub(super) struct Scan {
    pub parts: Vec<Part>,
    /// The first and the last coefficient, in the order in which they are sent.
    pub band: [usize; 2],
    /// Whether bits of these coefficients came before.
    pub refines: bool,
    /// The lowest bit that it brings.
    pub bit: u32,
}

impl Scan {
    /// From the segment of a scan of this frame.
    ///
    /// # Errors
    /// What libjpeg refuses.
    pub fn read(segment: &[u8], frame: &Frame) -> Result<Self, &'static str> {
        const BAD: &str = "a scan's header is none";
        let [count, ref named @ .., from, to, bits] = *segment else { return Err(BAD) };
        if !(1..=4).contains(&count) || named.len() != 2 * usize::from(count) {
            return Err(BAD);
        }
        let mut parts: Vec<Part> = Vec::new();
        for [id, tables] in named.as_chunks::<2>().0 {
            let is_new = |i: &usize| parts.iter().all(|part| part.component != *i);
            let mut found = frame.components.iter().enumerate().filter(|(_, c)| c.id == *id).map(|(i, _)| i);
            let component = found.find(is_new).ok_or("a scan names a component that the image does not have")?;
            parts.push(Part { component, dc: usize::from(tables >> 4), ac: usize::from(tables & 0xf) });
        }
        let blocks = |part: &Part| frame.components[part.component].sampling.iter().product::<usize>();
        if parts.len() > 1 && parts.iter().map(blocks).sum::<usize>() > 10 {
            return Err("a scan has larger units than any JPEG");
        }
        match frame.progressive {
            true => Ok(Self {
                parts,
                band: [from, to].map(usize::from),
                refines: bits >> 4 > 0,
                bit: u32::from(bits & 0xf),
            }),
            false => Ok(Self { parts, band: [0, 63], refines: false, bit: 0 }),
        }
    }
}

/// What is carried from block to block, up to a restart.
#[derive(Default)]
pub(super) struct Carried {
    /// The last DC coefficient of each component of the frame.
    dc: [i32; 4],
    /// Blocks that bring nothing more.
    run: u32,
}

/// The tables of one component in a scan, those that it reads.
#[derive(Default)]
pub(super) struct Tables {
    pub dc: Option<Table>,
    pub ac: Option<Table>,
}

/// What is done with the blocks of a scan.
pub(super) trait Visitor {
    /// Takes the next block of a part of the scan, at its row and column in its component.
    fn block(&mut self, bits: &mut Bits, carried: &mut Carried, part: usize, place: [usize; 2]);

    /// All blocks of a row of units were there, so many rows of blocks of the part of this number.
    fn end_row(&mut self, part: usize, row: usize, high: usize);
}

/// Every block of a scan in its order, of so many rows of units.
#[inline(always)]
pub(super) fn blocks(
    scan: &Scan,
    frame: &Frame,
    interval: usize,
    units: usize,
    bits: &mut Bits,
    visitor: &mut impl Visitor,
) {
    let components: Vec<_> = scan.parts.iter().map(|part| &frame.components[part.component]).collect();
    // Alone, a component has no more blocks than it needs, one after another.
    let ([across, down], alone) = match components[..] {
        [component] => ([component.blocks[0], component.blocks[1].min(units * component.sampling[1])], true),
        _ => ([frame.units[0], frame.units[1].min(units)], false),
    };
    let (mut carried, mut left) = (Carried::default(), interval);
    for row in 0..down {
        for column in 0..across {
            if interval > 0 && left == 0 {
                bits.restart();
                (carried, left) = (Carried::default(), interval);
            }
            left = left.saturating_sub(1);
            if bits.exhausted {
                continue;
            }
            for (part, component) in components.iter().enumerate() {
                let [wide, high] = if alone { [1, 1] } else { component.sampling };
                for y in 0..high {
                    for x in 0..wide {
                        visitor.block(bits, &mut carried, part, [row * high + y, column * wide + x]);
                    }
                }
            }
        }
        for (part, component) in components.iter().enumerate() {
            visitor.end_row(part, row, if alone { 1 } else { component.sampling[1] });
        }
    }
}

impl Carried {
    /// All coefficients of a block of a sequential scan, each with its place given to `put`.
    #[inline(always)]
    pub fn sequential(&mut self, bits: &mut Bits, component: usize, tables: &Tables, mut put: impl FnMut(usize, i16)) {
        let (Some(dc), Some(ac)) = (&tables.dc, &tables.ac) else { return };
        put(0, self.next_dc(bits, component, dc) as i16);
        let mut k = 1;
        while k < 64 {
            bits.want();
            let seen = bits.seen();
            let quick = ac.quick(seen);
            if quick.whole() > 0 {
                bits.take(quick.whole());
                k += usize::from(quick.symbol >> 4);
                put(place(k), quick.value);
                k += 1;
                continue;
            }
            let (symbol, code) = ac.find(seen);
            bits.take(code);
            let (run, length) = (usize::from(symbol >> 4), u32::from(symbol & 0xf));
            if length > 0 {
                k += run;
                put(place(k), bits.seen_signed(length) as i16);
            } else if run == 15 {
                k += 15;
            } else {
                break;
            }
            k += 1;
        }
    }

    #[inline(always)]
    fn next_dc(&mut self, bits: &mut Bits, component: usize, table: &Table) -> i32 {
        let length = u32::from(bits.symbol(table));
        let last = &mut self.dc[component];
        *last = last.wrapping_add(bits.signed(length));
        *last
    }

    /// The first bits, or one more, of DC in a progressive scan.
    pub fn progressive_dc(
        &mut self,
        bits: &mut Bits,
        scan: &Scan,
        component: usize,
        tables: &Tables,
        block: &mut [i16; 64],
    ) {
        if scan.refines {
            block[0] |= i16::from(bits.bit()) << scan.bit;
        } else if let Some(table) = &tables.dc {
            block[0] = self.next_dc(bits, component, table).wrapping_shl(scan.bit) as i16;
        }
    }

    /// The first bits of other coefficients in a progressive scan.
    pub fn first_ac(&mut self, bits: &mut Bits, scan: &Scan, table: &Table, block: &mut [i16; 64]) {
        if self.run > 0 {
            self.run -= 1;
            return;
        }
        let [mut k, last] = scan.band;
        while k <= last {
            let extra = bits.extra(table);
            if extra.bits > 0 {
                k += extra.run;
                block[place(k)] = (bits.signed(extra.bits) << scan.bit) as i16;
            } else if extra.run == 15 {
                k += 15;
            } else {
                self.run = run(bits, extra.run) - 1;
                return;
            }
            k += 1;
        }
    }

    /// One more bit of coefficients that are there, and new ones (G.1.2.3 of the standard).
    pub fn more_ac(&mut self, bits: &mut Bits, scan: &Scan, table: &Table, block: &mut [i16; 64]) {
        let [mut k, last] = scan.band;
        let unit = 1_i16 << scan.bit;
        // Of one that is there, away from zero.
        let refine = |bits: &mut Bits, x: &mut i16| {
            if bits.bit() && *x & unit == 0 {
                *x = x.wrapping_add(if *x >= 0 { unit } else { -unit });
            }
        };
        if self.run == 0 {
            while k <= last {
                let extra = bits.extra(table);
                let new = match extra.bits {
                    0 if extra.run < 15 => {
                        self.run = run(bits, extra.run);
                        break;
                    }
                    0 => 0,
                    _ if bits.bit() => unit,
                    _ => -unit,
                };
                let mut zeros = extra.run;
                while k <= last {
                    let x = &mut block[place(k)];
                    match (*x, zeros) {
                        (0, 0) => break,
                        (0, _) => zeros -= 1,
                        _ => refine(bits, x),
                    }
                    k += 1;
                }
                if new != 0 {
                    block[place(k)] = new;
                }
                k += 1;
            }
        }
        if self.run > 0 {
            for k in k..=last {
                let x = &mut block[place(k)];
                if *x != 0 {
                    refine(bits, x);
                }
            }
            self.run -= 1;
        }
    }
}

/// A run of blocks, this one included.
fn run(bits: &mut Bits, length: usize) -> u32 {
    (1 << length) + bits.number(length as u32) as u32
}

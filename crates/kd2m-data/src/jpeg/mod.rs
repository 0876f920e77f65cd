//! JPEG images with the pixels that libjpeg-turbo gives them, so Pillow and torchvision, to the byte: baseline and progressive, Huffman codes,
//! 8 bits. Other decoders round the cosine transform, the enlarged colours and the conversion in their own ways, which a network
//! that was trained behind libjpeg-turbo sees. `whole.rs` refuses what is cut off; then come the segments here and the image in the making (`image.rs`): scans (`scan.rs`) to
//! blocks, blocks to samples (`idct.rs`), components to the size of the image (`upsample.rs`), and colours (`colour.rs`).
//!
//! Not done as libjpeg does it: a progressive image of which some coefficients were never sent is not smoothed.

mod bits;
mod colour;
mod frame;
mod huffman;
mod idct;
mod image;
mod scan;
#[cfg(test)]
mod tests;
mod upsample;
mod whole;

use crate::Region;
use bits::Bits;
use frame::Frame;
use huffman::{Codes, Table};
use image::Image;
pub(crate) use image::Jpeg;
use scan::{Scan, Tables, place};
use whole::find_marker;

/// More scans no encoder writes; each may be a walk over all blocks.
const MOST_SCANS: usize = 500;

/// The pixels of a file, or of a region of its image: what lies outside of it is only passed over, and what comes after it not even that.
///
/// # Errors
/// A file that is cut off or broken, or that is of a kind of JPEG that is not read.
pub(crate) fn decode(bytes: &[u8], region: Option<Region>) -> Result<Jpeg, &'static str> {
    whole::check_whole(bytes)?;
    let mut file = File::default();
    // `check_whole` found the markers, and an end behind them.
    let (mut at, mut scans) = (2, 0);
    while let Some(Segment { marker, held: segment, end }) = segment(bytes, at)? {
        at = end;
        match marker {
            0xc0..=0xc2 => file.image = Some(Image::new(Frame::read(segment, marker == 0xc2)?, region)?),
            0xc4 => file.huffman_tables(segment)?,
            0xdb => file.quantisation_tables(segment)?,
            0xdd => file.interval = number(segment)?,
            0xe0 => file.jfif |= segment.len() >= 14 && segment.starts_with(b"JFIF\0"),
            0xee if segment.len() >= 12 && segment.starts_with(b"Adobe") => file.adobe = Some(segment[11]),
            0xda => {
                scans += 1;
                if scans > MOST_SCANS {
                    return Err("it has more scans than any JPEG needs");
                }
                let mut bits = Bits::new(bytes, end);
                file.scan(segment, &mut bits)?;
                at = bits.end();
            }
            _ => {}
        }
    }
    file.image.ok_or("it holds no image")?.finish(file.jfif, file.adobe)
}

/// Height and width as the frame's header says, before anything is decoded.
pub(crate) fn size(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut at = 2;
    while let Ok(Some(Segment { marker, held, end })) = segment(bytes, at) {
        match (marker, held) {
            (0xc0..=0xc2, [_, high, low, wide, narrow, ..]) => {
                let side = |high, low| u64::from(u16::from_be_bytes([high, low]));
                return Some((side(*high, *low), side(*wide, *narrow)));
            }
            (0xda, _) => return None,
            _ => at = end,
        }
    }
    None
}

/// A marker, what its segment holds, and where it ends.
struct Segment<'a> {
    marker: u8,
    held: &'a [u8],
    end: usize,
}

/// The next segment; nothing at the end of the image.
///
/// # Errors
/// A segment that is longer than the file, or shorter than its own length.
fn segment(bytes: &[u8], from: usize) -> Result<Option<Segment<'_>>, &'static str> {
    let rest = bytes.get(from..).unwrap_or_default();
    let Some(found) = find_marker(rest, |code| !matches!(code, 0 | 1 | 0xff | 0xd0..=0xd7)) else { return Ok(None) };
    let (marker, at) = (rest[found + 1], from + found + 2);
    if marker == 0xd9 {
        return Ok(None);
    }
    let held = bytes.get(at..).and_then(|rest| rest.first_chunk()).and_then(|length| {
        let end = at + usize::from(u16::from_be_bytes(*length));
        Some((bytes.get(at + 2..end)?, end))
    });
    held.map(|(held, end)| Some(Segment { marker, held, end })).ok_or("a segment is longer than the file")
}

fn number(segment: &[u8]) -> Result<usize, &'static str> {
    let bytes = segment.try_into().map_err(|_| "its restart interval is none")?;
    Ok(usize::from(u16::from_be_bytes(bytes)))
}

/// What the segments have said so far.
#[derive(Default)]
struct File {
    quantisation: [Option<[u16; 64]>; 4],
    /// Of DC, and of other coefficients.
    codes: [[Option<Codes>; 4]; 2],
    interval: usize,
    jfif: bool,
    adobe: Option<u8>,
    image: Option<Image>,
}

impl File {
    fn quantisation_tables(&mut self, mut segment: &[u8]) -> Result<(), &'static str> {
        const BAD: &str = "a quantisation table is none";
        while let [head, rest @ ..] = segment {
            let wide = head >> 4 != 0;
            let (values, behind) = rest.split_at_checked(if wide { 128 } else { 64 }).ok_or(BAD)?;
            let table = self.quantisation.get_mut(usize::from(head & 0xf)).ok_or(BAD)?;
            let mut sorted = [0; 64];
            for (k, value) in sorted_values(values, wide).enumerate() {
                sorted[place(k)] = value;
            }
            *table = Some(sorted);
            segment = behind;
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<(), &'static str> {
        const BAD: &str = "a Huffman table is none";
        while let [head, rest @ ..] = segment {
            let (counts, behind) = rest.split_first_chunk::<16>().ok_or(BAD)?;
            let symbols: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, behind) = behind.split_at_checked(symbols).filter(|_| symbols <= 256).ok_or(BAD)?;
            let class = self.codes.get_mut(usize::from(head >> 4)).ok_or(BAD)?;
            let codes = class.get_mut(usize::from(head & 0xf)).ok_or(BAD)?;
            *codes = Some(Codes { counts: *counts, symbols: symbols.to_vec() });
            segment = behind;
        }
        Ok(())
    }

    /// One of the Huffman tables, 0: of DC.
    fn table(&self, class: usize, index: usize) -> Result<Option<Table>, &'static str> {
        let codes = self.codes[class].get(index).and_then(Option::as_ref);
        let codes = codes.ok_or("a scan names a Huffman table that is not there")?;
        Table::new(codes, class == 0).map(Some)
    }

    fn scan(&mut self, segment: &[u8], bits: &mut Bits) -> Result<(), &'static str> {
        let Some(mut image) = self.image.take() else { return Err("a scan comes before the frame") };
        let scan = Scan::read(segment, &image.frame)?;
        let of_dc = scan.band[0] == 0;
        let needs_dc = of_dc && !scan.refines;
        let needs_ac = !image.frame.progressive || !of_dc;
        let mut tables = Vec::new();
        for part in &scan.parts {
            tables.push(Tables {
                dc: if needs_dc { self.table(0, part.dc)? } else { None },
                ac: if needs_ac { self.table(1, part.ac)? } else { None },
            });
            let table = self.quantisation.get(image.frame.components[part.component].table).copied().flatten();
            let table = table.ok_or("a scan needs a quantisation table that is not there")?;
            image.tables[part.component].get_or_insert(table);
        }
        image.scan(&scan, &tables, self.interval, bits);
        self.image = Some(image);
        Ok(())
    }
}

/// Numbers of one or two bytes.
fn sorted_values(bytes: &[u8], wide: bool) -> impl Iterator<Item = u16> {
    let step = if wide { 2 } else { 1 };
    bytes.chunks_exact(step).map(|number| number.iter().fold(0, |all, byte| all << 8 | u16::from(*byte)))
}

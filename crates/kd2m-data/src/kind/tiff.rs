//! TIFF files that the `image` crate refuses and Pillow reads, palettes, grey values of two or four bits, and grey values with others beside
//! them (alpha): they are read as plain grey values, which the decoder knows, and made colours here. And CMYK, which it rounds otherwise.

use std::io::Cursor;

use tiff::{
    decoder::{Decoder, Limits},
    tags::Tag,
};

use super::Rgb;

const WHITE_IS_ZERO: u16 = 0;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;
const SEPARATED: u16 = 5;
const PHOTOMETRIC: u16 = 262;

/// How a file's values are meant.
struct Meaning {
    photometric: u16,
    bits: u16,
    /// Values of a pixel.
    samples: u16,
}

/// The image, where it is one of these; none where others read it.
pub(crate) fn decode(bytes: &[u8], most: u64) -> Option<Result<Rgb, String>> {
    let meaning = Meaning::of(bytes)?;
    meaning.is_special().then(|| meaning.decode(bytes, most).map_err(|error| error.to_string()))
}

impl Meaning {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(Cursor::new(bytes)).ok()?;
        let bits = decoder.find_tag_unsigned_vec::<u16>(Tag::BitsPerSample).ok()?;
        let samples = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok()?;
        let photometric = decoder.get_tag_unsigned::<u16>(Tag::PhotometricInterpretation).ok()?;
        let bits = bits.and_then(|bits| bits.first().copied()).unwrap_or(1);
        Some(Self { photometric, bits, samples: samples.unwrap_or(1) })
    }

    fn is_special(&self) -> bool {
        let Self { photometric, bits, samples } = *self;
        match photometric {
            PALETTE => samples == 1 && matches!(bits, 1 | 2 | 4 | 8),
            SEPARATED => samples == 4 && bits == 8,
            WHITE_IS_ZERO | BLACK_IS_ZERO => (samples == 1 && matches!(bits, 2 | 4)) || (samples > 1 && bits == 8),
            _ => false,
        }
    }

    fn decode(&self, bytes: &[u8], most: u64) -> Result<Rgb, Box<dyn std::error::Error>> {
        let grey = match self.photometric {
            SEPARATED => bytes.to_vec(),
            _ => as_grey(bytes).ok_or("its directory is damaged")?,
        };
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::try_from(most)?;
        let mut decoder = Decoder::new(Cursor::new(grey.as_slice()))?.with_limits(limits);
        let (width, height) = decoder.dimensions()?;
        let (bits, samples) = (usize::from(self.bits), usize::from(self.samples));
        let row = (width as usize * bits * samples).div_ceil(8);
        if row as u64 * u64::from(height) > most {
            return Err(format!("{width} × {height} pixels are more than {} MiB", most >> 20).into());
        }
        let mut values = vec![0; row * height as usize];
        decoder.read_image_bytes(&mut values)?;
        if self.photometric == SEPARATED {
            let pixels = values.as_chunks::<4>().0.iter().flat_map(|cmyk| of_cmyk(*cmyk)).collect();
            return Ok(Rgb { width, height, grey: false, pixels });
        }
        let levels = 1_usize << bits;
        let colours: Vec<[u8; 3]> = match self.photometric {
            // The upper bytes of all reds, then greens, then blues.
            PALETTE => {
                let map = decoder.get_tag_u16_vec(Tag::ColorMap)?;
                let map = map.get(..3 * levels).ok_or("its palette is too short")?;
                (0..levels).map(|i| [0, 1, 2].map(|channel| (map[channel * levels + i] >> 8) as u8)).collect()
            }
            photometric => (0..levels)
                .map(|i| (i * 255 / (levels - 1)) as u8)
                .map(|grey| [if photometric == WHITE_IS_ZERO { 255 - grey } else { grey }; 3])
                .collect(),
        };
        let value = |row: &[u8], x: usize| {
            let bit = x * samples * bits;
            usize::from(row[bit / 8] >> (8 - bits - bit % 8)) & (levels - 1)
        };
        let mut pixels = Vec::with_capacity(3 * width as usize * height as usize);
        for row in values.chunks_exact(row.max(1)) {
            (0..width as usize).for_each(|x| pixels.extend_from_slice(&colours[value(row, x)]));
        }
        Ok(Rgb { width, height, grey: self.photometric != PALETTE, pixels })
    }
}

/// Of inks the light that is left, rounded as Pillow rounds (`ImagingUtils.h`, `MULDIV255`).
fn of_cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let paper = 255 - u32::from(black);
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(ink) * paper + 128;
        paper.saturating_sub(((product >> 8) + product) >> 8) as u8
    })
}

/// The file with its values meant as grey, from black.
fn as_grey(bytes: &[u8]) -> Option<Vec<u8>> {
    let little = bytes.starts_with(b"II");
    let number = |at: usize| -> Option<u16> {
        let pair = [*bytes.get(at)?, *bytes.get(at + 1)?];
        Some(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let halves = [number(4)?, number(6)?].map(usize::from);
    let directory = if little { halves[0] | halves[1] << 16 } else { halves[0] << 16 | halves[1] };
    let entries = (0..usize::from(number(directory)?)).map(|i| directory + 2 + 12 * i);
    let entry = entries.into_iter().find(|at| number(*at) == Some(PHOTOMETRIC))?;
    let mut bytes = bytes.to_vec();
    let meant = if little { BLACK_IS_ZERO.to_le_bytes() } else { BLACK_IS_ZERO.to_be_bytes() };
    bytes.get_mut(entry + 8..entry + 10)?.copy_from_slice(&meant);
    Some(bytes)
}

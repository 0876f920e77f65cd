//! Images that a camera stored on their side, with a word (EXIF, tag 274) on how they are to be turned: what Pillow's
//! `ImageOps.exif_transpose` makes of them.

use std::io::Cursor;

use image::{ImageDecoder as _, ImageFormat, ImageReader, metadata::Orientation as Turn};

/// How an image is to be turned; not at all where nothing says it, or where what says it is broken.
pub(crate) fn turn(bytes: &[u8], format: ImageFormat) -> Turn {
    let said = match format {
        ImageFormat::Jpeg => exif(bytes).and_then(Turn::from_exif_chunk),
        _ => ImageReader::with_format(Cursor::new(bytes), format)
            .into_decoder()
            .ok()
            .and_then(|mut d| d.orientation().ok()),
    };
    said.unwrap_or(Turn::NoTransforms)
}

/// The EXIF data of a JPEG: of its first segment that has some, before the image's own.
fn exif(bytes: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"Exif\0\0";
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let (&[0xff, marker, high, low], _) = rest.split_first_chunk::<4>()? else { return None };
        // The scan begins here: what is behind it is pixels.
        if marker == 0xda {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let data = rest.get(4..2 + length)?;
        if let Some(exif) = data.strip_prefix(NAME).filter(|_| marker == 0xe1) {
            return Some(exif);
        }
        rest = rest.get(2 + length..)?;
    }
}

/// Planes `[n, h, w]` turned, and their new height and width.
pub(crate) fn turned(planes: &[u8], [height, width]: [usize; 2], turn: Turn) -> (Vec<u8>, [usize; 2]) {
    let (down, right) = (height.saturating_sub(1), width.saturating_sub(1));
    // Where a pixel of the result lies in the image.
    let source: fn(usize, usize, usize, usize) -> [usize; 2] = match turn {
        Turn::NoTransforms => |y, x, _, _| [y, x],
        Turn::FlipHorizontal => |y, x, _, right| [y, right - x],
        Turn::Rotate180 => |y, x, down, right| [down - y, right - x],
        Turn::FlipVertical => |y, x, down, _| [down - y, x],
        Turn::Rotate90FlipH => |y, x, _, _| [x, y],
        Turn::Rotate90 => |y, x, down, _| [down - x, y],
        Turn::Rotate270FlipH => |y, x, down, right| [down - x, right - y],
        Turn::Rotate270 => |y, x, _, right| [x, right - y],
    };
    let sideways = matches!(turn, Turn::Rotate90 | Turn::Rotate90FlipH | Turn::Rotate270 | Turn::Rotate270FlipH);
    let [to_height, to_width] = if sideways { [width, height] } else { [height, width] };
    let mut out = Vec::with_capacity(planes.len());
    for plane in planes.chunks_exact((height * width).max(1)) {
        for y in 0..to_height {
            out.extend((0..to_width).map(|x| {
                let [y, x] = source(y, x, down, right);
                plane[y * width + x]
            }));
        }
    }
    (out, [to_height, to_width])
}

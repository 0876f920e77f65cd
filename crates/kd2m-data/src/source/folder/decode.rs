//! One image file to pixels. What is broken or cut off is refused in every format; limits bound what a header may claim.

use std::{
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

use image::metadata::Orientation as Turn;
use image::{ColorType, DynamicImage, ImageDecoder as _, ImageFormat, ImageReader};

use crate::{
    DataError, Frame, Interpolation, Orientation, Reframe, Region,
    budget::{Budget, Share},
    jpeg::{self, Jpeg},
    kind::{self, Rgb, upright},
    region,
};

/// No photograph has more bytes; some are held in memory while they are decoded.
const MOST_BYTES: u64 = 256 << 20;

/// No image has more bytes of pixels; with their planes beside them it is the whole of [`DECODING`].
const MOST_PIXELS: u64 = 512 << 20;

/// Memory of all images that are decoded at once.
static DECODING: Budget = Budget::new(2 * MOST_PIXELS);

/// Height and width.
pub(crate) type Size = (u32, u32);

/// A decoded image.
pub(crate) struct Picture {
    pub size: Size,
    pub grey: bool,
    /// `[3, h, w]`.
    pub planes: Vec<u8>,
}

impl Picture {
    fn of(Rgb { width, height, grey, pixels }: Rgb) -> Self {
        Self { size: (height, width), grey, planes: planes(&pixels) }
    }

    /// It in another position.
    fn turned(self, turn: Turn) -> Self {
        if turn == Turn::NoTransforms {
            return self;
        }
        let size = [self.size.0 as usize, self.size.1 as usize];
        let (planes, [height, width]) = upright::turned(&self.planes, size, turn);
        Self { size: (height as u32, width as u32), grey: self.grey, planes }
    }

    /// A part of it.
    fn part(self, choose: Choose) -> Self {
        let size = [self.size.0 as usize, self.size.1 as usize];
        let region = choose(size);
        let planes = region.cut(&self.planes, size);
        Self { size: (region.height as u32, region.width as u32), grey: self.grey, planes }
    }

    /// Of a grey image one plane, as the others are the same.
    pub fn compact(mut self) -> Vec<u8> {
        if self.grey {
            self.planes.truncate(self.planes.len() / 3);
        }
        self.planes
    }
}

/// The pixels of a file, turned by its EXIF orientation where that is asked for, then resized and cut where a frame is.
///
/// # Errors
/// A file that cannot be read, that is no image, or that is broken or cut off.
pub(crate) fn decode(path: &Path, frame: Option<&Frame>, orientation: Orientation) -> Result<Picture, DataError> {
    decode_bytes(&path.display().to_string(), bytes_of(path)?, frame, orientation)
}

/// What a file holds, no more than of any photograph.
fn bytes_of(path: &Path) -> Result<Vec<u8>, DataError> {
    let io = |source| DataError::Io { place: path.display().to_string(), source };
    let file = File::open(path).map_err(io)?;
    // One more than it should have, to see its end without another step.
    let length = file.metadata().map_or(0, |metadata| metadata.len()).min(MOST_BYTES);
    let mut bytes = Vec::with_capacity(length as usize + 1);
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// The same of a file's bytes; `place` is what messages call it.
///
/// # Errors
/// Bytes that are no image, or of one that is broken or cut off.
pub(crate) fn decode_bytes(
    place: &str,
    bytes: Vec<u8>,
    frame: Option<&Frame>,
    orientation: Orientation,
) -> Result<Picture, DataError> {
    // Its share is held until the image has been resized, if it is: no thread waits for another on the way.
    let (Picture { size, grey, planes }, _share) = read(place, bytes, orientation, None)?;
    let Some(frame) = frame else { return Ok(Picture { size, grey, planes }) };
    let reframe = Reframe::new(frame, [3, size.0 as usize, size.1 as usize]);
    let reframe = reframe.map_err(|why| DataError::format(place, format!("cannot be resized: {why}")))?;
    let [_, height, width] = reframe.to();
    Ok(Picture { size: (height as u32, width as u32), grey, planes: reframe.bytes(&planes) })
}

/// The part that is chosen by height and width of the image of a file, resized to these: one plane if it is grey, else three.
///
/// # Errors
/// As [`decode`].
pub(crate) fn decode_part(
    path: &Path,
    to: [usize; 2],
    interpolation: Interpolation,
    orientation: Orientation,
    choose: Choose,
) -> Result<Picture, DataError> {
    let place = path.display().to_string();
    let (picture, _share) = read(&place, bytes_of(path)?, orientation, Some(choose))?;
    let from = [picture.size.0 as usize, picture.size.1 as usize];
    let grey = picture.grey;
    let planes = region::resized(&picture.compact(), from, to, interpolation);
    let planes = planes.map_err(|why| DataError::format(&place, format!("cannot be resized: {why}")))?;
    Ok(Picture { size: (to[0] as u32, to[1] as u32), grey, planes })
}

/// Which part of an image of this height and width is wanted.
pub(crate) type Choose<'a> = &'a mut dyn FnMut([usize; 2]) -> Region;

/// The image of a file's bytes, or a part of it, and its share of what may be held at once.
fn read(
    place: &str,
    bytes: Vec<u8>,
    orientation: Orientation,
    choose: Option<Choose>,
) -> Result<(Picture, Share<'static>), DataError> {
    let broken =
        |why: &str| DataError::Undecodable { place: place.to_owned(), why: why.to_owned(), others: String::new() };
    // By content, not by name: images are often misnamed.
    let Ok(format) = image::guess_format(&bytes) else {
        return Err(broken("its first bytes are none of JPEG, PNG, WebP, GIF, BMP, TIFF and PNM"));
    };
    let turn = match orientation {
        // Of TIFF alone Pillow, so torchvision, turns images by itself.
        Orientation::Ignore if format != ImageFormat::Tiff => Turn::NoTransforms,
        Orientation::Ignore | Orientation::Apply => upright::turn(&bytes, format),
    };
    let picture = match format {
        ImageFormat::Jpeg if turn == Turn::NoTransforms => return jpeg(&bytes, choose).map_err(broken),
        // A part is chosen of the image as it is seen.
        ImageFormat::Jpeg => jpeg(&bytes, None).map_err(str::to_owned),
        ImageFormat::Gif => gif(&bytes),
        ImageFormat::Tiff => tiff(bytes),
        // Of this the decoder takes parts for wholes.
        ImageFormat::WebP => check_riff(&bytes).map_err(str::to_owned).and_then(|()| others(bytes, format)),
        _ => others(bytes, format),
    };
    let (picture, share) = picture.map_err(|why| broken(&why))?;
    let picture = picture.turned(turn);
    let picture = match choose {
        Some(choose) => picture.part(choose),
        None => picture,
    };
    Ok((picture, share))
}

/// Whether a WebP's container has as many bytes as it says.
fn check_riff(bytes: &[u8]) -> Result<(), &'static str> {
    match bytes.get(4..8) {
        Some(&[a, b, c, d]) if bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes([a, b, c, d])) => Ok(()),
        _ => Err("the file ends before the image does, it was cut off"),
    }
}

/// The image, and its share of what may be held at once: pixels, the same as three bytes, and these again in planes.
fn jpeg(bytes: &[u8], choose: Option<Choose>) -> Result<(Picture, Share<'static>), &'static str> {
    let (height, width) = jpeg::size(bytes).unwrap_or((0, 0));
    let share = share_of(8, width, height);
    // Of a part no more is decoded than it needs; what has no size is refused.
    let region = choose.filter(|_| height * width > 0).map(|choose| choose([height as usize, width as usize]));
    let Jpeg { height, width, grey, planes } = jpeg::decode(bytes, region)?;
    // No side has more than 16 bits.
    Ok((Picture { size: (height as u32, width as u32), grey, planes }, share))
}

/// The same of a GIF's first image: indices, three bytes, planes.
fn gif(bytes: &[u8]) -> Result<(Picture, Share<'static>), String> {
    let (height, width) = kind::gif::size(bytes);
    if 3 * height * width > MOST_PIXELS {
        return Err(too_large(width, height));
    }
    let share = share_of(8, width, height);
    Ok((Picture::of(kind::gif::decode(bytes)?), share))
}

/// The same of a TIFF, of some kinds here.
fn tiff(bytes: Vec<u8>) -> Result<(Picture, Share<'static>), String> {
    match kind::tiff::decode(&bytes, MOST_PIXELS / 4) {
        Some(found) => {
            let found = found?;
            let share = share_of(8, u64::from(found.width), u64::from(found.height));
            Ok((Picture::of(found), share))
        }
        None => others(bytes, ImageFormat::Tiff),
    }
}

fn too_large(width: u64, height: u64) -> String {
    format!("{width} × {height} pixels are more than {} MiB", MOST_PIXELS >> 20)
}

/// The same of what other formats hold. The reader's own limits stop a header that claims a huge image.
fn others(bytes: Vec<u8>, format: ImageFormat) -> Result<(Picture, Share<'static>), String> {
    let decoder =
        ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > MOST_PIXELS {
        return Err(too_large(u64::from(width), u64::from(height)));
    }
    let depth = u64::from(decoder.color_type().bytes_per_pixel());
    let share = share_of(depth + 6, u64::from(width), u64::from(height));
    let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    let grey = matches!(image.color(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    let size = (image.height(), image.width());
    Ok((Picture { size, grey, planes: planes(&image.into_rgb8()) }, share))
}

/// Red, green and blue of each pixel, one after another, to a plane each.
fn planes(rgb: &[u8]) -> Vec<u8> {
    let pixels = rgb.as_chunks::<3>().0;
    let mut planes = vec![0; 3 * pixels.len()];
    let (red, rest) = planes.split_at_mut(pixels.len());
    let (green, blue) = rest.split_at_mut(pixels.len());
    for (((pixel, red), green), blue) in pixels.iter().zip(red).zip(green).zip(blue) {
        [*red, *green, *blue] = *pixel;
    }
    planes
}

/// Waits for room for so many bytes of each pixel.
fn share_of(bytes: u64, width: u64, height: u64) -> Share<'static> {
    DECODING.take(bytes.saturating_mul(width).saturating_mul(height))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn an_image_waits_until_there_is_memory_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        image::RgbImage::new(40, 30).save(&path).unwrap();
        let all = DECODING.take(u64::MAX);
        let (done, waiting) = mpsc::channel();
        let thread =
            thread::spawn(move || done.send(decode(&path, None, Orientation::Ignore).map(|picture| picture.size)));
        assert!(waiting.recv_timeout(Duration::from_millis(150)).is_err(), "decoded beyond what may be held");
        drop(all);
        assert_eq!(waiting.recv_timeout(Duration::from_secs(30)).unwrap().unwrap(), (30, 40));
        thread.join().unwrap().unwrap();
    }
}

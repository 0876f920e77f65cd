//! One image file to pixels. What is broken or cut off is refused in every format; limits bound what a header may claim.

use std::io::{BufRead, Cursor, Read, Seek};
use std::path::Path;

use image::{ColorType, ImageFormat, ImageReader};

use crate::{
    DataError, Frame, Reframe,
    jpeg::{self, Jpeg},
};

/// No photograph has more bytes; some are held in memory while they are decoded.
const MOST_BYTES: u64 = 256 << 20;

/// Height and width.
pub(crate) type Size = (u32, u32);

/// A decoded image.
pub(crate) struct Picture {
    pub size: Size,
    pub grey: bool,
    /// `[3, h, w]`.
    pub planes: Vec<u8>,
}

/// The pixels of a file as they are stored (an EXIF orientation is not applied, as torchvision does not), resized and cut where a frame
/// is asked for.
///
/// # Errors
/// A file that cannot be read, that is no image, or that is broken or cut off.
pub(crate) fn decode(path: &Path, frame: Option<&Frame>) -> Result<Picture, DataError> {
    let place = path.display().to_string();
    let io = |source| DataError::Io { place: place.clone(), source };
    let broken = |why: &str| DataError::format(&place, format!("cannot be decoded ({why}): remove it or get it again"));
    // By content, not by name: images are often misnamed. The reader's own limits stop a header that claims a huge image.
    let reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    let format = reader.format();
    let picture = match format {
        // Of these the decoder takes parts for wholes: they are looked through first.
        Some(ImageFormat::Jpeg | ImageFormat::WebP) => {
            let mut bytes = Vec::new();
            reader.into_inner().take(MOST_BYTES).read_to_end(&mut bytes).map_err(io)?;
            if format == Some(ImageFormat::Jpeg) {
                jpeg(&bytes).map_err(str::to_owned)
            } else {
                check_riff(&bytes)
                    .map_err(str::to_owned)
                    .and_then(|()| pixels(ImageReader::with_format(Cursor::new(bytes), ImageFormat::WebP)))
            }
        }
        _ => pixels(reader),
    };
    let Picture { size, grey, planes } = picture.map_err(|why| broken(&why))?;
    let Some(frame) = frame else { return Ok(Picture { size, grey, planes }) };
    let reframe = Reframe::new(frame, [3, size.0 as usize, size.1 as usize]);
    let reframe = reframe.map_err(|why| DataError::format(&place, format!("cannot be resized: {why}")))?;
    let [_, height, width] = reframe.to();
    Ok(Picture { size: (height as u32, width as u32), grey, planes: reframe.bytes(&planes) })
}

/// Whether a WebP's container has as many bytes as it says.
fn check_riff(bytes: &[u8]) -> Result<(), &'static str> {
    match bytes.get(4..8) {
        Some(&[a, b, c, d]) if bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes([a, b, c, d])) => Ok(()),
        _ => Err("the file ends before the image does, it was cut off"),
    }
}

fn jpeg(bytes: &[u8]) -> Result<Picture, &'static str> {
    let Jpeg { height, width, grey, planes } = jpeg::decode(bytes)?;
    // No side has more than 16 bits.
    Ok(Picture { size: (height as u32, width as u32), grey, planes })
}

fn pixels(reader: ImageReader<impl BufRead + Seek>) -> Result<Picture, String> {
    let image = reader.decode().map_err(|error| error.to_string())?;
    let grey = matches!(image.color(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    let size = (image.height(), image.width());
    let rgb = image.into_rgb8().into_raw();
    let planes = (0..3).flat_map(|channel| rgb.iter().skip(channel).step_by(3)).copied().collect();
    Ok(Picture { size, grey, planes })
}

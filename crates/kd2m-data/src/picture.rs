//! Image files as a network sees them.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::{DataError, Frame, Interpolation, Orientation, source::folder::decode::decode};

/// The pixels `[channels, height, width]` of an image file through a frame, or else squashed (bilinear) to this size as `folder:PATH@HxW`
/// does; a network of one channel sees a coloured image in grey, by Pillow's weights (ITU-R 601-2).
///
/// # Errors
/// A file that cannot be read, is no image, or is broken; channels other than 1 and 3, which no image file has.
pub fn read_image(
    path: &Path,
    [channels, height, width]: [usize; 3],
    frame: Option<&Frame>,
    orientation: Orientation,
) -> Result<Vec<u8>, DataError> {
    let refuse = |problem: String| DataError::format(&path.display().to_string(), problem);
    let squash = Frame::squash([height, width], Interpolation::Bilinear);
    let picture = decode(path, Some(frame.unwrap_or(&squash)), orientation)?;
    let (found_height, found_width) = picture.size;
    if [found_height as usize, found_width as usize] != [height, width] {
        return Err(refuse(format!("comes to {found_height}×{found_width}, the network sees {height}×{width}")));
    }
    let plane = height * width;
    match channels {
        1 if picture.grey => Ok(picture.planes[..plane].to_vec()),
        1 => Ok((0..plane).map(|i| luma([0, 1, 2].map(|channel| picture.planes[channel * plane + i]))).collect()),
        3 => Ok(picture.planes),
        other => Err(refuse(format!("images have one or three channels, the network sees {other}"))),
    }
}

/// The same of several files, on all threads.
///
/// # Errors
/// Those of the first file, in order, that has one.
pub fn read_images(
    paths: &[PathBuf],
    shape: [usize; 3],
    frame: Option<&Frame>,
    orientation: Orientation,
) -> Result<Vec<Vec<u8>>, DataError> {
    // All are decoded before the first error is looked at, so that it does not depend on the threads.
    read_each_image(paths, shape, frame, orientation).into_iter().collect()
}

/// The same, of each file what became of it.
pub fn read_each_image(
    paths: &[PathBuf],
    shape: [usize; 3],
    frame: Option<&Frame>,
    orientation: Orientation,
) -> Vec<Result<Vec<u8>, DataError>> {
    paths.par_iter().map(|path| read_image(path, shape, frame, orientation)).collect()
}

/// Weights of 299/1000, 587/1000 and 114/1000 in 16 bits.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_lie_one_after_another_and_colours_turn_grey_as_in_pillow() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        let pixels = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]];
        image::RgbImage::from_raw(2, 2, pixels.concat()).unwrap().save(&file).unwrap();
        let rgb = read_image(&file, [3, 2, 2], None, Orientation::Ignore).unwrap();
        assert_eq!(rgb, [255, 0, 0, 10, 0, 255, 0, 20, 0, 0, 255, 30]);
        // Image.convert("L") of Pillow 13.0.0.
        assert_eq!(read_image(&file, [1, 2, 2], None, Orientation::Ignore).unwrap(), [76, 150, 29, 18]);
        let why = read_image(&file, [4, 2, 2], None, Orientation::Ignore).unwrap_err().to_string();
        assert!(why.ends_with("images have one or three channels, the network sees 4"), "{why}");
        assert_eq!(read_image(&file, [3, 1, 1], None, Orientation::Ignore).unwrap().len(), 3);
        let missing = folder.path().join("b.png");
        assert_eq!(
            read_images(&[file.clone(), file.clone()], [3, 2, 2], None, Orientation::Ignore).unwrap(),
            [rgb.clone(), rgb]
        );
        let why =
            read_images(&[file, missing.clone(), folder.path().join("c.png")], [3, 2, 2], None, Orientation::Ignore)
                .unwrap_err();
        assert!(why.to_string().contains(&missing.display().to_string()), "{why}");
    }
}

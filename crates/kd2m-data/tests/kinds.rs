//! Format × colour × reader: every kind of image file against the pixels that Pillow reads in it, a test a cell. The files and the right values
//! are those of `scripts/make_format_fixtures.py` in `kinds/`, and of `scripts/make_image_fixtures.py` in `images/`, the JPEGs.

use std::{fs, path::Path};

use kd2m_data::{Orientation, Reading, load, load_with, read_image};
use tempfile::tempdir;

/// What Pillow reads in a file, and the nearest of 256 levels where it has 16 bits a value.
struct Right {
    height: usize,
    width: usize,
    /// `[h, w, 3]`.
    pillow: Vec<u8>,
    nearest: Option<Vec<u8>>,
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pair = |i: usize| u8::from_str_radix(&hexadecimal[2 * i..2 * i + 2], 16).unwrap();
    (0..hexadecimal.len() / 2).map(pair).collect()
}

fn right(name: &str) -> Right {
    if let Ok(pillow) = fs::read(folder("images").join(format!("{name}.rgb"))) {
        // Of these only the number of pixels is kept.
        return Right { height: 0, width: 0, pillow, nearest: None };
    }
    let all = fs::read_to_string(folder("kinds").join("expected.csv")).unwrap();
    let line = all.lines().find(|line| line.split(',').next() == Some(name)).unwrap_or_else(|| panic!("{name}"));
    let fields: Vec<&str> = line.split(',').collect();
    Right {
        height: fields[1].parse().unwrap(),
        width: fields[2].parse().unwrap(),
        pillow: bytes(fields[3]),
        nearest: fields.get(4).map(|field| bytes(field)),
    }
}

fn file(name: &str) -> Vec<u8> {
    let found = ["kinds", "images"].map(|place| fs::read(folder(place).join(name)).ok());
    found.into_iter().flatten().next().unwrap_or_else(|| panic!("{name}"))
}

/// Pixels `[h, w, 3]` of planes.
fn pixels(planes: &[u8], channels: usize) -> Vec<u8> {
    let plane = planes.len() / channels;
    (0..3 * plane).map(|i| planes[(i % 3).min(channels - 1) * plane + i / 3]).collect()
}

/// How far two values may be apart, at most and on average. Decoders of lossy WebP round, and enlarge colours, in their own ways; of 5 and 6 bits
/// a value, and of another largest value than 255, the nearest level is taken, where Pillow takes the one below now and then.
fn slack(name: &str) -> (u8, f64) {
    match name {
        "webp-rgb.webp" | "webp-rgba.webp" => (12, 1.0),
        "bmp-555.bmp" | "bmp-565.bmp" | "pnm-p5-100.pgm" => (1, 0.5),
        _ => (0, 0.0),
    }
}

fn check(name: &str, found: &[u8]) {
    let Right { pillow, nearest, .. } = right(name);
    let expected = nearest.as_ref().unwrap_or(&pillow);
    assert_eq!(found.len(), expected.len(), "{name}");
    let apart: Vec<u8> = found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).collect();
    let (most, mean) = slack(name);
    let average = apart.iter().map(|x| f64::from(*x)).sum::<f64>() / apart.len() as f64;
    assert!(
        apart.iter().all(|x| *x <= most) && average <= mean,
        "{name}: {average} on average, {found:?}, {expected:?}"
    );
}

/// In a class of a folder; the name's ending does not matter, as `.gif` is none that torchvision's ImageFolder takes.
fn by_folder(name: &str) {
    let root = tempdir().unwrap();
    for part in ["train", "test"] {
        fs::create_dir_all(root.path().join(part).join("a")).unwrap();
        let ending = if name.ends_with(".gif") { ".png" } else { "" };
        fs::write(root.path().join(part).join("a").join(format!("{name}{ending}")), file(name)).unwrap();
    }
    let found = load(&format!("folder:{}", root.path().display()), None).unwrap_or_else(|e| panic!("{e}"));
    let Right { height, width, .. } = right(name);
    assert!(height == 0 || (found.height, found.width) == (height, width), "{name}");
    check(name, &pixels(&found.train.image(0).unwrap(), found.channels));
}

/// A single file, as `kd2m predict` reads it.
fn by_itself(name: &str) {
    let root = tempdir().unwrap();
    let path = root.path().join(name);
    fs::write(&path, file(name)).unwrap();
    let Right { height, width, pillow, .. } = right(name);
    let size = if height > 0 { [height, width] } else { [pillow.len() / 3 / side(&pillow), side(&pillow)] };
    check(name, &pixels(&read_image(&path, [3, size[0], size[1]], None, Orientation::Ignore).unwrap(), 3));
}

/// The files of `images/` that are taken here are square.
fn side(pillow: &[u8]) -> usize {
    ((pillow.len() / 3) as f64).sqrt() as usize
}

macro_rules! cells {
    ($($reader:ident: $read:ident;)* => $($name:ident: $file:literal,)*) => {
        const FILES: &[&str] = &[$($file),*];
        cells!(@each [$(($reader $read))*] [$(($name $file))*]);
    };
    (@each [] $files:tt) => {};
    (@each [($reader:ident $read:ident) $($rest:tt)*] [$(($name:ident $file:literal))*]) => {
        mod $reader {
            $(#[test]
            fn $name() {
                super::$read($file);
            })*
        }
        cells!(@each [$($rest)*] [$(($name $file))*]);
    };
}

cells! {
    folder_reader: by_folder;
    single_reader: by_itself;
    =>
    jpeg_grey: "grey.jpg",
    jpeg_grey_progressive: "grey-progressive.jpg",
    jpeg_ycbcr: "baseline.jpg",
    jpeg_ycbcr_progressive: "progressive.jpg",
    jpeg_rgb: "jfif-rgb.jpg",
    jpeg_cmyk: "cmyk.jpg",
    png_1: "png-1.png",
    png_l: "png-l.png",
    png_l1: "png-l1.png",
    png_l2: "png-l2.png",
    png_l4: "png-l4.png",
    png_l16: "png-l16.png",
    png_l_interlaced: "png-l-interlaced.png",
    png_l16_interlaced: "png-l16-interlaced.png",
    png_la: "png-la.png",
    png_la16: "png-la16.png",
    png_p: "png-p.png",
    png_p1: "png-p1.png",
    png_p4: "png-p4.png",
    png_p4_interlaced: "png-p4-interlaced.png",
    png_p_transparent: "png-p-transparent.png",
    png_rgb: "png-rgb.png",
    png_rgb_key: "png-rgb-key.png",
    png_rgb_interlaced: "png-rgb-interlaced.png",
    png_rgb16: "png-rgb16.png",
    png_rgba: "png-rgba.png",
    png_rgba_interlaced: "png-rgba-interlaced.png",
    png_rgba16: "png-rgba16.png",
    webp_rgb: "webp-rgb.webp",
    webp_rgba: "webp-rgba.webp",
    webp_rgb_lossless: "webp-rgb-lossless.webp",
    webp_rgba_lossless: "webp-rgba-lossless.webp",
    webp_animated: "webp-animated.webp",
    gif_l: "gif-l.gif",
    gif_p: "gif-p.gif",
    gif_interlaced: "gif-interlaced.gif",
    gif_transparent: "gif-transparent.gif",
    gif_animated: "gif-animated.gif",
    gif_corner: "gif-corner.gif",
    bmp_1: "bmp-1.bmp",
    bmp_l: "bmp-l.bmp",
    bmp_p: "bmp-p.bmp",
    bmp_p4: "bmp-p4.bmp",
    bmp_rle8: "bmp-rle8.bmp",
    bmp_555: "bmp-555.bmp",
    bmp_565: "bmp-565.bmp",
    bmp_rgb: "bmp-rgb.bmp",
    bmp_rgba: "bmp-rgba.bmp",
    tiff_1: "tiff-1.tif",
    tiff_l: "tiff-l.tif",
    tiff_l_white: "tiff-l-white.tif",
    tiff_l4: "tiff-l4.tif",
    tiff_l16: "tiff-l16.tif",
    tiff_la: "tiff-la.tif",
    tiff_p: "tiff-p.tif",
    tiff_p4: "tiff-p4.tif",
    tiff_p_lzw: "tiff-p-lzw.tif",
    tiff_rgb: "tiff-rgb.tif",
    tiff_rgb_lzw: "tiff-rgb-lzw.tif",
    tiff_rgb_deflate: "tiff-rgb-deflate.tif",
    tiff_rgb_packbits: "tiff-rgb-packbits.tif",
    tiff_rgb16: "tiff-rgb16.tif",
    tiff_rgba: "tiff-rgba.tif",
    tiff_cmyk: "tiff-cmyk.tif",
    pnm_p1: "pnm-p1.ppm",
    pnm_p2: "pnm-p2.pgm",
    pnm_p3: "pnm-p3.ppm",
    pnm_p4: "pnm-p4.ppm",
    pnm_p5: "pnm-p5.pgm",
    pnm_p5_100: "pnm-p5-100.pgm",
    pnm_p5_16: "pnm-p5-16.pgm",
    pnm_p6: "pnm-p6.ppm",
    pnm_p6_31: "pnm-p6-31.ppm",
    pnm_p6_16: "pnm-p6-16.ppm",
    jpeg_exif_1: "exif-1.jpg",
    jpeg_exif_2: "exif-2.jpg",
    jpeg_exif_3: "exif-3.jpg",
    jpeg_exif_4: "exif-4.jpg",
    jpeg_exif_5: "exif-5.jpg",
    jpeg_exif_6: "exif-6.jpg",
    jpeg_exif_7: "exif-7.jpg",
    jpeg_exif_8: "exif-8.jpg",
    png_exif_6: "exif-6.png",
    webp_exif_6: "exif-6.webp",
    tiff_exif_6: "exif-6.tif",
}

#[test]
fn every_file_has_its_cell() {
    let names = fs::read_dir(folder("kinds")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let without: Vec<String> =
        names.filter(|name| !name.ends_with(".csv") && !FILES.contains(&name.as_str())).collect();
    assert!(without.is_empty(), "{without:?}");
}

/// The orientation is left alone above (but in TIFF, where Pillow applies it by itself), and is applied as Pillow's `ImageOps.exif_transpose` does where it is asked for.
#[test]
fn images_are_turned_where_that_is_asked_for() {
    let all = fs::read_to_string(folder("kinds").join("upright.csv")).unwrap();
    assert_eq!(all.lines().count(), 11);
    for line in all.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let name = fields[0];
        let root = tempdir().unwrap();
        for part in ["train", "test"] {
            fs::create_dir_all(root.path().join(part).join("a")).unwrap();
            fs::write(root.path().join(part).join("a").join(name), file(name)).unwrap();
        }
        let reading = Reading { orientation: Orientation::Apply, ..Reading::default() };
        let found = load_with(&format!("folder:{}", root.path().display()), None, &reading).unwrap();
        assert_eq!((found.height.to_string(), found.width.to_string()), (fields[1].into(), fields[2].into()), "{name}");
        assert_eq!(pixels(&found.train.image(0).unwrap(), found.channels), bytes(fields[3]), "{name}");
    }
}

/// 16 bits are scaled to the nearest of 256 levels. Pillow takes the upper byte of colours, at most one level from that, and of grey values
/// everything above 255 for white; colours of PPM files it scales alike.
#[test]
fn sixteen_bits_are_scaled_where_pillow_clips() {
    for name in ["png-rgb16.png", "png-rgba16.png"] {
        let Right { pillow, nearest, .. } = right(name);
        let nearest = nearest.unwrap();
        assert!(pillow != nearest && pillow.iter().zip(&nearest).all(|(a, b)| a.abs_diff(*b) <= 1), "{name}");
    }
    for name in ["png-l16.png", "tiff-l16.tif", "pnm-p5-16.pgm"] {
        let Right { pillow, nearest, .. } = right(name);
        let white = pillow.iter().filter(|x| **x == 255).count();
        assert!(white > pillow.len() * 9 / 10 && Some(pillow) != nearest, "{name}");
    }
}

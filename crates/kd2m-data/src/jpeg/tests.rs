//! Regions of all files of `tests/images` against the whole, which `tests/images.rs` holds to Pillow's pixels.

use std::{fs, path::Path};

use super::*;

#[test]
fn a_region_is_what_the_whole_has_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    let mut tried = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&path).unwrap();
        if !bytes.starts_with(b"\xff\xd8\xff") {
            continue;
        }
        let Jpeg { height, width, planes, grey } = decode(&bytes, None).unwrap();
        assert_eq!(size(&bytes), Some((height as u64, width as u64)));
        let mut state = 7_usize;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut regions = vec![Region::whole([height, width])];
        for _ in 0..60 {
            let (top, left) = (draw(height), draw(width));
            regions.push(Region { top, left, height: 1 + draw(height - top), width: 1 + draw(width - left) });
        }
        for region in regions {
            let found = decode(&bytes, Some(region)).unwrap();
            assert_eq!((found.height, found.width, found.grey), (region.height, region.width, grey));
            let rows =
                (0..3).flat_map(|plane| (region.top..region.top + region.height).map(move |y| plane * height + y));
            let right = rows.flat_map(|row| &planes[row * width + region.left..][..region.width]);
            assert!(found.planes.iter().eq(right), "{}: {region:?}", path.display());
            tried += 1;
        }
        for beyond in [
            Region { top: height, left: 0, height: 1, width: 1 },
            Region { top: 0, left: 0, height: 1, width: width + 1 },
            Region { top: 0, left: 0, height: 0, width: 1 },
            Region { top: usize::MAX, left: 0, height: usize::MAX, width: 1 },
        ] {
            assert!(decode(&bytes, Some(beyond)).is_err());
        }
    }
    assert!(tried > 600, "{tried}");
}

/// Bytes changed at random: read or refused, whole and in part alike in size.
#[test]
fn files_with_changed_bytes_end_in_pixels_or_an_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    let (mut read, mut refused, mut state) = (0, 0, 11_usize);
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let whole = fs::read(&path).unwrap();
        if !whole.starts_with(b"\xff\xd8\xff") {
            continue;
        }
        for _ in 0..40 {
            let mut bytes = whole.clone();
            for _ in 0..1 + draw(4) {
                let place = draw(bytes.len());
                bytes[place] = draw(256) as u8;
            }
            let region = size(&bytes).filter(|(height, width)| *height > 2 && *width > 2).map(|(height, width)| {
                let (height, width) = (height as usize, width as usize);
                Region { top: 1, left: 1, height: 1 + draw(height - 1), width: 1 + draw(width - 1) }
            });
            let Ok(found) = decode(&bytes, None) else {
                refused += 1;
                continue;
            };
            assert_eq!(found.planes.len(), 3 * found.height * found.width);
            if let Some(region) = region {
                let part = decode(&bytes, Some(region)).unwrap();
                assert_eq!(part.planes.len(), 3 * region.height * region.width);
            }
            read += 1;
        }
    }
    assert!(read > 100 && refused > 100, "{read} were read, {refused} refused");
}

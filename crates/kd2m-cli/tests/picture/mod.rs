//! Pictures for tests, made without another program.

use std::{fs, path::Path};

/// A PNG of 8 × 8 pixels of one grey.
pub fn png(grey: u8) -> Vec<u8> {
    png_of(&[grey; 64])
}

/// A PNG of 8 × 8 pixels, its data in a stored (uncompressed) block so that no other program is needed.
pub fn png_of(pixels: &[u8; 64]) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let body = [&name[..], data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
    };
    // Each row begins with its filter: none.
    let rows: Vec<u8> = pixels.chunks(8).flat_map(|row| [0].into_iter().chain(row.iter().copied())).collect();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &rows {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = rows.len() as u16;
    let zlib = [
        &[0x78, 0x01, 0x01][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &rows,
        &((b << 16) | a).to_be_bytes(),
    ]
    .concat();
    let header = [&8_u32.to_be_bytes()[..], &8_u32.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..], &chunk(b"IDAT", &zlib), &chunk(b"IEND", &[])].concat()
}

/// CRC-32 of zip and PNG.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

pub fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

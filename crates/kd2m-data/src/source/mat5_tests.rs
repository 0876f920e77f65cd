//! A file as MATLAB writes it, byte by byte, and everything that can be wrong with one.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;

fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn small(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = (kind | (data.len() as u32) << 16).to_le_bytes().to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(8, 0);
    bytes
}

fn matrix(class: u8, name: &str, sizes: &[u32], kind: u32, data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
    let name = if name.len() <= 4 { small(1, name.as_bytes()) } else { element(1, name.as_bytes()) };
    let parts = [element(6, &[class, 0, 0, 0, 0, 0, 0, 0]), element(5, &sizes), name, element(kind, data)];
    element(MATRIX, &parts.concat())
}

fn compressed(matrix: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(matrix).unwrap();
    let data = encoder.finish().unwrap();
    // Unlike all others, a compressed element is not padded.
    [COMPRESSED.to_le_bytes().to_vec(), (data.len() as u32).to_le_bytes().to_vec(), data].concat()
}

fn file(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file, Platform: GLNXA64".to_vec();
    bytes.resize(124, b' ');
    bytes.extend_from_slice(&[0, 1, b'I', b'M']);
    bytes.extend(elements.concat());
    bytes
}

fn good() -> Vec<u8> {
    let other = matrix(6, "something_else", &[1, 1], 9, &1.5f64.to_le_bytes());
    file(&[
        compressed(&matrix(9, "X", &[2, 3], 2, &[1, 2, 3, 4, 5, 6])),
        other,
        matrix(6, "y", &[2, 1], 9, &[1.0f64.to_le_bytes(), 10.0f64.to_le_bytes()].concat()),
    ])
}

#[test]
fn wanted_matrices_are_read_compressed_or_not() {
    let matrices = read("f", &good()[..], &["X", "y"]).unwrap();
    let expected = [
        Matrix { name: "X".into(), sizes: vec![2, 3], values: Values::U8(vec![1, 2, 3, 4, 5, 6]) },
        Matrix { name: "y".into(), sizes: vec![2, 1], values: Values::Other(vec![1.0, 10.0]) },
    ];
    assert_eq!(matrices, expected);
}

#[test]
fn every_numeric_type_is_read() {
    let value = |kind, data: &[u8]| match read("f", &file(&[matrix(6, "y", &[1, 1], kind, data)])[..], &["y"])
        .unwrap()
        .remove(0)
        .values
    {
        Values::U8(values) => f64::from(values[0]),
        Values::Other(values) => values[0],
    };
    assert_eq!(value(1, &(-3i8).to_le_bytes()), -3.0);
    assert_eq!(value(2, &[200]), 200.0);
    assert_eq!(value(3, &(-300i16).to_le_bytes()), -300.0);
    assert_eq!(value(4, &60_000u16.to_le_bytes()), 60_000.0);
    assert_eq!(value(5, &(-70_000i32).to_le_bytes()), -70_000.0);
    assert_eq!(value(6, &4_000_000_000u32.to_le_bytes()), 4e9);
    assert_eq!(value(7, &0.25f32.to_le_bytes()), 0.25);
    assert_eq!(value(9, &0.1f64.to_le_bytes()), 0.1);
}

#[test]
fn broken_files_say_what_is_wrong() {
    let message = |bytes: &[u8]| read("f", bytes, &["X"]).unwrap_err().to_string();
    let mut hdf = good();
    hdf[..10].copy_from_slice(b"MATLAB 7.3");
    let mut big_endian = good();
    big_endian[124..128].copy_from_slice(&[1, 0, b'M', b'I']);
    let huge = matrix(9, "X", &[u32::MAX, u32::MAX, u32::MAX], 2, &[1]);
    let cases: [(&[u8], &str); 9] = [
        (b"", "has no level-5 MAT header: is it the right file?"),
        (&hdf, "is a MATLAB 7.3 file (HDF5), a level-5 file is needed: save it with -v7"),
        (&big_endian, "is a big-endian MAT file, only little-endian ones are read"),
        (&file(&[vec![0; 5]]), "ends within an element's tag: the file is truncated, get it again"),
        (
            &file(&[huge]),
            "`X` claims 4294967295 × 4294967295 × 4294967295 values, more than any file of this kind holds: the file is damaged",
        ),
        (&file(&[matrix(9, "X", &[2, 2], 2, &[1, 2, 3])]), "`X` is 2 × 2 but has 3 values: the file is damaged"),
        (&file(&[matrix(9, "X", &[1, 1], 18, &[1])]), "`X` has values of the unknown type 18"),
        (&file(&[matrix(1, "X", &[1, 1], 2, &[1])]), "`X` is not a full matrix of real numbers"),
        (
            &file(&[compressed(&element(2, &[1, 2]))]),
            "a compressed element of type 2 is not a matrix: the file is damaged",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(message(bytes), format!("f: {expected}"));
    }
}

#[test]
fn a_claim_beyond_the_file_allocates_nothing_and_is_an_error() {
    // `X` claims 2 GiB of bytes, which its size allows, but four follow.
    let mut claim = matrix(9, "X", &[1 << 15, 1 << 16], 2, &[1, 2, 3, 4]);
    let at = claim.len() - 12;
    claim[at..at + 4].copy_from_slice(&(1u32 << 31).to_le_bytes());
    let error = read("f", &file(&[claim])[..], &["X"]).unwrap_err().to_string();
    assert_eq!(error, "f: `X` claims 2147483648 bytes but only 8 follow: the file is truncated, get it again");
}

#[test]
fn every_cut_is_an_error_or_a_shorter_list() {
    let whole = good();
    for length in 0..whole.len() {
        match read("f", &whole[..length], &["X", "y"]) {
            Ok(matrices) => assert!(matrices.len() < 2, "cut at {length} of {}", whole.len()),
            Err(DataError::Format { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read("f", &file(&[bytes])[..], &["X"]);
    }

    #[test]
    fn changed_bytes_never_panic(at in 0usize..1000, value: u8) {
        let mut bytes = good();
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = read("f", &bytes[..], &["X", "y"]);
    }
}

//! Arrays on disk: what NumPy and safetensors wrote (`features/make.py`) is read as they mean it, what we write is read back,
//! and every damaged or unfit file gets one sentence that says what is wrong.

use std::fs;

use kd2m_data::DataError;
use kd2m_data::features::{
    Features, Location, Values, read_features, read_labels, read_weights, write_coupling, write_matrix,
};
use proptest::prelude::*;

fn fixture(name: &str) -> Location {
    Location::parse(&format!("{}/tests/features/{name}", env!("CARGO_MANIFEST_DIR")))
}

/// The 3 × 4 array of `make.py`.
fn x(of: impl Fn(Vec<f64>) -> Values) -> Features {
    Features { values: of((0..12).map(|k| f64::from(k) / 8.0 - 0.5).collect()), n: 3, d: 4 }
}

fn f32s(values: Vec<f64>) -> Values {
    Values::F32(values.into_iter().map(|v| v as f32).collect())
}

/// The message, less the place it begins with.
fn problem<T: std::fmt::Debug>(location: &Location, result: Result<T, DataError>) -> String {
    let message = result.unwrap_err().to_string();
    message
        .strip_prefix(&format!("{location}: "))
        .unwrap_or_else(|| panic!("{location} is not named: {message}"))
        .to_owned()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> Location {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    Location { path, key: None }
}

/// A .npy file with this header and this much data.
fn npy(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn what_the_formats_own_libraries_wrote_is_read() {
    for name in [
        "f32.npy",
        "f16.npy",
        "one-deflated.npz",
        "one-deflated.npz:arr_0",
        "two.npz:train",
        "two.safetensors:student.features",
    ] {
        assert_eq!(read_features(&fixture(name)).unwrap(), x(f32s), "{name}");
    }
    for name in ["f64-fortran.npy", "f64-big-endian.npy"] {
        assert_eq!(read_features(&fixture(name)).unwrap(), x(Values::F64), "{name}");
    }
    for name in ["two.npz:labels", "labels-u8.npy", "labels-float.npy"] {
        assert_eq!(read_labels(&fixture(name)).unwrap(), [7, 0, 2], "{name}");
    }
    assert_eq!(read_weights(&fixture("two.safetensors:weights")).unwrap(), [0.25, 0.5, 0.25]);
}

#[test]
fn text_is_one_number_a_line() {
    let folder = folder();
    assert_eq!(read_labels(&file(&folder, "labels.txt", b"7\r\n0\n 2 \n\n")).unwrap(), [7, 0, 2]);
    assert_eq!(read_weights(&file(&folder, "weights.txt", b"0.5\n1e-3")).unwrap(), [0.5, 1e-3]);
    let bad = file(&folder, "bad.txt", b"7\ncat\n2\n");
    assert_eq!(problem(&bad, read_labels(&bad)), "line 2 is `cat`, expected one number a line");
    let negative = file(&folder, "negative.txt", b"7\n-1\n");
    assert_eq!(
        problem(&negative, read_labels(&negative)),
        "row 1 (counted from 0) is -1, classes are whole numbers from 0 to 4294967295"
    );
    let half = file(&folder, "half.txt", b"1.5");
    assert!(problem(&half, read_labels(&half)).starts_with("row 0 (counted from 0) is 1.5"));
    let binary = file(&folder, "binary", &[0xff, 0xfe, 0x00]);
    assert!(problem(&binary, read_labels(&binary)).contains("neither .npy, .npz, .safetensors nor text"));
}

#[test]
fn a_header_that_claims_more_than_there_is_costs_no_memory() {
    let folder = folder();
    for (shape, size, words) in [
        (
            "(1000000000, 512)",
            40,
            "the header claims 1000000000 × 512 numbers of type f32 (2048000000000 bytes), but 40 bytes follow: the file is truncated or damaged, write it again",
        ),
        (
            "(18446744073709551615, 512)",
            40,
            "the header claims 18446744073709551615 × 512 numbers of type f32, but 40 bytes follow",
        ),
        ("(2, 4)", 31, "claims 2 × 4 numbers of type f32 (32 bytes), but 31 bytes follow"),
        ("(2, 4)", 33, "more bytes follow than the 2 × 4 numbers of type f32 that the header claims"),
        ("(2, 99999999999999999999)", 33, "is not a .npy header"),
    ] {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let location = file(&folder, "claim.npy", &npy(&header, size));
        let found = problem(&location, read_features(&location));
        assert!(found.contains(words), "{found}");
    }
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    let location = file(&folder, "long.npy", &long);
    assert!(problem(&location, read_features(&location)).starts_with("the header claims to be 4294967295 bytes long"));
}

#[test]
fn every_cut_and_every_flipped_byte_is_an_error_or_an_array() {
    let folder = folder();
    for name in ["f32.npy", "one-deflated.npz", "two.npz", "two.safetensors"] {
        let key = if name.starts_with("two") {
            Some(if name.ends_with("npz") { "train" } else { "student.features" }.to_owned())
        } else {
            None
        };
        let good = fs::read(&fixture(name).path).unwrap();
        for cut in 0..good.len() {
            let location = Location { key: key.clone(), ..file(&folder, name, &good[..cut]) };
            assert!(read_features(&location).is_err(), "{name} cut to {cut}");
        }
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x55;
            // Whatever the byte was, nothing panics and nothing of the claimed size is allocated.
            let _ = read_features(&Location { key: key.clone(), ..file(&folder, name, &bytes) });
        }
    }
}

#[test]
fn damaged_numbers_in_an_archive_are_noticed() {
    let folder = folder();
    let mut bytes = fs::read(&fixture("two.npz").path).unwrap();
    let train = bytes.windows(4).position(|w| w == (-0.5f32).to_le_bytes()).unwrap();
    bytes[train] ^= 1;
    let location = Location { key: Some("train".into()), ..file(&folder, "two.npz", &bytes) };
    assert!(problem(&location, read_features(&location)).contains("truncated or damaged"));
}

#[test]
fn what_is_no_set_of_features_is_said() {
    let folder = folder();
    let zeros = |shape: &str, descr: &str, size| {
        file(
            &folder,
            &format!("{descr} {shape}.npy"),
            &npy(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), size),
        )
    };
    for (location, words) in [
        (zeros("(6,)", "<f4", 24), "the array is 6, features are n × d: x.reshape(-1, 1) makes one column of it"),
        (zeros("(2, 3, 1, 1)", "<f4", 24), "the array is 2 × 3 × 1 × 1, features are n × d: x.reshape(len(x), -1)"),
        (zeros("()", "<f4", 4), "the array is 1, features are n × d"),
        (zeros("(4, 0)", "<f4", 0), "the array is 4 × 0: there are no columns to compare"),
        (zeros("(2, 3)", "<c8", 48), "the array's type is `<c8`"),
        (fixture("integers.npy"), "the array is of type i64, features are f32 or f64: save x.astype(np.float32)"),
        (fixture("objects.npy"), "the array holds Python objects; save it as numbers, with x.astype(np.float32)"),
        (fixture("two.npz"), "the file holds train, labels; say which, as in"),
        (
            fixture("bzip2.npz"),
            "array `a` is packed by bzip2, which is not read: write the file with np.savez or np.savez_compressed",
        ),
        (
            fixture("lzma.npz"),
            "array `a` is packed by LZMA, which is not read: write the file with np.savez or np.savez_compressed",
        ),
        (fixture("two.npz:test"), "the file has no array `test`; it holds train, labels"),
        (fixture("two.safetensors"), "the file holds student.features, weights; say which"),
        (fixture("f32.npy:x"), "a .npy file is one array and has no key `x`: pass"),
        (file(&folder, "empty.npy", b""), "the file is empty; arrays are read from .npy, .npz and .safetensors"),
        (
            file(&folder, "x.csv", b"1,2\n3,4\n"),
            "the file is neither .npy, .npz nor .safetensors; with NumPy, np.save(",
        ),
        (file(&folder, "x.safetensors", b"no"), "the file is truncated or damaged"),
        (file(&folder, "y.safetensors", b"not at all"), "the header claims to be"),
    ] {
        let found = problem(&location, read_features(&location));
        assert!(found.starts_with(words), "{words}: {found}");
    }
    let zero = zeros("(0, 5)", "<f4", 0);
    assert_eq!(read_features(&zero).unwrap(), Features { values: Values::F32(vec![]), n: 0, d: 5 });
    let missing = Location::parse("/nowhere/at/all.npz:x");
    assert!(read_features(&missing).unwrap_err().to_string().starts_with("cannot read /nowhere/at/all.npz: "));
}

#[test]
fn a_colon_separates_only_file_and_key() {
    let parse = |text: &str| {
        let Location { path, key } = Location::parse(text);
        (path.display().to_string(), key)
    };
    assert_eq!(parse("a.npz:k"), ("a.npz".into(), Some("k".into())));
    assert_eq!(parse("a.safetensors:layer:0"), ("a.safetensors".into(), Some("layer:0".into())));
    assert_eq!(parse("C:\\a.npz:k"), ("C:\\a.npz".into(), Some("k".into())));
    assert_eq!(parse("C:\\a.npy"), ("C:\\a.npy".into(), None));
    let folder = folder();
    let colon = file(&folder, "a.npz:k", b"");
    assert_eq!(Location::parse(&colon.path.display().to_string()), colon);
}

#[test]
fn a_coupling_is_what_scipy_opens_and_a_failed_write_leaves_nothing() {
    let folder = folder();
    let path = folder.path().join("plan.npz");
    let entries = [(0, 1, 0.5), (1, 0, 0.25), (1, 2, 0.25)];
    write_coupling(&path, 2, 3, || entries.into_iter()).unwrap();
    let column = |key: &str| read_weights(&Location { path: path.clone(), key: Some(key.into()) }).unwrap();
    assert_eq!((column("row"), column("col")), (vec![0.0, 1.0, 1.0], vec![1.0, 0.0, 2.0]));
    assert_eq!((column("data"), column("shape")), (vec![0.5, 0.25, 0.25], vec![2.0, 3.0]));
    let nowhere = folder.path().join("no such folder/x.npy");
    let error = write_matrix(&nowhere, 1, 1, [0f32]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}: ", nowhere.display())), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_written_is_read(n in 1usize..40, d in 1usize..40, seed in any::<u32>()) {
        let folder = folder();
        let path = folder.path().join("x.npy");
        let values: Vec<f64> = (0..n * d).map(|k| f64::from(seed.wrapping_mul(k as u32 + 1)) / 7.0).collect();
        write_matrix(&path, n, d, values.iter().copied()).unwrap();
        let location = Location { path, key: None };
        prop_assert_eq!(read_features(&location).unwrap(), Features { values: Values::F64(values.clone()), n, d });
        let narrow: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        write_matrix(&location.path, n, d, narrow.iter().copied()).unwrap();
        prop_assert_eq!(read_features(&location).unwrap(), Features { values: Values::F32(narrow), n, d });
    }
}

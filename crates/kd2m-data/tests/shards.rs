//! A set in many files: rows by position are the rows of all files one after another, and what is no set is refused by name.

use std::fs;

use kd2m_data::features::{Features, Location, Shards, Values, read_features, write_matrix};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes shards of so many rows, 3 columns each, counting on.
fn write(folder: &tempfile::TempDir, rows: &[usize], name: impl Fn(usize) -> String) -> Vec<f32> {
    let all: Vec<f32> = (0..rows.iter().sum::<usize>() * 3).map(|k| k as f32).collect();
    let mut first = 0;
    for (k, &n) in rows.iter().enumerate() {
        let values = &all[first * 3..(first + n) * 3];
        write_matrix(&folder.path().join(name(k)), n, 3, values.iter().copied()).unwrap();
        first += n;
    }
    all
}

fn at(folder: &tempfile::TempDir, pattern: &str) -> Location {
    Location::parse(&folder.path().join(pattern).display().to_string())
}

fn refused(location: &Location) -> String {
    let opened = Shards::open(location).unwrap_err().to_string();
    assert_eq!(read_features(location).unwrap_err().to_string(), opened);
    opened
}

#[test]
fn rows_are_read_by_position_across_files() {
    let folder = folder();
    let all = write(&folder, &[4, 1, 0, 7, 2], |k| format!("part-{k:03}.npy"));
    fs::write(folder.path().join("notes.txt"), "no shard").unwrap();
    for location in [Location::parse(&folder.path().display().to_string()), at(&folder, "part-*.npy")] {
        assert!(Shards::are_at(&location));
        let shards = Shards::open(&location).unwrap();
        assert_eq!((shards.len(), shards.width(), shards.are_double()), (14, 3, false));
        for first in 0..14 {
            for n in 0..=14 - first {
                let mut found = vec![0f32; n * 3];
                shards.read(first, &mut found).unwrap();
                assert_eq!(found, all[first * 3..(first + n) * 3]);
                let mut wide = vec![0f64; n * 3];
                shards.read(first, &mut wide).unwrap();
                assert!(wide.iter().zip(&found).all(|(wide, x)| *wide == f64::from(*x)));
            }
        }
        assert!(shards.read(13, &mut [0f32; 6]).unwrap_err().to_string().contains("row 14"));
        assert_eq!(read_features(&location).unwrap(), Features { values: Values::F32(all.clone()), n: 14, d: 3 });
    }
    // One file is a set of one shard, and no set to whoever asks.
    let one = at(&folder, "part-003.npy");
    assert!(!Shards::are_at(&one));
    assert_eq!(Shards::open(&one).unwrap().len(), 7);
}

#[test]
fn numbers_order_the_files_and_more_of_them_than_are_kept_open_are_read() {
    let folder = folder();
    let all = write(&folder, &[1; 130], |k| format!("x-{}.npy", k + 1));
    let shards = Shards::open(&at(&folder, "x-*.npy")).unwrap();
    let mut found = vec![0f32; all.len()];
    shards.read(0, &mut found).unwrap();
    assert_eq!(found, all);
}

#[test]
fn what_is_no_set_is_refused_by_name() {
    let numbered = |k: usize| format!("part-{k}.npy");
    let empty = folder();
    let place = empty.path().display().to_string();
    assert_eq!(
        refused(&Location::parse(&place)),
        format!("{place}: holds no part-*.npy: shards of a set are part-000.npy, part-001.npy, …")
    );
    let set = folder();
    write(&set, &[2, 2, 2, 2], numbered);
    let path = |k: usize| set.path().join(numbered(k));
    let whole = Location::parse(&set.path().display().to_string());
    let all = fs::read(path(2)).unwrap();

    fs::remove_file(path(2)).unwrap();
    assert!(refused(&whole).ends_with("part-3.npy: number 2 is missing"), "{}", refused(&whole));

    fs::write(path(2), &all[..all.len() - 4]).unwrap();
    let said = refused(&whole);
    assert!(said.starts_with(&path(2).display().to_string()) && said.contains("truncated"), "{said}");

    fs::write(path(2), b"PK no array").unwrap();
    assert!(refused(&whole).ends_with("part-2.npy: the file is no .npy: write it with np.save"), "{}", refused(&whole));

    write_matrix(&path(2), 2, 4, [0f32; 8]).unwrap();
    let said = refused(&whole);
    assert!(said.contains("part-2.npy: has 4 columns") && said.contains("part-0.npy has 3"), "{said}");

    write_matrix(&path(2), 2, 3, [0f64; 6]).unwrap();
    let said = refused(&whole);
    assert!(said.contains("part-2.npy: is of type f64") && said.contains("part-0.npy of f32"), "{said}");

    write_matrix(&path(2), 2, 3, [0i32; 6]).unwrap();
    assert!(refused(&whole).contains("part-2.npy: the array is of type i32"), "{}", refused(&whole));

    fs::write(path(2), &all).unwrap();
    fs::write(set.path().join("part-02.npy"), &all).unwrap();
    assert!(refused(&whole).contains("have the same number"), "{}", refused(&whole));
    fs::remove_file(set.path().join("part-02.npy")).unwrap();

    fs::write(set.path().join("part-last.npy"), &all).unwrap();
    assert!(refused(&whole).contains("part-last.npy: fits part-*.npy, but `last` is no number"), "{}", refused(&whole));
    fs::remove_file(set.path().join("part-last.npy")).unwrap();

    fs::remove_file(path(0)).unwrap();
    fs::remove_file(path(1)).unwrap();
    assert!(refused(&whole).contains("numbers begin with 0 or 1: files are missing"), "{}", refused(&whole));
    assert!(refused(&at(&set, "part-*-*.npy")).contains("a pattern has one `*`"));
}

#[test]
fn a_file_that_is_cut_or_gone_after_it_was_opened_is_named() {
    let folder = folder();
    write(&folder, &[40, 40], |k| format!("part-{k}.npy"));
    let shards = Shards::open(&Location::parse(&folder.path().display().to_string())).unwrap();
    let second = folder.path().join("part-1.npy");
    let bytes = fs::read(&second).unwrap();
    fs::write(&second, &bytes[..200]).unwrap();
    let said = shards.read(60, &mut [0f32; 30]).unwrap_err().to_string();
    assert!(said.contains("part-1.npy: is shorter than when it was opened"), "{said}");
    fs::remove_file(folder.path().join("part-0.npy")).unwrap();
    let said = shards.read(0, &mut [0f32; 3]).unwrap_err().to_string();
    assert!(said.contains("part-0.npy"), "{said}");
}

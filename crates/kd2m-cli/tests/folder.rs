//! Folders of images through the program: what is not read is said, on stderr and under `--quiet` too, and an error under `--strict`.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// A PNG of 8 × 8 pixels of one grey, its data in a stored (uncompressed) block so that no other program is needed.
fn png(grey: u8) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let body = [&name[..], data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
    };
    // Each row begins with its filter: none.
    let rows: Vec<u8> = (0..8).flat_map(|_| [0].into_iter().chain([grey; 8])).collect();
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

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn train(folder: &Path, more: &[&str]) -> Output {
    let config = "name = \"x\"\n[data]\ndataset = \"digits\"\naugment = \"none\"\nval_fraction = 0.3\n[teacher]\nmodel = \"mlp-3\"\n\
                  [student]\nmodel = \"mlp-3\"\n[train]\nepochs = 1\nbatch_size = 4\nseeds = [1]\n";
    fs::write(folder.join("c.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
    command.args(["train", "-q", "--no-tensorboard", "--overwrite", "--config"]).arg(folder.join("c.toml"));
    command.arg("--set").arg(format!("data.dataset=folder:{}", folder.join("data").display()));
    command.arg("--out").arg(folder.join("out")).args(more).output().unwrap()
}

#[test]
fn what_is_not_read_is_a_warning_and_an_error_under_strict() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for part in ["train", "test"] {
        for class in ["a", "b"] {
            for i in 0..6 {
                put(&data.join(part).join(class).join(format!("{i}.png")), &png(40 * i));
            }
        }
    }
    let clean = train(folder.path(), &["--strict"]);
    let said = String::from_utf8_lossy(&clean.stderr).into_owned();
    assert!(clean.status.success() && !said.contains("warning"), "{said}");
    for i in 0..40 {
        put(&data.join("train/a").join(format!("{i}.gif")), b"GIF89a");
    }
    fs::remove_dir_all(data.join("test/b")).unwrap();
    let warned = train(folder.path(), &[]);
    let said = String::from_utf8_lossy(&warned.stderr).into_owned();
    assert!(warned.status.success(), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].ends_with("/train/: 40 of 52 files are not read (.gif 40)"), "{said}");
    assert!(lines[1].contains("/test/ has no image of 1 of 2 classes (b)"), "{said}");
    let strict = train(folder.path(), &["--strict"]);
    assert_eq!(strict.status.code(), Some(1));
    let said = String::from_utf8_lossy(&strict.stderr).into_owned();
    assert!(said.contains("(.gif 40) (an error because of --strict)"), "{said}");
    let run = folder.path().join("out");
    assert!(train(folder.path(), &[]).status.success() && run.is_dir());
}

#[test]
fn a_picture_that_is_cut_ends_the_command_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for part in ["train", "test"] {
        for class in ["a", "b"] {
            put(&data.join(part).join(class).join("0.png"), &png(9));
        }
    }
    put(&data.join("train/b/1.png"), &png(9)[..60]);
    put(&data.join("train/b/2.png"), &png(9)[..50]);
    let refused = train(folder.path(), &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains("/train/b/1.png: cannot be decoded (") && said.contains("remove it or get it again"),
        "{said}"
    );
    assert!(said.contains("; 1 more cannot be read either: ") && said.contains("/train/b/2.png"), "{said}");
}

#[test]
fn one_class_is_nothing_to_learn() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for part in ["train", "test"] {
        for i in 0..6 {
            put(&data.join(part).join("only").join(format!("{i}.png")), &png(40 * i));
        }
    }
    let refused = train(folder.path(), &[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("data.dataset has one class, only: there is nothing to tell apart"), "{said}");
}

#[test]
fn broken_images_end_the_command_or_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for (class, grey) in [("a", 40), ("b", 200)] {
        for i in 0..12 {
            put(&data.join(format!("train/{class}/{i}.png")), &png(grey + i));
        }
        put(&data.join(format!("test/{class}/0.png")), &png(grey));
    }
    put(&data.join("train/a/cut.png"), &png(7)[..60]);
    let refused = train(folder.path(), &[]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("train/a/cut.png: cannot be decoded ("), "{said}");
    let left = train(folder.path(), &["--skip-bad"]);
    let said = String::from_utf8_lossy(&left.stderr);
    assert!(left.status.success(), "{said}");
    let note = "1 of 27 images cannot be decoded and are left out (.png ";
    assert!(said.contains(note) && said.contains("train/a/cut.png"), "{said}");
    let strict = train(folder.path(), &["--skip-bad", "--strict"]);
    assert_eq!(strict.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&strict.stderr).contains("(an error because of --strict)"));
}

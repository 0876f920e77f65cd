//! Every kind of bad input gives one sentence that says what, where and what to do.

mod files;

use std::path::Path;

use files::{cifar, cifar_python, cifar10_files, cifar10_python_files, gzip, idx, write};
use kd2m_data::load;
use tempfile::{TempDir, tempdir};

/// The message of loading `name` from `root`, with the root's own path written as ROOT.
fn message(name: &str, root: &Path) -> String {
    load(name, Some(root)).unwrap_err().to_string().replace(&root.display().to_string(), "ROOT")
}

#[test]
fn unknown_names_propose_the_nearest() {
    let message = |name: &str| load(name, None).unwrap_err().to_string();
    assert_eq!(message("cifar-10"), "unknown data set `cifar-10`: did you mean `cifar10` or `cifar100`?");
    assert_eq!(message("Digit"), "unknown data set `Digit`: did you mean `digits`?");
    assert_eq!(
        message("imagenet"),
        "unknown data set `imagenet`: known are digits, mnist, fashion_mnist, kmnist, emnist_balanced, emnist_byclass, emnist_bymerge, \
         emnist_letters, emnist_digits, emnist_mnist, cifar10, cifar100, svhn, svhn-extra, stl10, tiny-imagenet, folder, parquet"
    );
    assert_eq!(
        message("mnist:here"),
        "unknown data set `mnist:here`: `mnist` takes no path, its files are found under --data-root"
    );
    for name in ["folder", "folder:"] {
        assert_eq!(
            message(name),
            format!(
                "unknown data set `{name}`: write `folder:PATH`, where PATH holds train/CLASS/ and test/CLASS/ (or val/CLASS/), or CLASS/ alone, with images (JPEG, PNG, WebP, TIFF, BMP, PPM), or images without classes"
            )
        );
    }
}

#[test]
fn a_missing_root_says_what_it_should_hold() {
    assert_eq!(
        load("svhn", None).unwrap_err().to_string(),
        "svhn is read from files, but no folder is given: pass --data-root DIR, where DIR holds train_32x32.mat and test_32x32.mat, there or in svhn/"
    );
    assert_eq!(
        message("cifar10", &tempdir().unwrap().path().join("gone")),
        "the data root ROOT does not exist: --data-root names the folder that holds cifar-10-binary.tar.gz or cifar-10-python.tar.gz, or what is in it: cifar-10-batches-bin/ or cifar-10-batches-py/"
    );
}

#[test]
fn missing_files_say_where_they_were_looked_for() {
    let root = tempdir().unwrap();
    assert_eq!(
        message("svhn", root.path()),
        "svhn: train_32x32.mat is missing (looked for ROOT/svhn/train_32x32.mat, ROOT/SVHN/train_32x32.mat, ROOT/train_32x32.mat): \
         get train_32x32.mat and test_32x32.mat (format 2, cropped digits) from http://ufldl.stanford.edu/housenumbers"
    );
    let cifar = message("cifar10", root.path());
    assert!(
        cifar.starts_with(
            "cifar10: data_batch_1.bin is missing (looked for ROOT/cifar-10-batches-bin/data_batch_1.bin, "
        ),
        "{cifar}"
    );
    assert!(
        cifar.contains("ROOT/cifar-10-binary.tar.gz")
            && cifar.contains("get cifar-10-binary.tar.gz or cifar-10-python.tar.gz"),
        "{cifar}"
    );
    let mnist = message("mnist", root.path());
    assert!(
        mnist.starts_with("mnist: train-images-idx3-ubyte is missing (looked for ROOT/mnist/train-images-idx3-ubyte, "),
        "{mnist}"
    );
    assert_eq!(
        message("folder:photos", root.path()),
        "folder: the folder is missing (looked for ROOT/photos, photos): it must hold train/CLASS/ and test/CLASS/ (or val/CLASS/), or CLASS/ alone, with images (JPEG, PNG, WebP, TIFF, BMP, PPM), or images without classes"
    );
}

/// A root with a good MNIST, of which one file is then replaced.
fn mnist_with(name: &str, bytes: &[u8]) -> TempDir {
    let root = tempdir().unwrap();
    files::mnist(root.path(), "", <[u8]>::to_vec);
    write(&root.path().join(name), bytes);
    root
}

#[test]
fn broken_mnist_files_are_named() {
    let images = "train-images-idx3-ubyte";
    let whole = idx(&[5, 28, 28], &[0; 5 * 784]);
    let cases = [
        (
            images,
            whole[..3000].to_vec(),
            "ROOT/train-images-idx3-ubyte: the header claims 5 × 28 × 28 bytes but only 2984 follow: the file is truncated, get it again",
        ),
        (
            images,
            idx(&[4, 28, 28], &[0; 4 * 784]),
            "ROOT/train-images-idx3-ubyte: 4 images, but ROOT/train-labels-idx1-ubyte has 5 labels: the two files do not belong together",
        ),
        (
            images,
            idx(&[5, 14, 14], &[0; 5 * 196]),
            "ROOT/train-images-idx3-ubyte: images are 14 × 14, those of mnist are 28 × 28",
        ),
        (
            images,
            idx(&[u32::MAX; 3], &[0; 9]),
            "ROOT/train-images-idx3-ubyte: the header claims 4294967295 × 4294967295 × 4294967295 bytes, more than any file of this kind holds: the file is damaged",
        ),
        // A gibibyte is claimed, nine bytes are there: this must neither take the memory nor the time of a gibibyte.
        (
            images,
            idx(&[1 << 20, 32, 32], &[0; 9]),
            "ROOT/train-images-idx3-ubyte: the header claims 1048576 × 32 × 32 bytes but only 9 follow: the file is truncated, get it again",
        ),
        (
            "t10k-labels-idx1-ubyte",
            idx(&[3], &[1, 10, 2]),
            "ROOT/t10k-labels-idx1-ubyte: record 1 (counted from 0) has label 10, expected 0 to 9: the file is damaged or belongs to another data set",
        ),
        (
            "t10k-labels-idx1-ubyte",
            idx(&[3, 28, 28], &[0; 3 * 784]),
            "ROOT/t10k-labels-idx1-ubyte: starts with 0x00000803, expected 0x00000801, an IDX file of bytes with 1 dimension(s): is it the right file?",
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(message("mnist", mnist_with(name, &bytes).path()), expected);
    }
    let packed = gzip(&whole);
    let cut = message("mnist", mnist_with(images, &packed[..packed.len() - 12]).path());
    assert!(cut.starts_with("ROOT/train-images-idx3-ubyte: the file is truncated or damaged ("), "{cut}");
    let mut flipped = packed;
    let at = flipped.len() - 5;
    flipped[at] ^= 0xff;
    let wrong = message("mnist", mnist_with(images, &flipped).path());
    assert!(wrong.starts_with("ROOT/train-images-idx3-ubyte: the file is truncated or damaged ("), "{wrong}");
}

fn cifar10_with(change: impl Fn(&mut Vec<(&'static str, Vec<u8>)>), archived: bool) -> TempDir {
    let root = tempdir().unwrap();
    let mut files = cifar10_files();
    change(&mut files);
    if archived {
        write(&root.path().join("cifar-10-binary.tar.gz"), &gzip(&files::tar(&files)));
    } else {
        for (name, bytes) in files {
            write(&root.path().join("cifar-10-batches-bin").join(name), &bytes);
        }
    }
    root
}

#[test]
fn broken_cifar_files_are_named() {
    let cut = |files: &mut Vec<(&str, Vec<u8>)>| files[2].1.truncate(4000);
    assert_eq!(
        message("cifar10", cifar10_with(cut, false).path()),
        "ROOT/cifar-10-batches-bin/data_batch_3.bin: 4000 bytes are not whole records of 3073 (927 left over): the file is truncated or of another layout"
    );
    let label = |files: &mut Vec<(&str, Vec<u8>)>| files[5].1[3073] = 10;
    assert_eq!(
        message("cifar10", cifar10_with(label, true).path()),
        "ROOT/cifar-10-binary.tar.gz, some-folder/test_batch.bin: record 1 (counted from 0) has label 10, expected 0 to 9: \
         the file is damaged or belongs to another data set"
    );
    let help = "get cifar-10-binary.tar.gz or cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html";
    let missing = |files: &mut Vec<(&str, Vec<u8>)>| drop(files.remove(3));
    assert_eq!(
        message("cifar10", cifar10_with(missing, false).path()),
        format!(
            "cifar10: data_batch_4.bin is missing (looked for ROOT/cifar-10-batches-bin/data_batch_4.bin): the folder is incomplete, {help}"
        )
    );
    assert_eq!(
        message("cifar10", cifar10_with(missing, true).path()),
        format!(
            "cifar10: data_batch_4.bin is missing (looked for ROOT/cifar-10-binary.tar.gz): the archive lacks it, {help}"
        )
    );
    let twice = |files: &mut Vec<(&'static str, Vec<u8>)>| files.push(files[0].clone());
    assert_eq!(
        message("cifar10", cifar10_with(twice, true).path()),
        "ROOT/cifar-10-binary.tar.gz, some-folder/data_batch_1.bin: is in the archive twice: get the archive again"
    );
}

#[test]
fn broken_archives_are_errors_at_every_cut() {
    let whole = gzip(&files::tar(&cifar10_files()));
    let root = tempdir().unwrap();
    for length in (0..whole.len() - 8).step_by(97) {
        write(&root.path().join("cifar-10-binary.tar.gz"), &whole[..length]);
        let message = message("cifar10", root.path());
        assert!(message.contains("ROOT/cifar-10-binary.tar.gz"), "{message}");
    }
    // A header that claims eight gibibytes.
    let mut archive = files::tar(&cifar10_files());
    let mut header = tar::Header::new_gnu();
    header.set_path("x/data_batch_1.bin").unwrap();
    header.set_size(8 << 30);
    header.set_cksum();
    archive[..512].copy_from_slice(header.as_bytes());
    write(&root.path().join("cifar-10-binary.tar.gz"), &gzip(&archive));
    assert_eq!(
        message("cifar10", root.path()),
        "ROOT/cifar-10-binary.tar.gz, x/data_batch_1.bin: the archive claims 8589934592 bytes, more than any file of this kind holds: it is damaged"
    );
}

#[test]
fn broken_files_of_the_python_version_are_named() {
    let good = cifar_python(&["labels"], &[(&[1], 0), (&[2], 1)]);
    let load_with = |bytes: &[u8]| {
        let root = tempdir().unwrap();
        for (name, _) in cifar10_python_files() {
            write(&root.path().join(name), bytes);
        }
        message("cifar10", root.path())
    };
    let changed = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|part| part == from).unwrap();
        load_with(&[&good[..at], to, &good[at + from.len()..]].concat())
    };
    for (message, words) in [
        (changed(b"U\x06labels", b"U\x06klassn"), "has no entry `labels`"),
        (changed(b"](K\x01K\x02e", b"](K\x01K\x0ae"), "record 1 (counted from 0) has label 10, expected 0 to 9"),
        (changed(b"](K\x01K\x02e", b"](K\x01Ne"), "record 1 (counted from 0) has label -1"),
        (changed(b"](K\x01K\x02e", b"](K\x01e"), "has 2 images and 1 entries in `labels`"),
        (changed(b"K\x02M\x00\x0c\x86", b"K\x03M\x00\x08\x86"), "its entry `data` is [3, 2048] numbers of type u1"),
        (changed(b"](K\x01K\x02e", b"N"), "its entry `labels` is None, expected a list"),
        (load_with(b"cos\nsystem\n(S'true'\ntR."), "has no entry `data`"),
    ] {
        assert!(message.starts_with("ROOT/data_batch_1: ") && message.contains(words), "{message}");
    }
    for length in (0..good.len()).step_by(97) {
        assert!(load_with(&good[..length]).starts_with("ROOT/data_batch_1: pickle, byte "));
    }
}

#[test]
fn cifar100_names_the_label_that_is_wrong() {
    for (labels, kind, value, expected) in
        [([20, 5], "coarse label", 20, "0 to 19"), ([5, 100], "fine label", 100, "0 to 99")]
    {
        let root = tempdir().unwrap();
        write(&root.path().join("train.bin"), &cifar(&[(&[1, 1], 0), (&labels, 1)]));
        write(&root.path().join("test.bin"), &cifar(&[(&[1, 1], 0)]));
        assert_eq!(
            message("cifar100", root.path()),
            format!(
                "ROOT/train.bin: record 1 (counted from 0) has {kind} {value}, expected {expected}: the file is damaged or belongs to another data set"
            )
        );
    }
}

#[test]
fn broken_stl10_and_emnist_files_are_named() {
    let load_with = |labels: &[u8], length: usize| {
        let root = tempdir().unwrap();
        for part in ["train", "test"] {
            write(&root.path().join(format!("{part}_X.bin")), &vec![0; length]);
            write(&root.path().join(format!("{part}_y.bin")), labels);
        }
        message("stl10", root.path())
    };
    let cut = "ROOT/train_X.bin: 27647 bytes are not 1 images of 27648, as many as ROOT/train_y.bin has labels: a file is truncated";
    assert_eq!(load_with(&[1], 27_647), cut);
    assert!(load_with(&[], 0).contains("0 bytes are not 0 images"));
    assert!(
        load_with(&[0], 27_648)
            .starts_with("ROOT/train_y.bin: record 0 (counted from 0) has label 0, expected 1 to 10")
    );
    let root = tempdir().unwrap();
    write(&root.path().join("emnist-letters-train-images-idx3-ubyte"), &idx(&[1, 28, 28], &[0; 784]));
    assert!(message("emnist_letters", root.path()).contains("emnist-letters-train-labels-idx1-ubyte is missing"));
    write(&root.path().join("emnist-letters-train-labels-idx1-ubyte"), &idx(&[1], &[27]));
    assert!(message("emnist_letters", root.path()).contains("has label 27, expected 1 to 26"));
}

#[test]
fn broken_svhn_files_are_named() {
    let load_with = |train: &[u8]| {
        let root = tempdir().unwrap();
        write(&root.path().join("train_32x32.mat"), train);
        write(&root.path().join("test_32x32.mat"), &files::svhn(&[1], |_, _, _, _| 0));
        message("svhn", root.path())
    };
    let pixel = |n: usize, c: usize, y: usize, x: usize| (n * 71 + c * 53 + y * 7 + x) as u8;
    let good = files::svhn(&[1, 2], pixel);
    assert_eq!(
        load_with(&files::svhn(&[1, 11], pixel)),
        "ROOT/train_32x32.mat: record 1 (counted from 0) has label 11, expected 1 to 10: the file is damaged or belongs to another data set"
    );
    assert_eq!(load_with(&files::svhn(&[], pixel)), "ROOT/train_32x32.mat: holds no image");
    assert_eq!(load_with(&good[..128]), "ROOT/train_32x32.mat: holds no matrix `X`");
    for length in (129..good.len()).step_by(23) {
        let message = load_with(&good[..length]);
        assert!(message.starts_with("ROOT/train_32x32.mat: ") && !message.contains('\n'), "{message}");
    }
}

#[test]
fn broken_folders_are_named() {
    let root = tempdir().unwrap();
    let name = |option: &str| format!("folder:{}{option}", root.path().display());
    let load_from = |option: &str| message(&name(option), root.path());
    let save = |path: &str, width, height| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::new(width, height).save_with_format(path, image::ImageFormat::Png).unwrap();
    };
    save("train/cat/1.png", 8, 6);
    assert_eq!(
        load_from(""),
        "folder: test/ (or val/) is missing (looked for ROOT/test, ROOT/val): \
         the folder must hold train/CLASS/ and test/CLASS/ (or val/CLASS/), or CLASS/ alone, with images (JPEG, PNG, WebP, TIFF, BMP, PPM), or images without classes"
    );
    save("test/dog/1.png", 8, 6);
    save("val/bird/1.png", 8, 6);
    assert_eq!(load_from(""), "ROOT/val/bird: is a class that train/ lacks: a network cannot have learned it");
    std::fs::remove_dir_all(root.path().join("val")).unwrap();
    assert_eq!(load_from(""), "ROOT/test/dog: is a class that train/ lacks: a network cannot have learned it");
    save("train/dog/1.png", 9, 6);
    assert_eq!(
        load_from(""),
        "ROOT/train/dog/1.png: is 6×9, but ROOT/train/cat/1.png is 6×8: give all images one size, as in folder:PATH@6x8"
    );
    assert_eq!(load(&name("@6x8"), None).unwrap().width, 8);
    write(&root.path().join("train/dog/2.png"), b"no image at all");
    let undecodable = load_from("@6x8");
    assert!(undecodable.starts_with("ROOT/train/dog/2.png: cannot be decoded ("), "{undecodable}");
    std::fs::create_dir(root.path().join("train/empty")).unwrap();
    assert_eq!(
        load_from(""),
        "ROOT/train/empty: holds no image (.jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp)"
    );
}

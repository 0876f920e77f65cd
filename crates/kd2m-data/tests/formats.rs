//! Every data set from small files in its real layout, wherever it may lie under the data root.

mod files;

use std::{fs, path::Path};

use files::{cifar, cifar10_files, gzip, pixels, write};
use kd2m_data::{Augment, load};
use tempfile::tempdir;

#[test]
fn mnist_is_found_in_every_layout_gzipped_or_not() {
    for (folder, suffix, packed) in
        [("mnist", ".gz", true), ("MNIST/raw", "", false), ("", ".gz", true), ("", "", true), ("", ".gz", false)]
    {
        let root = tempdir().unwrap();
        files::mnist(&root.path().join(folder), suffix, |bytes| if packed { gzip(bytes) } else { bytes.to_vec() });
        let mnist = load("mnist", Some(root.path())).unwrap();
        assert_eq!((mnist.channels, mnist.height, mnist.width, mnist.classes), (1, 28, 28, 10));
        assert_eq!((&mnist.train.labels[..], &mnist.test.labels[..]), (&[0, 3, 6, 9, 2][..], &[0, 3, 6][..]));
        assert_eq!(mnist.train.image(4), pixels(4, 784));
        assert_eq!(mnist.augment, Augment::None);
    }
}

#[test]
fn fashion_mnist_is_not_taken_from_the_files_of_mnist() {
    let root = tempdir().unwrap();
    files::mnist(root.path(), ".gz", gzip);
    assert!(load("fashion_mnist", Some(root.path())).is_err());
    files::mnist(&root.path().join("FashionMNIST/raw"), ".gz", gzip);
    assert_eq!(load("fashion_mnist", Some(root.path())).unwrap().class_names[9], "ankle boot");
}

#[test]
fn cifar10_is_the_same_from_folder_and_archive_in_any_order() {
    let files = cifar10_files();
    let mut shuffled = files.clone();
    shuffled.swap(0, 3);
    shuffled.push(("batches.meta.txt", b"airplane\n".to_vec()));
    let mut sums = Vec::new();
    for place in ["cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", ""] {
        let root = tempdir().unwrap();
        for (name, bytes) in &files {
            write(&root.path().join(place).join(name), bytes);
        }
        sums.push(load("cifar10", Some(root.path())).unwrap().checksum());
    }
    for (place, archive) in
        [("cifar-10-binary.tar.gz", gzip(&files::tar(&shuffled))), ("cifar-10-binary.tar", files::tar(&shuffled))]
    {
        let root = tempdir().unwrap();
        let path = root.path().join(place);
        write(&path, &archive);
        let cifar = load("cifar10", Some(root.path())).unwrap();
        assert_eq!(
            (&cifar.train.labels[..], &cifar.test.labels[..]),
            (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..], &[0, 1][..])
        );
        assert_eq!(cifar.train.image(3), pixels(3, 3072));
        assert_eq!(cifar.test.image(1), pixels(11, 3072));
        sums.push(cifar.checksum());
        // The root may be the archive itself.
        sums.push(load("cifar10", Some(&path)).unwrap().checksum());
    }
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
}

#[test]
fn cifar100_takes_the_fine_label() {
    let files = [("train.bin", cifar(&[(&[19, 99], 0), (&[0, 7], 1)])), ("test.bin", cifar(&[(&[3, 42], 2)]))];
    let root = tempdir().unwrap();
    write(&root.path().join("cifar-100-binary.tar.gz"), &gzip(&files::tar(&files)));
    let archive = load("cifar100", Some(root.path())).unwrap();
    assert_eq!((&archive.train.labels[..], &archive.test.labels[..]), (&[99, 7][..], &[42][..]));
    assert_eq!((archive.classes, archive.class_names[42].as_str()), (100, "leopard"));
    assert_eq!(archive.train.image(1), pixels(1, 3072));
    let root = tempdir().unwrap();
    for (name, bytes) in &files {
        write(&root.path().join("cifar-100-binary").join(name), bytes);
    }
    assert_eq!(load("cifar100", Some(root.path())).unwrap().checksum(), archive.checksum());
}

#[test]
fn svhn_is_turned_to_rows_and_ten_becomes_zero() {
    let pixel = |n: usize, c: usize, y: usize, x: usize| (n * 71 + c * 53 + y * 7 + x) as u8;
    let root = tempdir().unwrap();
    write(&root.path().join("svhn/train_32x32.mat"), &files::svhn(&[10, 1, 9], pixel));
    write(&root.path().join("svhn/test_32x32.mat"), &files::svhn(&[5], pixel));
    let svhn = load("svhn", Some(root.path())).unwrap();
    assert_eq!((&svhn.train.labels[..], &svhn.test.labels[..]), (&[0, 1, 9][..], &[5][..]));
    for (n, c, y, x) in [(0, 0, 0, 0), (2, 1, 5, 30), (1, 2, 31, 0)] {
        assert_eq!(svhn.train.image(n)[(c * 32 + y) * 32 + x], pixel(n, c, y, x));
    }
    assert_eq!(svhn.augment, Augment::CropFlip { padding: 4, flip: false });
}

#[test]
fn a_folder_of_images_gives_sorted_classes_and_planes() {
    let root = tempdir().unwrap();
    let red_to_blue = image::RgbImage::from_fn(6, 4, |x, y| image::Rgb([x as u8 * 40, y as u8 * 60, 7]));
    for path in ["train/dog/1.png", "train/dog/2.PNG", "train/cat/a.png", "val/dog/9.png"] {
        fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
        red_to_blue.save_with_format(root.path().join(path), image::ImageFormat::Png).unwrap();
    }
    write(&root.path().join("train/cat/.hidden.png"), b"no image");
    write(&root.path().join("train/cat/notes.txt"), b"no image");
    let name = format!("folder:{}", root.path().display());
    let folder = load(&name, None).unwrap();
    assert_eq!((folder.channels, folder.height, folder.width), (3, 4, 6));
    assert_eq!(
        (&folder.class_names[..], &folder.train.labels[..], &folder.test.labels[..]),
        (&["cat".to_owned(), "dog".into()][..], &[0, 1, 1][..], &[1][..])
    );
    let image = folder.train.image(0);
    assert_eq!((image[2], image[24 + 3 * 6], image[48]), (80, 180, 7));
    let resized = load(&format!("{name}@8x12"), None).unwrap();
    assert_eq!((resized.height, resized.width, resized.train.pixels.len()), (8, 12, 3 * 3 * 96));
    // A path is also looked for under the data root.
    let parent = root.path().parent().unwrap();
    let relative = format!("folder:{}", root.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(load(&relative, Some(parent)).unwrap().checksum(), folder.checksum());
}

#[test]
fn grey_images_have_one_channel_and_jpeg_is_read() {
    let root = tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    for part in ["train/a", "train/b", "test/a"] {
        fs::create_dir_all(path(part)).unwrap();
    }
    image::GrayImage::from_pixel(16, 16, image::Luma([100])).save(path("train/a/1.png")).unwrap();
    let jpeg = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/grey.jpg");
    for name in ["train/b/1.jpg", "test/a/1.jpeg"] {
        fs::copy(&jpeg, path(name)).unwrap();
    }
    let folder = load(&format!("folder:{}", root.path().display()), None).unwrap();
    assert_eq!((folder.channels, folder.height, folder.train.image(0)[0]), (1, 16, 100));
    let right = fs::read(jpeg.with_extension("jpg.rgb")).unwrap();
    assert!(right.chunks(3).map(|pixel| pixel[0]).eq(folder.test.image(0).iter().copied()));
}

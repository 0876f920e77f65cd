//! Every data set from small files in its real layout, wherever it may lie under the data root.

mod files;

use std::{fs, path::Path};

use files::{cifar, cifar_python, cifar10_files, cifar10_python_files, gzip, idx, pixels, write};
use kd2m_data::{Augment, Operation, Reading, Samples, load, load_with};
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
        assert_eq!(mnist.train.image(4).unwrap(), pixels(4, 784));
        assert_eq!(mnist.augment, Augment::none());
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
        assert_eq!(cifar.train.image(3).unwrap(), pixels(3, 3072));
        assert_eq!(cifar.test.image(1).unwrap(), pixels(11, 3072));
        sums.push(cifar.checksum());
        // The root may be the archive itself.
        sums.push(load("cifar10", Some(&path)).unwrap().checksum());
    }
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
}

#[test]
fn the_python_version_of_cifar_is_the_same_data_set() {
    let root = tempdir().unwrap();
    write(&root.path().join("cifar-10-binary.tar.gz"), &gzip(&files::tar(&cifar10_files())));
    let binary = load("cifar10", Some(root.path())).unwrap().checksum();
    let archive = gzip(&files::tar(&cifar10_python_files()));
    for place in ["cifar-10-python.tar.gz", "cifar10/cifar-10-python.tar.gz"] {
        let root = tempdir().unwrap();
        write(&root.path().join(place), &archive);
        for root in [root.path(), &root.path().join(place)] {
            assert_eq!(load("cifar10", Some(root)).unwrap().checksum(), binary);
        }
    }
    for place in ["cifar-10-batches-py", ""] {
        let root = tempdir().unwrap();
        for (name, bytes) in cifar10_python_files() {
            write(&root.path().join(place).join(name), &bytes);
        }
        assert_eq!(load("cifar10", Some(root.path())).unwrap().checksum(), binary);
    }
    let root = tempdir().unwrap();
    let keys = ["coarse_labels", "fine_labels"];
    for (name, bytes) in [
        ("train", cifar_python(&keys, &[(&[19, 99], 0), (&[0, 7], 1)])),
        ("test", cifar_python(&keys, &[(&[3, 42], 2)])),
    ] {
        write(&root.path().join("cifar-100-python").join(name), &bytes);
    }
    let hundred = load("cifar100", Some(root.path())).unwrap();
    assert_eq!((&hundred.train.labels[..], &hundred.test.labels[..]), (&[99, 7][..], &[42][..]));
    assert_eq!(hundred.train.image(1).unwrap(), pixels(1, 3072));
}

#[test]
fn relatives_of_mnist_are_found_and_emnist_stands_upright() {
    let root = tempdir().unwrap();
    files::mnist(&root.path().join("KMNIST/raw"), ".gz", gzip);
    let kmnist = load("kmnist", Some(root.path())).unwrap();
    assert_eq!((kmnist.class_names[2].as_str(), &kmnist.test.labels[..]), ("su", &[0, 3, 6][..]));
    let columns: Vec<u8> = (0..784).map(|i| (i / 28 * 5 + i % 28 * 3) as u8).collect();
    for (name, labels, classes, last) in [
        ("letters", [1, 26], 26, "z"),
        ("balanced", [0, 46], 47, "t"),
        ("byclass", [0, 61], 62, "z"),
        ("mnist", [0, 9], 10, "9"),
    ] {
        for part in ["train", "test"] {
            let path = |what: &str| root.path().join(format!("gzip/emnist-{name}-{part}-{what}-ubyte.gz"));
            write(&path("images-idx3"), &gzip(&idx(&[2, 28, 28], &columns.repeat(2))));
            write(&path("labels-idx1"), &gzip(&idx(&[2], &labels)));
        }
        let emnist = load(&format!("emnist_{name}"), Some(root.path())).unwrap();
        assert_eq!((emnist.classes, emnist.class_names[classes - 1].as_str()), (classes, last));
        assert_eq!(emnist.train.labels, [0, classes as u32 - 1]);
        let upright: Vec<u8> = (0..784).map(|i| (i % 28 * 5 + i / 28 * 3) as u8).collect();
        assert_eq!(emnist.test.image(1).unwrap(), upright);
    }
}

#[test]
fn stl10_stands_upright_and_its_labels_begin_at_zero() {
    let pixel =
        |image: usize, channel: usize, row: usize, column: usize| (image * 31 + channel * 17 + row * 2 + column) as u8;
    let columns = |image: usize| (0..27_648).map(move |i| pixel(image, i / 9216, i % 96, i / 96 % 96));
    let images: Vec<u8> = (0..2).flat_map(columns).collect();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("train_X.bin", images.clone()),
        ("train_y.bin", vec![1, 10]),
        ("test_X.bin", images),
        ("test_y.bin", vec![3, 2]),
        ("unlabeled_X.bin", vec![0; 10]),
    ];
    let root = tempdir().unwrap();
    write(&root.path().join("stl10_binary.tar.gz"), &gzip(&files::tar(&files)));
    let stl = load("stl10", Some(root.path())).unwrap();
    assert_eq!((&stl.train.labels[..], &stl.test.labels[..]), (&[0, 9][..], &[2, 1][..]));
    let upright: Vec<u8> = (0..27_648).map(|i| pixel(1, i / 9216, i / 96 % 96, i % 96)).collect();
    assert_eq!(stl.train.image(1).unwrap(), upright);
}

#[test]
fn cifar100_takes_the_fine_label() {
    let files = [("train.bin", cifar(&[(&[19, 99], 0), (&[0, 7], 1)])), ("test.bin", cifar(&[(&[3, 42], 2)]))];
    let root = tempdir().unwrap();
    write(&root.path().join("cifar-100-binary.tar.gz"), &gzip(&files::tar(&files)));
    let archive = load("cifar100", Some(root.path())).unwrap();
    assert_eq!((&archive.train.labels[..], &archive.test.labels[..]), (&[99, 7][..], &[42][..]));
    assert_eq!((archive.classes, archive.class_names[42].as_str()), (100, "leopard"));
    assert_eq!(archive.train.image(1).unwrap(), pixels(1, 3072));
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
        assert_eq!(svhn.train.image(n).unwrap()[(c * 32 + y) * 32 + x], pixel(n, c, y, x));
    }
    assert_eq!(svhn.augment, Augment::of(Operation::CropFlip { padding: 4, flip: false }));
    let why = load("svhn-extra", Some(root.path())).unwrap_err().to_string();
    assert!(why.starts_with("svhn-extra: extra_32x32.mat is missing (looked for "), "{why}");
    write(&root.path().join("svhn/extra_32x32.mat"), &files::svhn(&[2, 10], |n, c, y, x| pixel(n + 5, c, y, x)));
    let extra = load("svhn-extra", Some(root.path())).unwrap();
    assert_eq!((&extra.train.labels[..], &extra.test.labels[..]), (&[0, 1, 9, 2, 0][..], &[5][..]));
    assert_eq!(extra.train.image(0).unwrap(), svhn.train.image(0).unwrap());
    assert_eq!(extra.train.image(4).unwrap()[0], pixel(6, 0, 0, 0));
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
    let image = folder.train.image(0).unwrap();
    assert_eq!((image[2], image[24 + 3 * 6], image[48]), (80, 180, 7));
    let resized = load(&format!("{name}@8x12"), None).unwrap();
    assert_eq!((resized.height, resized.width, resized.train.memory()), (8, 12, 3 * 3 * 96));
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
    assert_eq!((folder.channels, folder.height, folder.train.image(0).unwrap()[0]), (1, 16, 100));
    let right = fs::read(jpeg.with_extension("jpg.rgb")).unwrap();
    assert!(right.chunks(3).map(|pixel| pixel[0]).eq(folder.test.image(0).unwrap().iter().copied()));
}

/// One grey pixel whose value is its name.
fn pixel(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let value = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    image::GrayImage::from_pixel(1, 1, image::Luma([value])).save(path).unwrap();
}

#[test]
fn classes_alone_are_parted_by_class_and_an_image_stays_where_it_is() {
    let root = tempdir().unwrap();
    let name = format!("folder:{}", root.path().display());
    for (class, count) in [("a", 20), ("b", 10), ("c", 1)] {
        (1..=count).for_each(|i| pixel(&root.path().join(format!("{class}/{i}.png"))));
    }
    let fifth = load(&name, None).unwrap();
    let count = |labels: &[u32]| [0, 1, 2].map(|class| labels.iter().filter(|label| **label == class).count());
    assert_eq!((count(&fifth.train.labels), count(&fifth.test.labels)), ([16, 8, 1], [4, 2, 0]));
    assert!(
        fifth.notes[0].contains("6 of 31 images are kept for testing (data.test_fraction = 0.2"),
        "{:?}",
        fifth.notes
    );
    let half = load_with(&name, None, &Reading { test_fraction: 0.5, ..Reading::default() }).unwrap();
    assert_eq!(count(&half.test.labels), [10, 5, 0]);
    // What was tested on is tested on when more is, and when images come.
    let values = |samples: &Samples| (0..samples.len()).map(|i| samples.image(i).unwrap()[0]).collect::<Vec<u8>>();
    assert!(values(&fifth.test).iter().all(|value| values(&half.test).contains(value)));
    (21..=25).for_each(|i| pixel(&root.path().join(format!("a/{i}.png"))));
    let more = load(&name, None).unwrap();
    let before = values(&fifth.test).into_iter().zip(&fifth.test.labels).filter(|(_, label)| **label == 0);
    assert!(before.filter(|(value, _)| values(&more.train).contains(value)).count() <= 2);
    assert_eq!(load(&name, None).unwrap().sum(), more.sum());
}

#[test]
fn a_validation_folder_of_ones_own_is_what_is_validated_on() {
    let root = tempdir().unwrap();
    let name = format!("folder:{}", root.path().display());
    for (part, first, last) in [("train", 1, 6), ("val", 11, 13), ("test", 21, 22)] {
        for class in ["a", "b"] {
            (first..=last).for_each(|i| pixel(&root.path().join(format!("{part}/{class}/{i}.png"))));
        }
    }
    let folder = load(&name, None).unwrap();
    assert_eq!((folder.train.len(), folder.test.len()), (18, 4));
    let split = folder.split(None, 0);
    assert_eq!(
        (&split.train[..], &split.val[..]),
        (&(0..12).collect::<Vec<u32>>()[..], &(12..18).collect::<Vec<u32>>()[..])
    );
    assert!(split.val.iter().all(|i| (11..=13).contains(&folder.train.image(*i as usize).unwrap()[0])));
    // A share that is asked for is carved from all of it.
    assert_eq!(folder.split(Some(0.5), 0).val.len(), 9);
}

/// Tiny-ImageNet as its archive unpacks: two classes, three images and two for testing.
#[test]
fn tiny_imagenet_is_read_with_its_list_of_images_and_names() {
    let root = tempdir().unwrap();
    let place = |path: &str| root.path().join("tiny-imagenet-200").join(path);
    for (path, grey) in [
        ("train/n02/images/n02_0.JPEG", 10),
        ("train/n01/images/n01_1.JPEG", 20),
        ("train/n01/images/n01_0.JPEG", 30),
        ("val/images/val_0.JPEG", 40),
        ("val/images/val_1.JPEG", 50),
        ("test/images/test_0.JPEG", 60),
    ] {
        fs::create_dir_all(place(path).parent().unwrap()).unwrap();
        let image = image::RgbImage::from_pixel(64, 64, image::Rgb([grey, 0, 0]));
        image.save_with_format(place(path), image::ImageFormat::Png).unwrap();
    }
    write(&place("train/n01/n01_boxes.txt"), b"n01_0.JPEG\t0\t0\t1\t1\n");
    write(&place("val/val_annotations.txt"), b"val_0.JPEG\tn02\t0\t32\t44\t62\nval_1.JPEG\tn01\t0\t0\t1\t1\n");
    write(&place("words.txt"), b"n00\tentity\nn01\tgoldfish, Carassius auratus\nn02\tpole\n");
    let tiny = load("tiny-imagenet", Some(root.path())).unwrap();
    assert_eq!((tiny.channels, tiny.height, tiny.width), (3, 64, 64));
    assert_eq!(tiny.class_names, ["goldfish", "pole"]);
    let reds = |samples: &Samples| -> Vec<u8> { (0..samples.len()).map(|i| samples.image(i).unwrap()[0]).collect() };
    assert_eq!((reds(&tiny.train), &tiny.train.labels[..]), (vec![30, 20, 10], &[0, 0, 1][..]));
    assert_eq!((reds(&tiny.test), &tiny.test.labels[..]), (vec![40, 50], &[1, 0][..]));
    assert_eq!(tiny.augment, Augment::of(Operation::CropFlip { padding: 8, flip: true }));
    // The only image of a class must not be left out, one of two may be.
    let skipping = Reading { skip_bad: true, ..Reading::default() };
    let spoilt = |path: &str| {
        let whole = fs::read(place(path)).unwrap();
        write(&place(path), b"no image");
        let read = load_with("tiny-imagenet", Some(root.path()), &skipping).map_err(|error| error.to_string());
        write(&place(path), &whole);
        read
    };
    assert_eq!(spoilt("train/n01/images/n01_0.JPEG").unwrap().train.labels, [0, 1]);
    let why = spoilt("train/n02/images/n02_0.JPEG").unwrap_err();
    assert!(why.ends_with("tiny-imagenet-200: has no training image of class pole that can be decoded"), "{why}");
    // The folder itself is a root, and two classes of one name are told apart.
    write(&place("words.txt"), b"n01\tcrane\nn02\tcrane\n");
    assert_eq!(load("tiny-imagenet", Some(&place(""))).unwrap().class_names, ["crane (n01)", "crane (n02)"]);
    for (text, problem) in [
        (&b"val_0.JPEG\tn09\t0\n"[..], "line 1: names a class that train/ lacks"),
        (b"\n\nval_0.JPEG n02\n", "line 3: is no file and class with a tab between"),
        (b"../../evil\tn02\n", "line 1: names no file of val/images/"),
        (b"", "val_annotations.txt: names no image"),
    ] {
        write(&place("val/val_annotations.txt"), text);
        let why = load("tiny-imagenet", Some(root.path())).unwrap_err().to_string();
        assert!(why.contains(problem), "{why}");
    }
    fs::remove_file(place("val/val_annotations.txt")).unwrap();
    let why = load("tiny-imagenet", Some(root.path())).unwrap_err().to_string();
    assert!(why.starts_with("tiny-imagenet: val/val_annotations.txt is missing (looked for "), "{why}");
}

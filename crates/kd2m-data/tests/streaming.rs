//! Folders whose images are decoded when they are asked for: the same bits however much is kept, in memory or on disk, and on however many
//! threads; files that change under way are errors with a name.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use image::{GrayImage, Luma, Rgb, RgbImage};
use kd2m_data::{Augment, DataError, Dataset, Loader, Operation, Part, Reading, Samples, Seen, fill, load_with};
use tempfile::{TempDir, tempdir};

/// Eighteen training and four test images of two classes, of their own sizes, one of them grey.
fn photographs() -> TempDir {
    let root = tempdir().unwrap();
    for (part, count) in [("train", 9), ("test", 2)] {
        for (class, name) in ["a", "b"].into_iter().enumerate() {
            fs::create_dir_all(root.path().join(part).join(name)).unwrap();
            for i in 0..count {
                let (width, height) = (30 + 3 * i, 20 + 2 * i);
                let noise = |x: u32, y: u32, c: u32| (x * 7 + y * (5 + i) + c * 90 + class as u32 * 40) as u8;
                let pixel = |x, y| Rgb([0, 1, 2].map(|c| noise(x, y, c)));
                RgbImage::from_fn(width, height, pixel)
                    .save(root.path().join(format!("{part}/{name}/{i}.png")))
                    .unwrap();
            }
        }
    }
    GrayImage::from_fn(40, 24, |x, y| Luma([(x * y) as u8])).save(root.path().join("train/b/4.png")).unwrap();
    root
}

fn name(root: &Path) -> String {
    format!("folder:{}@crop16", root.display())
}

fn read(root: &Path, memory: u64, cache: Option<&Path>) -> Result<Arc<Dataset>, String> {
    let reading = Reading { memory, cache, ..Reading::default() };
    load_with(&name(root), None, &reading).map(Arc::new).map_err(|error| error.to_string())
}

fn batch(data: &Dataset, samples: &Samples, indices: &[u32]) -> Result<Vec<f32>, DataError> {
    let mut out = Vec::new();
    fill(data, samples, indices, &Augment::of(Operation::CropFlip { padding: 2, flip: true }), 3, 1, &mut out)
        .map(|()| out)
}

fn only_file(folder: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn pixels_do_not_depend_on_what_is_kept_nor_on_threads() {
    let (root, cache) = (photographs(), tempdir().unwrap());
    let whole = read(root.path(), 1 << 30, None).unwrap();
    assert_eq!((whole.channels, whole.height, whole.train.len(), whole.test.len()), (3, 16, 18, 4));
    let order: Vec<u32> = (0..18).map(|i| i * 7 % 18).collect();
    let right = batch(&whole, &whole.train, &order).unwrap();
    let size = 3 * 16 * 16;
    for memory in [0, size - 1, 3 * size, 1 << 30] {
        for cache in [None, Some(cache.path()), Some(cache.path())] {
            let data = read(root.path(), memory, cache).unwrap();
            assert_eq!((&data.mean, &data.std, data.sum()), (&whole.mean, &whole.std, whole.sum()));
            assert_eq!(data.checksum(), whole.checksum());
            assert!(data.train.memory() <= memory.min(18 * size));
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                for _ in 0..2 {
                    assert_eq!(pool.install(|| batch(&data, &data.train, &order)).unwrap(), right);
                }
            }
            for i in 0..4 {
                assert_eq!(data.test.image(i).unwrap(), whole.test.image(i).unwrap());
            }
        }
    }
}

#[test]
fn statistics_are_those_of_the_training_images() {
    let data = read(photographs().path(), 1 << 30, None).unwrap();
    let pixels: Vec<u8> = (0..18).flat_map(|i| data.train.image(i).unwrap().into_owned()).collect();
    for channel in 0..3 {
        let values: Vec<f64> =
            pixels.chunks(256).skip(channel).step_by(3).flatten().map(|x| f64::from(*x) / 255.0).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
        let [found, deviation] = [data.mean[channel], data.std[channel]].map(f64::from);
        assert!((found - mean).abs() < 1e-6 && (deviation - variance.sqrt()).abs() < 1e-6);
    }
}

/// What a first look found stands in its place: nothing is decoded until it is asked for.
#[test]
fn what_was_seen_is_not_looked_at_again() {
    let root = photographs();
    let whole = read(root.path(), 0, None).unwrap();
    let seen = whole.seen();
    let broken = root.path().join("train/a/0.png");
    let bytes = fs::read(&broken).unwrap();
    fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    assert!(read(root.path(), 0, None).unwrap_err().contains("train/a/0.png: cannot be decoded ("));
    let looked = AtomicUsize::new(0);
    let progress = |done: usize, _: usize| {
        looked.fetch_max(done, Relaxed);
    };
    let again = |name: &str, skip_bad: bool, seen: &Seen| {
        let reading = Reading { seen: Some(seen), progress: Some(&progress), skip_bad, ..Reading::default() };
        load_with(name, None, &reading).map(Arc::new).map_err(|error| error.to_string())
    };
    let data = again(&name(root.path()), false, &seen).unwrap();
    assert_eq!(looked.load(Relaxed), 0);
    assert_eq!((data.channels, data.height, data.width), (whole.channels, whole.height, whole.width));
    assert_eq!((&data.mean, &data.std), (&whole.mean, &whole.std));
    let all: Vec<u32> = (1..18).collect();
    assert_eq!(batch(&data, &data.train, &all).unwrap(), batch(&whole, &whole.train, &all).unwrap());
    let why = data.train.image(0).unwrap_err();
    assert!(matches!(why, DataError::Undecodable { .. }), "{why}");
    // Where broken images are to be left out they have to be found, and without a size all have to be of one.
    assert!(again(&name(root.path()), true, &seen).unwrap().notes[0].contains("1 of 22 images cannot be decoded"));
    assert_eq!(looked.swap(0, Relaxed), 22);
    let plain = format!("folder:{}", root.path().display());
    assert!(again(&plain, false, &Seen { size: None, ..seen }).is_err());
    assert_eq!(looked.load(Relaxed), 22);
}

#[test]
fn every_image_is_heard_of_and_all_that_are_broken_are_named() {
    let root = photographs();
    let (most, heard) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = |done: usize, all: usize| {
        assert_eq!(all, 22);
        heard.fetch_add(1, Relaxed);
        most.fetch_max(done, Relaxed);
    };
    let reading = Reading { progress: Some(&progress), ..Reading::default() };
    load_with(&name(root.path()), None, &reading).unwrap();
    assert_eq!((heard.into_inner(), most.into_inner()), (22, 22));
    for file in ["train/a/3.png", "train/b/0.png", "test/a/1.png"] {
        fs::write(root.path().join(file), b"no image").unwrap();
    }
    let cache = tempdir().unwrap();
    let why = read(root.path(), 0, Some(cache.path())).unwrap_err().replace(&root.path().display().to_string(), "ROOT");
    assert!(why.starts_with("ROOT/train/a/3.png: cannot be decoded ("), "{why}");
    assert!(why.ends_with("2 more cannot be read either: ROOT/train/b/0.png, ROOT/test/a/1.png"), "{why}");
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "what was written is taken away");
}

#[test]
fn a_file_that_changes_under_way_is_an_error_with_its_name() {
    let root = photographs();
    let path = root.path().join("train/a/2.png");
    let whole = fs::read(&path).unwrap();
    let changes: [(&dyn Fn(), &str); 3] = [
        (&|| fs::remove_file(&path).unwrap(), "cannot read ROOT/train/a/2.png: "),
        (
            &|| fs::write(&path, b"no image").unwrap(),
            "ROOT/train/a/2.png: has changed since its folder was read (its size or time",
        ),
        (
            &|| {
                // Another image of the same size, with the time of the old one.
                let time = fs::metadata(&path).unwrap().modified().unwrap();
                let broken: Vec<u8> = whole.iter().map(|byte| byte ^ 0x55).collect();
                fs::write(&path, broken).unwrap();
                fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            },
            "ROOT/train/a/2.png: cannot be decoded (",
        ),
    ];
    for (change, right) in changes {
        fs::write(&path, &whole).unwrap();
        let data = read(root.path(), 0, None).unwrap();
        change();
        let all: Vec<u32> = (0..18).collect();
        let mut loader = Loader::evaluation(&data, Part::Train, &all, 2).unwrap();
        assert_eq!(loader.next().unwrap().unwrap().len(), 2);
        let why = loader.next().unwrap().unwrap_err().to_string();
        let why = why.replace(&root.path().display().to_string(), "ROOT");
        assert!(why.starts_with(right) && !why.contains('\n'), "{why}");
        assert!(loader.next().is_none() && loader.len() == 0);
        // Of what was kept nothing is missed.
        assert!(data.train.image(3).is_ok());
    }
}

#[test]
fn decoded_images_are_read_back_and_damage_is_found() {
    let (root, cache) = (photographs(), tempdir().unwrap());
    let folder = cache.path().join("made");
    let right = read(root.path(), 0, None).unwrap();
    read(root.path(), 0, Some(&folder)).unwrap();
    let file = only_file(&folder);
    let bytes = fs::read(&file).unwrap();
    // What a program that was killed leaves is written over.
    fs::remove_file(&file).unwrap();
    fs::write(file.with_extension("images-unfinished"), vec![7; bytes.len() / 2]).unwrap();
    read(root.path(), 0, Some(&folder)).unwrap();
    assert_eq!((only_file(&folder), fs::read(&file).unwrap() == bytes), (file.clone(), true));

    // The images themselves are not looked at again: their bytes are spoilt, size and time stay.
    for class in ["a", "b"] {
        let path = root.path().join(format!("train/{class}/1.png"));
        let (time, length) = (fs::metadata(&path).unwrap().modified().unwrap(), fs::metadata(&path).unwrap().len());
        fs::write(&path, vec![0; length as usize]).unwrap();
        fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    }
    assert!(read(root.path(), 0, None).is_err());
    let data = read(root.path(), 0, Some(&folder)).unwrap();
    assert_eq!((&data.mean, &data.std), (&right.mean, &right.std));
    let grey = data.train.image(13).unwrap();
    assert!(grey[..256] == grey[256..512] && grey[..256] == grey[512..], "one image is grey");

    let shown = file.display().to_string();
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        read(root.path(), 0, Some(&folder)).unwrap_err().replace(&shown, "FILE")
    };
    let mut head = bytes.clone();
    head[20] ^= 1;
    for bad in [&bytes[..bytes.len() - 1], &bytes[..100], &[], &head] {
        assert_eq!(refused(bad), "FILE: is no whole file of decoded images: remove it, it is made again");
    }
    let mut spoilt = bytes.clone();
    let place = spoilt.len() - 10;
    spoilt[place] ^= 1;
    fs::write(&file, spoilt).unwrap();
    let data = read(root.path(), 0, Some(&folder)).unwrap();
    let why = data.test.image(3).unwrap_err().to_string().replace(&shown, "FILE");
    assert!(
        why.starts_with("FILE: is damaged where ")
            && why.ends_with("test/b/1.png should be: remove it, it is made again"),
        "{why}"
    );

    // Another size or another list of files is another file.
    fs::write(&file, &bytes).unwrap();
    fs::remove_file(root.path().join("train/a/1.png")).unwrap();
    fs::remove_file(root.path().join("train/b/1.png")).unwrap();
    read(root.path(), 0, Some(&folder)).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn a_place_for_decoded_images_that_is_no_folder_is_said() {
    let (root, file) = (photographs(), tempfile::NamedTempFile::new().unwrap());
    let why = read(root.path(), 0, Some(&file.path().join("in"))).unwrap_err();
    assert!(why.starts_with(&format!("cannot read {}", file.path().display())) && !why.contains('\n'), "{why}");
}

/// Of a picture by hand: decoded whole, cut, resized.
#[test]
fn parts_are_cut_from_the_pictures_of_the_files() {
    let root = tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    for part in ["train", "test"] {
        fs::create_dir_all(root.path().join(part).join("a")).unwrap();
        for file in ["rough-420.jpg", "progressive.jpg", "grey.jpg", "plain.png"] {
            fs::copy(fixtures.join(file), root.path().join(part).join("a").join(file)).unwrap();
        }
    }
    let whole = read(root.path(), 0, None).unwrap();
    let augment: Augment = "resized-crop:0.2+flip".parse().unwrap();
    assert!(augment.cuts() && !"flip+resized-crop:0.2".parse::<Augment>().unwrap().cuts());
    let show = |data: &Dataset, indices: &[u32], epoch| {
        let mut out = Vec::new();
        fill(data, &data.train, indices, &augment, 3, epoch, &mut out).map(|()| out)
    };
    let right = show(&whole, &[0, 1, 2, 3], 0).unwrap();
    assert!(right.iter().all(|x| (0.0..=1.0).contains(x)) && right != show(&whole, &[0, 1, 2, 3], 1).unwrap());
    assert_eq!(show(&whole, &[2], 0).unwrap(), right[2 * 768..3 * 768]);
    // Whatever is kept, and whether anything is to stay.
    for (memory, cuts) in [(1 << 30, false), (1 << 30, true), (1000, true)] {
        let reading = Reading { memory, cuts, ..Reading::default() };
        let data = load_with(&name(root.path()), None, &reading).unwrap();
        assert_eq!(show(&data, &[0, 1, 2, 3], 0).unwrap(), right);
        assert_eq!(data.train.image(1).unwrap(), whole.train.image(1).unwrap());
    }
    // All of a picture is what a frame makes of it.
    let all: Augment = "resized-crop:1".parse().unwrap();
    let square = root.path().join("train/a/square.png");
    RgbImage::from_fn(24, 24, |x, y| Rgb([(x * 9) as u8, (y * 7) as u8, (x * y) as u8])).save(&square).unwrap();
    let data = read(root.path(), 0, None).unwrap();
    let place = data.train.len() as u32 - 1;
    let mut out = Vec::new();
    fill(&data, &data.train, &[place], &all, 1, 1, &mut out).unwrap();
    let image = data.train.image(place as usize).unwrap();
    assert!(out.iter().zip(image.iter()).all(|(x, y)| *x == f32::from(*y) * data.scale));
    // A file that is gone is an error here, too.
    fs::remove_file(&square).unwrap();
    let why = fill(&data, &data.train, &[0, place], &all, 1, 1, &mut out).unwrap_err().to_string();
    assert!(why.starts_with("cannot read ") && why.contains("square.png"), "{why}");
}

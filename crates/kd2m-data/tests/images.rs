//! Every kind of image file that torchvision's ImageFolder reads, against what Pillow reads in it: the same pixels from whole files,
//! and a refusal where Pillow refuses. `scripts/make_image_fixtures.py` made the files and the right values.

use std::fs;
use std::path::{Path, PathBuf};

use kd2m_data::{Dataset, Reading, Samples, load, load_with};
use tempfile::tempdir;

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name)).unwrap()
}

fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.ends_with(".rgb") && !name.ends_with(".csv")).collect();
    names.sort();
    names
}

fn name_of(root: &Path) -> String {
    format!("folder:{}", root.display())
}

/// A data set of one image, in train/ and test/.
fn only(name: &str, bytes: &[u8]) -> Result<Dataset, String> {
    let root = tempdir().unwrap();
    for part in ["train", "test"] {
        write(&root.path().join(part).join("a").join(name), bytes);
    }
    load(&name_of(root.path()), None).map_err(|e| e.to_string().replace(&root.path().display().to_string(), "ROOT"))
}

/// How the error of [`only`] ends where the image is broken.
fn again(name: &str) -> String {
    format!("): remove it or get it again; 1 more cannot be read either: ROOT/test/a/{name}")
}

#[test]
fn whole_files_have_the_pixels_that_pillow_reads() {
    let all = names();
    assert!(all.len() >= 24, "{all:?}");
    for name in all {
        let expected = fixture(&format!("{name}.rgb"));
        let found = only(&name, &fixture(&name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let plane = found.height * found.width;
        assert_eq!(3 * plane, expected.len(), "{name}: {}×{}", found.height, found.width);
        let image = found.train.image(0).unwrap();
        let pixel = |at: usize, channel: usize| image[channel.min(found.channels - 1) * plane + at];
        let apart = (0..plane).flat_map(|at| (0..3).map(move |c| (at, c)));
        let apart: Vec<u8> = apart.map(|(at, c)| pixel(at, c).abs_diff(expected[3 * at + c])).collect();
        // JPEG is read as libjpeg-turbo reads it; decoders of WebP round, and enlarge colours, in their own ways.
        let lossy = name == "lossy.webp";
        let (most, mean) =
            (apart.iter().max().unwrap(), apart.iter().map(|a| f64::from(*a)).sum::<f64>() / apart.len() as f64);
        let (bound, mean_bound) = if lossy { (12, 1.0) } else { (0, 0.0) };
        assert!(*most <= bound && mean <= mean_bound, "{name}: {most} at most, {mean} on average");
    }
}

#[test]
fn files_that_are_cut_are_refused_where_pillow_refuses() {
    let (mut refused, mut wrong) = (0, Vec::new());
    for line in String::from_utf8(fixture("cuts.csv")).unwrap().lines() {
        let [name, length, pillow] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = &fixture(name)[..length.parse::<usize>().unwrap()];
        match (only(name, bytes), pillow) {
            (Err(message), "refused") => {
                let (start, end) = (format!("ROOT/train/a/{name}: cannot be decoded ("), again(name));
                assert!(message.starts_with(&start) && message.ends_with(&end), "{message}");
                refused += 1;
            }
            // What lies behind the image of trailing.jpg is no part of it; elsewhere more may be refused than Pillow does.
            (Ok(_), "read") => {}
            (Err(_), "read") => assert_ne!(name, "trailing.jpg", "{line}"),
            (Ok(_), "refused") => wrong.push(line.to_owned()),
            (_, other) => panic!("{other}"),
        }
    }
    assert!(refused > 100 && wrong.is_empty(), "{refused} were refused, but read were {wrong:?}");
}

#[test]
fn jpegs_of_any_size_and_kind_are_refused_when_cut() {
    for name in ["baseline-64.jpg", "progressive-64.JPG", "rough-420.jpg", "rough-ycck.jpg", "rough-restarts.jpg"] {
        let whole = fixture(name);
        assert!(only("1.jpg", &whole).is_ok());
        for length in [whole.len() * 9 / 10, whole.len() / 2, whole.len() / 5, whole.len() - 2, whole.len() - 1] {
            assert_eq!(
                only("1.jpg", &whole[..length]).unwrap_err(),
                format!(
                    "ROOT/train/a/1.jpg: cannot be decoded (the file ends before the image does, it was cut off{}",
                    again("1.jpg")
                )
            );
        }
        // A download that reserved its length and stopped.
        let padded = [&whole[..whole.len() / 2], &vec![0; whole.len() / 2]].concat();
        assert!(only("1.jpg", &padded).unwrap_err().contains("it was cut off"));
    }
}

#[test]
fn jpegs_and_pngs_with_a_changed_byte_are_refused_where_pillow_refuses() {
    let (mut tried, mut read) = (0, Vec::new());
    for line in String::from_utf8(fixture("changes.csv")).unwrap().lines() {
        let [name, offset, value] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let mut bytes = fixture(name);
        bytes[offset.parse::<usize>().unwrap()] = value.parse().unwrap();
        let found = only(name, &bytes);
        if name.to_lowercase().contains(".jp") || name.ends_with(".png") {
            read.extend(found.is_ok().then(|| line.to_owned()));
            tried += 1;
        }
    }
    assert!(tried > 100 && read.is_empty(), "of {tried} were read: {read:?}");
}

/// Headers that claim gigapixels in files of a few bytes: refused before the memory is taken.
#[test]
fn claims_of_huge_images_are_refused_in_every_format() {
    let side = 60_000_u32;
    let bmp = {
        let mut bytes = fixture("plain.bmp");
        bytes[18..22].copy_from_slice(&side.to_le_bytes());
        bytes[22..26].copy_from_slice(&side.to_le_bytes());
        bytes
    };
    let ppm = [format!("P6 {side} {side} 255\n").as_bytes(), &[7; 64]].concat();
    let pgm = [format!("P5 {side} {side} 255\n").as_bytes(), &[7; 64]].concat();
    let tiff = {
        // ImageWidth and ImageLength, tags 256 and 257, of one LONG each.
        let mut bytes = fixture("plain.tif");
        for tag in [256_u16, 257] {
            let head: Vec<u8> = [tag.to_le_bytes(), 4_u16.to_le_bytes()].concat();
            let at = bytes.windows(4).position(|window| window == head).unwrap();
            bytes[at + 8..at + 12].copy_from_slice(&side.to_le_bytes());
        }
        bytes
    };
    let webp = {
        // VP8L: 14 bits of width − 1, 14 of height − 1 behind the signature 0x2f; 16,384 × 16,384 is the most.
        let mut bytes = fixture("lossless.webp");
        let at = bytes.windows(4).position(|window| window == b"VP8L").unwrap() + 9;
        bytes[at..at + 3].copy_from_slice(&[0xff; 3]);
        bytes[at + 3] |= 0x0f;
        bytes
    };
    let png = {
        let mut bytes = fixture("plain.png");
        bytes[16..20].copy_from_slice(&side.to_be_bytes());
        bytes[20..24].copy_from_slice(&side.to_be_bytes());
        bytes
    };
    for (name, bytes) in
        [("1.bmp", bmp), ("1.ppm", ppm), ("1.pgm", pgm), ("1.tif", tiff), ("1.webp", webp), ("1.png", png)]
    {
        let message = only(name, &bytes).unwrap_err();
        assert!(message.starts_with(&format!("ROOT/train/a/{name}: cannot be decoded (")), "{message}");
    }
}

/// A root with one good image a class, and more as asked.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(tempdir().unwrap());
        for part in ["train", "test"] {
            for class in ["a", "b"] {
                root.image(&format!("{part}/{class}/0.png"), 0);
            }
        }
        root
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn image(&self, path: &str, grey: u8) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(4, 4, image::Luma([grey]))
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }

    fn load(&self) -> Result<Dataset, String> {
        let shown = self.0.path().display().to_string();
        let mut dataset = load(&name_of(self.0.path()), None).map_err(|e| e.to_string().replace(&shown, "ROOT"))?;
        dataset.notes.iter_mut().for_each(|note| *note = note.replace(&shown, "ROOT"));
        Ok(dataset)
    }
}

#[test]
fn every_ending_and_every_subfolder_is_read_in_torchvisions_order() {
    let root = Root::new();
    // torchvision sorts the paths of folders as text, so that `a/m-1` comes between `a/m` and `a/m/x`, and files within each.
    for (path, grey) in [
        ("train/a/m/1.JPG", 30),
        ("train/a/m/x/2.webp", 50),
        ("train/a/m-1/9.Tiff", 20),
        ("train/a/z.ppm", 10),
        ("train/a/m/0.pgm", 25),
        ("train/b/images/5.JPEG", 60),
    ] {
        root.image(path, grey);
    }
    let dataset = root.load().unwrap();
    let greys: Vec<u8> = (0..dataset.train.len()).map(|i| dataset.train.image(i).unwrap()[0]).collect();
    assert_eq!(
        (&greys[..], &dataset.train.labels[..]),
        (&[0, 10, 25, 30, 20, 50, 0, 60][..], &[0, 0, 0, 0, 0, 0, 1, 1][..])
    );
    assert!(dataset.notes.is_empty(), "{:?}", dataset.notes);
    // A class with its images in a subfolder alone, as Tiny-ImageNet's.
    root.image("train/c/images/1.JPEG", 70);
    root.image("test/c/images/1.JPEG", 70);
    assert_eq!(root.load().unwrap().classes, 3);
}

#[test]
fn what_is_not_read_is_counted_by_kind() {
    let root = Root::new();
    for i in 0..20 {
        write(&root.path(&format!("train/a/{i}.gif")), b"GIF89a");
        write(&root.path(&format!("train/a/deep/er/{i}.GIF")), b"GIF89a");
    }
    write(&root.path("train/b/README"), b"");
    root.image("train/loose.png", 1);
    root.image("train/a/.hidden.png", 1);
    root.image("train/a/.thumbnails/1.png", 1);
    write(&root.path("train/a/.DS_Store"), b"");
    write(&root.path("test/b/notes.txt"), b"");
    assert_eq!(
        root.load().unwrap().notes,
        [
            "ROOT/train/: 44 of 46 files are not read (.gif 40, .png in no class 1, hidden .png 1, hidden folder 1, without ending 1)",
            "ROOT/test/: 1 of 3 files are not read (.txt 1)",
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_unless_they_are_broken_or_lead_back() {
    use std::os::unix::fs::symlink;
    let root = Root::new();
    root.image("elsewhere/1.png", 40);
    symlink(root.path("elsewhere"), root.path("train/a/linked")).unwrap();
    symlink(root.path("elsewhere/1.png"), root.path("train/b/linked.png")).unwrap();
    symlink("/nowhere.png", root.path("train/a/link.png")).unwrap();
    symlink(root.path("train"), root.path("train/a/up")).unwrap();
    symlink(root.path("train/a"), root.path("elsewhere/back")).unwrap();
    let dataset = root.load().unwrap();
    assert_eq!(dataset.train.labels, [0, 0, 1, 1]);
    let [note] = &dataset.notes[..] else { panic!("{:?}", dataset.notes) };
    assert_eq!(note, "ROOT/train/: 3 of 7 files are not read (link to a folder above 2, broken link 1)");
}

#[test]
fn classes_without_images_are_said_or_refused() {
    let root = Root::new();
    root.image("train/c/0.png", 0);
    root.image("train/d/0.png", 0);
    assert_eq!(
        root.load().unwrap().notes,
        ["ROOT/test/ has no image of 2 of 4 classes (c, d): test figures say nothing of them"]
    );
    fs::create_dir_all(root.path("train/e")).unwrap();
    write(&root.path("train/e/1.gif"), b"GIF89a");
    assert_eq!(
        root.load().unwrap_err(),
        "ROOT/train/e: holds no image (.jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp), but files that are not read (.gif 1)"
    );
    fs::remove_dir_all(root.path("train/e")).unwrap();
    root.image("test/Dog/0.png", 0);
    root.image("train/dog/0.png", 0);
    assert_eq!(
        root.load().unwrap_err(),
        "ROOT/test/Dog: is a class that train/ lacks: there it is written `dog`, rename one"
    );
}

#[test]
fn a_single_class_is_said() {
    let root = Root::new();
    fs::remove_dir_all(root.path("train/b")).unwrap();
    fs::remove_dir_all(root.path("test/b")).unwrap();
    assert_eq!(
        root.load().unwrap().notes,
        ["ROOT/train/ has one class, a: there is nothing to tell apart; is PATH the folder above train/CLASS/?"]
    );
}

/// Images in no class, in the folder itself or in its parts, with folders below them.
#[test]
fn images_without_classes_are_one_class() {
    let root = tempdir().unwrap();
    let named = name_of(root.path());
    let read = || load(&named, None).map_err(|error| error.to_string());
    let image = |path: &str, grey: u8| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(2, 2, image::Luma([grey])).save(path).unwrap();
    };
    (0..9).for_each(|i| image(&format!("{i}.png"), i));
    image("deeper/down/9.png", 9);
    let set = read().unwrap();
    assert_eq!((set.class_names.join(" "), set.train.len(), set.test.len()), ("unlabelled".to_owned(), 8, 2));
    let [note] = &set.notes[..] else { panic!("{:?}", set.notes) };
    assert!(note.ends_with("/ holds images without classes, so they are unlabelled: 2 of 10 images are kept for testing (data.test_fraction = 0.2, by name)"), "{note}");
    // Classes beside them are what is meant, as before.
    image("cat/a.png", 1);
    image("cat/b.png", 2);
    image("dog/a.png", 3);
    image("dog/b.png", 4);
    fs::remove_dir_all(root.path().join("deeper")).unwrap();
    assert_eq!(read().unwrap().class_names, ["cat", "dog"]);
    // Parts without classes.
    (0..5).for_each(|i| image(&format!("train/{i}.png"), i));
    assert!(read().unwrap_err().contains("test/ (or val/) is missing"));
    image("val/0.png", 0);
    let set = read().unwrap();
    assert_eq!((set.classes, set.train.len(), set.test.len(), set.validation.len()), (1, 5, 1, 0));
    let [note] = &set.notes[..] else { panic!("{:?}", set.notes) };
    assert!(note.ends_with("train/ holds images without classes, so they are unlabelled"), "{note}");
    image("test/0.png", 0);
    let set = read().unwrap();
    assert_eq!((set.train.len(), set.test.len(), set.validation), (6, 1, vec![5]));
}

#[test]
fn broken_images_are_left_out_where_that_is_asked_for() {
    let root = Root::new();
    for (path, grey) in [("train/a/1.png", 10), ("train/a/3.png", 30), ("train/b/2.png", 20), ("test/b/1.png", 40)] {
        root.image(path, grey);
    }
    let cut = fixture("baseline.jpg");
    write(&root.path("train/a/2.jpg"), &cut[..300]);
    write(&root.path("train/b/0a.jpg"), &cut[..200]);
    write(&root.path("train/b/9.png"), b"no image");
    write(&root.path("test/a/9.png"), b"none either");
    let name = name_of(root.0.path());
    let why = load(&name, None).unwrap_err().to_string();
    assert!(why.contains("; 3 more cannot be read either: "), "{why}");
    let cache = tempdir().unwrap();
    let read = |cache: Option<&Path>| {
        let reading = Reading { skip_bad: true, cache, ..Reading::default() };
        load_with(&name, None, &reading).map_err(|error| error.to_string())
    };
    // Looked at, stored, and read from what was stored.
    for cache in [None, Some(cache.path()), Some(cache.path())] {
        let left = read(cache).unwrap();
        let greys =
            |samples: &Samples| -> Vec<u8> { (0..samples.len()).map(|i| samples.image(i).unwrap()[0]).collect() };
        assert_eq!((greys(&left.train), &left.train.labels[..]), (vec![0, 10, 30, 0, 20], &[0, 0, 0, 1, 1][..]));
        assert_eq!((greys(&left.test), &left.test.labels[..]), (vec![0, 0, 40], &[0, 1, 1][..]));
        let [note] = &left.notes[..] else { panic!("{:?}", left.notes) };
        assert_eq!(
            note.replace(&root.0.path().display().to_string(), "ROOT"),
            "ROOT/: 4 of 12 images cannot be decoded and are left out (.jpg the file ends before the image does, it was cut off: 2, \
             .png its first bytes are none of JPEG, PNG, WebP, GIF, BMP, TIFF and PNM: 2): train/a/2.jpg, train/b/0a.jpg, train/b/9.png, test/a/9.png"
        );
    }
    // A class of which nothing is left.
    write(&root.path("train/c/0.png"), b"no image");
    assert!(read(None).unwrap_err().ends_with("has no training image of class c that can be decoded"));
}

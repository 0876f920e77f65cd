//! Weights that were trained under a normalisation of their own, on pictures that have another: PyTorch's checkpoint and its logits in
//! float64, as `scripts/make_teacher_fixture.py` wrote them.

use std::{fs, path::Path};

use image::RgbImage;
use kd2m::{
    Config,
    batch::host,
    config::Source,
    device::DeviceChoice,
    engine::{Images, Mode},
    preprocess::Normalisation,
    train::{
        Event, Observer, RunOptions, Silent, distill,
        inspect::{On, evaluate_saved},
        setup::Setup,
        summary::Summary,
    },
};
use kd2m_data::{Augment, fill};
use kd2m_nn::weights::{self, Owner};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    accuracy: f64,
    accuracy_under_the_data_s_own: f64,
    data: Normal,
    pixel_sums: Vec<u64>,
    logits: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Normal {
    mean: Vec<f64>,
    std: Vec<f64>,
}

const PARTS: [(&str, u32); 2] = [("train", 20), ("test", 10)];

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).display().to_string()
}

fn golden() -> Golden {
    serde_json::from_str(&fs::read_to_string(fixture("imagenet-eyes.json")).unwrap()).unwrap()
}

/// The script's picture, from whole numbers.
fn picture(part: u32, class: u32, i: u32, dimmed: u32) -> RgbImage {
    let mut state = (part * 1000 + class * 100 + i + 1).wrapping_mul(2_654_435_761);
    let mut image = RgbImage::new(8, 8);
    for y in 0..8 {
        for x in 0..8 {
            let pixel = [12, 10, 7].map(|share| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let value = 20 + 3 * [x, y, 7 - x, 7 - y][class as usize] + (state >> 27);
                (value * share / 10 / dimmed) as u8
            });
            image.put_pixel(x, y, image::Rgb(pixel));
        }
    }
    image
}

/// The pictures as a folder; those of train are so many times darker than PyTorch's.
fn write_pictures(folder: &Path, dimmed: u32) {
    for (part, (name, count)) in PARTS.iter().enumerate() {
        for class in 0..4 {
            let place = folder.join(name).join(format!("c{class}"));
            fs::create_dir_all(&place).unwrap();
            for i in 0..*count {
                let dimmed = if part == 0 { dimmed } else { 1 };
                picture(part as u32, class, i, dimmed).save(place.join(format!("{i:02}.png"))).unwrap();
            }
        }
    }
}

fn config(pictures: &Path, teacher: &str, more: &[&str]) -> Result<Config, kd2m::Error> {
    let mut source = Source::demo()?;
    source.set_arms(&["w2".into()], None)?;
    source.set(&format!("data.dataset=folder:{}", pictures.display()))?;
    source.set(&format!("teacher.weights={teacher}"))?;
    let quick = [
        "teacher.model=digits-cnn-student",
        "student.model=digits-cnn-student",
        "train.epochs=1",
        "train.seeds=[1]",
        "train.batch_size=20",
        "data.train_limit=40",
        "data.augment=none",
    ];
    quick.iter().chain(more).try_for_each(|set| source.set(set))?;
    source.resolve()
}

/// Logits of the test pictures by the teacher of a configuration.
fn logits(config: &Config, device: &str) -> (Vec<f32>, Normalisation) {
    let setup = Setup::new(config, DeviceChoice::parse(device).unwrap(), 1).unwrap();
    let weights = setup.given_teacher(config).unwrap().unwrap().weights;
    let mut engine = setup.engine(setup.teacher.graph().unwrap(), &weights, &[], false).unwrap();
    let all: Vec<u32> = (0..setup.dataset.test.len() as u32).collect();
    let mut pixels = Vec::new();
    fill(&setup.dataset, &setup.dataset.test, &all, &Augment::none(), 0, 0, &mut pixels).unwrap();
    let outputs = engine.forward(Images { pixels: &pixels, n: all.len() }, Mode::Evaluate).unwrap();
    (host(&outputs.logits).unwrap(), setup.teacher_eyes)
}

/// ‖found − right‖ / ‖right‖.
fn error(found: &[f32], right: &[Vec<f64>]) -> f64 {
    let right: Vec<f64> = right.concat();
    assert_eq!(found.len(), right.len());
    let off: f64 = found.iter().zip(&right).map(|(x, y)| (f64::from(*x) - y).powi(2)).sum();
    (off / right.iter().map(|y| y * y).sum::<f64>()).sqrt()
}

/// Hears what a person is told of weights.
#[derive(Default)]
struct Heard {
    notices: Vec<String>,
    warnings: Vec<String>,
}

impl Observer for Heard {
    fn event(&mut self, event: &mut Event) -> Result<(), kd2m::Error> {
        match event {
            Event::Notice(text) => self.notices.push(text.clone()),
            Event::Warning(text) => self.warnings.push(text.clone()),
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn logits_are_pytorch_s_wherever_the_normalisation_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    write_pictures(&pictures, 1);
    let (golden, checkpoint) = (golden(), fixture("imagenet-eyes.pth"));

    // The pictures are the script's, and so are their own statistics.
    let plain = Setup::new(&config(&pictures, &checkpoint, &[]).unwrap(), DeviceChoice::default(), 1).unwrap();
    let test = &plain.dataset.test;
    let sum = |i: usize| test.image(i).unwrap().iter().map(|p| u64::from(*p)).sum::<u64>();
    assert_eq!((0..test.len()).map(sum).collect::<Vec<_>>(), golden.pixel_sums);
    for (found, right) in [(&plain.dataset.mean, &golden.data.mean), (&plain.dataset.std, &golden.data.std)] {
        assert!(found.iter().zip(right).all(|(x, y)| (f64::from(*x) - y).abs() < 1e-6), "{found:?} {right:?}");
    }

    // A copy with timm's config.json beside it, and one of ours with metadata.
    let beside = folder.path().join("timm");
    fs::create_dir(&beside).unwrap();
    fs::copy(&checkpoint, beside.join("t.pth")).unwrap();
    let numbers = r#""mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]"#;
    fs::write(beside.join("config.json"), format!("{{\"pretrained_cfg\": {{{numbers}}}}}")).unwrap();
    let own = folder.path().join("own.safetensors");
    let source = weights::Source::parse(Path::new(&checkpoint));
    let loaded = weights::load(&source, plain.teacher.graph().unwrap(), Owner::Teacher).unwrap();
    assert_eq!(loaded.choice.unwrap().key, "state_dict", "plain before its average");
    weights::write(&own, &loaded.weights, Some(&format!("{{{numbers}}}"))).unwrap();

    let timm = beside.join("t.pth").display().to_string();
    let metadata = own.display().to_string();
    let cases: [(&str, &[&str], &str); 6] = [
        (&checkpoint, &["teacher.preset=imagenet"], "teacher.preset = \"imagenet\""),
        (&checkpoint, &["teacher.preset=imagenet-v2"], "teacher.preset = \"imagenet-v2\""),
        (
            &checkpoint,
            &["teacher.mean=[0.485, 0.456, 0.406]", "teacher.std=[0.229, 0.224, 0.225]"],
            "teacher.mean and teacher.std",
        ),
        (
            &checkpoint,
            &["teacher.preset=none", "teacher.mean=[0.485, 0.456, 0.406]", "teacher.std=[0.229, 0.224, 0.225]"],
            "",
        ),
        (&timm, &[], "config.json"),
        (&metadata, &[], "the metadata of "),
    ];
    for (file, sets, from) in cases {
        let config = config(&pictures, file, sets).unwrap();
        for device in ["cpu", "flex"] {
            let (found, eyes) = logits(&config, device);
            let off = error(&found, &golden.logits);
            assert!(off < 1e-5, "{sets:?} of {file} on {device}: {off}");
            assert!(eyes.from.contains(from), "{eyes}");
        }
    }
    // Under the data's own the same weights see something else; a preset outdoes what the file says.
    let (found, eyes) = logits(&config(&pictures, &checkpoint, &[]).unwrap(), "cpu");
    assert!(error(&found, &golden.logits) > 0.1 && eyes.from == "the data set's own");
    let (again, _) = logits(&config(&pictures, &metadata, &["teacher.preset=dataset"]).unwrap(), "cpu");
    assert_eq!(found, again);
}

fn run(pictures: &Path, out: &Path, more: &[&str], heard: &mut Heard) -> Summary {
    let options = RunOptions {
        out: Some(out.to_owned()),
        threads: 1,
        allow_weak_teacher: true,
        no_baseline: true,
        ..RunOptions::default()
    };
    distill(&config(pictures, &fixture("imagenet-eyes.pth"), more).unwrap(), &options, heard).unwrap();
    serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap()
}

#[test]
fn a_run_says_which_normalisation_it_took_records_it_and_keys_its_cache_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let [pictures, right, wrong, cache] = ["pictures", "right", "wrong", "cache"].map(|name| folder.path().join(name));
    write_pictures(&pictures, 1);
    let golden = golden();
    let shared = format!("teacher.cache={}", cache.display());
    let mut heard = Heard::default();
    let summary = run(&pictures, &right, &["teacher.preset=imagenet", &shared], &mut heard);
    assert_eq!(summary.teacher.test_accuracy, golden.accuracy);
    let eyes = summary.teacher.normalisation.unwrap();
    assert_eq!((eyes.mean, eyes.std), (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]));
    // The student keeps the data's own, in the summary and in its file.
    let own = summary.students[0].normalisation.clone().unwrap();
    assert!((f64::from(own.mean[0]) - golden.data.mean[0]).abs() < 1e-6, "{own}");
    let student = right.join("students/w2/seed-1/student.safetensors");
    let text: serde_json::Value = serde_json::from_str(&weights::metadata(&student).unwrap()).unwrap();
    assert!((text["std"][2].as_f64().unwrap() - golden.data.std[2]).abs() < 1e-6, "{text}");
    // One line for the choice of the state dict, one for the normalisation, and a warning that it is not the data's.
    assert_eq!((heard.notices.len(), heard.warnings.len()), (2, 1), "{:?} {:?}", heard.notices, heard.warnings);
    assert!(heard.notices[0].contains("`state_dict` is taken; `state_dict_ema` would fit too"), "{:?}", heard.notices);
    let line = "mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225 (teacher.preset = \"imagenet\")";
    assert!(heard.notices[1].contains(line), "{:?}", heard.notices);

    let mut heard = Heard::default();
    let summary = run(&pictures, &wrong, &[&shared], &mut heard);
    assert!((summary.teacher.test_accuracy - golden.accuracy_under_the_data_s_own).abs() < 1e-9);
    assert!(heard.warnings.is_empty() && heard.notices[1].contains("(the data set's own)"), "{:?}", heard.notices);
    let rows =
        fs::read_dir(&cache).unwrap().filter(|e| e.as_ref().unwrap().path().extension() == Some("rows".as_ref()));
    assert_eq!(rows.count(), 2, "a file for each normalisation");
    // The students learned from different teachers.
    let weights = |out: &Path| fs::read(out.join("students/w2/seed-1/student.safetensors")).unwrap();
    assert!(weights(&right) != weights(&wrong));
}

#[test]
fn saved_networks_keep_their_normalisation_when_the_data_s_changes() {
    let folder = tempfile::tempdir().unwrap();
    let [pictures, darker, out] = ["a/pictures", "b/pictures", "out"].map(|name| folder.path().join(name));
    write_pictures(&pictures, 1);
    // The test part is the same, so are the right answers; the statistics of train are not.
    write_pictures(&darker, 3);
    let mut heard = Heard::default();
    let made = run(&pictures, &out, &["teacher.preset=imagenet", "train.epochs=4"], &mut heard);
    // Its checksums would refuse other data; a run of an older version has none.
    fs::remove_file(out.join("inputs.json")).unwrap();
    let evaluated = |root: &Path, heard: &mut Heard| {
        let text = fs::read_to_string(out.join("config.toml")).unwrap();
        let moved = text.replace(&pictures.display().to_string(), &root.display().to_string());
        fs::write(out.join("config.toml"), moved).unwrap();
        let found = evaluate_saved(&out, On::Test, None, DeviceChoice::default(), 1, heard).unwrap();
        fs::write(out.join("config.toml"), text).unwrap();
        found
    };
    let same = evaluated(&pictures, &mut Heard::default());
    assert_eq!(same[0].accuracy, made.students[0].test_accuracy[0]);
    let mut heard = Heard::default();
    let moved = evaluated(&darker, &mut heard);
    assert_eq!(
        (same[0].accuracy, same[0].ce, same[0].w2_to_teacher),
        (moved[0].accuracy, moved[0].ce, moved[0].w2_to_teacher)
    );
    let others = heard.warnings.iter().filter(|warning| warning.contains("own normalisation")).count();
    assert_eq!(others, 2, "teacher and student see otherwise than the data: {:?}", heard.warnings);
    assert!(heard.notices.iter().any(|n| n.starts_with("student w2, seed 1: ")), "{:?}", heard.notices);
}

#[test]
fn numbers_for_other_channels_are_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(folder.path(), 1);
    let refused = |sets: &[&str]| {
        let config = config(folder.path(), &fixture("imagenet-eyes.pth"), sets).unwrap();
        Setup::new(&config, DeviceChoice::default(), 1).map(|_| ()).unwrap_err().to_string()
    };
    let two = refused(&["teacher.mean=[0.5, 0.5]"]);
    assert!(two.contains("teacher.mean has 2 numbers, the images have 3 channels"), "{two}");
    let grey = |sets: &[&str]| {
        let mut source = Source::demo().unwrap();
        sets.iter().try_for_each(|set| source.set(set)).unwrap();
        Setup::new(&source.resolve().unwrap(), DeviceChoice::default(), 1).map_err(|e| e.to_string())
    };
    let colour = grey(&["teacher.preset=imagenet"]).map(|_| ()).unwrap_err();
    assert!(
        colour.contains("teacher.preset = \"imagenet\" has 3 numbers, the images have 1 channel: give"),
        "{colour}"
    );
    // Three equal numbers serve one channel.
    let inception = grey(&["teacher.preset=inception", "student.preset=lite"]).unwrap();
    assert_eq!((inception.teacher_eyes.mean, inception.teacher_eyes.std), (vec![0.5], vec![0.5]));
    assert_eq!(inception.student_eyes.std, [128.0 / 255.0]);
}

#[test]
fn a_teacher_resumed_through_other_eyes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [pictures, out] = ["pictures", "out"].map(|name| folder.path().join(name));
    write_pictures(&pictures, 1);
    fs::copy(fixture("imagenet-eyes.pth"), folder.path().join("t.pth")).unwrap();
    let options = || RunOptions { out: Some(out.clone()), threads: 1, no_baseline: true, ..RunOptions::default() };
    let beside = folder.path().join("config.json");
    fs::write(&beside, r#"{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}"#).unwrap();
    let config = config(&pictures, &folder.path().join("t.pth").display().to_string(), &[]).unwrap();
    distill(&config, &options(), &mut Silent).unwrap();
    fs::write(&beside, r#"{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}"#).unwrap();
    fs::remove_dir_all(out.join("students")).unwrap();
    let again = RunOptions { existing: kd2m::train::folder::Existing::Resume, ..options() };
    let why = distill(&config, &again, &mut Silent).map(|_| ()).unwrap_err().to_string();
    assert!(why.contains("mean 0.485 0.456 0.406") && why.contains("mean 0.5 0.5 0.5"), "{why}");
    // Whoever evaluates the run sees through the eyes that it recorded.
    assert!(why.contains("teacher/summary.json"), "{why}");
}

/// Heard, and the summary, of a run under these keys.
fn seen(pictures: &Path, out: &Path, more: &[&str]) -> (Summary, Vec<String>) {
    let mut heard = Heard::default();
    let summary = run(pictures, out, more, &mut heard);
    (summary, heard.notices)
}

#[test]
fn teacher_and_student_see_one_view_at_sizes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let [pictures, out] = ["pictures", "out"].map(|name| folder.path().join(name));
    write_pictures(&pictures, 1);
    let (checkpoint, sizes) =
        (fixture("imagenet-eyes.pth"), ["teacher.preset=imagenet", "teacher.size=12", "student.size=6"]);
    // 8×8 are no photographs, so the preset's own sizes are left; the key is followed.
    let config = config(&pictures, &checkpoint, &sizes).unwrap();
    let setup = Setup::new(&config, DeviceChoice::default(), 1).unwrap();
    let shape = |graph: &kd2m_nn::Graph| graph.input_shape().len();
    assert_eq!((shape(setup.teacher.graph().unwrap()), shape(&setup.student)), (3 * 12 * 12, 3 * 6 * 6));
    // What the teacher says through its eyes is what it says to the images resized.
    let weights = setup.given_teacher(&config).unwrap().unwrap().weights;
    let graph = setup.teacher.graph().unwrap();
    let mut pixels = Vec::new();
    fill(&setup.dataset, &setup.dataset.test, &[0, 1, 2], &Augment::none(), 0, 0, &mut pixels).unwrap();
    let mut seeing = setup.engine_seeing(&setup.teacher_eyes, graph, &weights, &[], false).unwrap();
    let found = host(&seeing.forward(Images { pixels: &pixels, n: 3 }, Mode::Evaluate).unwrap().logits).unwrap();
    let frame = kd2m_data::Frame::squash([12, 12], kd2m_data::Interpolation::Bilinear);
    let reframe = kd2m_data::Reframe::new(&frame, [3, 8, 8]).unwrap();
    let resized: Vec<f32> = (0..3)
        .flat_map(|i| reframe.bytes(&setup.dataset.test.image(i).unwrap()))
        .map(|b| f32::from(b) / 255.0)
        .collect();
    let mut plain = setup.engine(graph, &weights, &[], false).unwrap();
    let right = host(&plain.forward(Images { pixels: &resized, n: 3 }, Mode::Evaluate).unwrap().logits).unwrap();
    assert_eq!(found, right);
    assert!(seeing.arithmetic() != plain.arithmetic(), "caches are keyed by it");

    let (summary, notices) = seen(&pictures, &out, &sizes);
    let said = "images of 8×8 are seen at 12×12: squashed to 12×12 (bilinear)";
    assert!(notices.iter().any(|n| n.contains(said)), "{notices:?}");
    assert_eq!(summary.teacher.normalisation.unwrap().frame, Some(frame));
    // The student's file says what it sees, and whoever evaluates it follows.
    let student = out.join("students/w2/seed-1/student.safetensors");
    let text: serde_json::Value = serde_json::from_str(&weights::metadata(&student).unwrap()).unwrap();
    assert_eq!((text["input"][1].as_u64(), text["frame"]["resize"]["squash"][0].as_u64()), (Some(6), Some(6)));
    let again = evaluate_saved(&out, On::Test, None, DeviceChoice::default(), 1, &mut Heard::default()).unwrap();
    assert_eq!(again[0].accuracy, summary.students[0].test_accuracy[0]);
}

#[test]
fn sizes_come_from_the_keys_then_the_preset_then_a_config_beside_and_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    write_pictures(&pictures, 1);
    let file = folder.path().join("t.pth");
    fs::copy(fixture("imagenet-eyes.pth"), &file).unwrap();
    let numbers = r#""mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]"#;
    let timm = format!(
        r#"{{"pretrained_cfg": {{{numbers}, "input_size": [3, 8, 8], "crop_pct": 0.8, "interpolation": "bicubic"}}}}"#
    );
    fs::write(folder.path().join("config.json"), timm).unwrap();
    let eyes = |more: &[&str]| {
        let config = config(&pictures, &file.display().to_string(), more).unwrap();
        Setup::new(&config, DeviceChoice::default(), 1).map(|s| s.teacher_eyes).map_err(|e| e.to_string())
    };
    let said = |more: &[&str]| eyes(more).unwrap().frame.map(|frame| frame.to_string());
    assert_eq!(said(&[]), Some("shorter side 10 (bicubic), centre 8×8".to_owned()));
    assert_eq!(said(&["teacher.mean=0.5", "teacher.std=0.5"]), said(&[]));
    assert_eq!(said(&["teacher.interpolation=bilinear"]), Some("shorter side 10 (bilinear), centre 8×8".to_owned()));
    assert_eq!(said(&["teacher.resize=squash", "teacher.size=9"]), Some("squashed to 9×9 (bicubic)".to_owned()));
    assert_eq!(said(&["teacher.preset=dataset"]), None);
    assert_eq!(
        said(&["teacher.preset=dataset", "teacher.resize=12", "teacher.crop=10"]),
        Some("shorter side 12 (bilinear), centre 10×10".to_owned())
    );
    let refused =
        |more: &str| config(&pictures, &file.display().to_string(), &[more]).map(|_| ()).unwrap_err().to_string();
    assert!(
        refused("teacher.resize=stretch")
            .contains("teacher.resize is \"stretch\": \"squash\", or the length of the shorter side")
    );
    assert!(
        refused("teacher.interpolation=nearest").contains("teacher.interpolation is \"nearest\": bilinear or bicubic")
    );
    assert!(refused("student.size=9000").contains("student.size is 9000: from 1 to 4096 pixels"));
}

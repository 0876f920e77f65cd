//! Folders of images through the program: what is not read is said, on stderr and under `--quiet` too, and an error under `--strict`.

mod picture;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use kd2m::{saved::Description, teacher::StoredOutputs};
use kd2m_nn::weights;
use picture::{png, png_of, put};

fn train(folder: &Path, more: &[&str]) -> Output {
    prepared(folder, more).output().unwrap()
}

fn prepared(folder: &Path, more: &[&str]) -> Command {
    let config = "name = \"x\"\n[data]\ndataset = \"digits\"\naugment = \"none\"\nval_fraction = 0.3\n[teacher]\nmodel = \"mlp-3\"\n\
                  [student]\nmodel = \"mlp-3\"\n[train]\nepochs = 1\nbatch_size = 4\nseeds = [1]\n";
    fs::write(folder.join("c.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
    command.args(["train", "-q", "--no-tensorboard", "--overwrite", "--config"]).arg(folder.join("c.toml"));
    command.arg("--set").arg(format!("data.dataset=folder:{}", folder.join("data").display()));
    command.arg("--out").arg(folder.join("out")).args(more);
    command
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
    let again = train(folder.path(), &["--skip-bad"]);
    assert!(again.status.success());
    // What the network is then asked about.
    let (run, images) = (folder.path().join("out").display().to_string(), format!("folder:{}", data.display()));
    let [whole, cut] = ["train/a/0.png", "train/a/cut.png"].map(|name| data.join(name).display().to_string());
    let int8 = folder.path().join("x.onnx").display().to_string();
    for (command, files) in [
        ("predict", &[&whole, &cut][..]),
        ("eval", &[&"--data".to_owned(), &images, &"--split=train".to_owned()]),
        ("export", &[&"--data".to_owned(), &images, &"--format=onnx-int8".to_owned(), &"--out".to_owned(), &int8]),
    ] {
        let ask = |more: &[&str]| {
            let mut program = Command::new(env!("CARGO_BIN_EXE_kd2m"));
            let found = program.args([command, &run, "--teacher"]).args(files).args(more).output().unwrap();
            let [out, said] = [found.stdout, found.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            (found.status.code(), out, said)
        };
        let (code, _, said) = ask(&[]);
        assert!(code == Some(2) && said.contains("train/a/cut.png: cannot be decoded ("), "{command}: {said}");
        let (code, out, said) = ask(&["--skip-bad"]);
        assert_eq!(code, Some(0), "{command}: {said}");
        assert!(said.contains("images cannot be decoded and are left out (") && said.contains("cut.png"), "{said}");
        if command == "predict" {
            assert!(said.contains("warning: 1 of 2 ") && out.starts_with(&whole) && !out.contains("cut.png"), "{out}");
        }
    }
    // What the run has looked at is not looked at again: an image that is not asked for may be anything.
    fs::remove_file(&cut).unwrap();
    assert!(train(folder.path(), &[]).status.success());
    let spoilt = data.join("train/b/3.png");
    kept(&spoilt, &vec![b'x'; png(203).len()]);
    let eval = |split: &str| {
        let found =
            Command::new(env!("CARGO_BIN_EXE_kd2m")).args(["eval", &run, "--teacher", "--split", split]).output();
        let found = found.unwrap();
        (found.status.code(), String::from_utf8_lossy(&found.stderr).into_owned())
    };
    let (tested, trained) = (eval("test"), eval("train"));
    assert_eq!(tested.0, Some(0), "{}", tested.1);
    assert!(trained.0 == Some(2) && trained.1.contains("train/b/3.png: cannot be decoded ("), "{}", trained.1);
    put(Path::new(&cut), &png(7)[..60]);
    let none =
        Command::new(env!("CARGO_BIN_EXE_kd2m")).args(["predict", &run, "--teacher", &cut, "--skip-bad"]).output();
    let none = none.unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("1 of 1 images cannot be decoded"), "{none:?}");
}

/// Writes a file as one that has not changed.
fn kept(path: &Path, bytes: &[u8]) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// How a training ends of whose images one is spoilt after its first epochs, and what it says.
fn spoilt_under_way(spoil: impl Fn(&Path)) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for (class, grey) in [("a", 40), ("b", 200)] {
        for i in 0..12 {
            put(&data.join(format!("train/{class}/{i}.png")), &png(grey + i));
        }
        put(&data.join(format!("test/{class}/0.png")), &png(grey));
    }
    let mut command = prepared(folder.path(), &["--epochs", "1000000", "--set", "data.memory=0"]);
    let mut running = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let metrics = folder.path().join("out/teacher/metrics.jsonl");
    let begun = Instant::now();
    let mut wait = |until: &mut dyn FnMut(&mut Child) -> bool| {
        while !until(&mut running) && begun.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait(&mut |running| {
        let epochs = fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
        epochs > 1 || running.try_wait().unwrap().is_some()
    });
    spoil(&data.join("train/b/7.png"));
    wait(&mut |running| running.try_wait().unwrap().is_some());
    let _ = running.kill();
    let ended = running.wait_with_output().unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[test]
fn an_image_that_is_spoilt_under_way_ends_the_run_by_name() {
    for (what, spoil, expected) in [
        ("removed", &(|path: &Path| fs::remove_file(path).unwrap()) as &dyn Fn(&Path), "cannot read "),
        ("replaced", &|path: &Path| put(path, &[&png(9)[..], &[0]].concat()), "has changed since its folder was read"),
        ("damaged", &|path: &Path| kept(path, &vec![b'x'; png(207).len()]), "cannot be decoded ("),
    ] {
        let (code, said) = spoilt_under_way(spoil);
        assert_eq!(code, Some(2), "{what}: {said}");
        let line = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(line.contains("train/b/7.png") && line.contains(expected), "{what}: {said}");
    }
}

const WORDS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// The digits as a folder whose classes are words: in the order of the alphabet zero is the last.
fn worded(folder: &Path) -> String {
    let digits = kd2m_data::load("digits", None).unwrap();
    for (part, samples) in [("train", &digits.train), ("test", &digits.test)] {
        for (i, label) in samples.labels.iter().enumerate() {
            let image = samples.image(i).unwrap();
            let pixels: Vec<u8> = image.iter().map(|x| (u16::from(*x) * 255 / 16) as u8).collect();
            let place = folder.join("worded").join(part).join(WORDS[*label as usize]).join(format!("{i}.png"));
            put(&place, &png_of(pixels[..].try_into().unwrap()));
        }
    }
    format!("folder:{}", folder.join("worded").display())
}

/// The repository's teacher of the digits, whose classes are called so.
fn teacher(file: &Path, names: &[&str]) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights/digits/teacher.safetensors");
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let description = Description { class_names: names, ..Description::read(&own).unwrap() };
    weights::write(file, &weights::read_any(&own).unwrap(), Some(&description.text().unwrap())).unwrap();
}

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

/// A network and a bank of another place number the same classes otherwise: names decide, and where these are others a person hears of it.
#[test]
fn classes_are_matched_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let data = worded(folder.path());
    let (named, numbered) = (folder.path().join("named.safetensors"), folder.path().join("numbered.safetensors"));
    teacher(&named, &WORDS);
    teacher(&numbered, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let eval = |file: &Path, more: &[&str]| {
        let ran = kd2m(&[&["eval", file.to_str().unwrap(), "--data", &data, "--json"][..], more].concat());
        let found = serde_json::from_slice::<serde_json::Value>(&ran.stdout);
        (found.map_or(f64::NAN, |found| found["accuracy"].as_f64().unwrap()), String::from_utf8(ran.stderr).unwrap())
    };
    let (accuracy, said) = eval(&named, &[]);
    assert!(accuracy > 98.0 && said.contains("in another order; they are matched by name"), "{accuracy}: {said}");
    let (accuracy, said) = eval(&numbered, &[]);
    assert!(
        accuracy < 20.0 && said.contains("warning: ") && said.contains("0 is \"0\" there, \"eight\" here"),
        "{said}"
    );
    assert!(eval(&numbered, &["--strict"]).1.contains("an error because of --strict"));

    // A bank of the teacher's outputs with its own numbers, and a student of the folder that gets its classifier.
    let bank = folder.path().join("bank.npz");
    assert!(
        kd2m(&[
            "features",
            named.to_str().unwrap(),
            "--data",
            &data,
            "--split",
            "train",
            "--out",
            bank.to_str().unwrap()
        ])
        .status
        .success()
    );
    let here = StoredOutputs::read(&bank, 10).unwrap();
    assert_eq!(here.class_names[0], "eight");
    let there: Vec<String> = WORDS.iter().map(|name| (*name).to_owned()).collect();
    let (there, _) = here.clone().by_name(&there);
    assert!(there.labels != here.labels && there.head != here.head && there.logits != here.logits);
    assert_eq!(there.clone().by_name(&here.class_names).0, here);
    let out = folder.path().join("out");
    let teachers = |bank: &Path| {
        there.write_npz(bank).unwrap();
        let set = format!("teacher.outputs={}", bank.display());
        let sets =
            ["teacher.paired=false", "student.model=digits-cnn-middle", "student.head=teacher", "data.unlabelled=rest"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.args([
            "distill",
            "-q",
            "--no-tensorboard",
            "--no-baseline",
            "--criterion",
            "cw2",
            "--seeds",
            "1",
            "--epochs",
            "40",
        ]);
        command.args(sets.iter().flat_map(|set| ["--set", set])).args(["--set", "data.train_limit=40", "--set", &set]);
        command.args(["--set", "optim.lr=0.05", "--set", &format!("data.dataset={data}"), "--out"]).arg(&out);
        command.output().unwrap()
    };
    let ran = teachers(&folder.path().join("there.npz"));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success() && said.contains("matched by name"), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    let found = summary["students"][0]["test_accuracy_mean"].as_f64().unwrap();
    assert!(found > 60.0, "{summary}");

    // A teacher's weights, in a run.
    let distil = |file: &Path, more: &[&str]| {
        let (given, dataset) = (format!("teacher.weights={}", file.display()), format!("data.dataset={data}"));
        let common = [
            "distill",
            "-q",
            "--no-tensorboard",
            "--no-baseline",
            "--criterion",
            "hinton",
            "--seeds",
            "1",
            "--epochs",
            "1",
        ];
        let sets = [
            "--set",
            &given,
            "--set",
            &dataset,
            "--set",
            "teacher.model=digits-cnn-teacher",
            "--set",
            "student.model=mlp-3",
        ];
        kd2m(&[&common[..], &sets, &["--overwrite", "--out", out.to_str().unwrap()], more].concat())
    };
    let ran = distil(&named, &[]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success() && said.contains("matched by name"), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert!(summary["teacher"]["test_accuracy"].as_f64().unwrap() > 98.0, "{summary}");
    // Its run answers so too, and the teacher that is exported from it has the folder's names.
    let again = kd2m(&["eval", out.to_str().unwrap(), "--teacher", "--json"]);
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["accuracy"], summary["teacher"]["test_accuracy"]);
    let said = String::from_utf8_lossy(&distil(&numbered, &["--allow-weak-teacher"]).stderr).into_owned();
    assert!(said.contains("called otherwise") && said.contains("matched by number"), "{said}");
}

//! What a run was made from and what it wrote is what it finds again, or it is refused by name.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn distill(out: &Path, more: &[&str]) -> Output {
    let quick =
        ["distill", "-q", "--no-tensorboard", "--threads", "1", "--allow-weak-teacher", "--json", "--epochs", "1"];
    kd2m(&[&quick[..], &["--out", out.to_str().unwrap()], more].concat())
}

/// Lines that are more than how pixels are normalised.
fn serious(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.starts_with("error: ") || line.starts_with("warning: ")).collect()
}

/// Done, without a warning.
fn assert_silent(output: &Output) {
    assert!(output.status.success() && serious(&said(output)).is_empty(), "{}", said(output));
}

fn assert_refused(output: &Output, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(serious(&said).len() == 1 && words.iter().all(|word| said.contains(word)), "{said}");
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Grey images that two networks can tell apart, dated so that nothing but what a test changes changes.
fn pictures(root: &Path, shift: u8, seconds: u64) {
    for (part, count) in [("train", 10), ("test", 4)] {
        for (class, grey) in [("dark", 20), ("light", 200)] {
            let folder = root.join(part).join(class);
            fs::create_dir_all(&folder).unwrap();
            for i in 0..count {
                let path = folder.join(format!("{i}.pgm"));
                let image = [&b"P5 8 8 255\n"[..], &[grey + shift + i; 64]].concat();
                fs::write(&path, image).unwrap();
                let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
                fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            }
        }
    }
}

/// Fault 2 of the reliability notes.
#[test]
fn a_replaced_teacher_and_changed_data_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let few = ["--criterion", "w2", "--seeds", "1,2", "--set", "data.train_limit=60", "--set", "teacher.epochs=1"];
    // Two teachers of one architecture.
    for (name, seed) in [("a", "0"), ("b", "1")] {
        assert_silent(&distill(&place(name), &[&few[..], &["--set", &format!("teacher.seed={seed}")]].concat()));
    }
    let weights = place("t.safetensors");
    let teacher = |name: &str| fs::copy(place(name).join("teacher/teacher.safetensors"), &weights).unwrap();
    teacher("a");
    let given = format!("teacher.weights={}", text(&weights));
    let run = [&few[..6], &["--set", &given]].concat();
    let resume = [&run[..], &["--resume"]].concat();
    assert!(distill(&place("run"), &run).status.success());
    let unfinished = || {
        // As a kill leaves it.
        for name in ["summary.json", "students/w2/seed-2/summary.json"] {
            fs::remove_file(place("run").join(name)).unwrap();
        }
    };
    unfinished();
    teacher("b");
    let words = [weights.to_str().unwrap(), "teacher.weights", "put back what was there"];
    assert_refused(&distill(&place("run"), &resume), &words);
    for command in ["eval", "bound"] {
        assert_refused(&kd2m(&[command, &text(&place("run"))]), &words);
    }
    teacher("a");
    let resumed = distill(&place("run"), &resume);
    assert!(resumed.status.success() && !said(&resumed).contains("inputs.json"), "{}", said(&resumed));
    teacher("b");
    assert_refused(&kd2m(&["report", &text(&place("run"))]), &words);

    // Outputs that were stored.
    let outputs = place("o.npz");
    let store = |name: &str| {
        let stored = ["features", &text(&place(name)), "--teacher", "--split", "train", "--out", &text(&outputs)];
        assert!(kd2m(&stored).status.success());
    };
    store("a");
    let config = format!(
        "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain_limit = 60\n[teacher]\noutputs = {outputs:?}\npaired = false\n\
         [student]\nmodel = \"digits-cnn-student\"\n[train]\nseeds = [1]\n"
    );
    fs::write(place("c.toml"), config).unwrap();
    let config = text(&place("c.toml"));
    let run = ["--config", &config, "--criterion", "w2"];
    assert_silent(&distill(&place("stored"), &run));
    fs::remove_file(&outputs).unwrap();
    store("b");
    assert_refused(&distill(&place("stored"), &[&run[..], &["--resume"]].concat()), &["teacher.outputs", "o.npz"]);

    // A folder of images: what its files are called, how large they are, when they were written.
    let data = place("data");
    pictures(&data, 0, 1_000_000);
    let dataset = format!("data.dataset=folder:{}", text(&data));
    let sets = [
        "data.augment=none",
        "data.val_fraction=0.3",
        "teacher.model=mlp-3",
        "student.model=mlp-3",
        "train.batch_size=4",
    ];
    let mut run = vec!["--criterion", "w2", "--seeds", "1", "--set", "teacher.epochs=1"];
    [&dataset[..]].iter().chain(&sets).for_each(|set| run.extend(["--set", set]));
    let resume = [&run[..], &["--resume"]].concat();
    assert!(distill(&place("images"), &run).status.success());
    fs::rename(&data, place("moved")).unwrap();
    pictures(&data, 0, 1_000_000);
    assert!(distill(&place("images"), &resume).status.success());
    pictures(&data, 5, 1_000_060);
    for refused in [distill(&place("images"), &resume), kd2m(&["eval", &text(&place("images"))])] {
        assert_refused(&refused, &["data set folder:", "is not what this run was made with"]);
    }
}

/// Fault 5 of the reliability notes, of finished networks.
#[test]
fn a_flipped_bit_or_a_missing_file_of_a_finished_network_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    // CRD learns embeddings, which go into a file of their own.
    let run = ["--criterion", "crd", "--seeds", "1", "--set", "data.train_limit=60", "--set", "teacher.epochs=1"];
    assert_silent(&distill(&out, &run));
    let resume = || distill(&out, &[&run[..], &["--resume"]].concat());
    assert_silent(&resume());
    let root = out.to_str().unwrap();
    let student = "students/crd/seed-1/student.safetensors";
    let files = [
        ("teacher/teacher.safetensors", &["eval", "bound", "report"][..]),
        (student, &["eval", "bound", "report"]),
        ("students/crd/seed-1/best.safetensors", &["report"]),
        ("students/crd/seed-1/learned.safetensors", &["bound", "report"]),
    ];
    for (name, commands) in files {
        let path: PathBuf = out.join(name);
        let bytes = fs::read(&path).unwrap();
        for gone in [false, true].into_iter().take(if name == student { 2 } else { 1 }) {
            if gone {
                fs::remove_file(&path).unwrap()
            } else {
                flip(&path)
            }
            let why = if gone { "is missing" } else { "is not what was written" };
            let words = [path.to_str().unwrap(), why, "put it back from a copy, or"];
            assert_refused(&resume(), &words);
            commands.iter().for_each(|command| assert_refused(&kd2m(&[command, root]), &words));
            fs::write(&path, &bytes).unwrap();
        }
    }
    // As the refusal says: the one student is trained again, to the same bytes.
    let bytes = fs::read(out.join(student)).unwrap();
    flip(&out.join(student));
    fs::remove_dir_all(out.join("students/crd/seed-1")).unwrap();
    assert_silent(&resume());
    assert!(fs::read(out.join(student)).unwrap() == bytes);
    // A run of an older version is taken, with one warning; a damaged list is not, and blames no file that it names.
    let list = fs::read_to_string(out.join("inputs.json")).unwrap();
    fs::write(out.join("inputs.json"), list.replacen("safetensors", "safetenskrs", 1)).unwrap();
    assert_refused(&resume(), &["inputs.json is not what was written", "remove it to go on unchecked"]);
    fs::write(out.join("inputs.json"), "{\"files\": {").unwrap();
    assert_refused(&resume(), &["inputs.json is damaged", "remove it to go on unchecked"]);
    fs::remove_file(out.join("inputs.json")).unwrap();
    for taken in [kd2m(&["eval", root]), kd2m(&["report", root]), resume()] {
        let said = said(&taken);
        assert!(taken.status.success() && serious(&said).len() == 1, "{said}");
        assert!(said.contains("inputs.json is not there"), "{said}");
    }
    assert_silent(&resume());
}

/// Fault 2 of the reliability notes, in a grid.
#[test]
fn a_grid_refuses_a_replaced_teacher_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let few = ["--criterion", "w2", "--seeds", "1", "--set", "data.train_limit=60", "--set", "teacher.epochs=1"];
    for (name, seed) in [("a", "0"), ("b", "1")] {
        assert_silent(&distill(&place(name), &[&few[..], &["--set", &format!("teacher.seed={seed}")]].concat()));
    }
    let weights = place("t.safetensors");
    let teacher = |name: &str| fs::copy(place(name).join("teacher/teacher.safetensors"), &weights).unwrap();
    teacher("a");
    let grid = format!(
        "name = \"x\"\n[data]\ndataset = \"digits\"\ntrain_limit = 60\n[teacher]\nmodel = \"digits-cnn-teacher\"\n\
         weights = {weights:?}\n[student]\nmodel = \"digits-cnn-student\"\n[train]\nepochs = 1\n[[arm]]\nname = \"w2\"\n\
         loss = [{{ criterion = \"w2\" }}]\n"
    );
    fs::write(place("grid.toml"), grid).unwrap();
    let (grid, out) = (place("grid.toml"), place("out"));
    let bench = |seeds: &str| {
        let more = ["-q", "--allow-weak-teacher", "--no-tensorboard", "--seeds", seeds];
        kd2m(&[&["bench", grid.to_str().unwrap(), "--out", out.to_str().unwrap()], &more[..]].concat())
    };
    assert_silent(&bench("1"));
    teacher("b");
    let refused = bench("1,2");
    let said = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let failed: Vec<&str> = said.lines().filter(|line| line.starts_with("failed: ")).collect();
    let words = [weights.to_str().unwrap(), "is not what this run was made with"];
    assert!(failed.len() == 2 && failed.iter().all(|line| words.iter().all(|word| line.contains(word))), "{said}");
    teacher("a");
    assert_silent(&bench("1,2"));
}

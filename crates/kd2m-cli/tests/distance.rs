//! `kd2m distance` as a user meets it: the built program on real files; values against closed forms, every bad input with its
//! exact message, results on stdout and everything else on stderr.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kd2m_data::features::{Features, Location, Values, read_features, read_weights, write_matrix};
use kd2m_ot::divergence::registry;
use serde_json::Value;

struct Folder(tempfile::TempDir);

struct Ran {
    stdout: String,
    stderr: String,
    code: i32,
}

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with a.npy, eight points in three dimensions, and b.npy, the same moved by (1, −2, 0.5).
    fn translation() -> Self {
        let folder = Self::new();
        let x: Vec<f64> = (0..24).map(|k| f64::from((k * 37) % 23)).collect();
        let y = x.iter().enumerate().map(|(k, x)| x + [1.0, -2.0, 0.5][k % 3]);
        write_matrix(&folder.path("a.npy"), 8, 3, x.iter().copied()).unwrap();
        write_matrix(&folder.path("b.npy"), 8, 3, y).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn array(&self, name: &str, n: usize, d: usize, values: &[f32]) {
        write_matrix(&self.path(name), n, d, values.iter().copied()).unwrap();
    }

    fn run(&self, arguments: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        let out =
            command.current_dir(self.0.path()).arg("distance").args(arguments.split_whitespace()).output().unwrap();
        Ran {
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
            code: out.status.code().unwrap(),
        }
    }

    fn json(&self, arguments: &str) -> Value {
        let ran = self.run(&format!("{arguments} --json"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// The message of a command that fails with exit code 2 and prints no result.
    fn refused(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        ran.stderr.trim_end().strip_prefix("error: ").unwrap().to_owned()
    }
}

#[test]
fn a_translation_has_its_square_as_value_its_gradient_and_its_pairs() {
    let folder = Folder::translation();
    let found = folder.json("a.npy b.npy --metric w2 --grad-out grad.npy --plan-out plan.npy");
    assert!((found["value"].as_f64().unwrap() - 5.25).abs() < 1e-9);
    for (key, expected) in [("metric", "w2"), ("status", "optimal"), ("precision", "f64")] {
        assert_eq!(found[key], expected);
    }
    assert_eq!((&found["n"], &found["m"], &found["d"]), (&8.into(), &8.into(), &3.into()));
    assert!(found["gap"].as_f64().unwrap() < 1e-9 && found["seconds"].as_f64().unwrap() < 60.0);
    assert!(found["iterations"].is_u64() && found["diagnostics"].is_object());
    let read = |name: &str| read_features(&Location { path: folder.path(name), key: None }).unwrap();
    let Features { values: Values::F64(gradient), n: 8, d: 3 } = read("grad.npy") else { panic!("8 × 3 in f64") };
    for (k, g) in gradient.iter().enumerate() {
        assert!((g + [1.0, -2.0, 0.5][k % 3] / 4.0).abs() < 1e-9);
    }
    let identity = (0..64).map(|k| if k % 9 == 0 { 0.125 } else { 0.0 }).collect();
    assert_eq!(read("plan.npy"), Features { values: Values::F64(identity), n: 8, d: 8 });
}

#[test]
fn the_card_says_value_root_status_and_sizes() {
    let ran = Folder::translation().run("a.npy b.npy --metric gaussian-w2-diag");
    let lines: Vec<&str> = ran.stdout.lines().filter(|l| !l.starts_with("time")).collect();
    let expected = [
        "metric  gaussian-w2-diag",
        "value   5.25",
        "root    2.29128785",
        "status  closed",
        "A       8 × 3, f64",
        "B       8 × 3, f64",
    ];
    assert_eq!(lines, expected);
    assert_eq!((ran.stderr.as_str(), ran.code), ("", 0));
}

#[test]
fn weights_labels_and_options_reach_the_metric() {
    let folder = Folder::new();
    folder.array("a.npy", 2, 1, &[0.0, 1.0]);
    folder.array("b.npy", 1, 1, &[0.0]);
    folder.text("weights", "3\n1\n");
    let value = |arguments: &str| folder.json(arguments)["value"].as_f64().unwrap();
    assert!((value("a.npy b.npy --metric w2") - 0.5).abs() < 1e-6);
    assert!((value("a.npy b.npy --metric w2 --weights-a weights") - 0.25).abs() < 1e-6);
    // Class 0: 0 and 2, distance 4; class 1: 10 and 11, distance 1; three of four samples of A are of class 1, half of B's.
    folder.array("a.npy", 4, 1, &[0.0, 10.0, 10.0, 10.0]);
    folder.array("b.npy", 2, 1, &[2.0, 11.0]);
    folder.text("of-a", "0\n1\n1\n1\n");
    folder.text("of-b", "0\n1\n");
    let classes = "a.npy b.npy --labels-a of-a --labels-b of-b --metric cw2";
    assert!((value(classes) - 2.5).abs() < 1e-6);
    assert!((value(&format!("{classes} --set priors=true")) - (0.375 * 4.0 + 0.625)).abs() < 1e-6);
    assert_eq!(value(&format!("{classes} --threads 1")), value(classes));
}

#[test]
fn archives_and_safetensors_are_read_by_key() {
    let folder = Folder::translation();
    let values: Vec<f32> = (0..6).map(|k| k as f32).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let header = r#"{"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes].concat();
    fs::write(folder.path("x.safetensors"), file).unwrap();
    folder.array("y.npy", 2, 3, &values);
    for name in ["x.safetensors", "x.safetensors:x"] {
        assert_eq!(folder.json(&format!("{name} y.npy --metric w2"))["value"], 0.0);
    }
    assert_eq!(
        folder.refused("x.safetensors:z y.npy --metric w2"),
        "x.safetensors:z: the file has no array `z`; it holds x"
    );
    // A sparse coupling is a .npz of five arrays; its own data can be read back by key.
    assert_eq!(folder.run("a.npy b.npy --metric w2 --plan-out plan.npz").code, 0);
    let column = |key: &str| read_weights(&Location { path: folder.path("plan.npz"), key: Some(key.into()) }).unwrap();
    let order: Vec<f64> = (0..8).map(f64::from).collect();
    assert_eq!((column("row"), column("col"), column("data")), (order.clone(), order, vec![0.125; 8]));
}

#[test]
fn all_shows_every_metric_or_why_not() {
    let folder = Folder::translation();
    let ran = folder.run("a.npy b.npy --metric all --set subsets=3");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let names: Vec<&str> = ran.stdout.lines().skip(1).map(|l| l.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, registry::ENTRIES.iter().map(|e| e.name).collect::<Vec<_>>());
    assert!(ran.stdout.contains("–  jw2 needs labels of both clouds (A has none)"), "{}", ran.stdout);
    folder.text("labels", "0\n0\n0\n0\n1\n1\n1\n1\n");
    let rows = folder.json("a.npy b.npy --metric all --labels-a labels --labels-b labels");
    let row = |name: &str| rows.as_array().unwrap().iter().find(|r| r["metric"] == name).unwrap().clone();
    // On one paired batch with equal labels the chain of bounds holds; a translation makes all of it equal.
    for name in ["mmd-linear", "gaussian-w2-diag", "gaussian-w2", "w2", "jw2", "class-w2", "mse"] {
        assert!((row(name)["value"].as_f64().unwrap() - 5.25).abs() < 1e-6, "{name}");
    }
    assert_eq!(row("class-kid")["status"], "closed");
}

#[test]
fn different_widths_are_for_gw() {
    let folder = Folder::translation();
    folder.array("c.npy", 3, 2, &[0.0, 0.0, 1.0, 0.0, 0.0, 2.0]);
    assert_eq!(
        folder.refused("a.npy c.npy --metric w2"),
        "A has 3 columns and B has 2: w2 needs equal widths (gw compares different widths)"
    );
    let found = folder.json("a.npy c.npy --metric gw");
    assert_eq!((&found["d"], &found["d_b"], &found["m"]), (&3.into(), &2.into(), &3.into()));
}

#[test]
fn strict_makes_failures_of_what_is_else_a_note() {
    let folder = Folder::translation();
    folder.text("of-a", "0\n0\n0\n0\n1\n1\n1\n5\n");
    folder.text("of-b", "0\n0\n0\n0\n1\n1\n1\n1\n");
    let classes = "a.npy b.npy --labels-a of-a --labels-b of-b --metric cw2";
    let ran = folder.run(classes);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "note: left out, as they occur in A only: classes 5\n"));
    let ran = folder.run(&format!("{classes} --strict"));
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert_eq!(ran.stderr, "error: cw2: class 5 occurs in A only (an error because of --strict)\n");
    let sinkhorn = "a.npy b.npy --metric sinkhorn --set iterations=1 --set tolerance=1e-12";
    let ran = folder.run(sinkhorn);
    assert!(
        ran.code == 0 && ran.stderr.starts_with("warning: sinkhorn stopped at its cap before it converged (error ")
    );
    assert!(ran.stdout.contains("status          stopped at the cap, error "), "{}", ran.stdout);
    let ran = folder.run(&format!("{sinkhorn} --strict --json"));
    assert_eq!(ran.code, 1);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(found["status"] == "stopped" && found["error"].as_f64().unwrap() > 0.0);
    assert!(ran.stderr.ends_with("error: not everything converged (an error because of --strict)\n"));
    assert_eq!(folder.run("a.npy b.npy --metric w2 --strict").code, 0);
}

#[test]
fn digits_lost_to_rounding_are_told_on_stderr_in_json_and_by_strict() {
    let folder = Folder::new();
    // One sample at 10¹⁰ on both sides: its square leaves f64 no digit of a variance near 1.
    let side = |step: f32| {
        let mut z: Vec<f32> = (0..24u16).map(|k| f32::from(k * 37 % 23) * 0.1 * step).collect();
        z[..3].fill(1e10);
        z
    };
    folder.array("a.npy", 8, 3, &side(1.0));
    folder.array("b.npy", 8, 3, &side(1.2));
    let ran = folder.run("a.npy b.npy --metric gaussian-w2");
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr.starts_with("warning: gaussian-w2: ") && ran.stderr.contains(" may be off by "),
        "{}",
        ran.stderr
    );
    let found = folder.json("a.npy b.npy --metric gaussian-w2");
    assert!(found["diagnostics"]["rounding"].as_f64().unwrap() > 1e-3);
    assert!(found["diagnostics"]["rounding_absolute"].as_f64().unwrap() > 0.0);
    let ran = folder.run("a.npy b.npy --metric gaussian-w2 --strict");
    assert_eq!(ran.code, 1);
    let last = "error: rounding leaves less than three digits (an error because of --strict)\n";
    assert!(ran.stderr.ends_with(last), "{}", ran.stderr);
    // What f64 carries is computed in it, without a word.
    let ran = folder.run("a.npy b.npy --metric energy --strict");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn bad_input_is_one_sentence_and_exit_code_2() {
    let folder = Folder::translation();
    folder.array("nan.npy", 2, 3, &[0.0, 1.0, 2.0, 3.0, f32::NAN, 5.0]);
    folder.array("inf.npy", 2, 3, &[0.0, 1.0, f32::INFINITY, 3.0, 4.0, 5.0]);
    folder.array("none.npy", 0, 3, &[]);
    folder.array("one.npy", 1, 3, &[0.0, 1.0, 2.0]);
    folder.array("huge.npy", 2, 3, &[3e38, -3e38, 0.0, 0.0, 1.0, 2.0]);
    folder.text("negative", &"-1\n".repeat(8));
    folder.text("zero", &"0\n".repeat(8));
    folder.text("three", "1\n1\n1\n");
    folder.text("words", "cat\n");
    let whole = fs::read(folder.path("a.npy")).unwrap();
    fs::write(folder.path("cut.npy"), &whole[..whole.len() - 8]).unwrap();
    for (arguments, message) in [
        ("nan.npy b.npy --metric w2", "A: row 1, column 1 is NaN: features must be finite"),
        ("a.npy inf.npy --metric w2", "B: row 0, column 2 is inf: features must be finite"),
        ("none.npy b.npy --metric w2", "A has no samples: at least one is needed"),
        ("a.npy one.npy --metric fid", "B has 1 sample(s), fid needs at least 2"),
        ("a.npy b.npy --metric w2 --weights-a negative", "A: weight 0 is -1: weights must be finite and not negative"),
        ("a.npy b.npy --metric w2 --weights-b zero", "B: the weights sum to zero, nothing is left to transport"),
        ("a.npy b.npy --metric w2 --weights-b three", "B: 3 weights for 8 samples"),
        ("a.npy b.npy --metric cw2 --labels-a three --labels-b three", "A: 3 labels for 8 samples"),
        ("a.npy b.npy --metric cw2 --labels-a words", "words: line 1 is `cat`, expected one number a line"),
        (
            "a.npy b.npy --metric cw2 --labels-a zero",
            "cw2 needs labels of both sets, B has none: pass --labels-a FILE and --labels-b FILE",
        ),
        (
            "cut.npy b.npy --metric w2",
            "cut.npy: the header claims 8 × 3 numbers of type f64 (192 bytes), but 184 bytes follow: the file is truncated or damaged, write it again",
        ),
        (
            "huge.npy one.npy --metric sinkhorn",
            "A: row 0, column 0 is 3.0e38: squared distances of values beyond 3e17 overflow in this precision: scale both sets down alike, or use f64",
        ),
        ("a.npy gone.npy --metric w2", "cannot read gone.npy: No such file or directory (os error 2)"),
        ("a.npy b.npy --metric w3", "unknown metric `w3`; did you mean w1 or w2?"),
        ("a.npy b.npy --metric sinkhron", "unknown metric `sinkhron`; did you mean sinkhorn?"),
        ("a.npy b.npy --metric class-sinkhron", "unknown metric `class-sinkhron`; did you mean class-sinkhorn?"),
        ("a.npy b.npy --metric xyzzy", "unknown metric `xyzzy`; `kd2m list metrics` shows all"),
        ("a.npy b.npy --metric sw2 --set direction=4", "sw2 has no option `direction`; did you mean directions?"),
        (
            "a.npy b.npy --metric sw2 --set directions=0",
            "sw2: directions = 0: expected a whole number from 1 to 1000000",
        ),
        ("a.npy b.npy --metric w2 --set a=1", "w2 has no option `a`; `kd2m list metrics` shows all"),
        (
            "a.npy b.npy --metric sw2 --set directions",
            "--set directions: expected KEY=VALUE; `kd2m list metrics` shows each metric's options",
        ),
        ("a.npy b.npy --metric all --set subset=4", "no metric has an option `subset`; did you mean subsets?"),
        (
            "a.npy b.npy --metric all --grad-out g.npy",
            "--grad-out and --plan-out write one metric's answer: name it in place of `all`",
        ),
        ("a.npy b.npy --metric w2 --grad-out g.txt", "--grad-out g.txt: the name must end in .npy"),
        ("a.npy b.npy --metric w2 --plan-out gone/p.npz", "--plan-out gone/p.npz: the folder gone does not exist"),
    ] {
        assert_eq!(folder.refused(arguments), message, "{arguments}");
    }
    let ran = folder.run("a.npy b.npy --metric energy --plan-out p.npy");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, "error: energy has no coupling: leave --plan-out out\n"));
    assert!(ran.stdout.starts_with("metric  energy\n") && !folder.path("p.npy").exists());
    assert_eq!(folder.run("a.npy b.npy").code, 2);
}

//! `kd2m bench` as users run it: killed at any point, split into shards, grown, counted again. Times aside, tables are equal.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

const GRID: &str = r#"
name = "tiny"
threads = 1
[data]
dataset = "digits"
train_limit = 60
[teacher]
model = "digits-cnn-teacher"
epochs = 2
train_limit = 0
[student]
model = "digits-cnn-student"
[train]
epochs = 2
batch_size = 20
seeds = [1, 2]
[optim]
lr = 0.05
[select]
factors = [0.1, 1]
seeds = [101]
[[arm]]
name = "w2"
loss = [{ criterion = "w2", weight = 0.1 }]
[[arm]]
name = "hinton"
loss = [{ criterion = "hinton", weight = 1 }]
"#;

/// Units of that grid: a teacher, 2 arms × 2 factors × 1 seed, 3 arms × 2 seeds.
const UNITS: usize = 1 + 4 + 6;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("grid.toml"), GRID).unwrap();
        Self { folder }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.arg("bench").arg(self.out("grid.toml")).arg("--out").arg(self.out(out)).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, out: &str, more: &[&str]) -> Output {
        self.command(out, more).output().unwrap()
    }

    fn finish(&self, out: &str, more: &[&str]) -> Output {
        let found = self.run(out, more);
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        found
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The tables of a folder without times: Markdown up to the costs, LaTeX, CSV without its `time_` columns.
fn tables(out: &Path) -> String {
    let csv = text(&out.join("table.csv"));
    let times = csv.lines().next().unwrap().split(',').filter(|name| name.starts_with("time_")).count();
    let untimed = csv.lines().map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        cells[..cells.len() - times].join(",")
    });
    let markdown = text(&out.join("table.md"));
    let (results, costs) = markdown.split_once("## Cost").unwrap();
    assert!(costs.contains("ms a step"));
    [results.to_owned(), text(&out.join("table.tex")), untimed.collect::<Vec<_>>().join("\n")].join("\n")
}

fn wait(mut child: Child, most: Duration) -> bool {
    let step = Duration::from_millis(5);
    let mut left = most;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let mut why = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                std::io::Read::read_to_string(&mut stderr, &mut why).unwrap();
            }
            assert!(status.success(), "{why}");
            return true;
        }
        if left.is_zero() {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        thread::sleep(step.min(left));
        left = left.saturating_sub(step);
    }
}

#[test]
fn a_killed_grid_goes_on_and_two_shards_are_one() {
    let place = Place::new();
    let whole = place.finish("whole", &[]);
    let reference = tables(&place.out("whole"));
    assert!(String::from_utf8_lossy(&whole.stdout).contains("| none | 0 |"));
    assert!(reference.contains("### Choice of λ") && !reference.contains("missing)"), "{reference}");

    // Times at which it is killed, from a fixed sequence: starting up, training the teacher, between and within runs.
    let (mut state, mut kills) = (12_345_u64, 0);
    loop {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Longer with every kill, so that a slow machine ends too.
        let after = Duration::from_millis(20 + (state >> 33) % 500 + 100 * kills);
        if wait(place.command("killed", &["--quiet"]).spawn().unwrap(), after) {
            break;
        }
        kills += 1;
    }
    assert!(kills > 0, "it was never killed");
    assert_eq!(tables(&place.out("killed")), reference, "after {kills} kills");

    let shards = ["1/2", "2/2"].map(|k| place.command("shards", &["--shard", k, "--quiet"]).spawn().unwrap());
    for shard in shards {
        assert!(wait(shard, Duration::from_secs(300)));
    }
    assert_eq!(tables(&place.out("shards")), reference);
    let claims = fs::read_dir(place.out("shards").join("claims")).unwrap().flatten();
    let left: Vec<String> = claims.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    assert!(left.len() == 2 && [".lock", ".tables"].iter().all(|name| left.iter().any(|l| l == name)), "{left:?}");

    // The cell is an ordinary run folder.
    let cell = place.out("whole").join("runs").join("digits-digits-cnn-teacher-digits-cnn-student");
    let eval = Command::new(env!("CARGO_BIN_EXE_kd2m")).arg("eval").arg(&cell).output().unwrap();
    assert!(eval.status.success() && String::from_utf8_lossy(&eval.stdout).lines().count() == 2 + 6);
    assert!(cell.join("report.html").is_file() && cell.join("summary.json").is_file());
    let page = text(&place.out("whole").join("report.html"));
    let holds =
        ["<table>", "cost against gain", "UMAP", "Distances between classes", "The transport plan of one batch"];
    assert!(holds.iter().all(|part| page.contains(part)));

    // Summaries alone give the same tables, without data and without training.
    let again = place.finish("again", &["--reuse", place.out("whole").to_str().unwrap()]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains(&format!("0 of {UNITS} units ahead")), "{said}");
    assert_eq!(text(&place.out("again").join("table.md")), text(&place.out("whole").join("table.md")));

    // So does a part of them, with what is missing named.
    let part =
        place.finish("part", &["--reuse", place.out("whole").to_str().unwrap(), "--seeds", "1,2,3", "--tables-only"]);
    assert!(String::from_utf8_lossy(&part.stderr).contains("3 run(s) have no result yet"));
    assert!(text(&place.out("part").join("table.md")).contains("no result: w2, seed 3"));

    // More seeds: what is there stays, the rest is added. Another configuration: refused.
    let grown = place.finish("whole", &["--seeds", "1,2,3"]);
    let said = String::from_utf8_lossy(&grown.stderr).into_owned();
    assert!(said.contains(&format!("3 of {} units ahead", UNITS + 3)), "{said}");
    for plan in [&[][..], &["--dry-run"]] {
        let other = place.run("whole", &[&["--epochs", "3"], plan].concat());
        assert_eq!(other.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&other.stderr).contains("trained with another configuration"));
    }
}

/// The digits are moved and turned, so that by default all arms of a seed are trained side by side here.
#[test]
fn arms_side_by_side_give_the_tables_of_one_by_one() {
    let place = Place::new();
    place.finish("alone", &["--quiet", "--side-by-side", "1"]);
    let reference = tables(&place.out("alone"));
    for (out, more) in [("most", &["--jobs", "1"][..]), ("two", &["--jobs", "2", "--side-by-side", "2"])] {
        place.finish(out, &[more, &["--quiet"]].concat());
        assert_eq!(tables(&place.out(out)), reference, "{more:?}");
    }
    // An arm of one worker alone, the others by another, which finds it done or claimed.
    let shards = ["1/2", "2/2"].map(|k| {
        let more = ["--shard", k, "--quiet", "--side-by-side", if k == "1/2" { "1" } else { "9" }];
        place.command("shards", &more).spawn().unwrap()
    });
    for shard in shards {
        assert!(wait(shard, Duration::from_secs(300)));
    }
    assert_eq!(tables(&place.out("shards")), reference);
}

/// Another weight, another data set, seeds of the choice among those reported, weights that are not there.
#[test]
fn what_would_make_a_table_wrong_is_refused_before_anything_is_trained() {
    let place = Place::new();
    let plain = GRID.replace("[select]\nfactors = [0.1, 1]\nseeds = [101]\n", "");
    let write = |text: &str| fs::write(place.out("grid.toml"), text).unwrap();
    let refused = |more: &[&str], what: &str| {
        for plan in [&[][..], &["--dry-run"]] {
            let found = place.run("out", &[more, plan].concat());
            let said = String::from_utf8_lossy(&found.stderr).into_owned();
            assert!(found.status.code() == Some(2) && said.contains(what), "{said}");
        }
    };
    write(&plain);
    refused(&["--set", "student.weights=nowhere.safetensors"], "nowhere.safetensors");
    place.finish("out", &["--quiet"]);
    write(GRID);
    refused(&["--seeds", "1,101"], "select.seeds: 101");
    // An arm that was left out once is not forgotten.
    let (head, arms) = plain.split_once("[[arm]]").unwrap();
    write(head);
    place.finish("out", &["--quiet", "--seeds", "1,2,3"]);
    write(&plain.replace("weight = 1 ", "weight = 5 "));
    refused(&[], "weight or option of arm hinton");
    write(&format!(
        "{}[[arm]]{arms}",
        head.replace(
            "dataset = \"digits\"",
            "dataset = \"digits\"\n[[grid.datasets]]\nname = \"other\"\ndataset = \"digits\""
        )
    ));
    refused(&[], "another grid's runs");
}

#[test]
fn a_grid_that_grew_and_was_killed_is_completed() {
    let place = Place::new();
    place.finish("out", &["--quiet"]);
    let cell = place.out("out").join("runs").join("digits-digits-cnn-teacher-digits-cnn-student");
    let before = text(&cell.join("summary.json"));
    place.finish("out", &["--quiet", "--seeds", "1,2,3"]);
    // As if it had been killed between its last student and the summary.
    fs::write(cell.join("summary.json"), before).unwrap();
    place.finish("out", &["--quiet", "--seeds", "1,2,3"]);
    let seeds: serde_json::Value = serde_json::from_str(&text(&cell.join("summary.json"))).unwrap();
    assert_eq!(seeds["seeds"], serde_json::json!([1, 2, 3]));
}

#[test]
fn a_second_teacher_beside_reused_runs_is_named() {
    let place = Place::new();
    place.finish("first", &["--quiet"]);
    let summaries = place.out("first").join("summaries.json");
    // Another machine's teacher.
    let mut records: serde_json::Value = serde_json::from_str(&text(&summaries)).unwrap();
    for record in records.as_array_mut().unwrap() {
        record["teacher"]["test_accuracy"] = serde_json::json!(12.5);
    }
    fs::write(&summaries, records.to_string()).unwrap();
    let grown = place.finish("second", &["--reuse", place.out("first").to_str().unwrap(), "--seeds", "1,2,3"]);
    assert!(String::from_utf8_lossy(&grown.stderr).contains("that of the reused runs 12.50 %"));
    let table = text(&place.out("second").join("table.md"));
    assert!(table.contains("Reused runs learned from another teacher (12.50 % on test)"), "{table}");
}

#[test]
fn a_run_that_fails_leaves_the_rest_and_exit_code_1() {
    let place = Place::new();
    let text_of =
        GRID.replace("[select]\nfactors = [0.1, 1]\nseeds = [101]\n", "").replace("weight = 0.1", "weight = 1e30");
    fs::write(place.out("grid.toml"), text_of).unwrap();
    let found = place.run("out", &[]);
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert_eq!(found.status.code(), Some(1), "{said}");
    assert!(said.contains("failed: runs.") && said.contains(".w2.seed-1"), "{said}");
    let table = text(&place.out("out").join("table.md"));
    assert!(table.contains("no result: w2, seed 1, 2") && table.contains("| hinton | 1 |"), "{table}");
}

#[test]
fn a_candidate_that_diverges_is_not_chosen() {
    let place = Place::new();
    fs::write(place.out("grid.toml"), GRID.replace("factors = [0.1, 1]", "factors = [1, 1e30]")).unwrap();
    place.finish("out", &["--quiet"]);
    let table = text(&place.out("out").join("table.md"));
    assert!(table.contains("diverged") && table.contains("| w2 | 0.1 |"), "{table}");
}

#[test]
fn a_plan_leaves_nothing_behind() {
    let place = Place::new();
    let found = place.finish("out", &["--dry-run"]);
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(said.contains(&format!("0 of {UNITS} units finished")) && said.contains("4 candidate runs"), "{said}");
    assert!(!place.out("out").exists());
    let wrong = place.run("out", &["--shard", "3/2"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_papers_code_has_a_baseline_that_is_never_annealed() {
    let place = Place::new();
    let more = ["--protocol", "paper-code", "--epochs", "3", "--set", "arm=[]", "--quiet", "--allow-weak-teacher"];
    place.finish("out", &more);
    let cell = place.out("out").join("runs").join("digits-digits-cnn-teacher-digits-cnn-student").join("students");
    let rates = |arm: &str| {
        let lines = text(&cell.join(arm).join("seed-1").join("metrics.jsonl"));
        let rate = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["lr"].as_f64().unwrap();
        lines.lines().map(rate).collect::<Vec<f64>>()
    };
    assert_eq!(rates("none-constant-lr"), [0.01; 3]);
    let annealed = rates("none");
    assert!(annealed[0] == 0.01 && annealed[1] < annealed[0] && annealed[2] < annealed[1], "{annealed:?}");
    let table = text(&place.out("out").join("table.md"));
    assert!(table.contains("| none-constant-lr | 0 |"), "{table}");
}

/// A teacher that is a file of outputs is no network that a step could be timed with, and needs no training.
#[test]
fn a_grid_whose_teacher_is_a_file_is_estimated_and_run() {
    let place = Place::new();
    let path = |name: &str| place.out(name).display().to_string();
    let graph = kd2m_nn::zoo::build("digits-cnn-teacher", &kd2m_nn::zoo::ZooOptions::new(10, 1, 8, 8)).unwrap();
    let weights = kd2m_nn::init::initialise(&graph, 1);
    kd2m_nn::weights::write(&place.out("t.safetensors"), &weights, None).unwrap();
    let asked = ["--model", "digits-cnn-teacher", "--preset", "none", "--data", "digits"];
    for (split, out) in [("train", "t.npz"), ("val", "v.npz")] {
        let (file, out) = (path("t.safetensors"), path(out));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        let said = command.args(["features", &file, "--split", split, "--out", &out]).args(asked).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    let with = |file: &str| {
        let teacher = format!("[teacher]\noutputs = {:?}\n", path(file));
        let network = "[teacher]\nmodel = \"digits-cnn-teacher\"\nepochs = 2\ntrain_limit = 0\n";
        let short = GRID.replace(network, &teacher).replace("[select]\nfactors = [0.1, 1]\nseeds = [101]\n", "");
        assert!(short.contains("outputs") && !short.contains("select"));
        fs::write(place.out("grid.toml"), short).unwrap();
    };
    with("t.npz");
    let planned = place.finish("out", &["--dry-run", "--json"]);
    let planned: serde_json::Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert!(planned["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{planned}");
    place.finish("out", &[]);
    assert!(text(&place.out("out/table.csv")).contains("w2"));
    with("v.npz");
    let refused = place.run("other", &["--dry-run"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("v.npz has no row for"), "{said}");
}

//! `select.grid` as users run it: any keys of an arm chosen on validation, killed and in shards to the same tables, drawn, refused by name.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

const GRID: &str = r#"
name = "choose"
threads = 1
[data]
dataset = "digits"
train_limit = 60
augment = "none"
[teacher]
model = "digits-cnn-teacher"
epochs = 2
train_limit = 0
[student]
model = "digits-cnn-student"
[train]
epochs = 3
batch_size = 20
seeds = [1, 2]
[optim]
lr = 0.02
min_lr = 0.0
[select]
seeds = [101]
[select.grid]
"optim.lr" = [0.00001, 0.05]
"loss.0.temperature" = [2, 4]
[[arm]]
name = "mse"
loss = [{ criterion = "mse", weight = 0.01 }]
[[arm]]
name = "hinton"
loss = [{ criterion = "hinton", weight = 0.5 }]
"#;

/// Of `none` and `mse` two rates, of `hinton` each with two temperatures.
const CANDIDATES: usize = 2 + 2 + 4;
/// With the teacher, and three arms at two seeds.
const UNITS: usize = 1 + CANDIDATES + 6;
const CELL: &str = "digits-digits-cnn-teacher-digits-cnn-student";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(grid: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("grid.toml"), grid).unwrap();
        Self { folder }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.arg("bench").arg(self.out("grid.toml")).arg("--out").arg(self.out(out));
        command.arg("--no-tensorboard").args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn finish(&self, out: &str, more: &[&str]) -> Output {
        let found = self.command(out, more).output().unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        found
    }

    fn refused(&self, more: &[&str]) -> String {
        let said = [&[][..], &["--dry-run"]].map(|plan| {
            let found = self.command("refused", &[more, plan].concat()).output().unwrap();
            let said = String::from_utf8_lossy(&found.stderr).into_owned();
            assert_eq!(found.status.code(), Some(2), "{said}");
            said
        });
        assert_eq!(said[0], said[1]);
        said[0].clone()
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What does not depend on the clock.
fn results(out: &Path) -> String {
    let untimed = text(&out.join("table.csv"))
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            cells[..cells.len() - 4].join(",") + "\n"
        })
        .collect::<String>();
    text(&out.join("table.md")).split_once("## Cost").unwrap().0.to_owned() + &untimed
}

/// The column of a table's arm.
fn column(csv: &str, arm: &str, name: &str) -> String {
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let at = |name: &str| head.iter().position(|own| *own == name).unwrap_or_else(|| panic!("{name}: {head:?}"));
    let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| row[at("arm")] == arm).map(|row| row[at(name)].to_owned()).next().unwrap()
}

#[test]
fn rates_and_temperatures_are_chosen_told_drawn_and_the_same_however_they_were_run() {
    let place = Place::new(GRID);
    let plan = String::from_utf8(place.finish("whole", &["--dry-run"]).stdout).unwrap();
    assert!(plan.contains(&format!("{CANDIDATES} candidate runs, 6 reported runs")), "{plan}");
    assert!(plan.contains(&format!("0 of {UNITS} units finished")), "{plan}");
    let whole = place.finish("whole", &["--json"]);
    let out = place.out("whole");
    let csv = text(&out.join("table.csv"));
    // A rate at which nothing moves is not chosen, for λ = 0 neither.
    assert_eq!(column(&csv, "none", "chosen"), "optim.lr=0.05");
    assert_eq!(column(&csv, "mse", "chosen"), "optim.lr=0.05");
    assert!(column(&csv, "none", "vs_none").is_empty() && !column(&csv, "mse", "vs_none").is_empty());
    let hinton = column(&csv, "hinton", "chosen");
    assert!(hinton.starts_with("loss.0.temperature=") && hinton.ends_with(" optim.lr=0.05"), "{hinton}");
    let table = text(&out.join("table.md"));
    assert!(table.contains("candidates: none 2, mse 2, hinton 4.") && table.contains("### Choice\n"), "{table}");
    assert!(table.contains("another value may serve better: none (optim.lr), mse (optim.lr), hinton ("), "{table}");
    let page = text(&out.join("report.html"));
    for part in [
        "choice of none: validation accuracy",
        "choice of hinton: validation accuracy",
        "loss.0.temperature ↓",
        "optim.lr = 0.05: ",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let json: serde_json::Value = serde_json::from_slice(&whole.stdout).unwrap();
    let choice = &json["cells"][0]["arms"][1]["choice"];
    assert!(choice["optim.lr"] == 0.05 && choice["candidates"].as_array().unwrap().len() == 2, "{choice}");

    // The cell is an ordinary run folder, in which `none` with its rate is what others are compared with.
    let cell = out.join("runs").join(CELL);
    assert!(text(&cell.join("config.toml")).contains("[arm.optim]\nlr = 0.05\n"));
    let eval = Command::new(env!("CARGO_BIN_EXE_kd2m")).arg("eval").arg(&cell).output().unwrap();
    assert!(eval.status.success() && String::from_utf8_lossy(&eval.stdout).lines().count() == 2 + 6);
    let said = String::from_utf8_lossy(&eval.stderr);
    assert!(!said.contains("warning"), "{said}");
    // When, where and by what each folder was begun.
    for begun in [cell.clone(), out.join("select").join(CELL)] {
        let about: serde_json::Value = serde_json::from_str(&text(&begun.join("about.json"))).unwrap();
        assert!(about["command"].as_array().unwrap().iter().any(|word| word == "bench"), "{about}");
    }
    assert!(page.contains("with kd2m 0.1.0 on ") && text(&cell.join("report.html")).contains("kd2m 0.1.0, "));

    let mut killed = place.command("killed", &["--quiet"]).spawn().unwrap();
    while !place.out("killed/select").join(CELL).join("students").is_dir() && killed.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    place.finish("killed", &["--quiet"]);
    assert_eq!(results(&place.out("killed")), results(&out));
    let shards = ["1/2", "2/2"].map(|k| place.command("shards", &["--shard", k, "--quiet"]).spawn().unwrap());
    for shard in shards {
        assert!(shard.wait_with_output().unwrap().status.success());
    }
    assert_eq!(results(&place.out("shards")), results(&out));

    // Summaries alone give the same choice, and what was tried counts where there is a further value, which here cannot win.
    place.finish("again", &["--quiet", "--reuse", out.to_str().unwrap()]);
    assert_eq!(results(&place.out("again")), results(&out));
    let more = "select.grid={ \"optim.lr\" = [0.000001, 0.00001, 0.05], \"loss.0.temperature\" = [2, 4] }";
    let grown = String::from_utf8(place.finish("whole", &["--set", more, "--dry-run"]).stdout).unwrap();
    assert!(grown.contains(&format!("{} of {} units finished", 1 + CANDIDATES, UNITS + 4)), "{grown}");
    place.finish("whole", &["--quiet", "--set", more]);
    assert_eq!(column(&text(&out.join("table.csv")), "hinton", "chosen"), hinton);
}

#[test]
fn keys_and_values_that_no_arm_can_have_are_refused_by_name() {
    let place = Place::new(GRID);
    let grid = |text: &str| place.refused(&["--set", &format!("select.grid={text}")]);
    let said = grid("{ \"loss.0.temprature\" = [1, 2] }");
    assert!(
        said.contains(
            "select.grid varies loss.0.temprature, which no arm of the grid has; did you mean loss.0.temperature"
        ),
        "{said}"
    );
    let said = grid("{ \"train.batch_size\" = [10, 20] }");
    assert!(said.contains("select.grid varies train.batch_size, which no arm of the grid has"), "{said}");
    let said = grid("{ \"loss.0.temperature\" = [2, -1] }");
    assert!(said.contains("arm hinton-loss.0.temperature_-1: ") && said.contains("from 0.001 to 1000"), "{said}");
    let said = grid("{ \"optim.lr\" = [0.1, \"fast\"] }");
    assert!(said.contains("optim: lr: invalid type: string \"fast\""), "{said}");
    let said = grid("{ \"optim.lr\" = [0] }");
    assert!(said.contains("arm none-optim.lr_0: optim.lr is 0: above 0"), "{said}");
    let said = place.refused(&["--set", "select.factors=[1, 10]", "--set", "select.grid={ \"loss.0.weight\" = [1] }"]);
    assert!(said.contains("select.factors: multiply all weights, among them loss.0.weight"), "{said}");
}

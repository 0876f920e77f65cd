//! A run that was killed and resumed ends with the same bytes as one that was not.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

fn distill(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
    command
        .args(["distill", "--quiet", "--threads", "2", "--checkpoint-seconds", "0", "--seeds", "1", "--out"])
        .arg(out);
    command.args(["--criterion", "cw2", "--weight", "0.01", "--set", "teacher.epochs=3", "--epochs", "12"]);
    command
        .args([
            "--allow-weak-teacher",
            "--set",
            "optim.clip_norm=5",
            "--set",
            "train.ema=0.9",
            "--set",
            "arm.0.loss.0.memory=4",
        ])
        .args(more);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn files(root: &Path) -> Vec<Vec<u8>> {
    let names = ["teacher/teacher.safetensors", "students/none/seed-1/student.safetensors"];
    let more = ["students/cw2/seed-1/student.safetensors", "students/cw2/seed-1/best.safetensors"];
    names.iter().chain(&more).map(|name| fs::read(root.join(name)).unwrap()).collect()
}

/// A run's JSON files without what a clock or the teacher's cache says.
fn figures(root: &Path) -> Vec<serde_json::Value> {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(all) => {
                for key in ["seconds", "images_per_second", "share_of_step", "step_ms", "criteria_ms", "teacher_cache"]
                {
                    all.remove(key);
                }
                all.values_mut().for_each(strip);
            }
            serde_json::Value::Array(all) => all.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let places = ["", "teacher/", "students/none/seed-1/", "students/cw2/seed-1/"];
    let names = places.iter().flat_map(|place| ["summary.json", "metrics.jsonl"].map(|name| format!("{place}{name}")));
    let mut all = Vec::new();
    for name in names.filter(|name| name != "metrics.jsonl") {
        let text = fs::read_to_string(root.join(&name)).unwrap();
        let values = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        all.extend(values.map(|value| value.unwrap()));
    }
    all.iter_mut().for_each(strip);
    all
}

/// Killed at growing times until one attempt ends by itself: the run is cut wherever it happens to be.
fn killed_until_it_ends(resumed: impl Fn() -> Command) {
    let mut kills = 0;
    for attempt in 0.. {
        let mut child = resumed().spawn().unwrap();
        thread::sleep(Duration::from_millis(150 + 250 * attempt));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 0, "the run ended before it could be killed: the test has shown nothing");
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    assert!(distill(&whole, &[]).status().unwrap().success());
    killed_until_it_ends(|| distill(&broken, &["--resume"]));
    assert!(files(&whole) == files(&broken));
    assert_eq!(figures(&whole), figures(&broken));
}

#[test]
fn an_existing_folder_is_refused_resumed_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let quick = ["--set", "teacher.epochs=1", "--set", "train.epochs=1"];
    assert!(distill(&out, &quick).status().unwrap().success());
    let refused = distill(&out, &quick).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("exists: go on with --resume"));
    let other = distill(&out, &["--resume", "--set", "teacher.epochs=2"]).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another configuration"));
    assert!(distill(&out, &[&quick[..], &["--overwrite"]].concat()).status().unwrap().success());
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("precious.txt"), "mine").unwrap();
    let kept = distill(&foreign, &["--overwrite"]).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(kept.status.code(), Some(2));
    assert!(foreign.join("precious.txt").is_file());
}

/// What is relative in a configuration is so to the folder in which the run began, not to the one it is opened from.
#[test]
fn a_run_is_opened_from_any_folder() {
    let [begun, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let quick = ["--set", "teacher.epochs=1", "--set", "train.epochs=1"];
    assert!(distill(Path::new("first"), &quick).current_dir(&begun).status().unwrap().success());
    let given = [&quick[..], &["--set", "teacher.weights=first/teacher/teacher.safetensors"]].concat();
    assert!(distill(Path::new("second"), &given).current_dir(&begun).status().unwrap().success());
    let run = begun.path().join("second");
    for command in ["eval", "bound", "report"] {
        let mut command =
            Command::new(env!("CARGO_BIN_EXE_kd2m")).args([command]).arg(&run).current_dir(&elsewhere).output();
        let output = command.as_mut().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let resumed = [&given[..], &["--resume"]].concat();
    assert!(distill(Path::new("second"), &resumed).current_dir(&begun).status().unwrap().success());
}

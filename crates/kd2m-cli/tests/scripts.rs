//! The scripts that the documentation names are there, can be started, and say how they are used where none of their Python packages is;
//! the programs that they build and call run, small. Without python3 the parts that need it are passed over, and say so.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Every file of these endings below a folder.
fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, ends, found);
        } else if ends.iter().any(|end| entry.to_string_lossy().ends_with(end)) {
            found.push(entry);
        }
    }
}

/// `scripts/…` as these texts name them.
fn named_in(texts: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in texts {
        let text = fs::read_to_string(text).unwrap();
        for (at, _) in text.match_indices("scripts/") {
            let part = |c: char| c.is_ascii_alphanumeric() || "-_./{}".contains(c);
            let name: String = text[at..].chars().take_while(|c| part(*c)).collect();
            names.insert(name.trim_end_matches(['.', '/']).to_owned());
        }
    }
    names
}

/// The scripts themselves; what they import is among them where it can be started.
fn scripts() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root().join("scripts"), &[""], &mut found);
    found.retain(|path| path.extension().is_none_or(|end| end == "py"));
    found.sort();
    assert!(found.len() > 20, "{found:?}");
    found
}

fn is_python(script: &Path) -> bool {
    fs::read_to_string(script).unwrap().lines().next().is_some_and(|line| line.contains("python"))
}

/// python3, if it is there. It finds no package beside its own library, as on a machine where nothing is installed, and leaves no
/// files behind.
fn python() -> Option<Command> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("passed over: there is no python3");
        return None;
    }
    let mut python = Command::new("python3");
    // -S: without site-packages.
    python.args(["-B", "-S"]).current_dir(root());
    Some(python)
}

/// python3 with these packages, if they are there.
fn python_with(packages: &[&str]) -> Option<Command> {
    let packages = packages.join(", ");
    let found = Command::new("python3").arg("-c").arg(format!("import {packages}")).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("passed over: there is no python3 with {packages}");
        return None;
    }
    let mut python = Command::new("python3");
    python.arg("-B").current_dir(root());
    Some(python)
}

/// Where this build puts its examples: `cargo test --workspace` makes them, a single test does not.
fn example(name: &str) -> Option<PathBuf> {
    let examples = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples");
    let there = examples.join(name);
    if !there.is_file() {
        eprintln!("passed over: {} was not built", there.display());
    }
    there.is_file().then_some(there)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn what_the_documentation_names_is_there_and_can_be_started() {
    let mut texts = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    files(&root().join("docs"), &[".md"], &mut texts);
    for name in fs::read_dir(root().join("crates")).unwrap() {
        texts.push(name.unwrap().path().join("README.md"));
    }
    texts.retain(|text| text.is_file());
    let named = named_in(&texts);
    assert!(named.contains("scripts/compare-peers") && named.contains("scripts/growth"), "{named:?}");
    for name in named {
        assert!(root().join(&name).exists(), "the documentation names {name}, which is not there");
    }
    for script in scripts() {
        let first = fs::read_to_string(&script).unwrap().lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with("#!"), "{}: no line says what runs it", script.display());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&script).unwrap().permissions().mode();
            assert!(mode & 0o111 == 0o111, "{} cannot be executed", script.display());
        }
    }
}

#[test]
fn what_sources_and_tests_name_as_their_origin_is_there() {
    let mut texts = Vec::new();
    files(&root().join("crates"), &[".rs"], &mut texts);
    texts.retain(|text| !text.ends_with("tests/scripts.rs"));
    for name in named_in(&texts).into_iter().filter(|name| !name.contains('{') && name != "scripts") {
        assert!(root().join(&name).exists(), "a source names {name}, which is not there");
    }
}

#[test]
fn shell_scripts_are_whole_and_say_how_they_are_used() {
    if Command::new("bash").arg("--version").output().is_err() {
        return eprintln!("passed over: there is no bash");
    }
    for script in scripts().into_iter().filter(|script| !is_python(script)) {
        let checked = Command::new("bash").arg("-n").arg(&script).output().unwrap();
        assert!(checked.status.success(), "{}: {}", script.display(), text(&checked));
        let help = Command::new("bash").arg(&script).arg("--help").output().unwrap();
        assert!(help.status.success() && help.stdout.len() > 100, "{}: {}", script.display(), text(&help));
        // What they name is there: packages, examples and tests.
        let body = fs::read_to_string(&script).unwrap();
        let words: Vec<&str> = body.split_whitespace().collect();
        let mut package = "";
        for pair in words.windows(2) {
            let folder = root().join("crates").join(package);
            match pair {
                ["-p", name] => {
                    package = name;
                    assert!(root().join("crates").join(name).is_dir(), "{}: {name}", script.display());
                }
                ["--example", name] => {
                    let there = |end: &str| folder.join("examples").join(format!("{name}{end}")).exists();
                    assert!(there(".rs") || there("/main.rs"), "{}: {name}", script.display());
                }
                ["--test", name] => {
                    assert!(folder.join("tests").join(format!("{name}.rs")).is_file(), "{}: {name}", script.display());
                }
                _ => {}
            }
        }
    }
}

#[test]
fn python_scripts_compile_and_say_how_they_are_used_without_their_packages() {
    let Some(mut python) = python() else { return };
    let all: Vec<PathBuf> = scripts().into_iter().filter(|script| is_python(script)).collect();
    let compile = "import sys\nfor path in sys.argv[1:]: compile(open(path, encoding='utf-8').read(), path, 'exec')";
    let compiled = python.arg("-c").arg(compile).args(&all).output().unwrap();
    assert!(compiled.status.success(), "{}", text(&compiled));
    for script in &all {
        let Some(mut python) = self::python() else { return };
        let help = python.arg(script).arg("--help").output().unwrap();
        assert!(help.status.success() && help.stdout.len() > 60, "{}: {}", script.display(), text(&help));
    }
}

/// A function that a variable of its caller hid was never called, so no row was ever printed. PyTorch is not needed: its side fails,
/// which the row shows, and ours is a program that prints what `step` prints.
#[cfg(unix)]
#[test]
fn the_comparison_of_training_prints_its_rows() {
    use std::os::unix::fs::PermissionsExt;
    let Some(mut python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let step = folder.path().join("step");
    let said = "echo 'median 250.0 images/s'; echo 'limit 1000.0 images/s'";
    fs::write(&step, format!("#!/bin/sh\n{said}\n")).unwrap();
    fs::set_permissions(&step, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("torch.py"), "raise ImportError('none here')\n").unwrap();
    let results = folder.path().join("results.json");
    let asked = ["--rows", "mlp-128", "--rounds", "1", "--results", results.to_str().unwrap()];
    // By the script that the documentation names, which starts the part as a program of its own.
    let script = root().join("scripts/compare-peers");
    python.env("PYTHONPATH", folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = python.arg(script).arg("training").arg(&step).args(asked).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    let row = printed.lines().find(|line| line.starts_with("| mlp-5 → mlp-3, batch 128 | ")).unwrap_or_default();
    assert!(row.contains("| 250 |") && row.ends_with("| 1000 (25 %) |"), "{printed}");
    assert_eq!(row.matches('–').count(), 8, "{row}");
    // What was kept is printed again, beside rows that have both sides.
    let mut kept: String = fs::read_to_string(&results).unwrap();
    let both = r#""both": {"rates": {"eager": 100.0, "channels_last": 125.0, "kd2m": 250.0}, "memory": {"eager": 90, "kd2m": 30}, "limit": null}"#;
    kept.truncate(kept.rfind('}').unwrap());
    fs::write(&results, format!("{kept}, {both}}}")).unwrap();
    let asked = ["--rows", "none", "--results", results.to_str().unwrap()];
    let Some(mut python) = self::python() else { return };
    let output = python.arg(root().join("scripts/peers/training.py")).arg(&step).args(asked).output().unwrap();
    let printed = text(&output);
    assert!(printed.contains("| both | 100 | 125 | – | – | – | 250 | **2.00** | – | 30 / 90 | – |"), "{printed}");
}

/// Ours and the runtimes are programs that answer as the real ones do; PyTorch and onnxruntime are not needed, their sides fail and show a dash.
#[cfg(unix)]
#[test]
fn the_comparison_of_evaluation_prints_its_rows() {
    use std::os::unix::fs::PermissionsExt;
    let Some(mut python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, said: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{said}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let ours = r#"case "$1" in
        eval) echo '{"accuracy": 50.0, "images": 8, "images_per_second": 5.0}' ;;
        list) echo '{"parameters": 2345678}' ;;
        export)
            for word in "$@"; do
                [ "$word" = onnx-int8 ] && small=yes
                [ "$last" = --out ] && out=$word
                last=$word
            done
            if [ -n "$small" ]; then printf 1234 > "$out"; else printf 1234567890123456 > "$out"; fi ;;
    esac"#;
    let (ours, runtimes) = (
        program("kd2m", ours),
        program("runtimes", "echo 'rten: 20.0 images/s'; echo 'tract: 10.0 images/s'; echo 'off 1.0e-06'"),
    );
    for package in ["torch", "onnxruntime"] {
        fs::write(folder.path().join(format!("{package}.py")), "raise ImportError('none here')\n").unwrap();
    }
    let inputs = folder.path().join("inputs");
    fs::create_dir(&inputs).unwrap();
    fs::write(inputs.join("made"), "jpeg onnx runtime int8").unwrap();
    let results = folder.path().join("results.json");
    python.env("PYTHONPATH", folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(root().join("scripts/compare-peers")).arg("eval").arg(&ours).args([
        "--small",
        "--data",
        "none.tar.gz",
        "--runtimes",
    ]);
    let output = python.arg(&runtimes).arg("--keep").arg(&inputs).arg("--results").arg(&results).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success(), "{printed}");
    let row = |begin: &str| {
        let found =
            printed.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{begin}: {printed}"));
        found.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<String>>()
    };
    for begin in ["| ResNet-50 at 224, 8 JPEGs ", "| ResNet-50 as ONNX, 8 images ", "| MobileNetV2 as ONNX, 8 images "]
    {
        let cells = row(begin);
        assert!(
            cells[2].parse::<f64>().unwrap() > 0.0 && cells[3] == "5.0" && cells[4..8].iter().all(|cell| cell == "–"),
            "{cells:?}"
        );
    }
    assert_eq!(row("| ViT-tiny at 224, batch 2 ")[2..6], ["20.0", "10.0", "**2.00**", "1e-06"]);
    assert_eq!(row("| mobilenet_v2, 2.3 M parameters ")[2..6], ["0.250", "50.00 / –", "50.00 / –", "0.00"]);
    // What was kept is printed again, beside a row that has both sides.
    let mut kept: serde_json::Value = serde_json::from_str(&fs::read_to_string(&results).unwrap()).unwrap();
    kept["onnx"]["both"] = serde_json::json!({"rates": {"kd2m": 30.0, "a": 12.0, "b": 20.0}, "off": 2e-6});
    fs::write(&results, kept.to_string()).unwrap();
    let Some(mut python) = self::python() else { return };
    python.arg(root().join("scripts/peers/eval.py")).arg(&ours).args(["--rows", "none", "--results"]).arg(&results);
    let printed = text(&python.output().unwrap());
    assert!(
        printed.contains("| both | 30.0 | – | 20.0 (b) | **1.50** (≥ 1.0) | 2e-06 | a: 12.0; b: 20.0 |"),
        "{printed}"
    );
}

/// Ours is a program that answers as the real one does; PyTorch is not needed, its sides fail and show a dash.
#[cfg(unix)]
#[test]
fn the_comparison_of_loading_prints_its_rows() {
    use std::os::unix::fs::PermissionsExt;
    let Some(mut python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("loader_speed");
    // Both programs in one: of the second another argument is the network.
    let said = r#"case "$1" in *all) peak=205.0 ;; *few) peak=200.0 ;; esac
        [ "$3" = resnet18 ] && echo "step 620.5 ms, without loading 610.0 ms" && echo "loading 1.69 % of a step, waiting 0.10 %" && exit
        echo "first look 1.50 s at 300 images"; echo "median 250.0 images/s"; echo "peak $peak MB""#;
    fs::write(&ours, format!("#!/bin/sh\n{said}\n")).unwrap();
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("torch.py"), "raise ImportError('none here')\n").unwrap();
    fs::write(folder.path().join("made-300"), "").unwrap();
    let (script, results) = (root().join("scripts/compare-peers"), folder.path().join("results.json"));
    python.env("PYTHONPATH", folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(&script).arg("data").arg(&ours).arg("--step").arg(&ours);
    python.args(["--small", "--keep"]).arg(folder.path()).arg("--results");
    let output = python.arg(&results).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("| 300 files | 250 | – | – | – |"), "{printed}");
    assert!(printed.contains("| 300 files | 1.5 s | 205 MB | 200 MB | **1.025** (≤ 1.05) |"), "{printed}");
    assert!(printed.contains("| kd2m | 620.5 ms | 610.0 ms | **1.69 %** (< 5 %) | 0.10 % |"), "{printed}");
    // What was kept is printed again, with both sides.
    let mut kept: serde_json::Value = serde_json::from_str(&fs::read_to_string(&results).unwrap()).unwrap();
    kept["rates"]["torchvision, PIL"] = 100.0.into();
    kept["rates"]["torchvision, tensors"] = 125.0.into();
    fs::write(&results, kept.to_string()).unwrap();
    let Some(mut python) = self::python() else { return };
    python.arg(root().join("scripts/peers/data.py")).arg(&ours).args(["--rounds", "0", "--results"]).arg(&results);
    let printed = text(&python.output().unwrap());
    assert!(printed.contains("| 300 files | 250 | 100 | 125 | **2.00** (≥ 1.5) |"), "{printed}");
}

/// A few images, with all peers.
#[test]
fn loading_is_compared_here() {
    let Some(mut python) = python_with(&["torch", "torchvision", "numpy", "PIL"]) else { return };
    let Some(program) = example("loader_speed") else { return };
    // Photographs that are there in any case.
    let photos = root().join("crates/kd2m-data/tests/images");
    let script = root().join("scripts/compare-peers");
    let output =
        python.arg(script).arg("data").arg(program).args(["--small", "--photos"]).arg(photos).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success() && printed.contains("(≥ 1.5)") && printed.contains("(≤ 1.05)"), "{printed}");
}

/// A few images, with all peers.
#[test]
fn evaluation_is_compared_here() {
    let Some(mut python) = python_with(&["torch", "torchvision", "timm", "onnx", "onnxruntime", "PIL"]) else { return };
    let script = root().join("scripts/compare-peers");
    let asked = ["eval", env!("CARGO_BIN_EXE_kd2m"), "--small", "--rows", "jpeg,onnx"];
    let output = python.arg(script).args(asked).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success() && printed.matches("(≥ 1.").count() == 3, "{printed}");
}

#[test]
fn the_table_of_the_theory_experiment_is_made_from_its_file() {
    let Some(mut python) = python_with(&["numpy"]) else { return };
    let output = python
        .arg(root().join("scripts/theory_experiment.py"))
        .arg("--from")
        .arg(root().join("docs/results/theory/digits.csv"))
        .output()
        .unwrap();
    assert!(output.status.success() && output.stdout.len() > 500, "{}", text(&output));
}

#[test]
fn exact_transport_is_checked_on_a_few_problems() {
    let Some(mut python) = python_with(&["numpy", "scipy", "networkx"]) else { return };
    let script = root().join("scripts/check_exact.py");
    let asked = ["--kd2m", env!("CARGO_BIN_EXE_kd2m"), "--problems", "22"];
    let output = python.arg(script).args(asked).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("22 problems: 0 wrong, "), "{}", text(&output));
}

/// A ResNet-18 and EfficientNet-Lite0 on a few JPEGs.
#[test]
fn teachers_of_pytorch_say_the_same_here() {
    let Some(mut python) = python_with(&["torch", "torchvision", "timm", "numpy", "PIL"]) else { return };
    let asked = ["--kd2m", env!("CARGO_BIN_EXE_kd2m"), "--images", "24", "--train", "64"];
    let output = python.arg(root().join("scripts/check-teachers")).args(asked).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success() && printed.matches("equal on 100.00% of 24 images").count() == 2, "{printed}");
}

#[test]
fn a_build_is_as_fast_as_itself() {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let Some(mut python) = python_with(&["numpy"]) else { return };
    let Some(library) = example(&format!("{DLL_PREFIX}bridge{DLL_SUFFIX}")) else { return };
    let asked = ["--pairs", "2", "--sizes", "16", "--kinds", "paired;matrix, noise"];
    let script = root().join("scripts/compare-builds");
    let output = python.arg(script).arg(&library).arg(&library).args(asked).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success() && printed.lines().count() == 4, "{printed}");
    assert!(printed.contains("| paired | 16 | ") && printed.contains("| matrix, noise | 16 | "), "{printed}");
}

/// Without numpy: the numbers are made up.
#[test]
fn the_growth_of_costs_is_drawn_and_tabled() {
    let Some(mut python) = python() else { return };
    let draw = "
import runpy
growth = runpy.run_path('scripts/growth')
found = {name: [2.0**k for k in range(3)] for name, _, _ in growth['METRICS']}
print(growth['table']('ms', growth['SAMPLES'][:4], found))
print(growth['picture'](found, found))
assert growth['milliseconds'](lambda: None, 1) < 1e3
";
    let output = python.args(["-c", draw]).output().unwrap();
    let printed = text(&output);
    assert!(output.status.success(), "{printed}");
    assert!(
        printed.contains("| ms | 64 | 128 | 256 | 512 |") && printed.contains("| `w2` | 1 | 2 | 4 | – |"),
        "{printed}"
    );
    assert_eq!(printed.matches("<polyline").count(), 20, "{printed}");
}

/// What the release packs for each system is packed here, and tried.
#[cfg(unix)]
#[test]
fn the_program_is_tried_and_packed_as_a_release_has_it() {
    if Command::new("bash").arg("--version").output().is_err() || Command::new("rustc").arg("-vV").output().is_err() {
        return eprintln!("passed over: there is no bash or no rustc");
    }
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    assert!(workflow.contains("scripts/build-binary --target"), "the release builds otherwise");
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(root().join("scripts/build-binary"));
    command.args(["--version", "v0/test", "--binary", env!("CARGO_BIN_EXE_kd2m"), "--out"]).arg(folder.path());
    let output = command.output().unwrap();
    let printed = text(&output);
    assert!(output.status.success() && printed.contains("kernels "), "{printed}");
    let archive = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned();
    assert!(archive.contains("kd2m-v0-test-") && archive.ends_with(".tar.gz"), "{archive}");
    let listed = text(&Command::new("tar").args(["tzf", &archive]).output().unwrap());
    for file in ["/kd2m", "/README.md", "/LICENSE-MIT"] {
        assert!(listed.lines().any(|line| line.ends_with(file)), "{file} is not in {listed}");
    }
    assert!(fs::read_to_string(format!("{archive}.sha256")).unwrap().contains("kd2m-v0-test-"));
    let other = Command::new(root().join("scripts/build-binary")).arg("--nonsense").arg("x").output().unwrap();
    assert_eq!(other.status.code(), Some(2));
}

/// The examples that scripts call.
#[test]
fn the_programs_that_scripts_call_run_small() {
    let folder = tempfile::tempdir().unwrap();
    let step = folder.path().join("step");
    let photos = folder.path().join("photos");
    for place in ["train/a", "train/b", "test/a"] {
        fs::create_dir_all(photos.join(place)).unwrap();
        let photo = root().join("crates/kd2m-data/tests/images/rough-420.jpg");
        for i in 0..4 {
            fs::copy(&photo, photos.join(place).join(format!("{i}.jpg"))).unwrap();
        }
    }
    let calls: [(&str, Vec<&str>, &str); 5] = [
        ("loader_speed", vec![photos.to_str().unwrap(), "16", "resized-crop:0.2+flip", "4", "2", "2", "0"], "images/s"),
        ("loader_share", vec![photos.to_str().unwrap(), "32", "resnet8", "4", "2", "1"], "% of a step, waiting "),
        ("compare_devices", vec!["cpu", "hinton", "mse"], "2 compared, 0 beyond tolerance"),
        ("dump_step", vec!["resnet8", "resnet8", "imagenet", "32", "2", step.to_str().unwrap(), "1"], ""),
        ("step", vec!["mlp-3", "mlp-3", "imagenet", "1x28", "8", "2", "1"], "images/s"),
    ];
    for (name, arguments, expected) in calls {
        let Some(program) = example(name) else { continue };
        let output = Command::new(&program).args(arguments).env("RAYON_NUM_THREADS", "2").output().unwrap();
        assert!(output.status.success() && text(&output).contains(expected), "{name}: {}", text(&output));
    }
}

//! A sample of `scripts/torture`, of what no other test does: kills at system calls, disks of their own where they may be mounted, files
//! damaged anywhere. `docs/reliability.md` has the figures of the whole.
#![cfg(target_os = "linux")]

use std::{path::Path, process::Command};

const CHECKS: [&str; 4] = ["system-calls", "disks", "unfinished", "finished"];

#[test]
fn a_sample_of_the_torture_loses_nothing() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("passed over: there is no python3");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut command = Command::new("python3");
    command.arg("-I").arg(root.join("scripts/torture")).args(["--kd2m", env!("CARGO_BIN_EXE_kd2m"), "--small"]);
    command.args(["--system-calls", "2", "--share", "0.01"]);
    command.args(CHECKS.iter().flat_map(|check| ["--only", check]));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.trim_end().ends_with("nothing lost"), "{all}");
    // One line each, also of what is passed over.
    assert_eq!(said.lines().count(), 1 + CHECKS.len() + 1, "{said}");
}

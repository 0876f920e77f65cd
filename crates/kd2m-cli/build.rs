//! Tells the program which commit it was built from, for `kd2m --version`. Only in release builds: while one develops, every commit would
//! build the program anew.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = release.then(|| git(&["rev-parse", "--short=12", "HEAD"])).flatten();
    if let Some(log) = commit.as_ref().and_then(|_| git(&["rev-parse", "--git-path", "logs/HEAD"])) {
        println!("cargo:rerun-if-changed={log}");
    }
    println!("cargo:rustc-env=KD2M_COMMIT={}", commit.unwrap_or_else(|| "unknown".to_owned()));
}

/// What git says; nothing where there is no git or no checkout, as in a crate that was unpacked.
fn git(arguments: &[&str]) -> Option<String> {
    let said = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?.trim().to_owned();
    (said.status.success() && !text.is_empty()).then_some(text)
}

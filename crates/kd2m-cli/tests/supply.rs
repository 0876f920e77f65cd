//! What this project stands on: every crate that it names has its reason on a page, and every locked one a licence that `deny.toml`
//! allows. What `cargo deny` does beyond that needs the database of advisories.

use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Of this machine's platform: the crates of others may not be downloaded.
fn metadata() -> Value {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let host = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["metadata", "--format-version", "1", "--locked"]);
    if cfg!(target_os = "linux") {
        command.args(["--filter-platform", &host]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> &Vec<Value> {
    metadata["packages"].as_array().unwrap()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn every_direct_dependency_has_its_reason_on_the_page() {
    let metadata = metadata();
    let members = metadata["workspace_members"].as_array().unwrap();
    let own = packages(&metadata).iter().filter(|package| members.contains(&package["id"]));
    let named: BTreeSet<String> = own
        .flat_map(|package| package["dependencies"].as_array().unwrap())
        .map(|dependency| word(&dependency["name"]).to_owned())
        .filter(|name| name != "kd2m" && !name.starts_with("kd2m-"))
        .collect();
    let page = text("docs/dependencies.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let explained: BTreeSet<String> = rows
        .inspect(|(name, why)| assert!(why.len() > 8, "{name} needs a reason"))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(named, explained, "docs/dependencies.md");
}

/// The words between quotes of a list in `deny.toml`.
fn list(name: &str) -> Vec<String> {
    let deny = text("deny.toml");
    let (_, rest) = deny.split_once(&format!("\n{name} = [\n")).unwrap();
    let (items, _) = rest.split_once("\n]").unwrap();
    items.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What `deny.toml` says of a crate whose manifest names no licence; empty where it says nothing.
fn clarified(name: &str) -> String {
    let deny = text("deny.toml");
    let (_, rest) = deny.split_once(&format!("\ncrate = \"{name}\"\nexpression = \"")).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// Whether a licence expression can be met: any of what `OR` (formerly `/`) joins, all of what `AND` joins.
fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let expression = expression.trim();
    // One level of brackets is all that anybody writes.
    if let Some((inside, rest)) = expression.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        return match rest.trim().strip_prefix("AND ") {
            Some(rest) => is_met(inside, allowed) && is_met(rest, allowed),
            None => is_met(inside, allowed),
        };
    }
    let parts = |by: &str| expression.split(by).map(str::trim).collect::<Vec<_>>();
    match () {
        () if expression.contains(" OR ") => parts(" OR ").into_iter().any(|part| is_met(part, allowed)),
        () if expression.contains('/') => parts("/").into_iter().any(|part| is_met(part, allowed)),
        () if expression.contains(" AND ") => parts(" AND ").into_iter().all(|part| is_met(part, allowed)),
        () => allowed(expression),
    }
}

#[test]
fn every_locked_crate_has_an_allowed_licence() {
    let metadata = metadata();
    let (allow, exceptions) = (list("allow"), list("exceptions"));
    let mut looked = 0;
    for package in packages(&metadata).iter().filter(|package| !package["source"].is_null()) {
        let name = word(&package["name"]);
        let licence = package["license"].as_str().map_or_else(|| clarified(name), str::to_owned);
        let excepted = exceptions.chunks(2).any(|pair| pair[0] == name && is_met(&licence, &|one| one == pair[1]));
        assert!(
            excepted || is_met(&licence, &|one| allow.iter().any(|a| a == one)),
            "{name}: {licence:?} is not in deny.toml"
        );
        let source = word(&package["source"]);
        assert!(source.starts_with("registry+https://github.com/rust-lang/crates.io-index"), "{name}: {source}");
        looked += 1;
    }
    assert!(looked > 200, "{looked}");
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = |one: &str| one == "MIT";
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("Apache-2.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR Apache-2.0) AND NCSA", false),
        ("(MIT OR Apache-2.0) AND MIT", true),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

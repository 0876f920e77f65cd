//! The tables under `docs/results` are what their summaries give, byte for byte: no change of a column, a digit or a verdict goes unseen.

use std::{fs, path::Path, process::Command};

/// Grid and folder of its results.
const GRIDS: [(&str, &str); 18] = [
    ("bench-cifar10", "cifar10"),
    ("bench-cifar10-auto", "auto/cifar10"),
    ("bench-cifar10-auto-shares", "auto/cifar10/shares"),
    ("bench-cifar10-small", "cifar10/small"),
    ("bench-cifar10-small-chosen", "cifar10/small/chosen"),
    ("bench-cifar10-small-ten", "cifar10/small/ten"),
    ("bench-digits", "digits/wide"),
    ("bench-digits-auto", "auto/digits"),
    ("bench-digits-confirm", "digits/confirm"),
    ("bench-digits-from-mnist", "unpaired/domain"),
    ("bench-digits-mistakes", "digits/mistakes"),
    ("bench-digits-shares", "unpaired/shares"),
    ("bench-digits-unpaired", "unpaired"),
    ("bench-mnist", "mnist"),
    ("bench-mnist-auto", "auto/mnist"),
    ("bench-mnist-others", "mnist/others"),
    ("bench-mnist-unpaired", "unpaired/mnist"),
    ("bench-mnist-unpaired-labels", "unpaired/mnist/labels"),
];

#[test]
fn tables_are_those_of_their_summaries() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (grid, folder) in GRIDS {
        let (place, out) = (root.join("docs/results").join(folder), tempfile::tempdir().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.arg("bench").arg(root.join(format!("configs/{grid}.toml"))).arg("--reuse").arg(&place);
        let ran = command.args(["--tables-only", "--quiet", "--out"]).arg(out.path().join("out")).output().unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for table in ["table.md", "table.tex", "table.csv"] {
            let found = out.path().join("out").join(table);
            assert!(found.is_file(), "{grid}: {}", String::from_utf8_lossy(&ran.stderr));
            // Not assert_eq, which would print both.
            assert!(
                read(&found) == read(&place.join(table)),
                "{grid}: {table} differs from docs/results/{folder}/{table}"
            );
        }
    }
}

//! The generated pages of the documentation are what the program prints.

use std::{fs, path::Path, process::Command};

const LISTS: [&str; 5] = ["criteria", "metrics", "models", "datasets", "keys"];

#[test]
fn the_tables_of_the_documentation_are_current() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tables");
    for list in LISTS {
        let printed = Command::new(env!("CARGO_BIN_EXE_kd2m")).args(["list", list, "--markdown"]).output().unwrap();
        assert!(printed.status.success(), "{list}: {printed:?}");
        let page = fs::read_to_string(docs.join(format!("{list}.md"))).unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        let changed = printed.lines().zip(page.lines()).find(|(now, then)| now != then);
        assert!(
            page == printed,
            "run `kd2m list {list} --markdown > docs/tables/{list}.md`; first change: {changed:#?}"
        );
    }
}

#[test]
fn an_editor_gets_a_schema_that_knows_every_key() {
    let printed = Command::new(env!("CARGO_BIN_EXE_kd2m")).args(["list", "keys", "--json"]).output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["name", "data", "teacher", "student"]));
    assert_eq!(schema["$defs"]["TrainConfig"]["properties"]["batch_size"]["default"], 128);
}

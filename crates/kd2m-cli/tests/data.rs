//! `kd2m data`: what is published, and whether what is here is that.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn data(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).arg("data").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_published_is_listed_with_addresses_and_sums() {
    let list = text(&data(&["list"]).stdout);
    assert!(list.lines().count() >= 14 && list.contains("\nfashion_mnist "), "{list}");
    let info = text(&data(&["info", "cifar100"]).stdout);
    let address = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz\n  to cifar-100-binary.tar.gz, MD5 03b5dce01913d631647c71ecec9e9cb8, 168.5 MB";
    assert!(info.contains(address), "{info}");
    let json: Value = serde_json::from_slice(&data(&["info", "svhn-extra", "--json"]).stdout).unwrap();
    assert_eq!(json[0]["files"].as_array().unwrap().len(), 3);
    let unknown = data(&["info", "imagenet"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("imagenet: is no data set whose files are published; known are mnist"));
}

#[test]
fn what_is_here_is_compared_with_both_sums() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().to_str().unwrap();
    let nothing = data(&["verify", "--data-root", place]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("none of the published data sets is there"));
    fs::create_dir_all(root.path().join("svhn")).unwrap();
    fs::write(root.path().join("svhn/test_32x32.mat"), "abc").unwrap();
    let wrong = data(&["verify", "svhn", "--data-root", place]);
    let said = text(&wrong.stdout);
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    assert!(said.starts_with("svhn: NOT as it is published\n  train_32x32.mat: not there\n"), "{said}");
    assert!(
        said.contains("MD5 900150983cd24fb0d6963f7d28e17f72, published is eb5a983be6a315427106f1b164d9cef3"),
        "{said}"
    );
    let json: Value =
        serde_json::from_slice(&data(&["verify", "svhn", "--json", "--data-root", place]).stdout).unwrap();
    assert_eq!((&json[0]["right"], &json[0]["there"]), (&Value::Bool(false), &Value::Bool(true)));
    let unnamed = data(&["download", "--data-root", place]);
    assert!(unnamed.status.code() == Some(2) && text(&unnamed.stderr).contains("name what is to be downloaded"));
}

/// Debian's package has the files in a packing of its own.
#[test]
fn a_copy_that_was_packed_anew_is_known_by_its_content() {
    let root = Path::new("/usr/share/datasets");
    if !root.join("fashion-mnist").is_dir() {
        return eprintln!("skipped: Debian's package dataset-fashion-mnist is not installed");
    }
    let found = data(&["verify", "--data-root", root.to_str().unwrap()]);
    let said = text(&found.stdout);
    assert!(found.status.success() && said.starts_with("fashion_mnist: as it is published\n"), "{said}");
    assert!(said.contains("as published, in another packing"), "{said}");
}

//! Help, completions and manual pages are of one making: every command is in all of them, with examples that its own flags allow.

use std::process::{Command, Output};

fn kd2m(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kd2m")).args(arguments).output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let found = kd2m(arguments);
    assert!(found.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8(found.stdout).unwrap()
}

/// Every command but `help`, as the program lists them.
fn commands() -> Vec<String> {
    let help = text(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // Long descriptions go on in further lines, which stand further in.
    let first = list.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names = first.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    let names: Vec<String> = names.filter(|name| name != "help").collect();
    assert!(names.len() >= 16 && names.iter().any(|n| n == "compare"), "{names:?}");
    names
}

#[test]
fn every_help_page_has_examples_of_flags_that_there_are() {
    for command in commands() {
        let help = text(&[&command, "--help"]);
        let (page, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{command} has no examples"));
        let lines: Vec<&str> = examples.lines().take_while(|line| line.starts_with("  ")).collect();
        assert!(lines.iter().any(|line| line.contains(&format!("kd2m {command}"))), "{command}: {lines:?}");
        for line in lines.iter().flat_map(|line| line.split(&format!("kd2m {command} ")).nth(1)) {
            let words =
                line.split([' ', '=']).take_while(|word| !word.starts_with('#') && *word != "&&" && *word != "|");
            for flag in words.filter(|word| word.starts_with("--")) {
                assert!(page.contains(flag), "{command} has no {flag}, which an example of it has");
            }
        }
    }
}

#[test]
fn shells_complete_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&["completions", shell]);
        for name in commands() {
            assert!(script.contains(&name), "{shell} does not know {name}");
        }
        assert!(script.contains("metric") && script.contains("track-bounds"), "{shell} knows no flags");
    }
    // What bash makes of it.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("kd2m.bash");
    std::fs::write(&script, text(&["completions", "bash"])).unwrap();
    let ask = "source \"$0\"; COMP_WORDS=(kd2m dist); COMP_CWORD=1; _kd2m kd2m dist kd2m; echo \"${COMPREPLY[@]}\"";
    match Command::new("bash").args(["-c", ask]).arg(&script).output() {
        Ok(found) => assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), "distill distance"),
        Err(_) => eprintln!("passed over: there is no bash"),
    }
    assert_eq!(kd2m(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("man1");
    assert!(kd2m(&["man", "--out", place.to_str().unwrap()]).status.success());
    let page = |name: &str| std::fs::read_to_string(place.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    let whole = page("kd2m.1");
    for name in commands() {
        let own = page(&format!("kd2m-{name}.1"));
        assert!(own.contains(".SH NAME") && own.contains("Examples:"), "{own}");
        assert!(whole.contains(&format!("kd2m\\-{name}(1)")), "{whole}");
        assert_eq!(text(&["man", &name]), own);
    }
    assert_eq!(text(&["man"]), whole);
    let why = kd2m(&["man", "distil"]);
    assert_eq!(why.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&why.stderr).contains("did you mean distill"));
}

//! `kd2m init`: a configuration to begin with, every key of it with its default and meaning as a comment. Made from the list of keys, so
//! that it holds what the program knows.

use std::{collections::BTreeMap, process::ExitCode};

use kd2m::{
    Error,
    config::{
        Source,
        keys::{self, Key},
    },
    files,
};

use crate::{arguments::InitArguments, output::show, say::say};

/// The sections of a run, in the order of a file.
const SECTIONS: [&str; 5] = ["data", "teacher", "student", "train", "optim"];

/// Keys of a grid beside those of a run; `docs/benchmark.md` has them all.
const GRID: &str = "
# λ of every arm is chosen on validation, on seeds that are not reported.
[select]
factors = [0.1, 0.3, 1, 3]
seeds = [101, 102]
# grid = { \"optim.lr\" = [0.01, 0.05] }  # other keys of an arm (docs/choosing.md)

# Every data set with every pair of networks is a cell.
# [grid]
# datasets = [\"mnist\", { dataset = \"cifar10\", train_limit = 5000 }]
# pairs = [{ teacher = \"resnet34\", student = \"resnet18\" }]
";

/// Writes it to a file, or to stdout.
///
/// # Errors
/// A file that is there already, or the disk.
pub fn init(arguments: &InitArguments) -> Result<ExitCode, Error> {
    let text = text(&arguments.data, arguments.grid)?;
    let Some(path) = &arguments.out else {
        show(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    if path.exists() {
        return Err(Error::Config(format!("{} is there already: choose another --out, or remove it", path.display())));
    }
    files::write(path, text.as_bytes())?;
    let command = if arguments.grid { "bench" } else { "distill --config" };
    say!("{} is written; next: kd2m {command} {}", path.display(), path.display());
    Ok(ExitCode::SUCCESS)
}

fn text(dataset: &str, grid: bool) -> Result<String, Error> {
    let sets = [format!("data.dataset={dataset}")];
    let mut source = Source::without_file(&sets)?;
    sets.iter().try_for_each(|set| source.set(set))?;
    let config = source.resolve()?;
    let written = config.to_toml()?;
    let values = values(&written);
    let keys = keys::keys();
    let command = if grid { "kd2m bench" } else { "kd2m distill --config" };
    let mut out = format!(
        "# {command} FILE. A key behind `#` holds as it stands there; what none stands behind is chosen by itself.\n"
    );
    out += &format!("name = \"{}\"\n", config.name);
    for section in SECTIONS {
        out += &format!("\n[{section}]\n");
        for key in keys.iter().filter(|key| key.name.split_once('.').is_some_and(|(first, _)| first == section)) {
            let own = key.name.rsplit('.').next().unwrap_or_default();
            out += &line(key, own, values.get(key.name.as_str()).copied());
        }
    }
    for arm in &config.arms {
        let losses =
            arm.losses.iter().map(|loss| format!("{{ criterion = \"{}\", weight = \"auto\" }}", loss.criterion.name()));
        out += &format!("\n[[arm]]\nname = \"{}\"\nloss = [{}]\n", arm.name, losses.collect::<Vec<_>>().join(", "));
    }
    out += "# Keys of an arm and of its losses, as arm.KEY and arm.loss.KEY here:\n";
    for key in keys.iter().filter(|key| key.name.starts_with("arm.")) {
        out += &line(key, &key.name, None);
    }
    if grid {
        out += GRID;
    }
    Ok(out)
}

/// The values of a configuration's sections as its text has them, by dotted key.
fn values(text: &str) -> BTreeMap<String, &str> {
    let mut section = "";
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ") {
            found.insert(format!("{section}.{key}"), value);
        }
    }
    found
}

/// A key with its meaning: as a comment where its default holds.
fn line(key: &Key, name: &str, value: Option<&str>) -> String {
    let default = key.default.as_deref();
    match value.filter(|value| Some(*value) != default) {
        Some(value) => format!("{name} = {value}  # {}\n", key.meaning),
        None => format!("# {name} = {}  # {}\n", default.unwrap_or(""), key.meaning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_configuration_and_so_are_its_comments() {
        for (dataset, grid) in [("digits", false), ("folder:photos@64", false), ("cifar10", true)] {
            let text = text(dataset, grid).unwrap();
            let mut source = Source::parse("init", &text).unwrap();
            assert_eq!(grid, source.take("select").is_some());
            let config = source.resolve().unwrap();
            assert_eq!(config.data.dataset, dataset);
            // Every default that stands in a comment of a section is a value of its key.
            let open: String = text
                .lines()
                .take_while(|line| !line.starts_with("[[arm]]"))
                .map(|line| match line.strip_prefix("# ").and_then(|line| line.split_once("  # ")) {
                    Some((assigned, _)) if !assigned.ends_with("= ") => assigned.to_owned() + "\n",
                    _ => line.to_owned() + "\n",
                })
                .collect();
            assert!(open.contains("\nsplit_seed = 0\n") && open.contains("\nmomentum = "), "{open}");
            let resolved = Source::parse("open", &open).unwrap().resolve().unwrap();
            assert_eq!(resolved.train.seeds, config.train.seeds);
        }
    }
}

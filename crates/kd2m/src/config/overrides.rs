//! From text to a checked [`Config`]: a file or the built-in demonstration, then dotted overrides (`optim.lr=0.05`,
//! `arm.0.loss.0.weight=1e-3`), then types. Unknown keys are errors that name the nearest ones.

use std::path::{Path, PathBuf};

use kd2m_ot::error::nearest_names;
use toml::{Table, Value};

use super::{
    ArmConfig, Config, Weight,
    dotted::{merge, put, remove},
};
use crate::{Error, files};

/// The configuration of the digits demonstration, which runs when no other is given.
const DIGITS_DEMO: &str = include_str!("digits-demo.toml");
/// What another data set begins with: the demonstration's keys are those of 200 digits.
const GENERAL: &str = include_str!("general.toml");
/// Of the demonstration.
const DIGITS: &str = "digits";

/// A configuration before its types are known.
#[derive(Clone)]
pub struct Source {
    /// What error messages call it.
    label: String,
    table: Table,
    /// Keys that the command line set, each with its assignment.
    assigned: Vec<(String, String)>,
}

impl Source {
    /// The digits demonstration.
    ///
    /// # Errors
    /// None: the text is part of the program and tested.
    pub fn demo() -> Result<Self, Error> {
        Self::parse("the built-in digits demonstration", DIGITS_DEMO)
    }

    /// Where no file is given: the digits demonstration, or general defaults where the overrides name another data set.
    ///
    /// # Errors
    /// None: both texts are part of the program and tested.
    pub fn without_file(sets: &[String]) -> Result<Self, Error> {
        let named =
            sets.iter().rev().find_map(|set| set.split_once('=').filter(|(key, _)| key.trim() == "data.dataset"));
        let dataset = named.map(|(_, text)| parse_value(text.trim())).filter(|name| name.as_str() != Some(DIGITS));
        let mut source = match &dataset {
            Some(_) => Self::parse("general defaults", GENERAL)?,
            None => Self::demo()?,
        };
        // A teacher that is a file of outputs has nothing of the network that would stand here.
        if sets.iter().any(|set| set.split_once('=').is_some_and(|(key, _)| key.trim() == "teacher.outputs")) {
            source.take("teacher");
        }
        let Some(dataset) = dataset else { return Ok(source) };
        let name = named_after(dataset.as_str().unwrap_or_default());
        if !name.is_empty() {
            source.put("name", name.chars().take(LONGEST_NAME).collect::<String>())?;
        }
        Ok(source)
    }

    /// A TOML file. Relative paths in it are taken from the folder in which the program runs; a run folder holds absolute ones.
    ///
    /// # Errors
    /// A missing file, or text that is no TOML (line and column are named).
    pub fn file(path: &Path) -> Result<Self, Error> {
        Self::parse(&path.display().to_string(), &files::read_text(path)?)
    }

    /// TOML text under a name for messages.
    ///
    /// # Errors
    /// Text that is no TOML.
    pub fn parse(label: &str, text: &str) -> Result<Self, Error> {
        let table = text.parse::<Table>().map_err(|e| {
            let range = if e.message().contains("too large") { format!("; {WHOLE_NUMBERS}") } else { String::new() };
            Error::Config(format!("{label}: {}{range}", e.to_string().trim_end()))
        })?;
        Ok(Self { label: label.to_owned(), table, assigned: Vec::new() })
    }

    /// Applies `dotted.key=value`; the value is read as TOML, or else as a string.
    ///
    /// # Errors
    /// No `=`, an index beyond its list, or a key below something that is no table.
    pub fn set(&mut self, assignment: &str) -> Result<(), Error> {
        let (key, text) = assignment
            .split_once('=')
            .ok_or_else(|| Error::Config(format!("--set {assignment}: expected key=value, e.g. optim.lr=0.05")))?;
        if let Some(number) = beyond_whole_numbers(text) {
            return Err(Error::Config(format!("{}: {number} is too large: {WHOLE_NUMBERS}", key.trim())));
        }
        let value = parse_value(text.trim());
        let path: Vec<&str> = key.trim().split('.').collect();
        put(&mut self.table, &path, value).map_err(|why| Error::Config(format!("--set {assignment}: {why}")))?;
        self.assigned.push((key.trim().to_owned(), assignment.to_owned()));
        Ok(())
    }

    /// Sets one key to a value.
    ///
    /// # Errors
    /// As [`set`](Source::set).
    pub fn put(&mut self, key: &str, value: impl Into<Value>) -> Result<(), Error> {
        let path: Vec<&str> = key.split('.').collect();
        put(&mut self.table, &path, value.into()).map_err(|why| Error::Config(format!("{key}: {why}")))
    }

    /// Sets a path-valued key.
    ///
    /// # Errors
    /// As [`set`](Source::set).
    pub fn put_path(&mut self, key: &str, path: &Path) -> Result<(), Error> {
        self.put(key, path.display().to_string())
    }

    /// Removes a key that is no part of a run's configuration and returns its value.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    /// Puts the keys of a table over the present ones, or with `keep` only those that are missing.
    pub fn merge(&mut self, keys: Table, keep: bool) {
        merge(&mut self.table, keys, keep);
    }

    /// What error messages call it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Replaces all arms by one for each criterion, or sum of criteria as `hinton+cw2`.
    ///
    /// # Errors
    /// Several names in one, with commas; names are checked when the configuration is resolved.
    pub fn set_arms(&mut self, criteria: &[String], weight: Option<Weight>) -> Result<(), Error> {
        if let Some(list) = criteria.iter().find(|name| name.contains(',')) {
            let (each, sum) = (list.replace(',', " --criterion "), list.replace(',', "+"));
            return Err(Error::Config(format!(
                "--criterion {list}: an arm each is --criterion {each}, one arm with their sum --criterion {sum}"
            )));
        }
        let arms: Vec<ArmConfig> = criteria.iter().map(|name| ArmConfig::single(name, weight)).collect();
        let arms = Value::try_from(arms)?;
        self.put("arm", arms)
    }

    /// Types and checks.
    ///
    /// # Errors
    /// An unknown key (the nearest ones are named), a value of another type, or one out of range.
    pub fn resolve(self) -> Result<Config, Error> {
        let config = typed(&self.table).map_err(|why| match self.at_fault(&why) {
            Some(assignment) => Error::Config(format!("--set {assignment}: {why}")),
            None => Error::Config(format!("{}: {why}", self.label)),
        })?;
        config.check()?;
        Ok(config)
    }

    /// The assignment of the command line without which this would not be wrong.
    fn at_fault(&self, why: &str) -> Option<&str> {
        let spared = |key: &str| {
            let mut table = self.table.clone();
            remove(&mut table, &key.split('.').collect::<Vec<_>>());
            typed(&table).err().as_deref() != Some(why)
        };
        self.assigned.iter().find(|(key, _)| spared(key)).map(|(_, assignment)| assignment.as_str())
    }
}

/// Gives the values their types; the error in words.
fn typed(table: &Table) -> Result<Config, String> {
    Value::Table(table.clone()).try_into().map_err(|e: toml::de::Error| explained(&e))
}

/// What a run is called after its data set: of a folder, its own name without the way to it and without a size.
fn named_after(dataset: &str) -> String {
    let own = dataset.split_once(':').map_or(dataset, |(kind, path)| {
        let path = path.rsplit_once('@').map_or(path, |(path, _)| path);
        let last = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if last.is_empty() { kind } else { last }
    });
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = own.chars().map(plain).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// Of a run that is called after its data set, whose name may be long.
const LONGEST_NAME: usize = 40;

/// What a file and the command line can say as a whole number.
const WHOLE_NUMBERS: &str = "whole numbers here go from 0 to 9223372036854775807";

/// A whole number in a value's text that TOML cannot hold; without this it would be taken for a word.
fn beyond_whole_numbers(text: &str) -> Option<&str> {
    let bare = |c: char| c == ',' || c == '[' || c == ']' || c.is_whitespace();
    let is_number = |word: &&str| {
        let digits = word.trim_start_matches(['+', '-']);
        !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '_')
    };
    text.split(bare).filter(is_number).find(|word| word.replace('_', "").parse::<i64>().is_err())
}

fn parse_value(text: &str) -> Value {
    let document = format!("value = {text}");
    match document.parse::<Table>() {
        Ok(mut table) => table.remove("value").unwrap_or_else(|| Value::String(text.to_owned())),
        Err(_) => Value::String(text.to_owned()),
    }
}

/// What serde says, with the key that it says it of and without names of types.
pub(crate) fn explained(error: &toml::de::Error) -> String {
    let message = with_nearest(error.message());
    let place = error.to_string();
    let key = place.lines().find_map(|line| line.strip_prefix("in `")?.strip_suffix('`').map(str::to_owned));
    let message = ["u64", "usize"].iter().fold(message, |text, kind| {
        text.strip_suffix(&format!("expected {kind}")).map(|head| format!("{head}{WHOLE_NUMBERS}")).unwrap_or(text)
    });
    match key {
        Some(key) if !message.contains(&key) => format!("{key}: {message}"),
        _ => message,
    }
}

/// Turns serde's list of expected fields into the nearest ones.
fn with_nearest(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    let Some((head, expected)) = first.split_once(", expected one of ") else { return first.to_owned() };
    let Some(unknown) = head.split('`').nth(1) else { return first.to_owned() };
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    match nearest_names(unknown, known.iter().copied()).as_slice() {
        [] => format!("{head}; the keys here are {}", known.join(", ")),
        near => format!("{head}; did you mean {}?", near.join(" or ")),
    }
}

impl Config {
    /// Where the run folder is when `--out` does not say it.
    pub fn default_out(&self) -> PathBuf {
        Path::new("runs").join(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Source {
        Source::demo().unwrap()
    }

    #[test]
    fn the_built_in_demonstration_resolves_and_round_trips() {
        let config = demo().resolve().unwrap();
        assert_eq!(config.data.dataset, "digits");
        let again = Source::parse("again", &config.to_toml().unwrap()).unwrap().resolve().unwrap();
        assert_eq!(config, again);
    }

    #[test]
    fn the_keys_of_the_demonstration_hold_for_the_demonstration_alone() {
        let based = |sets: &[&str]| {
            let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
            let mut source = Source::without_file(&sets).unwrap();
            sets.iter().for_each(|set| source.set(set).unwrap());
            source.resolve().unwrap()
        };
        let demo = demo().resolve().unwrap();
        assert_eq!((based(&[]), based(&["data.dataset=digits"])), (demo.clone(), demo.clone()));
        let own = based(&["data.dataset=digits", "data.dataset=cifar100", "data.train_limit=2000"]);
        assert_eq!((own.name.as_str(), own.teacher.train_limit, own.data.train_limit), ("cifar100", None, 2000));
        assert_eq!((&own.train, &own.optim), (&Default::default(), &Default::default()));
        assert!(own.arms.iter().all(|arm| arm.losses[0].weight.is_none_or(|weight| weight == Weight::Auto(1.0))));
        assert_eq!(based(&["data.dataset=folder:/tmp/my photos@64"]).name, "my-photos");
        assert_eq!(based(&["data.dataset=folder:photos/"]).name, "photos");
        assert_eq!(based(&["data.dataset=folder:.."]).name, "folder");
        assert_eq!(based(&["data.dataset=\"mnist\"", "name=mine"]).name, "mine");
        for dataset in ["digits", "cifar10"] {
            let bank = based(&["teacher.outputs=bank.npz", &format!("data.dataset={dataset}")]).teacher;
            assert_eq!((bank.model.as_str(), bank.outputs.as_deref()), ("", Some(Path::new("bank.npz"))));
        }
    }

    #[test]
    fn dotted_overrides_reach_scalars_lists_and_losses() {
        let mut source = demo();
        for set in ["optim.lr=0.5", "train.seeds=[7]", "arm.0.loss.0.weight=1e-3", "data.root=/some/where"] {
            source.set(set).unwrap();
        }
        let config = source.resolve().unwrap();
        assert_eq!((config.optim.lr, config.train.seeds.as_slice()), (0.5, &[7][..]));
        assert_eq!(config.arms[0].losses[0].weight, Some(Weight::Fixed(1e-3)));
        assert_eq!(config.data.root.as_deref(), Some(Path::new("/some/where")));
    }

    #[test]
    fn a_sum_is_an_arm_and_a_list_is_told_what_it_could_mean() {
        let arms = |names: &[&str], weight| {
            let mut source = demo();
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            source.set_arms(&names, weight).and_then(|()| source.resolve()).map(|config| config.arms)
        };
        let found = arms(&["hinton+cw2", "w2"], Some(Weight::Auto(2.0))).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].criterion().as_str()), ("hinton+cw2", "hinton+cw2"));
        assert!(found.len() == 2 && found[0].losses.iter().all(|loss| loss.weight == Some(Weight::Auto(2.0))));
        let why = arms(&["hinton,cw2"], None).unwrap_err().to_string();
        assert!(
            why.ends_with("--criterion hinton --criterion cw2, one arm with their sum --criterion hinton+cw2"),
            "{why}"
        );
        let why = arms(&["wasserstein"], None).unwrap_err().to_string();
        assert!(why.contains("did you mean w2"), "{why}");
    }

    #[test]
    fn mistakes_name_what_is_near() {
        let fails = |set: &str| {
            let mut source = demo();
            source.set(set).and_then(|()| source.resolve()).unwrap_err().to_string()
        };
        assert_eq!(fails("optim.lrr=1"), "--set optim.lrr=1: optim: unknown field `lrr`; did you mean lr?");
        assert!(fails("arm.9.name=1").contains("there is no number 9"));
        assert!(fails("arm.0.loss.0.criterion=w22").contains("did you mean"));
        assert!(fails("optim.lr").contains("expected key=value"));
        assert!(fails("optim.lr=-1").contains("optim.lr"));
        assert!(fails("teacher.preset=imagnet").contains("teacher.preset is \"imagnet\"; did you mean imagenet"));
    }

    #[test]
    fn whole_numbers_out_of_range_and_values_of_another_kind_name_their_key() {
        let fails = |set: &str| {
            let mut source = demo();
            source.set(set).and_then(|()| source.resolve()).unwrap_err().to_string()
        };
        for key in ["train.seeds", "teacher.seed", "data.split_seed", "train.batch_size"] {
            for (value, list) in [("18446744073709551615", "[18446744073709551615]"), ("-1", "[3, -1]")] {
                let value = if key == "train.seeds" { list } else { value };
                let why = fails(&format!("{key}={value}"));
                assert!(why.contains(key) && why.contains("from 0 to 9223372036854775807"), "{why}");
                assert!(!why.contains("u64") && !why.contains("usize"), "{why}");
            }
        }
        let why = fails("optim.lr=fast");
        assert!(why.starts_with("--set optim.lr=fast: optim.lr: invalid type: string \"fast\""), "{why}");
        // What the file has wrong is the file's, whatever the command line sets.
        let mut file = Source::parse("x.toml", "name = \"x\"\n[optim]\nlrr = 1").unwrap();
        file.set("optim.lr=0.5").unwrap();
        let why = file.resolve().unwrap_err().to_string();
        assert_eq!(why, "x.toml: optim: unknown field `lrr`; did you mean lr?");
        let file = Source::parse("x.toml", "name = \"x\"\n[train]\nseeds = [18446744073709551615]").map(|_| ());
        let why = file.unwrap_err().to_string();
        assert!(
            why.contains("line 3") && why.contains("seeds") && why.contains("from 0 to 9223372036854775807"),
            "{why}"
        );
        let mut largest = demo();
        largest.set("train.seeds=[9_223_372_036_854_775_807]").unwrap();
        assert_eq!(largest.resolve().unwrap().train.seeds, [i64::MAX as u64]);
        // Words and paths of digits and signs stay words.
        let mut words = demo();
        words.set("data.root=/data/99999999999999999999/x").unwrap();
        words.set("name=18446744073709551615-a").unwrap();
        assert_eq!(words.resolve().unwrap().name, "18446744073709551615-a");
    }

    #[test]
    fn mean_and_deviation_are_lists_or_one_number_within_what_pixels_allow() {
        let resolved = |sets: &[&str]| {
            let mut source = demo();
            sets.iter().try_for_each(|set| source.set(set)).and_then(|()| source.resolve()).map_err(|e| e.to_string())
        };
        let config = resolved(&["teacher.mean=0.5", "teacher.std=[1]", "student.mean=[0, 0.25]"]).unwrap();
        assert_eq!((config.teacher.mean.clone(), config.teacher.std.clone()), (Some(vec![0.5]), Some(vec![1.0])));
        assert_eq!(config.student.mean, Some(vec![0.0, 0.25]));
        for (set, words) in [
            ("teacher.mean=[123.675, 116.28, 103.53]", "teacher.mean holds 123.675: pixels are in 0…1 here, divide"),
            ("student.std=0", "student.std holds 0: from 0.0001 to 10"),
            ("teacher.std=nan", "teacher.std holds NaN"),
            ("teacher.mean=[]", "teacher.mean is an empty list"),
            ("teacher.mean=imagenet", "mean and std are numbers"),
            ("teacher.epochs=0", "teacher.epochs is 0 and no teacher.weights is given"),
            ("data.val_fraction=0.0", "data.val_fraction is 0: between 0 and 1"),
        ] {
            let why = resolved(&[set]).unwrap_err();
            assert!(why.contains(words), "{set}: {why}");
        }
        assert!(resolved(&["teacher.epochs=0", "teacher.weights=t.pth"]).is_ok());
    }
}

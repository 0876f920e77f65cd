//! Finished runs side by side: what each arm reached, what of the configurations differs, and paired differences to an arm of the first
//! run over the seeds that both have, where both have the same data. Counted as within a run: [`super::statistics`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use kd2m_ot::error::nearest_names;
use serde::Serialize;
use toml::Value;

use super::{
    folder::{RunFolder, read_config},
    inputs,
    statistics::{correct, in_every_seed, paired, verdict_of_run},
    summary::{ArmSummary, Summary},
};
use crate::{
    Config, Error,
    columns::{Row, Versus},
    files,
};

/// Runs in the order in which they were named; differences are to the first.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Of the first run, where every arm is compared with one.
    pub against: Option<String>,
    /// At least two.
    pub runs: Vec<ComparedRun>,
}

/// One run of several.
#[derive(Debug, Clone, Serialize)]
pub struct ComparedRun {
    /// As it was named.
    pub path: PathBuf,
    /// The data set's name.
    pub dataset: String,
    /// One student of each arm a seed.
    pub seeds: Vec<u64>,
    /// The teacher's network.
    pub teacher: String,
    /// Percent on test; null of a file of outputs.
    pub teacher_test_accuracy: Option<f64>,
    /// Keys of the configuration that are otherwise in the first run: its value, then this run's; null where there is none.
    pub differs: BTreeMap<String, [Option<String>; 2]>,
    /// Why no arm is compared with the first run.
    pub apart: Option<String>,
    /// What each arm reached.
    pub arms: Vec<ComparedArm>,
}

/// One arm of a run.
#[derive(Debug, Clone, Serialize)]
pub struct ComparedArm {
    /// As in the run's summary.
    #[serde(flatten)]
    pub summary: ArmSummary,
    /// Against the first run; null of an arm that has no counterpart there, or fewer than two seeds with it in common.
    pub versus: Option<Against>,
}

/// A paired difference in test accuracy, in points, over the seeds that both runs have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// The arm of the first run.
    pub arm: String,
    /// Those of the pairs.
    pub seeds: Vec<u64>,
    /// Mean over the seeds.
    pub mean: f64,
    /// Half width of the 95 % t interval.
    pub half_width: f64,
    /// Of the two-sided paired t test.
    pub p: f64,
    /// After Holm over all differences of the comparison but those of [`same`](Self::same).
    pub p_holm: f64,
    /// Every accuracy of every seed is the same on test and validation: these are the same students, and nothing is tested.
    pub same: bool,
    /// The difference nearest to 0, where all seeds differ in the same direction.
    pub every_seed: Option<f64>,
    /// What may be said of it.
    pub verdict: &'static str,
}

impl Against {
    fn of(arm: &ArmSummary, seeds: &[u64], other: &ArmSummary, others: &[u64]) -> Option<Self> {
        let reached = |arm: &ArmSummary, all: &[u64], seed: u64| {
            let at = all.iter().position(|s| *s == seed)?;
            arm.test_accuracy.get(at).copied().filter(|accuracy| accuracy.is_finite())
        };
        let pair = |seed: &u64| Some((*seed, reached(arm, seeds, *seed)?, reached(other, others, *seed)?));
        let pairs: Vec<(u64, f64, f64)> = seeds.iter().filter_map(pair).collect();
        let (own, theirs): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(_, a, b)| (*a, *b)).unzip();
        let found = paired(&own, &theirs)?;
        Some(Self {
            arm: other.arm.clone(),
            seeds: pairs.iter().map(|(seed, ..)| *seed).collect(),
            mean: found.mean,
            half_width: found.half_width,
            p: found.p,
            p_holm: found.p,
            same: pairs.iter().all(|(seed, ..)| figures(arm, seeds, *seed) == figures(other, others, *seed)),
            every_seed: in_every_seed(&own, &theirs),
            // Once Holm has seen all.
            verdict: "",
        })
    }
}

/// What is known of the student of a seed.
fn figures(arm: &ArmSummary, seeds: &[u64], seed: u64) -> Option<[Option<f64>; 5]> {
    let at = seeds.iter().position(|s| *s == seed)?;
    let best = &arm.best_val;
    let lists = [&arm.test_accuracy, &arm.val_accuracy, &best.test_accuracy, &best.val_accuracy];
    let [a, b, c, d] = lists.map(|list| list.get(at).copied());
    Some([a, b, c, d, best.epoch.get(at).map(|epoch| *epoch as f64)])
}

/// A run as it is read.
struct Read {
    config: Config,
    summary: Summary,
    /// SHA-256 of its data, where it is known.
    data: Option<String>,
}

impl Read {
    fn of(path: &Path) -> Result<Self, Error> {
        let folder = RunFolder::open(path)?;
        if !folder.summary().is_file() {
            return Err(Error::RunFolder(format!(
                "{} is not finished (no summary.json): go on with --resume, then compare",
                path.display()
            )));
        }
        Ok(Self {
            config: read_config(&folder)?,
            summary: files::read_json(&folder.summary())?,
            data: inputs::sum_of_data(&folder)?,
        })
    }

    /// Why its students were not measured on the images of another run; nothing where they were.
    fn apart_from(&self, first: &Read) -> Option<String> {
        let (own, other) = (&self.summary.dataset, &first.summary.dataset);
        if own != other {
            return Some(format!("its data are {own}, those of the first run {other}"));
        }
        if self.data.is_some() && first.data.is_some() && self.data != first.data {
            return Some(format!("its {own} has other images than that of the first run (inputs.json)"));
        }
        (self.config.data.test_fraction != first.config.data.test_fraction)
            .then(|| "another part of the images is kept for testing (data.test_fraction)".to_owned())
    }
}

/// Reads runs and compares them; every arm with the arm of its name in the first run, or with `against` of it.
///
/// # Errors
/// A folder that is no finished run, or an arm that the first run lacks.
pub fn compare(paths: &[PathBuf], against: Option<&str>) -> Result<Comparison, Error> {
    let runs = paths.iter().map(|path| Read::of(path)).collect::<Result<Vec<_>, Error>>()?;
    let Some(first) = runs.first() else { return Err(Error::RunFolder("no run is named".to_owned())) };
    if let Some(arm) = against {
        known(arm, &first.summary, &paths[0])?;
    }
    let keys = flat(&first.config)?;
    let mut compared = Vec::with_capacity(runs.len());
    for (at, (run, path)) in runs.iter().zip(paths).enumerate() {
        let apart = run.apart_from(first);
        let arm = |summary: &ArmSummary| {
            let name = against.unwrap_or(&summary.arm);
            let other = first.summary.students.iter().find(|other| other.arm == name);
            // An arm is not compared with itself.
            let other = other.filter(|other| apart.is_none() && (at > 0 || other.arm != summary.arm));
            let versus = other.and_then(|o| Against::of(summary, &run.summary.seeds, o, &first.summary.seeds));
            ComparedArm { summary: summary.clone(), versus }
        };
        let teacher = &run.summary.teacher;
        compared.push(ComparedRun {
            path: path.clone(),
            dataset: run.summary.dataset.clone(),
            seeds: run.summary.seeds.clone(),
            teacher: teacher.model.clone(),
            teacher_test_accuracy: Some(teacher.test_accuracy).filter(|accuracy| accuracy.is_finite()),
            differs: differences(&keys, &flat(&run.config)?),
            arms: run.summary.students.iter().map(arm).collect(),
            apart,
        });
    }
    judge(compared.iter_mut().flat_map(|run| &mut run.arms).filter_map(|arm| arm.versus.as_mut()).collect());
    Ok(Comparison { against: against.map(str::to_owned), runs: compared })
}

/// What may be said of all differences together. The same students twice are no test, and others do not pay for them.
fn judge(all: Vec<&mut Against>) {
    let (same, mut tested): (Vec<_>, Vec<_>) = all.into_iter().partition(|d| d.same);
    correct(tested.iter_mut().map(|d| (d.p, &mut d.p_holm)));
    for d in tested {
        d.verdict = verdict_of_run(d.p_holm, d.seeds.len(), d.mean, d.every_seed);
    }
    same.into_iter().for_each(|d| d.verdict = "the same");
}

fn known(arm: &str, summary: &Summary, path: &Path) -> Result<(), Error> {
    let names: Vec<&str> = summary.students.iter().map(|s| s.arm.as_str()).collect();
    if names.contains(&arm) {
        return Ok(());
    }
    let near = nearest_names(arm, names.iter().copied());
    let near = if near.is_empty() {
        format!("it has {}", names.join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Err(Error::RunFolder(format!("{} has no arm `{arm}`; {near}", path.display())))
}

impl Comparison {
    /// A row an arm, for a table; runs are numbered from 1.
    pub fn rows(&self) -> Vec<Row> {
        let row = |at: usize, arm: &ComparedArm| Row {
            cell: (at + 1).to_string(),
            student: arm.summary.model.clone(),
            versus_none: arm.versus.as_ref().map(|d| Versus {
                mean: d.mean,
                half_width: d.half_width,
                p: d.p,
                p_holm: d.p_holm,
                verdict: d.verdict,
            }),
            ..arm.summary.row()
        };
        let runs = self.runs.iter().enumerate();
        runs.flat_map(|(at, run)| run.arms.iter().map(move |arm| row(at, arm))).collect()
    }

    /// Arms that are compared with nothing, for the first run has none of their name: the run, counted from 1, and the arm.
    pub fn alone(&self) -> impl Iterator<Item = (usize, &str)> {
        let open = (1..).zip(&self.runs).skip(1).filter(|(_, run)| self.against.is_none() && run.apart.is_none());
        let has = |name: &str| self.runs[0].arms.iter().any(|arm| arm.summary.arm == name);
        open.flat_map(move |(number, run)| {
            run.arms
                .iter()
                .map(|arm| arm.summary.arm.as_str())
                .filter(move |name| !has(name))
                .map(move |name| (number, name))
        })
    }

    /// All differences.
    pub fn differences(&self) -> impl Iterator<Item = &Against> {
        self.runs.iter().flat_map(|run| &run.arms).filter_map(|arm| arm.versus.as_ref())
    }
}

/// Where a run and its data lie, and what it is called, says nothing about it.
const ASIDE: [&str; 4] = ["name", "data.root", "data.memory", "data.cache"];

/// Dotted keys with their values as TOML writes them; those of an arm below its name.
fn flat(config: &Config) -> Result<BTreeMap<String, String>, Error> {
    let text = config.to_toml()?;
    let table: toml::Table = text.parse().map_err(|why| Error::Config(format!("config.toml: {why}")))?;
    let mut keys = BTreeMap::new();
    for (key, value) in table {
        match value {
            Value::Array(arms) if key == "arm" => {
                for arm in arms {
                    let name = arm.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                    walk(&format!("arm {name}"), arm, &mut keys);
                }
            }
            value => walk(&key, value, &mut keys),
        }
    }
    keys.retain(|key, _| !ASIDE.contains(&key.as_str()));
    Ok(keys)
}

fn walk(place: &str, value: Value, keys: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => table.into_iter().for_each(|(key, value)| walk(&format!("{place}.{key}"), value, keys)),
        Value::Array(items) if items.iter().any(Value::is_table) => {
            items.into_iter().enumerate().for_each(|(at, item)| walk(&format!("{place}.{at}"), item, keys));
        }
        value => {
            keys.insert(place.to_owned(), value.to_string());
        }
    }
}

/// Keys that two configurations have otherwise; those of an arm that only one of them has are left out, as the table shows it.
fn differences(
    first: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
) -> BTreeMap<String, [Option<String>; 2]> {
    let arm = |key: &str| key.starts_with("arm ").then(|| key.split('.').next().unwrap_or(key).to_owned());
    let arms = |keys: &BTreeMap<String, String>| keys.keys().filter_map(|key| arm(key)).collect::<BTreeSet<_>>();
    let (own, others) = (arms(first), arms(other));
    let keys: BTreeSet<&String> = first.keys().chain(other.keys()).collect();
    let both = |key: &&&String| arm(key).is_none_or(|arm| own.contains(&arm) && others.contains(&arm));
    let pairs = keys.iter().filter(both).map(|key| (*key, [first.get(*key).cloned(), other.get(*key).cloned()]));
    pairs.filter(|(_, [a, b])| a != b).map(|(key, pair)| (key.clone(), pair)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{ArmConfig, Source},
        train::{
            folder::Existing,
            summary::{StudentSummary, tests},
        },
    };

    /// A finished run with these test accuracies by arm, one a seed from `from` on.
    fn run(folder: &Path, name: &str, sets: &[&str], from: u64, arms: &[(&str, &[f64])]) -> PathBuf {
        let mut source = Source::demo().unwrap();
        sets.iter().for_each(|set| source.set(set).unwrap());
        source.set_arms(&arms.iter().skip(1).map(|(arm, _)| (*arm).to_owned()).collect::<Vec<_>>(), None).unwrap();
        let config = source.resolve().unwrap();
        let path = folder.join(name);
        let place = RunFolder::create(&path, &config, Existing::Refuse).unwrap();
        let student = |arm: &(&str, &[f64])| {
            let seeds: Vec<StudentSummary> = (from..)
                .zip(arm.1)
                .map(|(seed, accuracy)| StudentSummary { test_accuracy: *accuracy, ..tests::student(arm.0, seed) })
                .collect();
            let config = if arm.0 == "none" { ArmConfig::none() } else { ArmConfig::single(arm.0, Some(0.5.into())) };
            ArmSummary::new(&config, "mlp-3", 10, &seeds)
        };
        let summary = Summary {
            name: name.to_owned(),
            dataset: config.data.dataset.clone(),
            seeds: (from..).take(arms[0].1.len()).collect(),
            teacher: tests::teacher(),
            students: arms.iter().map(student).collect(),
        };
        files::write_json(&place.summary(), &summary).unwrap();
        path
    }

    const FIRST: [f64; 4] = [81.0, 83.0, 84.0, 85.0];
    const SECOND: [f64; 4] = [83.0, 84.0, 86.0, 89.0];

    #[test]
    fn arms_of_one_name_are_paired_by_seed() {
        let folder = tempfile::tempdir().unwrap();
        let first = run(folder.path(), "a", &[], 1, &[("none", &FIRST), ("w2", &FIRST)]);
        let sets = ["optim.lr=0.007", "train.epochs=3"];
        let second = run(folder.path(), "b", &sets, 1, &[("none", &FIRST), ("w2", &SECOND), ("mse", &SECOND)]);
        let found = compare(&[first, second], None).unwrap();
        assert!(found.runs[0].arms.iter().all(|arm| arm.versus.is_none()), "the first run is what is compared with");
        let [none, w2, mse] = found.runs[1].arms.as_slice() else { panic!("three arms") };
        // Differences 2, 1, 2, 4: as `statistics` has them of scipy.
        let d = w2.versus.as_ref().unwrap();
        assert!((d.mean - 2.25).abs() < 1e-12 && (d.half_width - 2.002_245_225).abs() < 1e-7, "{d:?}");
        // `none` is the same in both runs: it is no second test for which w2 would pay.
        assert!((d.p - 0.037_386_073_468).abs() < 1e-9 && d.p_holm == d.p && !d.same, "{d:?}");
        assert_eq!((d.arm.as_str(), d.seeds.as_slice(), d.verdict), ("w2", &[1, 2, 3, 4][..], "too few seeds"));
        let none = none.versus.as_ref().unwrap();
        assert_eq!((none.mean, none.p, none.same, none.verdict), (0.0, 1.0, true, "the same"));
        assert_eq!(mse.versus, None, "the first run has no such arm");
        assert_eq!(found.alone().collect::<Vec<_>>(), [(2, "mse")]);
        let differs: Vec<&str> = found.runs[1].differs.keys().map(String::as_str).collect();
        assert_eq!(differs, ["optim.lr", "train.epochs"]);
        assert_eq!(found.runs[1].differs["optim.lr"][1].as_deref(), Some("0.007"));
        assert!(found.runs[0].differs.is_empty());
        assert_eq!(found.rows().iter().map(|row| row.cell.as_str()).collect::<Vec<_>>(), ["1", "1", "2", "2", "2"]);
    }

    #[test]
    fn only_common_seeds_are_paired_and_one_arm_may_be_the_measure_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let first = run(folder.path(), "a", &[], 1, &[("none", &FIRST), ("w2", &SECOND)]);
        // Seeds 3, 4, 5, 6: the first two are those that both have.
        let second = run(folder.path(), "b", &[], 3, &[("none", &[84.5, 85.5, 0.0, 0.0])]);
        let third = run(folder.path(), "c", &[], 4, &[("none", &FIRST)]);
        let found = compare(&[first, second, third], Some("none")).unwrap();
        assert_eq!(found.differences().count(), 2, "w2 of the first run, none of the second");
        let d = found.runs[1].arms[0].versus.as_ref().unwrap();
        assert_eq!((d.seeds.as_slice(), d.mean), (&[3, 4][..], 0.5));
        assert_eq!(found.runs[0].arms[1].versus.as_ref().map(|d| d.mean), Some(2.25));
        assert_eq!(found.runs[2].arms[0].versus, None, "one seed shows no spread");
    }

    #[test]
    fn other_data_are_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        let first = run(folder.path(), "a", &[], 1, &[("none", &FIRST)]);
        let second = run(folder.path(), "b", &["data.dataset=mnist"], 1, &[("none", &FIRST)]);
        let found = compare(&[first.clone(), second], None).unwrap();
        assert_eq!(found.runs[1].apart.as_deref(), Some("its data are mnist, those of the first run digits"));
        assert_eq!(found.differences().count(), 0);
        // The same name with other images.
        let third = run(folder.path(), "c", &[], 1, &[("none", &FIRST)]);
        for (path, sum) in [(&first, "aa"), (&third, "bb")] {
            let text = format!(r#"{{"data":{{"dataset":"digits","sha256":"{sum}"}}}}"#);
            std::fs::write(path.join("inputs.json"), text).unwrap();
        }
        let found = compare(&[first.clone(), third], None).unwrap();
        assert!(found.runs[1].apart.as_ref().unwrap().contains("other images"), "{:?}", found.runs[1].apart);
        let why = compare(&[first.clone(), first.clone()], Some("w3")).unwrap_err().to_string();
        assert!(why.ends_with("has no arm `w3`; it has none"), "{why}");
        std::fs::remove_file(first.join("summary.json")).unwrap();
        assert!(compare(&[first], None).unwrap_err().to_string().contains("is not finished"));
    }
}

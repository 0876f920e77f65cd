//! A grid file: the keys of a configuration and what is varied. Every data set with every pair of networks is a cell, and a
//! cell is an ordinary run folder. The keys are documented in `docs/benchmark.md`.

use std::collections::HashSet;

use kd2m_nn::{weights, zoo::Stem};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{
    protocol::{Mistake, Protocol},
    select::{Select, Trial},
    varied,
};
use crate::{
    Config, Error,
    config::{
        ArmConfig, DataConfig, FeaturesAs, Head, Source, StudentConfig, TeacherCache, TeacherConfig, Teachers,
        TrainConfig, explained,
    },
    hub,
    preprocess::told as told_by,
    train::run::arms,
};

/// A grid as it was resolved.
#[derive(Debug, Clone)]
pub struct Grid {
    /// The grid folder is `runs/NAME`.
    pub name: String,
    /// Data sets × pairs of networks.
    pub cells: Vec<Cell>,
    /// How each arm's λ and other keys are chosen; none: all are as they stand in the file.
    pub select: Option<Select>,
    /// Threads of one run; 0: all cores over the runs at work.
    pub threads: usize,
}

/// One data set with one pair of networks.
#[derive(Debug, Clone)]
pub struct Cell {
    pub name: String,
    /// All arms, `none` first, weights written out.
    pub config: Config,
    /// The candidates of each arm; none of one of which nothing is chosen.
    pub trials: Vec<Vec<Trial>>,
    /// Checksum of everything that decides the teacher's weights: cells with the same one share a teacher.
    pub teacher: String,
}

/// What a grid file holds beside a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Varied {
    /// Names, or tables of keys of `[data]`.
    #[serde(default)]
    datasets: Vec<Value>,
    /// `{ teacher, student }`, each a model's name or a table of its section's keys.
    #[serde(default)]
    pairs: Vec<Table>,
}

impl Grid {
    /// Types and checks a grid.
    ///
    /// # Errors
    /// Unknown keys, values out of range, cells of one name.
    pub fn resolve(mut source: Source) -> Result<Self, Error> {
        let written: Option<String> = section(&mut source, "protocol")?;
        let protocol = written.as_deref().map(Protocol::parse).transpose()?;
        if let Some(protocol) = protocol {
            source.merge(protocol.keys()?, true);
        }
        let mistakes = Protocol::mistakes(protocol, section(&mut source, "mistakes")?)?;
        let select = section(&mut source, "select")?.map(Select::of_arms).transpose()?;
        let threads = section(&mut source, "threads")?.unwrap_or(0);
        let varied = section(&mut source, "grid")?.unwrap_or(Varied { datasets: Vec::new(), pairs: Vec::new() });
        let mut cells = Vec::new();
        let mut name = None;
        for dataset in or_one(varied.datasets) {
            for pair in or_one(varied.pairs.iter().cloned().map(Value::Table).collect()) {
                let mut own = source.clone();
                let labels = [vary_data(&mut own, dataset.clone())?, vary_pair(&mut own, pair)?];
                let mut config = own.resolve()?;
                name.get_or_insert_with(|| config.name.clone());
                config.name = cell_name(&config, labels);
                // What lies beside weights decides a teacher.
                hub::provide_all(&config)?;
                config.arms = written_out(&config, &mistakes);
                config.check()?;
                let trials = trials(select.as_ref(), &config)?;
                cells.push(Cell { name: config.name.clone(), teacher: teacher_key(&config)?, config, trials });
            }
        }
        if let Some(select) = &select {
            let arms: Vec<&ArmConfig> = cells.iter().flat_map(|cell| &cell.config.arms).collect();
            varied::check(select.grid.keys(), &arms)?;
        }
        let mut names = HashSet::new();
        if let Some(twice) = cells.iter().find(|c| !names.insert(c.name.as_str())) {
            return Err(Error::Config(format!(
                "two cells of the grid are called {}: give their data sets or pairs a `name`",
                twice.name
            )));
        }
        Ok(Self { name: name.unwrap_or_default(), cells, select, threads })
    }
}

/// The candidates of each arm of a cell.
///
/// # Errors
/// What cannot be chosen from, or a value that its key cannot have.
fn trials(select: Option<&Select>, config: &Config) -> Result<Vec<Vec<Trial>>, Error> {
    let Some(select) = select else { return Ok(vec![Vec::new(); config.arms.len()]) };
    select.check(&config.train.seeds)?;
    let trials = config.arms.iter().map(|arm| select.trials(arm)).collect::<Result<Vec<_>, Error>>()?;
    let arms = trials.iter().flatten().map(|trial| trial.arm.clone()).collect();
    Config { arms, ..config.clone() }.check()?;
    Ok(trials)
}

/// Takes a section out of the source and types it.
fn section<T: for<'a> Deserialize<'a>>(source: &mut Source, key: &str) -> Result<Option<T>, Error> {
    let Some(value) = source.take(key) else { return Ok(None) };
    let wrong = |e: toml::de::Error| Error::Config(format!("{}: {key}: {}", source.label(), explained(&e)));
    value.try_into().map(Some).map_err(wrong)
}

/// The entries, or one that varies nothing.
fn or_one(entries: Vec<Value>) -> Vec<Option<Value>> {
    if entries.is_empty() { vec![None] } else { entries.into_iter().map(Some).collect() }
}

/// Lays a data set's keys over `[data]`; returns its label, if it has one.
fn vary_data(source: &mut Source, entry: Option<Value>) -> Result<Option<String>, Error> {
    let Some(entry) = entry else { return Ok(None) };
    let mut keys = as_table(entry, "dataset", "grid.datasets")?;
    let label = take_name(&mut keys)?;
    source.merge(Table::from_iter([("data".to_owned(), Value::Table(keys))]), false);
    Ok(label)
}

/// Lays a pair's keys over `[teacher]` and `[student]`; returns its label, if it has one.
fn vary_pair(source: &mut Source, entry: Option<Value>) -> Result<Option<String>, Error> {
    let Some(Value::Table(mut pair)) = entry else { return Ok(None) };
    let label = take_name(&mut pair)?;
    for (key, value) in pair {
        if key != "teacher" && key != "student" {
            return Err(Error::Config(format!(
                "grid.pairs: unknown key `{key}`: a pair has teacher, student and name"
            )));
        }
        let keys = as_table(value, "model", "grid.pairs")?;
        source.merge(Table::from_iter([(key, Value::Table(keys))]), false);
    }
    Ok(label)
}

/// A name alone stands for a table with one key.
fn as_table(value: Value, key: &str, place: &str) -> Result<Table, Error> {
    match value {
        Value::Table(keys) => Ok(keys),
        Value::String(name) => Ok(Table::from_iter([(key.to_owned(), Value::String(name))])),
        other => Err(Error::Config(format!("{place}: {other} is neither a name nor a table"))),
    }
}

fn take_name(keys: &mut Table) -> Result<Option<String>, Error> {
    match keys.remove("name") {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        Some(other) => Err(Error::Config(format!("grid: name = {other} is no text"))),
    }
}

fn cell_name(config: &Config, [data, pair]: [Option<String>; 2]) -> String {
    // `folder:photos@64` is no name of a folder.
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let data = data.unwrap_or_else(|| config.data.dataset.chars().map(plain).collect());
    let pair = pair
        .unwrap_or_else(|| format!("{}-{}", config.teacher.name(), config.student.model).chars().map(plain).collect());
    format!("{data}-{pair}")
}

/// All arms of a cell: `none`, the file's, each mistake behind what is right, with every default weight as a number.
fn written_out(config: &Config, mistakes: &[Mistake]) -> Vec<ArmConfig> {
    let mut all = mistakes.iter().fold(arms(config, false), |arms, mistake| mistake.add_arms(arms));
    for loss in all.iter_mut().flat_map(|arm| &mut arm.losses) {
        loss.weight = Some(loss.resolved_weight());
    }
    all
}

/// Height and width of an image that every frame is for: whatever the weights say of the size decides a teacher.
const PHOTOGRAPH: [usize; 2] = [4096; 2];

/// The checksum of what decides a teacher.
///
/// # Errors
/// A configuration that cannot be written: without its text any two teachers would look alike.
fn teacher_key(config: &Config) -> Result<String, Error> {
    // Two files of one name with other eyes beside them are two teachers.
    let eyes = |teacher: &TeacherConfig| {
        let keys = teacher.preprocessing();
        let told = teacher.given().filter(|_| keys.preset.is_none());
        let told = told.and_then(|file| told_by(&weights::Source::parse(file).file().ok()?, PHOTOGRAPH).ok().flatten());
        told.map_or_else(String::new, |told| {
            let numbers = if keys.decide() { String::new() } else { format!("{:?}", (told.mean, told.std)) };
            numbers + &told.frame.map_or_else(String::new, |frame| frame.to_string())
        })
    };
    let eyes: String = config.teacher.all().map(eyes).collect();
    let text = what_decides_the_teacher(config).to_toml()? + &eyes;
    Ok(Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

/// The keys that decide a teacher, every other one as if left out. Each key is written here: a new one does not compile before
/// someone says whether it decides. Its text is hashed, so what is not of the teacher keeps the form that finished grids have.
fn what_decides_the_teacher(config: &Config) -> Config {
    let Config { data, teacher, train, optim, .. } = config;
    Config {
        name: String::new(),
        data: DataConfig {
            dataset: data.dataset.clone(),
            root: None,
            train_limit: teacher.train_limit.unwrap_or(data.train_limit),
            val_fraction: data.val_fraction,
            test_fraction: data.test_fraction,
            memory: crate::config::image_memory(),
            cache: None,
            skip_bad: data.skip_bad,
            orientation: data.orientation,
            split_seed: data.split_seed,
            augment: data.augment.clone(),
            portion: crate::config::whole(),
            class_shares: Vec::new(),
            limit_by_seed: false,
            unlabelled: None,
            labelled_share: crate::config::half(),
            epoch_images: 0,
        },
        teacher: Teachers::from(TeacherConfig {
            // What losses call it.
            name: None,
            model: teacher.model.clone(),
            features: teacher.features.clone(),
            stages: teacher.stages.clone(),
            outputs: teacher.outputs.clone(),
            paired: true,
            // What students see of it.
            features_as: FeaturesAs::default(),
            // The whole is what finished grids have without a word.
            portion: Some(config.teacher_portion().to_owned()).filter(|portion| !crate::config::is_whole(portion)),
            stem: teacher.stem,
            weights: teacher.weights.clone(),
            preset: teacher.preset.clone(),
            mean: teacher.mean.clone(),
            std: teacher.std.clone(),
            resize: teacher.resize.clone(),
            crop: teacher.crop,
            size: teacher.size,
            interpolation: teacher.interpolation.clone(),
            init: teacher.init.clone(),
            epochs: None,
            seed: teacher.seed,
            train_limit: None,
            cache: TeacherCache::default(),
        })
        // They decide by all that they say but their names.
        .with(teacher.others.iter().map(|other| TeacherConfig { name: None, ..other.clone() }).collect()),
        student: StudentConfig {
            model: String::new(),
            stem: Stem::default(),
            weights: None,
            preset: None,
            mean: None,
            std: None,
            resize: None,
            crop: None,
            size: None,
            interpolation: None,
            drop_path: 0.0,
            dropout: 0.0,
            head: Head::default(),
        },
        train: TrainConfig {
            epochs: teacher.epochs.unwrap_or(train.epochs),
            batch_size: train.batch_size,
            seeds: Vec::new(),
            ce_weight: 1.0,
            precision: train.precision,
            accumulate: train.accumulate,
            ema: train.ema,
            mixup: train.mixup,
            cutmix: train.cutmix,
            track_bounds: 0,
            sync_batch_norm: true,
        },
        optim: optim.clone(),
        arms: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FILE: &str = r#"
        name = "tiny"
        threads = 1
        [data]
        dataset = "digits"
        train_limit = 60
        [teacher]
        model = "digits-cnn-teacher"
        epochs = 2
        train_limit = 0
        [student]
        model = "digits-cnn-student"
        [train]
        seeds = [1, 2]
        [[arm]]
        name = "w2"
        [[arm.loss]]
        criterion = "w2"
        [select]
        factors = [0.1, 1]
        seeds = [101]
    "#;

    fn grid(more: &str) -> Result<Grid, Error> {
        Grid::resolve(Source::parse("test", &format!("{more}\n{FILE}")).unwrap())
    }

    /// A teacher's file that a run makes, or that lies elsewhere from here, may lack.
    #[test]
    fn the_configurations_of_the_repository_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut read = 0;
        for file in files.filter(|file| file.extension().is_some_and(|end| end == "toml")) {
            let source = Source::file(&file).unwrap();
            let found = match file.file_name().unwrap().to_string_lossy().starts_with("bench-") {
                true => Grid::resolve(source).map(|_| ()),
                false => source.resolve().map(|_| ()),
            };
            if let Err(why) = found.map_err(|why| why.to_string()) {
                assert!(why.contains(".safetensors"), "{}: {why}", file.display());
            }
            read += 1;
        }
        assert!(read > 25, "{read}");
    }

    #[test]
    fn a_file_without_lists_is_one_cell_with_none_first() {
        let grid = grid("").unwrap();
        assert_eq!((grid.cells.len(), grid.threads), (1, 1));
        let cell = &grid.cells[0];
        assert_eq!(cell.name, "digits-digits-cnn-teacher-digits-cnn-student");
        let names: Vec<&str> = cell.config.arms.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["none", "w2"]);
        assert_eq!(cell.config.arms[1].losses[0].weight, Some(crate::config::Weight::Auto(1.0)));
    }

    #[test]
    fn a_folder_of_images_gives_its_cell_a_name_that_can_be_a_folder() {
        let text = FILE.replace(r#"dataset = "digits""#, r#"dataset = "folder:my photos/all@64""#);
        let grid = Grid::resolve(Source::parse("test", &text).unwrap()).unwrap();
        assert_eq!(grid.cells[0].name, "folder-my-photos-all-64-digits-cnn-teacher-digits-cnn-student");
    }

    #[test]
    fn cells_share_a_teacher_when_nothing_that_decides_it_differs() {
        let lists = r#"grid.datasets = [{ dataset = "digits", train_limit = 30, name = "few" }, "digits"]
            grid.pairs = [{ teacher = "digits-cnn-teacher", student = "digits-cnn-student" },
                          { teacher = { seed = 7 }, student = "digits-cnn-student", name = "other" }]"#;
        let grid = grid(lists).unwrap();
        let keys: Vec<&str> = grid.cells.iter().map(|c| c.teacher.as_str()).collect();
        assert_eq!(grid.cells[0].name, "few-digits-cnn-teacher-digits-cnn-student");
        assert!(keys[0] == keys[2] && keys[1] == keys[3] && keys[0] != keys[1], "{keys:?}");
    }

    #[test]
    fn a_teacher_is_another_through_other_eyes_and_the_student_s_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let weights = format!("teacher.weights={}", folder.path().join("t.pth").display());
        let key = |sets: &[&str]| {
            let mut source = Source::parse("test", FILE).unwrap();
            sets.iter().try_for_each(|set| source.set(set)).unwrap();
            Grid::resolve(source).unwrap().cells.swap_remove(0).teacher
        };
        let plain = key(&[&weights]);
        assert_eq!(plain, key(&[&weights, "student.preset=clip", "student.mean=0.1", "student.std=0.2"]));
        assert_ne!(plain, key(&[&weights, "teacher.preset=inception"]));
        assert_ne!(key(&[&weights, "teacher.std=0.5"]), key(&[&weights, "teacher.std=0.25"]));
        std::fs::write(folder.path().join("config.json"), r#"{"mean": [0.5], "std": [0.5]}"#).unwrap();
        assert_ne!(plain, key(&[&weights]));
        let given = [weights.as_str(), "teacher.preset=none"];
        let decided = key(&given);
        std::fs::write(folder.path().join("config.json"), r#"{"mean": [0.4], "std": [0.5]}"#).unwrap();
        assert_eq!(decided, key(&given));
    }

    #[test]
    fn only_what_decides_the_teacher_is_in_its_key() {
        let key = |sets: &[&str]| {
            let mut source = Source::parse("test", FILE).unwrap();
            sets.iter().try_for_each(|set| source.set(set)).unwrap();
            Grid::resolve(source).unwrap().cells.swap_remove(0).teacher
        };
        let plain = key(&[]);
        // As kd2m named it before the key was written down key by key: finished grids keep their teachers.
        assert_eq!(plain, "f19aa2522ff2");
        let same = [
            "student.head=teacher",
            "train.track_bounds=2",
            "train.ce_weight=0.5",
            "train.seeds=[4]",
            "train.epochs=3",
            "data.train_limit=90",
            "student.stem=cifar",
            "student.model=mlp-3",
            "teacher.cache=false",
            "data.root=elsewhere",
            "data.memory=1",
            "data.cache=elsewhere",
            "arm.0.loss.0.weight=3.0",
        ];
        for set in same {
            assert_eq!(key(&[set]), plain, "{set}");
        }
        let others = [
            "teacher.model=mlp-3",
            "teacher.epochs=3",
            "teacher.seed=1",
            "teacher.train_limit=100",
            "data.split_seed=1",
            "data.augment=none",
            "data.val_fraction=0.3",
            "train.batch_size=16",
            "train.accumulate=2",
            "train.ema=0.5",
            "optim.lr=0.5",
            "optim.label_smoothing=0.1",
        ];
        let keys: HashSet<String> = others.iter().map(|set| key(&[set])).chain([plain]).collect();
        assert_eq!(keys.len(), others.len() + 1, "{keys:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_configuration_that_cannot_be_written_has_no_key() {
        use std::os::unix::ffi::OsStringExt;
        let mut config = grid("").unwrap().cells.swap_remove(0).config;
        // TOML is UTF-8; two such files would have been one teacher.
        config.teacher.weights = Some(std::ffi::OsString::from_vec(b"\xff.pth".to_vec()).into());
        let error = teacher_key(&config).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the configuration"), "{error}");
    }

    #[test]
    fn a_protocol_fills_what_the_file_leaves_open_and_the_command_line_overrides() {
        let text = FILE.replace("[train]", "[train]\nepochs = 3");
        let parse = |head: &str| Source::parse("test", &format!("{head}\n{text}")).unwrap();
        let filled = Grid::resolve(parse("protocol = \"paper-code\"")).unwrap();
        let config = &filled.cells[0].config;
        assert_eq!((config.train.epochs, config.train.batch_size), (3, 128));
        assert_eq!(config.arms[1].name, "none-constant-lr");
        let mut source = parse("protocol = \"paper\"");
        Protocol::RepDistiller.overlay(&mut source).unwrap();
        source.set("train.batch_size=16").unwrap();
        let config = &Grid::resolve(source).unwrap().cells[0].config;
        assert_eq!((config.train.epochs, config.train.batch_size, config.optim.lr), (240, 16, 0.05));
    }

    #[test]
    fn mistakes_are_named() {
        let fails = |more: &str| grid(more).unwrap_err().to_string();
        assert!(fails("grid.pears = []").contains("pears"));
        assert!(fails("protocol = \"papper\"").contains("did you mean paper?"));
        assert!(fails("grid.datasets = [\"digits\", \"digits\"]").contains("two cells"));
        assert!(fails("mistakes = []").contains("paper-code"));
        let seeds = FILE.replace("seeds = [101]", "seeds = [-1]");
        let negative = Grid::resolve(Source::parse("test", &seeds).unwrap()).unwrap_err().to_string();
        assert!(
            negative.contains("select: seeds: invalid value: integer `-1`, whole numbers here go from 0"),
            "{negative}"
        );
        let text = FILE.replace("seeds = [101]", "seeds = [101, 2]");
        let both = Grid::resolve(Source::parse("test", &text).unwrap()).unwrap_err().to_string();
        assert!(both.contains("select.seeds: 2 is in train.seeds"), "{both}");
    }
}

//! What a configuration must hold beyond its types; found before anything is trained.

use std::collections::HashSet;

use kd2m_loss::class_map;
use kd2m_nn::{
    CLASS_MAP, Dropped,
    zoo::{self, ZooOptions},
};

use super::{ArmConfig, Config, Head, OptimConfig, ScheduleKind};
use crate::{
    Error,
    criterion::{
        CriterionConfig, CriterionError, NetworkShapes, UnknownOutput, config::Value, matching::OUTPUTS, registry,
    },
    imported,
};

/// No run counts more epochs, or more samples in a batch.
const MOST: usize = 1_000_000;
/// No data set has more images, no step counts higher.
const MOST_IMAGES: usize = u32::MAX as usize;
/// A machine with a million times a million bytes of memory is still to come.
const MOST_MIB: u64 = 1 << 20;
/// Of a name that a folder has: cell, arm and seed of a grid together name a file, which file systems end at 255 bytes.
const LONGEST: usize = 100;
/// Rates and weights of the loop beyond this are slips of the hand: single precision ends at 3.4e38, squares at 1.8e19.
const LARGE: f64 = 1e6;
/// Of one criterion: small values need large weights; single precision ends at 3.4e38.
const HEAVIEST: f64 = 1e30;

impl Config {
    /// Checks ranges and names, and puts the arm `none` first when it is missing.
    ///
    /// # Errors
    /// The first key that is out of range, with what would be accepted.
    pub fn check(&self) -> Result<(), Error> {
        let Config { train, data, teacher, student, .. } = self;
        let rules: &[(bool, &str, String)] = &[
            (valid_name(&self.name), "name", format!("{:?}: letters, digits, `-`, `_`, `.`", self.name)),
            (
                self.name.len() <= LONGEST,
                "name",
                format!("{:.40}… of {} bytes: at most {LONGEST}, as it names a folder", self.name, self.name.len()),
            ),
            (train.epochs > 0, "train.epochs", format!("{}: at least 1", train.epochs)),
            (train.epochs <= MOST, "train.epochs", format!("{}: at most {MOST}", train.epochs)),
            (train.batch_size > 1, "train.batch_size", format!("{}: at least 2", train.batch_size)),
            (train.batch_size <= MOST, "train.batch_size", format!("{}: at most {MOST}", train.batch_size)),
            (!train.seeds.is_empty(), "train.seeds", "an empty list: at least one seed".to_owned()),
            (distinct(&train.seeds), "train.seeds", format!("{:?}: each seed once", train.seeds)),
            (train.accumulate > 0, "train.accumulate", "0: at least 1".to_owned()),
            (train.accumulate <= MOST, "train.accumulate", format!("{}: at most {MOST}", train.accumulate)),
            (
                (0.0..1.0).contains(&student.drop_path),
                "student.drop_path",
                format!("{}: from 0 to below 1", student.drop_path),
            ),
            (
                (0.0..1.0).contains(&student.dropout),
                "student.dropout",
                format!("{}: from 0 to below 1", student.dropout),
            ),
            ((0.0..1.0).contains(&train.ema), "train.ema", format!("{}: from 0 to below 1", train.ema)),
            (moderate(train.ce_weight), "train.ce_weight", format!("{}: from 0 to {LARGE}", train.ce_weight)),
            (train.track_bounds <= MOST, "train.track_bounds", format!("{}: at most {MOST}", train.track_bounds)),
            (
                data.train_limit <= MOST_IMAGES,
                "data.train_limit",
                format!("{}: at most {MOST_IMAGES}", data.train_limit),
            ),
            (data.memory <= MOST_MIB, "data.memory", format!("{}: at most {MOST_MIB}, in MiB", data.memory)),
            (
                data.epoch_images <= MOST_IMAGES,
                "data.epoch_images",
                format!("{}: at most {MOST_IMAGES}", data.epoch_images),
            ),
            (
                teacher.train_limit.is_none_or(|n| n <= MOST_IMAGES),
                "teacher.train_limit",
                format!("{}: at most {MOST_IMAGES}", teacher.train_limit.unwrap_or_default()),
            ),
            (
                train.track_bounds == 0 || cfg!(feature = "theory"),
                "train.track_bounds",
                format!("{}: this program was built without its feature `theory`", train.track_bounds),
            ),
            (
                data.val_fraction.is_none_or(|f| f > 0.0 && f < 1.0),
                "data.val_fraction",
                format!("{}: between 0 and 1", data.val_fraction.unwrap_or_default()),
            ),
            (
                data.test_fraction.is_none_or(|f| f > 0.0 && f < 1.0),
                "data.test_fraction",
                format!("{}: between 0 and 1", data.test_fraction.unwrap_or_default()),
            ),
            (
                teacher.epochs.is_none_or(|n| n <= MOST),
                "teacher.epochs",
                format!("{}: at most {MOST}", teacher.epochs.unwrap_or_default()),
            ),
            (
                teacher.epochs != Some(0) || teacher.weights.is_some() || imported::file(&teacher.model).is_some(),
                "teacher.epochs",
                "0 and no teacher.weights is given: name its weights, or train it for an epoch or more".to_owned(),
            ),
        ];
        if let Some((_, key, why)) = rules.iter().find(|(ok, ..)| !ok) {
            return Err(Error::Key { key: (*key).to_owned(), why: format!("is {why}") });
        }
        check_optim(&self.optim).map_err(|(key, why)| Error::Key { key: key.to_owned(), why })?;
        self.teacher.preprocessing().check()?;
        self.student.preprocessing().check()?;
        self.check_source()?;
        self.check_dropped()?;
        let mut names = HashSet::new();
        // The mean of several has no stages: what reads some is told when it is made.
        let teacher_stages = if teacher.others.is_empty() { stages(&teacher.model) } else { None };
        let zoo = [("student", stages(&self.student.model)), ("teacher", teacher_stages)];
        for arm in &self.arms {
            check_arm(arm, &zoo)?;
            self.check_head(arm)?;
            check_optim(&arm.configured(self)?.optim)
                .map_err(|(key, why)| Error::ArmKey { arm: arm.name.clone(), why: format!("{key} {why}") })?;
            if !names.insert(arm.name.as_str()) {
                return Err(Error::Config(format!("two arms are called `{}`: give each a name of its own", arm.name)));
            }
        }
        self.check_mixing()
    }
}

impl Config {
    /// That the student has what it is to leave out. A network that cannot be built is told of where it is.
    fn check_dropped(&self) -> Result<(), Error> {
        let student = zoo::build(&self.student.model, &ZooOptions::new(2, 3, 32, 32)).ok();
        let dropped = self.student.dropped();
        for (key, part) in [
            ("student.drop_path", Dropped { features: 0.0, ..dropped }),
            ("student.dropout", Dropped { blocks: 0.0, ..dropped }),
        ] {
            if let Some(Err(error)) = student.as_ref().map(|student| student.dropping(part)) {
                return Err(Error::Key { key: key.to_owned(), why: format!("cannot be: {error}") });
            }
        }
        Ok(())
    }

    fn check_head(&self, arm: &ArmConfig) -> Result<(), Error> {
        let (penalty, name) = (arm.head_lipschitz, &arm.name);
        let own = arm.head.unwrap_or(self.student.head).is_own();
        if !own && self.student.dropout > 0.0 {
            let why = "head = \"teacher\" keeps the classifier, and student.dropout leaves out what it reads: set student.dropout = 0";
            return Err(Error::ArmKey { arm: name.clone(), why: why.to_owned() });
        }
        for loss in arm.losses.iter().filter(|_| !own) {
            if registry::check(&loss.criterion)?.needs().student_maps.iter().any(|stage| stage == CLASS_MAP) {
                let why = format!(
                    "{} trains the classifier on parts of the last map, and head = \"teacher\" keeps it as it is: drop one of them",
                    loss.criterion.name()
                );
                return Err(Error::ArmKey { arm: name.clone(), why });
            }
        }
        if arm.head == Some(Head::Lift) {
            let why = "head = \"lift\" is another network than the other arms': set student.head, which holds for all of them".to_owned();
            return Err(Error::ArmKey { arm: arm.name.clone(), why });
        }
        let wrong = match penalty {
            _ if !moderate(penalty) => format!("is {penalty}: from 0 to {LARGE}"),
            _ if penalty > 0.0 && !own => {
                let key = if arm.head.is_some() { "head" } else { "student.head" };
                format!("penalises the classifier, which {key} = \"teacher\" does not train: drop one of them")
            }
            _ => return Ok(()),
        };
        Err(Error::ArmKey { arm: name.clone(), why: format!("head_lipschitz {wrong}") })
    }
}

/// The optimizer of a run or of an arm: the first key that is out of range, with what is wrong with it.
fn check_optim(optim: &OptimConfig) -> Result<(), (&'static str, String)> {
    let rules: &[(bool, &'static str, String)] = &[
        (optim.lr > 0.0 && moderate(optim.lr), "optim.lr", format!("{}: above 0, at most {LARGE}", optim.lr)),
        ((0.0..1.0).contains(&optim.momentum), "optim.momentum", format!("{}: from 0 to below 1", optim.momentum)),
        (moderate(optim.weight_decay), "optim.weight_decay", format!("{}: from 0 to {LARGE}", optim.weight_decay)),
        (
            not_negative(optim.min_lr) && optim.min_lr <= optim.lr,
            "optim.min_lr",
            format!("{}: from 0 to optim.lr", optim.min_lr),
        ),
        (
            optim.layer_decay > 0.0 && optim.layer_decay <= 1.0,
            "optim.layer_decay",
            format!("{}: above 0, at most 1", optim.layer_decay),
        ),
        (moderate(optim.warmup_epochs), "optim.warmup_epochs", format!("{}: from 0 to {LARGE}", optim.warmup_epochs)),
        (moderate(optim.clip_norm), "optim.clip_norm", format!("{}: from 0 to {LARGE}", optim.clip_norm)),
        (
            optim.milestones.iter().all(|epoch| *epoch <= MOST),
            "optim.milestones",
            format!("{:?}: at most {MOST} each", optim.milestones),
        ),
        (
            (0.0..1.0).contains(&optim.label_smoothing),
            "optim.label_smoothing",
            format!("{}: from 0 to below 1", optim.label_smoothing),
        ),
        (
            optim.schedule != ScheduleKind::MultiStep || !optim.milestones.is_empty(),
            "optim.milestones",
            "empty: multistep needs the epochs after which the rate falls".to_owned(),
        ),
    ];
    match rules.iter().find(|(ok, ..)| !ok) {
        Some((_, key, why)) => Err((key, format!("is {why}"))),
        None => Ok(()),
    }
}

/// The stages of a network of the zoo, whose names are the same for images of every size; `None` for any other network, which is
/// known once it is built.
fn stages(model: &str) -> Option<NetworkShapes> {
    // Every network of the zoo can be built for these.
    let graph = zoo::build(model, &ZooOptions::new(2, 3, 32, 32)).ok()?;
    Some(NetworkShapes::of(&graph))
}

/// Name and options of a criterion, and that the networks which are known have the stages that it reads.
fn check_criterion(
    criterion: &CriterionConfig,
    networks: &[(&'static str, Option<NetworkShapes>); 2],
) -> Result<(), CriterionError> {
    // A criterion without `on` of its own names stages alone.
    let always = if criterion.is_on_features() { &[] } else { OUTPUTS };
    let needs = registry::check(criterion)?.needs();
    for ((who, network), read) in networks.iter().zip([needs.student_maps, needs.teacher_maps]) {
        let Some(network) = network else { continue };
        if read.iter().any(|stage| stage == CLASS_MAP) {
            class_map::shape(network, who, criterion.name())?;
        }
        if let Some(stage) = read.iter().find(|stage| network.map(stage).is_none()) {
            let unknown = Box::new(UnknownOutput::new(stage, who, network, always).without_sizes());
            return Err(CriterionError::UnknownOutput { criterion: criterion.name().to_owned(), unknown });
        }
    }
    Ok(())
}

fn check_arm(arm: &ArmConfig, networks: &[(&'static str, Option<NetworkShapes>); 2]) -> Result<(), Error> {
    if arm.name.len() > LONGEST {
        return Err(Error::Config(format!(
            "arm name {:.40}… of {} bytes: at most {LONGEST}, as it names a folder",
            arm.name,
            arm.name.len()
        )));
    }
    if !valid_name(&arm.name) {
        return Err(Error::Config(format!("arm name {:?}: use letters, digits, `-`, `_`, `.`, `+`", arm.name)));
    }
    let wrong = |why| Error::ArmKey { arm: arm.name.clone(), why };
    if let Some(weight) = arm.ce_weight.filter(|weight| !moderate(*weight)) {
        return Err(wrong(format!("ce_weight is {weight}: from 0 to {LARGE}")));
    }
    for loss in &arm.losses {
        // Neither JSON nor a criterion has a use for them.
        let not_finite = |value: &Value| matches!(value, Value::Number(x) if !x.is_finite());
        if let Some((key, value)) = loss.criterion.options().iter().find(|(_, value)| not_finite(value)) {
            return Err(wrong(format!("{key} is {value}: a finite number is needed")));
        }
        check_criterion(&loss.criterion, networks)
            .map_err(|source| Error::Arm { arm: arm.name.clone(), source: Box::new(source) })?;
        let (weight, warmup) = (loss.resolved_weight().number(), loss.warmup_epochs);
        let why = match () {
            () if !(0.0..=HEAVIEST).contains(&weight) => {
                format!("the weight of {} is {weight}: from 0 to {HEAVIEST:e}", loss.criterion.name())
            }
            () if loss.criterion.remembered() > MOST => {
                format!("memory of {} is {}: at most {MOST}", loss.criterion.name(), loss.criterion.remembered())
            }
            () if !moderate(warmup) => {
                format!("warmup_epochs of {} is {warmup}: from 0 to {LARGE}", loss.criterion.name())
            }
            () => continue,
        };
        return Err(wrong(why));
    }
    Ok(())
}

fn valid_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

fn not_negative(x: f64) -> bool {
    x >= 0.0 && x.is_finite()
}

fn moderate(x: f64) -> bool {
    (0.0..=LARGE).contains(&x)
}

fn distinct(seeds: &[u64]) -> bool {
    seeds.iter().collect::<HashSet<_>>().len() == seeds.len()
}

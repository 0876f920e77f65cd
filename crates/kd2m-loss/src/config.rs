//! A criterion as a person writes it: name, outputs, memory, options. It is checked once, whoever asks; what it makes is ready.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use burn::tensor::Device;
use kd2m_ot::Options;
use serde::{Deserialize, Serialize};

use crate::{
    criterion::{Criterion, Recipe},
    error::CriterionError,
    matching::FEATURES,
    registry::Registry,
    shapes::{Needs, Shapes},
};

/// The value of an option, of whatever kind a configuration file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, a word, true or false, or a list of these")]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// A word or a list of words in one text.
    Text(String),
    /// A list, as `["layer1", "layer2"]`.
    List(Vec<Value>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Whole(whole) => write!(f, "{whole}"),
            // As TOML writes them.
            Self::Number(number) if number.is_nan() => f.write_str("nan"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                let item = |item: &Value| match item {
                    Self::Text(text) => format!("{text:?}"),
                    other => other.to_string(),
                };
                write!(f, "[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Value {
    fn from(whole: i64) -> Self {
        Self::Whole(whole)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// One criterion of an objective. Equal where it says the same, checked or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CriterionConfig {
    criterion: String,
    #[serde(default = "features")]
    on: String,
    #[serde(default)]
    memory: usize,
    #[serde(flatten)]
    options: BTreeMap<String, Value>,
    /// What the check found, kept for whoever asks next.
    #[serde(skip)]
    checked: OnceLock<Checked>,
}

fn features() -> String {
    FEATURES.to_owned()
}

impl PartialEq for CriterionConfig {
    fn eq(&self, other: &Self) -> bool {
        let Self { criterion, on, memory, options, checked: _ } = self;
        (criterion, on, memory, options) == (&other.criterion, &other.on, &other.memory, &other.options)
    }
}

impl CriterionConfig {
    /// The criterion of this name between the features of both networks, its options at their defaults.
    pub fn new(name: &str) -> Self {
        let checked = OnceLock::new();
        Self { criterion: name.to_owned(), on: features(), memory: 0, options: BTreeMap::new(), checked }
    }

    /// Compares these outputs: `features`, `logits`, `probabilities` or the name of a stage (the student's and the teacher's as `layer3:block-6`).
    pub fn on(self, output: &str) -> Self {
        Self { on: output.to_owned(), checked: OnceLock::new(), ..self }
    }

    /// Remembers this many samples of each class to enlarge the clouds.
    pub fn memory(self, per_class: usize) -> Self {
        Self { memory: per_class, checked: OnceLock::new(), ..self }
    }

    /// Sets an option, in place of an earlier value.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.insert(name.to_owned(), value.into());
        Self { checked: OnceLock::new(), ..self }
    }

    /// The same of another criterion, e.g. of one that reads the same options.
    pub fn renamed(self, name: &str) -> Self {
        Self { criterion: name.to_owned(), checked: OnceLock::new(), ..self }
    }

    /// The criterion's name, as it was written.
    pub fn name(&self) -> &str {
        &self.criterion
    }

    /// Which outputs it compares.
    pub fn output(&self) -> &str {
        &self.on
    }

    /// Whether these are the outputs that are compared when nothing is said.
    pub fn is_on_features(&self) -> bool {
        self.on == FEATURES
    }

    /// Samples a class that it remembers.
    pub fn remembered(&self) -> usize {
        self.memory
    }

    /// The options that are given.
    pub fn options(&self) -> &BTreeMap<String, Value> {
        &self.options
    }

    /// Finds the criterion among the known ones and reads its options; builds nothing. What was found is kept.
    ///
    /// # Errors
    /// An unknown name or option (the nearest ones are named), a value that an option does not accept, or an output or a memory
    /// that the criterion has no use for.
    pub fn check(&self, known: &Registry) -> Result<&Checked, CriterionError> {
        if let Some(checked) = self.checked.get() {
            return Ok(checked);
        }
        let options = self.options.iter().fold(Options::new(&self.criterion), |all, (key, value)| all.set(key, value));
        let recipe = known.recipe(&options, &self.on, self.memory)?;
        Ok(self.checked.get_or_init(|| Checked { recipe, weight: known.default_weight(&self.criterion) }))
    }

    /// Makes one of this crate's criteria for networks of these sizes, learned parts drawn from `seed`.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and sizes that do not go together.
    pub fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        self.check(&Registry::default())?.init(shapes, device, seed)
    }
}

/// A criterion whose name, outputs and options hold; cheap to clone.
#[derive(Debug, Clone)]
pub struct Checked {
    recipe: Arc<dyn Recipe>,
    weight: Option<f64>,
}

impl Checked {
    /// What it will read; stages that it chooses by itself are known once it is made.
    pub fn needs(&self) -> Needs {
        self.recipe.needs()
    }

    /// The weight of its authors, used when none is given; a divergence has none.
    pub fn default_weight(&self) -> Option<f64> {
        self.weight
    }

    /// Makes it for networks of these sizes, learned parts drawn from `seed`.
    ///
    /// # Errors
    /// Sizes that do not go together; the message names both and what to do.
    pub fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        self.recipe.init(shapes, device, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CriterionConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn what_is_written_is_read_again_with_its_kinds() {
        let text = "criterion = \"ickd\"\non = \"features\"\nmemory = 0\nepsilon = 0.1\nflag = true\nrounds = 3\n\
                    stages = [\"layer1\", \"layer2:last\"]\nword = \"all\"\n";
        let config = parse(text).unwrap();
        assert_eq!(toml::to_string(&config).unwrap(), text);
        let shown: Vec<String> = config.options().values().map(Value::to_string).collect();
        assert_eq!(shown, ["0.1", "true", "3", "[\"layer1\", \"layer2:last\"]", "all"]);
        let why = parse("criterion = \"w2\"\nepsilon = 1979-05-27").unwrap_err().to_string();
        assert!(why.contains("expected a number, a word, true or false, or a list"), "{why}");
    }

    #[test]
    fn a_check_is_kept_until_something_else_is_said() {
        let known = Registry::default();
        let config = CriterionConfig::new("hinton").set("temperature", 2.0);
        let first = Arc::as_ptr(&config.check(&known).unwrap().recipe);
        assert!(std::ptr::addr_eq(first, Arc::as_ptr(&config.check(&known).unwrap().recipe)), "read twice");
        assert!(std::ptr::addr_eq(first, Arc::as_ptr(&config.clone().check(&known).unwrap().recipe)), "lost");
        assert_eq!(config, CriterionConfig::new("hinton").set("temperature", 2.0), "equal, checked or not");
        let refused = config.set("temperature", -1.0).check(&known).unwrap_err().to_string();
        assert!(refused.contains("temperature = -1"), "{refused}");
        assert!(CriterionConfig::new("hinton").renamed("hintn").check(&known).is_err());
    }

    #[test]
    fn needs_are_known_before_sizes_where_stages_are_named() {
        let known = Registry::default();
        let needs = |config: CriterionConfig| config.check(&known).unwrap().needs();
        assert_eq!(needs(CriterionConfig::new("at")), Needs::default());
        let named = needs(CriterionConfig::new("at").set("stages", "layer1:block2"));
        assert_eq!((named.student_maps, named.teacher_maps), (vec!["layer1".into()], vec!["block2".into()]));
        assert!(needs(CriterionConfig::new("cw2")).labels && needs(CriterionConfig::new("w2").memory(2)).labels);
        assert_eq!(needs(CriterionConfig::new("w2").on("layer3")).student_maps, ["layer3"]);
    }
}

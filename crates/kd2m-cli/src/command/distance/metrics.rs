//! Which metrics are asked for, built with their options before any file is read.

use kd2m::Error;
use kd2m_ot::{
    Options, OtError,
    divergence::{
        AnyDivergence,
        registry::{self, Entry, Form},
    },
    error::nearest_names,
    options::OptionSpec,
};

use crate::arguments::DistanceArguments;

/// A metric, ready to compare.
pub struct Metric {
    pub name: String,
    /// What the registry says of what is compared, in whatever form.
    pub entry: &'static Entry,
    pub form: Form,
    pub divergence: Box<dyn AnyDivergence>,
}

/// What `--metric` names.
pub enum Metrics {
    One(Metric),
    All(Vec<Metric>),
}

/// The name that stands for all metrics.
const ALL: &str = "all";

impl Metrics {
    /// Builds what the arguments ask for.
    ///
    /// # Errors
    /// Unknown names of metrics and options with the nearest ones, and values that an option does not take.
    pub fn parse(arguments: &DistanceArguments) -> Result<Self, Error> {
        let sets = arguments.sets.iter().map(|text| pair(text)).collect::<Result<Vec<_>, _>>()?;
        if arguments.metric != ALL {
            return Ok(Metrics::One(one(&arguments.metric, &sets, arguments.strict)?));
        }
        if arguments.grad_out.is_some() || arguments.plan_out.is_some() {
            return Err(Error::Config(
                "--grad-out and --plan-out write one metric's answer: name it in place of `all`".into(),
            ));
        }
        let entries = || registry::ENTRIES.iter();
        let plain = entries().map(|e| e.name.to_owned());
        // Within a class all labels are equal, and a joint metric is its plain form.
        let classes = entries().filter(|e| !e.traits.labels).map(|e| format!("class-{}", e.name));
        let names: Vec<String> = plain.chain(classes).collect();
        known_somewhere(&sets, &names)?;
        let build = |name: &String| {
            let own = specs(name);
            let sets: Vec<_> = sets.iter().copied().filter(|(key, _)| own.iter().any(|o| o.name == *key)).collect();
            one(name, &sets, false)
        };
        Ok(Metrics::All(names.iter().map(build).collect::<Result<_, _>>()?))
    }
}

impl Metric {
    /// True for forms that cannot do without labels.
    pub fn needs_labels(&self) -> bool {
        self.form != Form::Plain
    }

    /// An error in words that help at the command line.
    pub fn explain(&self, error: OtError) -> Error {
        match error {
            OtError::LabelsMissing { metric, side } => Error::Config(format!(
                "{metric} needs labels of both sets, {side} has none: pass --labels-a FILE and --labels-b FILE"
            )),
            error => error.into(),
        }
    }
}

fn pair(text: &str) -> Result<(&str, &str), Error> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        Error::Config(format!("--set {text}: expected KEY=VALUE; `kd2m list metrics` shows each metric's options"))
    })?;
    Ok((key.trim(), value.trim()))
}

fn one(name: &str, sets: &[(&str, &str)], strict: bool) -> Result<Metric, Error> {
    let (entry, form) = registry::resolve(name).map_err(more_help)?;
    let mut options = sets.iter().fold(Options::new(name), |options, (key, value)| options.set(key, value));
    if strict && form == Form::WithinClasses && options.text("strict").is_none() {
        options = options.set("strict", true);
    }
    let divergence = registry::build(&options).map_err(more_help)?;
    Ok(Metric { name: name.to_owned(), entry, form, divergence })
}

/// Where nothing is near, the place where all names stand.
fn more_help(error: OtError) -> Error {
    match &error {
        OtError::UnknownMetric { nearest, .. } | OtError::UnknownOption { nearest, .. } if nearest.is_empty() => {
            Error::Config(format!("{error}; `kd2m list metrics` shows all"))
        }
        _ => error.into(),
    }
}

/// The options that a name takes, those of its form included.
fn specs(name: &str) -> Vec<OptionSpec> {
    match registry::resolve(name) {
        Ok((entry, form)) => form.options_with(entry),
        Err(_) => Vec::new(),
    }
}

/// With `all`, an option goes to the metrics that know it; one that none knows is a mistake.
fn known_somewhere(sets: &[(&str, &str)], names: &[String]) -> Result<(), Error> {
    let known: Vec<&str> = names.iter().flat_map(|name| specs(name)).map(|o| o.name).collect();
    match sets.iter().find(|(key, _)| !known.contains(key)) {
        None => Ok(()),
        Some((key, _)) => {
            let mut distinct = known.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let nearest = nearest_names(key, distinct);
            let hint = if nearest.is_empty() {
                "`kd2m list metrics` shows all".into()
            } else {
                format!("did you mean {}?", nearest.join(" or "))
            };
            Err(Error::Config(format!("no metric has an option `{key}`; {hint}")))
        }
    }
}

//! Every divergence by name, with what a person needs to choose one; `kd2m distance` and `kd2m list metrics` read this table.

use super::AnyDivergence;
use crate::{
    combine::{ClassConditional, Joint, class_conditional, joint},
    error::{OtError, nearest_names},
    options::{OptionSpec, Options},
    parameters::Parameters as _,
};

pub use super::{
    ENTRIES,
    entry::{Entry, Traits},
};

/// What a name asks of the divergence that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Between all features.
    Plain,
    /// Within each class: `class-w2`.
    WithinClasses,
    /// Between features with their labels: `joint-sinkhorn`.
    Joint,
}

impl Form {
    const WRAPPED: [Form; 2] = [Form::WithinClasses, Form::Joint];

    fn prefix(self) -> &'static str {
        match self {
            Form::Plain => "",
            Form::WithinClasses => "class-",
            Form::Joint => "joint-",
        }
    }

    /// Options of the form itself, beside those of the divergence.
    pub fn options(self) -> &'static [OptionSpec] {
        match self {
            Form::Plain => &[],
            Form::WithinClasses => class_conditional::Parameters::OPTIONS,
            Form::Joint => joint::Parameters::OPTIONS,
        }
    }

    /// Options that a name takes in this form.
    pub fn options_with(self, entry: &Entry) -> Vec<OptionSpec> {
        [self.options(), entry.options].concat()
    }
}

/// Short names of class-conditional forms.
const CLASS_ALIASES: &[(&str, &str)] = &[("cw2", "w2")];

/// The entry of a name or alias, without a prefix.
///
/// # Errors
/// [`OtError::UnknownMetric`] with the nearest names.
pub fn find(name: &str) -> Result<&'static Entry, OtError> {
    let is_named = |e: &&Entry| e.name == name || e.aliases.contains(&name);
    ENTRIES.iter().find(is_named).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> OtError {
    let plain = || ENTRIES.iter().flat_map(|e| e.aliases.iter().chain([&e.name]).copied());
    let nearest = match unprefixed(name) {
        Some((form, inner)) => nearest_names(inner, plain()).iter().map(|n| format!("{}{n}", form.prefix())).collect(),
        None => nearest_names(name, plain().chain(CLASS_ALIASES.iter().map(|(alias, _)| *alias))),
    };
    OtError::UnknownMetric { name: name.to_owned(), nearest }
}

fn unprefixed(name: &str) -> Option<(Form, &str)> {
    Form::WRAPPED.into_iter().find_map(|form| Some((form, name.strip_prefix(form.prefix())?)))
}

/// The entry behind any name, and the form in which it is taken (`class-w2`, `cw2`, `joint-sinkhorn`).
///
/// # Errors
/// [`OtError::UnknownMetric`] with the nearest names.
pub fn resolve(name: &str) -> Result<(&'static Entry, Form), OtError> {
    if let Some((_, inner)) = CLASS_ALIASES.iter().find(|(alias, _)| *alias == name) {
        return Ok((find(inner)?, Form::WithinClasses));
    }
    let (form, inner) = unprefixed(name).unwrap_or((Form::Plain, name));
    find(inner).map(|entry| (entry, form)).map_err(|_| unknown(name))
}

/// Builds the divergence that `options.metric()` names.
///
/// # Errors
/// An unknown metric, an unknown option or a value that an option does not accept.
pub fn build(options: &Options) -> Result<Box<dyn AnyDivergence>, OtError> {
    let (entry, form) = resolve(options.metric())?;
    options.check_names(&form.options_with(entry))?;
    if form == Form::Plain {
        return (entry.build)(options);
    }
    if form == Form::Joint && entry.traits.labels {
        let message = format!("{} is joint already: choose it as it is, or joint-w2", entry.name);
        return Err(OtError::Numeric { metric: options.metric().to_owned(), message });
    }
    let own = |name: &str| form.options().iter().any(|o| o.name == name);
    let inner = options.iter().filter(|(name, _)| !own(name));
    let inner = (entry.build)(&inner.fold(Options::new(entry.name), |all, (name, value)| all.set(name, value)))?;
    Ok(match form {
        Form::Joint => Box::new(Joint::new(options.metric(), inner, joint::Parameters::read(options)?)?),
        Form::Plain | Form::WithinClasses => {
            let parameters = class_conditional::Parameters::read(options)?;
            Box::new(ClassConditional::new(options.metric(), inner, parameters)?)
        }
    })
}

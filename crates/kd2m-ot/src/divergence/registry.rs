//! Every divergence by name, with what a person needs to choose one; `kd2m distance` and `kd2m list metrics` read this table.

use super::AnyDivergence;
use crate::{
    combine::{ClassConditional, Joint, class_conditional, joint},
    error::{OtError, nearest_names},
    options::{OptionSpec, Options},
};

/// One divergence of the table.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// The value as a formula in plain text.
    pub formula: &'static str,
    /// Paper or equation it is from.
    pub source: &'static str,
    /// Time and memory in n, m and d.
    pub cost: &'static str,
    /// When to choose it.
    pub when: &'static str,
    pub options: &'static [OptionSpec],
    /// Makes the divergence from options whose names were checked.
    pub build: fn(&Options) -> Result<Box<dyn AnyDivergence>, OtError>,
}

/// All divergences, in the order in which tables show them.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "w2",
        aliases: &[],
        formula: "min over plans γ of Σ γ_ij ‖x_i − y_j‖² (squared, as in the paper)",
        source: "Kantorovich (1942); solver after Jonker and Volgenant (1987) and Bertsekas (1988)",
        cost: "O(n²d) for the costs, O(n³) at worst and about O(n²) in practice for the plan; n² floats of memory, or O(n) where rows are computed again",
        when: "first choice: exact, free of parameters, and cheaper than its entropic relatives at every size",
        options: super::exact::OPTIONS,
        build: super::w2::build,
    },
    Entry {
        name: "w1",
        aliases: &[],
        formula: "min over plans γ of Σ γ_ij ‖x_i − y_j‖",
        source: "Kantorovich (1942); solver after Jonker and Volgenant (1987) and Bertsekas (1988)",
        cost: "as w2",
        when: "as w2, where single outliers should not weigh by their square",
        options: super::exact::OPTIONS,
        build: super::w1::build,
    },
    Entry {
        name: "bounds",
        aliases: &[],
        formula: "lower ≤ W₂² ≤ upper: dual potentials and Gelbrich's distance below, a plan exact within blocks above; value = upper, gap = upper − lower",
        source: "weak duality (Kantorovich 1942); Gelbrich (1990)",
        cost: "O(nmd) time in one streaming pass; O((n + m) d) memory and block² floats",
        when: "sets too large for an exact plan; kd2m distance only, no gradient",
        options: crate::bounds::OPTIONS,
        build: crate::bounds::build,
    },
    Entry {
        name: "jw2",
        aliases: &[],
        formula: "min over plans γ of Σ γ_ij (‖x_i − y_j‖² + β·label cost(s_i, t_j))",
        source: "KD²M (JW2); β after Montesuma et al., PyDiL",
        cost: "O(nm(d + classes)) for the costs, as w2 for the plan; nm floats of memory",
        when: "labels or logits should decide with the features which samples are compared; needs labels on both sides",
        options: super::jw2::OPTIONS,
        build: super::jw2::build,
    },
    super::mse::ENTRY,
    super::mmd_linear::ENTRY,
    super::mmd_rbf::ENTRY,
    super::mmd_poly::ENTRY,
    super::energy::ENTRY,
    super::gaussian_w2_diag::ENTRY,
    super::gaussian_w2::ENTRY,
    super::fid::ENTRY,
    Entry {
        name: "sinkhorn",
        aliases: &[],
        formula: "OT_ε(a,b) − ½ OT_ε(a,a) − ½ OT_ε(b,b), OT_ε = min over plans γ of Σ γ_ij ‖x_i − y_j‖² + ε KL(γ | a⊗b)",
        source: "Feydy et al. (2019); Cuturi (2013)",
        cost: "O(nmd) for the products, O(nm) a sweep, tens of sweeps; nm floats, or none above `memory`",
        when: "a smooth relative of w2: stable gradients under noise, any weights, no n² memory for very large clouds",
        options: super::sinkhorn::OPTIONS,
        build: super::sinkhorn::build,
    },
    Entry {
        name: "unbalanced",
        aliases: &[],
        formula: "the same with marginals relaxed: + ρ KL(γ1 | a) + ρ KL(γᵀ1 | b)",
        source: "Séjourné et al. (2019)",
        cost: "as sinkhorn",
        when: "outliers or different class proportions that should not be transported at any price",
        options: super::unbalanced::OPTIONS,
        build: super::unbalanced::build,
    },
    super::gaussian_kl::ENTRY,
    super::gaussian_kl_diag::ENTRY,
    super::jeffreys::ENTRY,
    super::bhattacharyya::ENTRY,
    super::hellinger::ENTRY,
    super::coral::ENTRY,
    super::sliced::ENTRY,
    super::max_sliced::ENTRY,
    super::cf::ENTRY,
    super::kid::ENTRY,
    Entry {
        name: "gw",
        aliases: &[],
        formula: "min over plans γ of Σ (C_ik − C'_jl)² γ_ij γ_kl, inner distances C of A and C' of B",
        source: "Mémoli (2011); Peyré, Cuturi and Solomon (2016)",
        cost: "O(n²m + nm²) a step, a few steps from each of three starts; n² + m² + nm numbers of memory",
        when: "student and teacher features have different widths or no common axes: shapes are compared, no projector is learned",
        options: super::gw::OPTIONS,
        build: super::gw::build,
    },
    Entry {
        name: "fgw",
        aliases: &[],
        formula: "(1−α) Σ γ_ij ‖x_i − y_j‖² + α Σ (C_ik − C'_jl)² γ_ij γ_kl",
        source: "Vayer et al. (2019)",
        cost: "as gw",
        when: "places and shapes both matter; features of equal width",
        options: super::fgw::OPTIONS,
        build: super::fgw::build,
    },
];

/// Samples a side up to which an answer takes seconds; beyond, a person should ask for it by name. None: all that memory holds.
pub fn comfortable_size(name: &str) -> Option<usize> {
    const CUBIC: usize = 2048;
    ["gw", "fgw"].contains(&name).then_some(CUBIC)
}

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
            Form::WithinClasses => class_conditional::OPTIONS,
            Form::Joint => joint::OPTIONS,
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
    if form == Form::Joint && entry.name == "jw2" {
        let message = "jw2 is joint already: choose jw2, or joint-w2".to_owned();
        return Err(OtError::Numeric { metric: options.metric().to_owned(), message });
    }
    let own = |name: &str| form.options().iter().any(|o| o.name == name);
    let inner = options.iter().filter(|(name, _)| !own(name));
    let inner = (entry.build)(&inner.fold(Options::new(entry.name), |all, (name, value)| all.set(name, value)))?;
    Ok(match form {
        Form::Joint => Box::new(Joint::new(inner, options)?),
        Form::Plain | Form::WithinClasses => Box::new(ClassConditional::new(inner, options)?),
    })
}

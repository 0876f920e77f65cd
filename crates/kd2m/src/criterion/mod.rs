//! Terms of the distillation objective: what the student is asked beside its labels. They are the crate `kd2m-loss`; [`registry`] knows
//! them by name, with what the paper's code needs and what a program of your own adds.

pub mod registry;

pub use kd2m_loss::{
    Checked, Criterion, CriterionConfig, CriterionError, Diagnostics, Entry, Needs, NetworkShapes, Recipe, Shapes,
    Term, UnknownOutput,
    baselines::{self, *},
    config, entry, matching, memory, projector, stages,
};

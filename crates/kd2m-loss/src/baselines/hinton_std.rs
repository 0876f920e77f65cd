//! Hinton's distillation of standardised logits: Sun et al. 2024, "Logit standardization in knowledge distillation". The code is
//! [`super::hinton`]'s.

use super::hinton::Hinton;
use crate::entry::{Entry, Number, temperature};

const TEMPERATURE: Number = temperature!(2);

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "hinton-std",
    aliases: &["kd-std"],
    formula: "hinton on logits with zero mean and unit deviation per sample",
    source: "Sun et al. 2024, Logit standardization",
    cost: "O(n·classes)",
    when: "teacher and student logits of very different scale",
    weight: 9.0,
    options: &[TEMPERATURE.spec()],
    build: |o| Ok(Box::new(Hinton { temperature: TEMPERATURE.read(o)?, standardise: true, reverse: false })),
};

//! A program of your own that is `kd2m` with one criterion more: `cargo run --example own_criterion -- distill --criterion mine`.
//! Configurations, grids, reports and `list criteria` know it by its name.

use std::process::ExitCode;

use kd2m_loss::{Batch, Criterion, CriterionError, Entry, Needs, Term};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "mine",
    aliases: &[],
    formula: "mean over samples of the largest difference of two logits",
    source: "an example",
    cost: "O(n·classes)",
    when: "one class decides",
    weight: 0.1,
    options: &[],
    build: |_| Ok(Box::new(LargestLogit)),
};

/// Mean over samples of the largest difference of two logits.
#[derive(Debug, Clone)]
pub struct LargestLogit;

impl Criterion for LargestLogit {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let difference = batch.student.logits.clone() - batch.teacher.logits.clone();
        Ok(Term::new(difference.abs().max_dim(1).mean()))
    }
}

pub fn main() -> ExitCode {
    if let Err(taken) = kd2m::criterion::registry::register(ENTRY) {
        eprintln!("error: {taken}");
        return ExitCode::from(2);
    }
    kd2m_cli::run()
}

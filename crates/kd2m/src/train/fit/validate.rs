//! The network on the validation split after an epoch.

use std::collections::BTreeMap;

use kd2m_data::Part;
use kd2m_nn::Weights;

use super::Fit;
use crate::{
    Error,
    teacher::Teacher,
    train::{
        evaluate::{Evaluation, Split, evaluate},
        observer::{Event, Observer},
    },
};

impl Fit<'_> {
    /// Evaluates `weights` after `epoch`, counted from 1, with what observers measure of them; leaves `network` in the engine.
    pub(super) fn validate(
        &mut self,
        network: &Weights,
        weights: &Weights,
        epoch: usize,
        observer: &mut dyn Observer,
    ) -> Result<(Evaluation, BTreeMap<String, f64>), Error> {
        let averaged = self.config.train.ema > 0.0;
        if averaged {
            self.engine.load_network(weights)?;
        }
        let split = Split {
            dataset: self.dataset,
            part: Part::Train,
            indices: self.val,
            batch_size: self.config.train.batch_size,
            halt: &self.halt,
        };
        let teacher = self.teacher.as_deref_mut().map(|t| t as &mut dyn Teacher);
        let found = evaluate(self.engine.as_mut(), teacher, &mut self.objective, split, self.seed);
        let found = found.and_then(|found| {
            let mut bounds = BTreeMap::new();
            let (engine, objective) = (self.engine.as_mut(), &mut self.objective);
            observer.event(&mut Event::Evaluated { epoch, engine, weights, objective, bounds: &mut bounds })?;
            Ok((found, bounds))
        });
        if averaged {
            self.engine.load_network(network)?;
        }
        found
    }
}

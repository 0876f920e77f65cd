//! The network on the validation split after an epoch.

use std::collections::BTreeMap;

use kd2m_nn::Weights;

use super::{learner::Asked, learning::Learning, views::Views};
use crate::{
    Error,
    teacher::Teacher,
    train::{
        evaluate::{Evaluation, evaluate},
        observer::Event,
    },
};

impl Learning<'_> {
    /// Evaluates `weights` after `epoch`, counted from 1, with what observers measure of them; leaves `network` in the engine.
    pub(super) fn validate(
        &mut self,
        views: &Views,
        teacher: &mut Asked,
        network: &Weights,
        weights: &Weights,
        epoch: usize,
    ) -> Result<(Evaluation, BTreeMap<String, f64>), Error> {
        let averaged = self.it.config.train.ema > 0.0;
        let (engine, objective) = (self.it.engine.as_mut(), &mut self.it.objective);
        if averaged {
            engine.load_network(weights)?;
        }
        let teacher = teacher.as_deref_mut().map(|teacher| teacher as &mut dyn Teacher);
        let found = evaluate(engine, teacher, objective, views.validation(), views.seed);
        let found = found.and_then(|found| {
            let mut bounds = BTreeMap::new();
            let event = &mut Event::Evaluated { epoch, engine, weights, objective, bounds: &mut bounds };
            self.it.observer.event(event)?;
            Ok((found, bounds))
        });
        if averaged {
            self.it.engine.load_network(network)?;
        }
        found
    }
}

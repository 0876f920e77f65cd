//! One pass over the training samples, step by step; between two steps it can stop and be gone on with.

use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use kd2m_data::{Augment, Loader, Part, epoch_order};
use kd2m_nn::NamedTensor;

use super::{Fit, error};
use crate::{
    Error,
    batch::{Batch, host},
    config::Algorithm,
    engine::{Images, Mode, OutputGradients, Rule, Then, Update},
    objective::{Backward, automatic::MEASURED},
    teacher::{Answer, Query, View},
    train::{
        checkpoint::State,
        observer::{Event, Observer},
        schedule::learning_rate,
        sides::Sides,
    },
};

impl Fit<'_> {
    /// Trains to the end of the epoch that `state` stands in; what came out is its `partial`.
    pub(super) fn train_epoch(&mut self, state: &mut State, observer: &mut dyn Observer) -> Result<(), Error> {
        let epoch = state.history.len();
        let started = Instant::now();
        let view = View { part: Part::Train, fixed: self.augment == Augment::None };
        let size = self.config.train.batch_size;
        let order = match self.mixture {
            Some(mixture) => mixture.order(self.seed, epoch),
            None => epoch_order(self.train, self.seed, epoch),
        };
        let batches = self.batches();
        let accumulate = self.config.train.accumulate;
        let mut at = state.partial.take().unwrap_or_default();
        let mut number = at.batches;
        let mut loader = Loader::training_from(self.dataset, order, size, &self.augment, self.seed, epoch, number)?;
        let (seconds, recalled, before) = (at.seconds, at.recalled, self.recalled());
        while let Some(data) = loader.next() {
            let images = Images { pixels: &data.images, n: data.len() };
            let student = self.engine.forward(images, Mode::Train)?;
            let labels = &data.labels[..self.mixture.map_or(data.len(), |mixture| mixture.labelled_in_batch)];
            let draw = [self.seed, epoch as u64, number as u64];
            let query = Query { indices: &data.indices, labels, view, draw };
            let against = match self.teacher.as_deref_mut() {
                Some(teacher) => teacher.answer(images, &query)?,
                None => Answer { all: student.constants(), labelled: None },
            };
            let sides = Sides::new(&student, against, labels);
            let about = Batch {
                indices: &data.indices,
                step: state.steps,
                epoch,
                seed: self.seed,
                mode: Mode::Train,
                ..Batch::new(&student, sides.teacher())
            };
            let fraction = number as f64 / batches as f64;
            let found = sides.evaluate(&mut self.objective, about, epoch as f64 + fraction);
            let mut value = found.map_err(|error| match error.unusable_student_value() {
                Some(value) => self.not_finite(error::STUDENT, value, epoch, number, state),
                None => error.into(),
            })?;
            self.refuse_not_finite(&value, epoch, number, state)?;
            let group = accumulate.min(batches - number / accumulate * accumulate);
            let how = Backward { batches: group, told: number < MEASURED };
            let head = if self.objective.compares(how.told) { self.head()? } else { None };
            let outputs = self.objective.backward(&mut value, &student, head.as_ref(), how)?;
            let seen = labels.len() * student.logits.dims()[1];
            at.tally.add(&value, &host(&student.logits)?[..seen], labels);
            number += 1;
            let step = number.is_multiple_of(accumulate) || number == batches;
            if step {
                at.lr = learning_rate(&self.config.optim, self.epochs, epoch, number as f64 / batches as f64);
                self.step(&outputs, at.lr)?;
                state.steps += 1;
                self.average(state)?;
            } else {
                self.engine.backward(&outputs, Then::Accumulate)?;
            }
            observer.event(&mut Event::Progress { images: data.len() })?;
            loader.recycle(data);
            if step && (self.halt.is_asked() || self.checkpoints.due_within()) {
                at.batches = number;
                at.seconds = seconds + started.elapsed().as_secs_f64();
                at.recalled = recalled + self.recalled() - before;
                state.partial = Some(at.clone());
                self.pause(state)?;
            }
        }
        at.batches = number;
        at.seconds = seconds + started.elapsed().as_secs_f64();
        at.recalled = recalled + self.recalled() - before;
        state.partial = Some(at);
        Ok(())
    }

    /// The classifier's weight `[classes, features]` as it is now.
    fn head(&self) -> Result<Option<Tensor<2>>, Error> {
        let Some(key) = &self.head else { return Ok(None) };
        let Some(NamedTensor { shape, values }) = self.engine.tensor(key)? else { return Ok(None) };
        let [rows, width] = shape[..] else { return Ok(None) };
        let device = self.engine.device().without_autodiff();
        Ok(Some(Tensor::from_data(TensorData::new(values, [rows, width]), &device)))
    }

    fn recalled(&self) -> usize {
        self.teacher.as_ref().map_or(0, |teacher| teacher.recalled())
    }

    /// Backward and update of the network and of the learned parts, under one clipping norm.
    fn step(&mut self, outputs: &OutputGradients, lr: f64) -> Result<(), Error> {
        let optim = &self.config.optim;
        let rule = match optim.algorithm {
            Algorithm::Sgd => Rule::Sgd { momentum: optim.momentum, nesterov: optim.nesterov },
            Algorithm::AdamW => Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        };
        let mut update = Update { lr, weight_decay: optim.weight_decay, gradient_scale: 1.0, rule };
        if optim.clip_norm > 0.0 {
            self.engine.backward(outputs, Then::Accumulate)?;
            let learned = self.objective.learned();
            let learned: f64 = learned.iter().map(|(_, part)| part.gradient_norm_squared()).sum::<Result<_, _>>()?;
            let norm = (self.engine.gradient_norm_squared()? + learned).sqrt();
            update.gradient_scale = (optim.clip_norm / (norm + 1e-6)).min(1.0);
            self.engine.step(&update)?;
        } else {
            self.engine.backward(outputs, Then::Step(update))?;
        }
        self.objective.learned().into_iter().for_each(|(_, part)| part.step(&update));
        Ok(())
    }

    fn average(&self, state: &mut State) -> Result<(), Error> {
        let decay = self.config.train.ema as f32;
        if decay == 0.0 {
            return Ok(());
        }
        let network = self.engine.network_state()?;
        if state.average.is_empty() {
            state.average = network;
            return Ok(());
        }
        for (key, tensor) in network {
            if let Some(average) = state.average.get_mut(&key) {
                average.values.iter_mut().zip(&tensor.values).for_each(|(a, x)| *a = decay * *a + (1.0 - decay) * x);
            }
        }
        Ok(())
    }
}

//! One step of one network on a batch that all of its group are shown.

use std::time::Instant;

use burn::tensor::{Tensor, TensorData};
use kd2m_nn::NamedTensor;

use super::{error, learning::Learning, views::Views};
use crate::{
    Error,
    batch::{Batch, Mixed, host},
    config::Algorithm,
    engine::{Draws, Images, Mode, OutputGradients, Rule, Then, Update},
    objective::{Backward, automatic::MEASURED},
    teacher::Answer,
    train::{observer::Event, schedule::learning_rate, sides::Sides},
};

/// One batch, and what the teacher says to it.
pub struct Lesson<'a> {
    pub data: &'a kd2m_data::Batch,
    /// Classes of its first images, those that have one.
    pub labels: &'a [u32],
    /// What the images are besides, where they are mixtures.
    pub mixed: Option<&'a kd2m_data::Mixed>,
    /// None without a teacher.
    pub answer: Option<&'a Answer>,
    /// From 0.
    pub epoch: usize,
    /// Of the epoch, from 0.
    pub number: usize,
    /// Of the epoch.
    pub batches: usize,
    /// 1 where the teacher's outputs were remembered, not computed.
    pub recalled: usize,
    /// What it took to get here, for each who is shown it.
    pub seconds: f64,
}

impl Learning<'_> {
    /// Forward, objective, backward and, where a step ends, the update.
    ///
    /// # Errors
    /// A loss that is no longer finite, what engine, criteria or observers cannot do.
    pub fn step(&mut self, views: &Views, lesson: &Lesson) -> Result<(), Error> {
        let started = Instant::now();
        let Lesson { data, labels, mixed, epoch, number, batches, .. } = *lesson;
        self.it.engine.draw_from(Draws { seed: views.seed, epoch: epoch as u64, batch: number as u64, first: 0 });
        let student = self.it.engine.forward(Images { pixels: &data.images, n: data.len() }, Mode::Train)?;
        let against = match lesson.answer {
            Some(answer) => answer.clone(),
            None => Answer { all: student.constants(), labelled: None },
        };
        let sides = Sides::new(&student, against, labels);
        let about = Batch {
            indices: &data.indices,
            mixed: mixed.map(|mixed| Mixed { labels: &mixed.labels, share: mixed.share }),
            step: self.state.steps,
            epoch,
            seed: views.seed,
            mode: Mode::Train,
            ..Batch::new(&student, sides.teacher())
        };
        let fraction = number as f64 / batches as f64;
        let found = sides.evaluate(&mut self.it.objective, about, epoch as f64 + fraction);
        let mut value = found.map_err(|error| match error.unusable_student_value() {
            Some(value) => self.not_finite(error::STUDENT, value, epoch, number),
            None => error.into(),
        })?;
        self.refuse_not_finite(&value, epoch, number)?;
        let how = Backward { batches: views.of_step(number, batches), told: number < MEASURED };
        let head = if self.it.objective.compares(how.told) { self.head()? } else { None };
        let outputs = self.it.objective.backward(&mut value, &student, head.as_ref(), how)?;
        let seen = labels.len() * student.logits.dims()[1];
        let mut at = self.state.partial.take().unwrap_or_default();
        // Of a mixture the label of its larger part is the right answer.
        let right = mixed.filter(|mixed| mixed.share < 0.5).map_or(labels, |mixed| &mixed.labels);
        at.tally.add(&value, &host(&student.logits)?[..seen], right);
        if views.ends_step(number, batches) {
            let after = (number + 1) as f64 / batches as f64;
            at.lr = learning_rate(&self.it.config.optim, views.epochs, epoch, after);
            self.update(&outputs, at.lr)?;
            self.state.steps += 1;
            self.average()?;
        } else {
            self.it.engine.backward(&outputs, Then::Accumulate)?;
        }
        self.it.observer.event(&mut Event::Progress { images: data.len() })?;
        at.batches = number + 1;
        at.recalled += lesson.recalled;
        at.seconds += lesson.seconds + started.elapsed().as_secs_f64();
        self.state.partial = Some(at);
        Ok(())
    }

    /// The classifier's weight `[classes, features]` as it is now.
    fn head(&self) -> Result<Option<Tensor<2>>, Error> {
        let Some(key) = &self.it.head else { return Ok(None) };
        let Some(NamedTensor { shape, values }) = self.it.engine.tensor(key)? else { return Ok(None) };
        let [rows, width] = shape[..] else { return Ok(None) };
        let device = self.it.engine.device().without_autodiff();
        Ok(Some(Tensor::from_data(TensorData::new(values, [rows, width]), &device)))
    }

    /// Backward and update of the network and of the learned parts, under one clipping norm.
    fn update(&mut self, outputs: &OutputGradients, lr: f64) -> Result<(), Error> {
        let (engine, objective, optim) = (&mut self.it.engine, &mut self.it.objective, &self.it.config.optim);
        let rule = match optim.algorithm {
            Algorithm::Sgd => Rule::Sgd { momentum: optim.momentum, nesterov: optim.nesterov },
            Algorithm::AdamW => Rule::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 },
        };
        let mut update = Update { lr, weight_decay: optim.weight_decay, gradient_scale: 1.0, rule };
        if optim.clip_norm > 0.0 {
            engine.backward(outputs, Then::Accumulate)?;
            engine.gather_gradients()?;
            let learned = objective.learned();
            let learned: f64 = learned.iter().map(|(_, part)| part.gradient_norm_squared()).sum::<Result<_, _>>()?;
            let norm = (engine.gradient_norm_squared()? + learned).sqrt();
            update.gradient_scale = (optim.clip_norm / (norm + 1e-6)).min(1.0);
            engine.step(&update)?;
        } else {
            engine.backward(outputs, Then::Step(update))?;
        }
        objective.learned().into_iter().for_each(|(_, part)| part.step(&update));
        Ok(())
    }

    /// Moves the average of the weights, where there is one.
    fn average(&mut self) -> Result<(), Error> {
        let decay = self.it.config.train.ema as f32;
        if decay == 0.0 {
            return Ok(());
        }
        let (network, state) = (self.it.engine.network_state()?, &mut self.state);
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

//! The loop that trains one network: a teacher by cross entropy, or a student by an objective against its teacher.
//! The outputs are leaves of the objective's tape; their gradients go back to the engine, which knows nothing of losses.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use burn::tensor::Gradients;
use kd2m_data::{Augment, Dataset, Loader, Mixture, Part, epoch_order, training_batches};
use kd2m_nn::Weights;
use kd2m_ot::Side;

use super::{
    checkpoint::{Checkpoints, State},
    evaluate::{Evaluation, Split, Tally, evaluate},
    observer::{Event, Observer},
    record::EpochRecord,
    schedule::learning_rate,
    sides::Sides,
};
use crate::{
    Error,
    batch::{Batch, CopyError, Outputs, host},
    config::{Algorithm, Config},
    engine::{Engine, EngineError, Images, Mode, OutputGradients, Rule, Then, Update},
    objective::{Evaluated, Objective},
    teacher::{Answer, Query, Teacher, View},
};

/// What is named when distances meet features that are no longer finite.
const STUDENT: &str = "a feature of the student";

/// What training one network needs.
pub struct Fit<'a> {
    pub config: &'a Config,
    pub dataset: &'a Arc<Dataset>,
    /// Samples of the training part to learn from.
    pub train: &'a [u32],
    /// How batches are mixed of these and of unlabelled samples, where there are such.
    pub mixture: Option<&'a Mixture>,
    /// Samples of the training part to validate on.
    pub val: &'a [u32],
    pub augment: Augment,
    pub epochs: usize,
    pub seed: u64,
    /// Arm, or `teacher`.
    pub arm: &'a str,
    pub engine: Box<dyn Engine>,
    pub teacher: Option<&'a mut dyn Teacher>,
    pub objective: Objective,
    pub checkpoints: Checkpoints,
}

/// A trained network.
pub struct Fitted {
    pub engine: Box<dyn Engine>,
    pub objective: Objective,
    /// Weights after the last epoch (their moving average when `train.ema` is on).
    pub last: Weights,
    /// Weights after the epoch with the best validation accuracy.
    pub best: Weights,
    pub best_epoch: usize,
    pub history: Vec<EpochRecord>,
}

impl Fit<'_> {
    /// Trains to the end, going on from a checkpoint where there is one.
    ///
    /// # Errors
    /// A loss that is no longer finite, or what engine, teacher, criterion or disk cannot do.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Fitted, Error> {
        let what = format!("{}, seed {}", self.arm, self.seed);
        let mut state = self.restore()?;
        let left = self.epochs - state.history.len();
        observer.event(&mut Event::Started { what: &what, epochs: self.epochs, images: left * self.images() })?;
        for epoch in state.history.len()..self.epochs {
            let (seconds, lr, tally, remembered) = self.train_epoch(epoch, &mut state, observer)?;
            let network = self.engine.network_state()?;
            let weights = match state.average.is_empty() {
                true => network.clone(),
                false => state.average.clone(),
            };
            let found = self.validate(&network, &weights, epoch + 1, observer);
            let (found, bounds) = found.map_err(|error| match unusable_student_value(&error) {
                Some(value) => self.not_finite(STUDENT, value, epoch, self.batches() - 1, &state),
                None => error,
            })?;
            let record = EpochRecord {
                epoch: epoch + 1,
                lr,
                seconds,
                images_per_second: self.images() as f64 / seconds,
                teacher_cache: remembered,
                train: tally.record(seconds),
                val: found.record,
                w2_to_teacher: found.w2_to_teacher,
                bounds,
            };
            let better = state.history.iter().all(|earlier| record.val.beats(&earlier.val));
            state.history.push(record);
            if better {
                (state.best, state.best_epoch) = (weights.clone(), epoch + 1);
            }
            state.last = weights;
            if let history @ [.., record] = state.history.as_slice() {
                observer.event(&mut Event::Epoch { what: &what, record, history })?;
            }
            if self.checkpoints.due() && epoch + 1 < self.epochs {
                self.save(&state)?;
            }
        }
        observer.event(&mut Event::Finished { what: &what })?;
        Ok(Fitted {
            engine: self.engine,
            objective: self.objective,
            last: state.last,
            best: state.best,
            best_epoch: state.best_epoch,
            history: state.history,
        })
    }

    /// Images of an epoch.
    fn images(&self) -> usize {
        self.mixture.map_or(self.train.len(), |mixture| mixture.batches * mixture.batch_size)
    }

    /// Batches of an epoch.
    fn batches(&self) -> usize {
        let size = self.config.train.batch_size;
        self.mixture.map_or_else(|| training_batches(self.train, size).len(), |mixture| mixture.batches)
    }

    /// One pass over the training samples: time, last learning rate, sums, whether the teacher answered from its cache.
    fn train_epoch(
        &mut self,
        epoch: usize,
        state: &mut State,
        observer: &mut dyn Observer,
    ) -> Result<(f64, f64, Tally, bool), Error> {
        let started = Instant::now();
        let view = View { part: Part::Train, fixed: self.augment == Augment::None };
        let size = self.config.train.batch_size;
        let order = match self.mixture {
            Some(mixture) => mixture.order(self.seed, epoch),
            None => epoch_order(self.train, self.seed, epoch),
        };
        let batches = self.batches();
        let accumulate = self.config.train.accumulate;
        let mut loader = Loader::training(self.dataset, order, size, &self.augment, self.seed, epoch)?;
        let recalled = |teacher: &Option<&mut dyn Teacher>| teacher.as_ref().map_or(0, |t| t.recalled());
        let before = recalled(&self.teacher);
        let (mut tally, mut lr, mut number) = (Tally::default(), 0.0, 0);
        while let Some(data) = loader.next() {
            let images = Images { pixels: &data.images, n: data.len() };
            let student = self.engine.forward(images, Mode::Train)?.leaves();
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
            let value = found.map_err(|error| match error.unusable_student_value() {
                Some(value) => self.not_finite(STUDENT, value, epoch, number, state),
                None => error.into(),
            })?;
            self.refuse_not_finite(&value, epoch, number, state)?;
            let seen = labels.len() * student.logits.dims()[1];
            tally.add(&value, &host(&student.logits)?[..seen], labels);
            number += 1;
            let group = accumulate.min(batches - (number - 1) / accumulate * accumulate);
            let mut gradients = (value.total / group as f64).backward();
            let outputs = output_gradients(&student, &mut gradients);
            self.objective.learned().into_iter().for_each(|(_, part)| part.collect(&mut gradients));
            if number % accumulate == 0 || number == batches {
                lr = learning_rate(&self.config.optim, self.epochs, epoch, number as f64 / batches as f64);
                self.step(&outputs, lr)?;
                state.steps += 1;
                self.average(state)?;
            } else {
                self.engine.backward(&outputs, Then::Accumulate)?;
            }
            observer.event(&mut Event::Progress { images: data.len() })?;
            loader.recycle(data);
        }
        let remembered = number > 0 && recalled(&self.teacher) - before == number;
        Ok((started.elapsed().as_secs_f64(), lr, tally, remembered))
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

    /// Evaluates `weights` after `epoch`, counted from 1, with what observers measure of them; leaves `network` in the engine.
    fn validate(
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

    fn refuse_not_finite(&self, value: &Evaluated, epoch: usize, batch: usize, state: &State) -> Result<(), Error> {
        let ce_counts = self.objective.ce_weight > 0.0;
        let suspects = value.terms.iter().map(|t| (t.name.as_str(), t.raw));
        let bad = suspects.chain(ce_counts.then_some(("ce", value.ce))).find(|(_, v)| !v.is_finite());
        match bad {
            None => Ok(()),
            Some((term, number)) => Err(self.not_finite(term, number, epoch, batch, state)),
        }
    }

    fn not_finite(&self, term: &str, value: f64, epoch: usize, batch: usize, state: &State) -> Error {
        Error::NotFinite {
            term: term.to_owned(),
            value,
            epoch: epoch + 1,
            batch: batch + 1,
            arm: self.arm.to_owned(),
            seed: self.seed,
            checkpoint: match self.save_last_good(state) {
                Some(path) => format!("the state after epoch {} is in {path}", state.history.len()),
                None => "no epoch was finished before".to_owned(),
            },
        }
    }

    /// The weights after the last whole epoch, written so that the run is not lost.
    fn save_last_good(&self, state: &State) -> Option<String> {
        if state.history.is_empty() {
            return None;
        }
        self.checkpoints.last_good(&state.last).ok()
    }

    fn restore(&mut self) -> Result<State, Error> {
        let Some(saved) = self.checkpoints.load()? else { return Ok(State::default()) };
        self.engine.load_network(&saved.network)?;
        self.engine.load_optimizer(&saved.optimizer)?;
        for (name, part) in self.objective.learned() {
            let (values, moments) = saved.learned_part(&name);
            part.load_values(&values).map_err(Error::RunFolder)?;
            part.load_optimizer(&moments).map_err(EngineError::from)?;
        }
        self.objective.load_state(&saved.memories)?;
        Ok(saved.state)
    }

    fn save(&mut self, state: &State) -> Result<(), Error> {
        let learned = self
            .objective
            .learned()
            .into_iter()
            .map(|(name, part)| Ok((name, part.values()?, part.optimizer_state()?)));
        let learned = learned.collect::<Result<Vec<_>, CopyError>>()?;
        let (network, optimizer) = (self.engine.network_state()?, self.engine.optimizer_state()?);
        self.checkpoints.save(state, network, optimizer, learned, self.objective.state()?)
    }
}

/// [`CriterionError::unusable_student_value`] of an error that may also come from the distance to the teacher.
fn unusable_student_value(error: &Error) -> Option<f64> {
    match error {
        Error::Distance(error) => error.unusable_value(Side::A),
        Error::Criterion(error) => error.unusable_student_value(),
        _ => None,
    }
}

/// Reads what the objective's backward pass left at the student's outputs.
fn output_gradients(student: &Outputs, gradients: &mut Gradients) -> OutputGradients {
    OutputGradients {
        features: student.features.grad_remove(gradients),
        logits: student.logits.grad_remove(gradients),
        maps: student.maps.iter().filter_map(|(name, map)| Some((name.clone(), map.grad_remove(gradients)?))).collect(),
    }
}

//! An engine that several ranks share: each runs its rows of every batch, and all are handed the outputs of all. Gradients come back for all
//! rows; each rank takes its own, and the gradients of the parameters are added up before a step, so that every rank takes the same one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::{Graph, NamedTensor, Role, Weights, step::Reduce};

use super::{Draws, Engine, EngineError, Images, Mode, OutputGradients, Then, Update, inner::left_to_inner};
use crate::{
    batch::{CopyError, Outputs, host},
    ranks::{Ranks, Share},
};

/// How batch norms of ranks are one.
#[derive(Debug)]
pub struct Synchronised {
    ranks: Arc<dyn Ranks>,
    /// While each rank runs the whole batch there is nothing to add.
    resting: AtomicBool,
}

impl Synchronised {
    /// Over these.
    pub fn new(ranks: Arc<dyn Ranks>) -> Arc<Self> {
        Arc::new(Self { ranks, resting: AtomicBool::new(false) })
    }
}

impl Reduce for Synchronised {
    fn sum(&self, values: &mut [f64]) {
        if !self.resting.load(Ordering::Relaxed) {
            self.ranks.sum(values);
        }
    }
}

/// What batch norms do over ranks.
#[derive(Debug)]
pub enum Norms {
    /// They take mean and variance over the batch of all.
    Synchronised(Arc<Synchronised>),
    /// Each takes those of its rows; the running ones, under these keys, are averaged after each pass.
    Local(Vec<String>),
}

impl Norms {
    /// Local ones of this graph.
    pub fn local(graph: &Graph) -> Self {
        let running =
            graph.parameters().into_iter().filter(|p| matches!(p.role, Role::RunningMean | Role::RunningVariance));
        Self::Local(running.map(|p| p.key).collect())
    }
}

/// A rank's part of a network that all of them train or run.
pub struct Spread {
    inner: Box<dyn Engine>,
    ranks: Arc<dyn Ranks>,
    norms: Norms,
    /// Rows of the last batch.
    n: usize,
    /// Of the whole batch.
    draws: Draws,
    /// Whether the accumulated gradients are those of all ranks.
    gathered: bool,
}

impl Spread {
    /// Each rank makes its own, at the same place.
    pub fn new(inner: Box<dyn Engine>, ranks: Arc<dyn Ranks>, norms: Norms) -> Self {
        Self { inner, ranks, norms, n: 0, draws: Draws::default(), gathered: false }
    }

    /// A batch of fewer rows than ranks is run by each as a whole.
    fn is_whole(&self) -> bool {
        self.share().is_whole(self.n)
    }

    fn share(&self) -> Share {
        Share::new(self.ranks.as_ref())
    }

    /// This rank's rows of a tensor's values.
    fn own<'a>(&self, values: &'a [f32]) -> &'a [f32] {
        let rows = self.share().of(self.n);
        let each = values.len() / self.n.max(1);
        &values[rows.start * each..rows.end * each]
    }

    fn gather<const D: usize>(&self, own: &Tensor<D>) -> Result<Tensor<D>, EngineError> {
        let mut shape = own.dims();
        shape[0] = self.n;
        Ok(Tensor::from_data(TensorData::new(self.ranks.gather(&host(own)?), shape), &self.inner.device()))
    }

    /// This rank's rows of a gradient; of a whole batch, which every rank adds, its part of each row.
    fn part<const D: usize>(&self, gradient: &Tensor<D>) -> Result<Tensor<D>, EngineError> {
        if self.is_whole() {
            return Ok(gradient.clone() / self.ranks.size() as f64);
        }
        let mut shape = gradient.dims();
        let all = host(gradient)?;
        let own = self.own(&all).to_vec();
        shape[0] = own.len() / shape[1..].iter().product::<usize>().max(1);
        Ok(Tensor::from_data(TensorData::new(own, shape), &gradient.device()))
    }

    /// Averages the running statistics of local norms.
    fn average_norms(&mut self) -> Result<(), EngineError> {
        let Norms::Local(keys) = &self.norms else { return Ok(()) };
        let mut part = Weights::new();
        for key in keys {
            part.extend(self.inner.tensor(key)?.map(|tensor| (key.clone(), tensor)));
        }
        let mut all: Vec<f64> =
            part.values().flat_map(|tensor| &tensor.values).map(|value| f64::from(*value)).collect();
        self.ranks.sum(&mut all);
        let (size, mut all) = (self.ranks.size() as f64, all.into_iter());
        let places = part.values_mut().flat_map(|tensor| &mut tensor.values);
        places.zip(&mut all).for_each(|(value, sum)| *value = (sum / size) as f32);
        self.inner.replace(&part)
    }
}

impl Engine for Spread {
    left_to_inner!(state);

    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        self.n = images.n;
        let whole = self.is_whole();
        if let Norms::Synchronised(norms) = &self.norms {
            norms.resting.store(whole, Ordering::Relaxed);
        }
        if whole {
            self.inner.draw_from(self.draws);
            return self.inner.forward(images, mode);
        }
        let rows = self.share().of(images.n);
        self.inner.draw_from(Draws { first: self.draws.first + rows.start as u64, ..self.draws });
        let found = self.inner.forward(Images { pixels: self.own(images.pixels), n: rows.len() }, mode)?;
        if mode == Mode::Train {
            self.average_norms()?;
        }
        let maps = found.maps.iter().map(|(name, map)| Ok((name.clone(), self.gather(map)?)));
        Ok(Outputs {
            features: self.gather(&found.features)?,
            logits: self.gather(&found.logits)?,
            maps: maps.collect::<Result<_, EngineError>>()?,
        })
    }

    fn backward(&mut self, gradients: &OutputGradients, then: Then) -> Result<(), EngineError> {
        let maps = gradients.maps.iter().map(|(name, map)| Ok((name.clone(), self.part(map)?)));
        let own = OutputGradients {
            features: gradients.features.as_ref().map(|g| self.part(g)).transpose()?,
            logits: gradients.logits.as_ref().map(|g| self.part(g)).transpose()?,
            maps: maps.collect::<Result<_, EngineError>>()?,
        };
        self.inner.backward(&own, Then::Accumulate)?;
        self.gathered = false;
        match then {
            Then::Accumulate => Ok(()),
            Then::Step(update) => self.step(&update),
        }
    }

    fn draw_from(&mut self, draws: Draws) {
        self.draws = draws;
    }

    fn gather_gradients(&mut self) -> Result<(), EngineError> {
        if !std::mem::replace(&mut self.gathered, true) {
            let ranks = self.ranks.clone();
            self.inner.change_gradients(&mut |values| ranks.sum_single(values))?;
        }
        Ok(())
    }

    fn step(&mut self, update: &Update) -> Result<(), EngineError> {
        self.gather_gradients()?;
        self.gathered = false;
        self.inner.step(update)
    }

    fn arithmetic(&self) -> String {
        format!("{}, {} ranks", self.inner.arithmetic(), self.ranks.size())
    }

    fn bytes(&self, n: usize) -> Option<usize> {
        self.inner.bytes(n.div_ceil(self.ranks.size()))
    }
}

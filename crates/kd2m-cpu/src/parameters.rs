//! Parameters, their gradients and the optimizer's moments in the engine's order of memory; PyTorch's layout at the border.

use std::{collections::BTreeMap, ops::Range};

use kd2m_nn::{
    Graph, NamedTensor, Role, Weights,
    optimizer::{Moment, OptimizerState},
    step::{Decayed, Rule, Update},
};
use rayon::prelude::*;

use crate::{
    aligned::Aligned,
    conv::{Sgd, replay},
    error::CpuError,
    isa::Isa,
    layout::Pack,
    plan::ParameterId,
    update,
};

/// One tensor.
pub struct Parameter {
    pub key: String,
    pub role: Role,
    shape: Vec<usize>,
    /// Of convolutions and linear layers; other tensors are vectors.
    pack: Option<Pack>,
    pub value: Aligned,
    pub gradient: Aligned,
    pub first: Aligned,
    pub second: Aligned,
    /// Whether `gradient` holds anything since the last step; if not, the next one is stored over it.
    pub has_gradient: bool,
    /// It learns at so many times the rate of a step.
    rate: f64,
    /// Parts that fused steps leave out (see `Convolution::dead`), and the steps that they have not done yet.
    postponed: (Vec<Range<usize>>, Vec<Sgd>),
}

/// So many postponed steps are done at once, that memory stays bounded.
const MOST_POSTPONED: usize = 256;

impl Parameter {
    /// A fused step that left these parts out.
    pub fn postpone(&mut self, isa: Isa, sgd: Sgd, parts: impl FnOnce() -> Vec<Range<usize>>) {
        if self.postponed.0.is_empty() {
            self.postponed.0 = parts();
        }
        self.postponed.1.push(sgd);
        if self.postponed.1.len() >= MOST_POSTPONED {
            self.catch_up(isa);
        }
    }

    /// Values and first moments after the postponed steps, if there are any.
    fn caught_up(&self, isa: Isa) -> Option<(Vec<f32>, Vec<f32>)> {
        let (parts, steps) = &self.postponed;
        (!steps.is_empty()).then(|| {
            let (mut value, mut first) = (self.value.to_vec(), self.first.to_vec());
            for part in parts {
                replay(isa, steps, &mut value[part.clone()], &mut first[part.clone()]);
            }
            (value, first)
        })
    }

    /// A step as this tensor takes it.
    pub fn own(&self, update: &Update) -> Update {
        Update { lr: update.lr * self.rate, ..*update }
    }

    /// Does the postponed steps.
    fn catch_up(&mut self, isa: Isa) {
        let steps = std::mem::take(&mut self.postponed.1);
        if !steps.is_empty() {
            for part in &self.postponed.0 {
                replay(isa, &steps, &mut self.value[part.clone()], &mut self.first[part.clone()]);
            }
        }
    }

    fn in_torch_layout(&self, values: &[f32]) -> NamedTensor {
        let values = match &self.pack {
            Some(pack) => pack.unpacked(values),
            None => values.to_vec(),
        };
        NamedTensor { shape: self.shape.clone(), values }
    }

    /// The value after all postponed steps.
    fn current(&self, isa: Isa) -> NamedTensor {
        match self.caught_up(isa) {
            Some((value, _)) => self.in_torch_layout(&value),
            None => self.in_torch_layout(&self.value),
        }
    }

    fn read(&self, from: &Weights, key: &str) -> Result<Aligned, CpuError> {
        let tensor = from.get(key).ok_or_else(|| CpuError::MissingTensor { key: key.to_owned() })?;
        if tensor.shape != self.shape {
            let (expected, found) = (self.shape.clone(), tensor.shape.clone());
            return Err(CpuError::WrongShape { key: key.to_owned(), expected, found });
        }
        let expected = self.shape.iter().product();
        if tensor.values.len() != expected {
            return Err(CpuError::WrongLength { what: key.to_owned(), expected, found: tensor.values.len() });
        }
        Ok(self.in_own_layout(&tensor.values))
    }

    fn in_own_layout(&self, values: &[f32]) -> Aligned {
        match &self.pack {
            Some(pack) => pack.packed(values),
            None => {
                let mut buffer = Aligned::zeros(values.len());
                buffer.copy_from_slice(values);
                buffer
            }
        }
    }

    fn is_trained(&self) -> bool {
        self.role.is_trained()
    }
}

/// The value of each parameter in the engine's order. All are read before the first error is looked at, so that it does not depend on
/// the threads.
fn read_all(list: &[Parameter], weights: &Weights) -> Result<Vec<Aligned>, CpuError> {
    let values: Vec<Result<Aligned, CpuError>> = list.par_iter().map(|p| p.read(weights, &p.key)).collect();
    values.into_iter().collect()
}

/// All tensors of a network.
pub struct Parameters {
    pub list: Vec<Parameter>,
    isa: Isa,
    /// Steps taken, for AdamW's bias correction.
    steps: u64,
    /// What weight decay moves.
    pub decayed: Decayed,
    /// Counts changes of values, so that what is derived from them (folded, transformed weights) knows when it is old.
    pub version: u64,
}

impl Parameters {
    /// `pack_of` names the order of memory of each convolution's and linear layer's weight by node.
    pub fn new(
        graph: &Graph,
        weights: &Weights,
        trainable: bool,
        isa: Isa,
        pack_of: impl Fn(usize) -> Option<Pack>,
    ) -> Result<Self, CpuError> {
        let mut list = Vec::new();
        for spec in graph.parameters() {
            let pack = if spec.role == Role::Weight { pack_of(spec.node.0) } else { None };
            let empty = || Aligned::zeros(0);
            let parameter = Parameter {
                key: spec.key,
                role: spec.role,
                shape: spec.shape,
                pack,
                value: empty(),
                gradient: empty(),
                first: empty(),
                second: empty(),
                has_gradient: false,
                rate: 1.0,
                postponed: Default::default(),
            };
            list.push(parameter);
        }
        let values = read_all(&list, weights)?;
        for (parameter, value) in list.iter_mut().zip(values) {
            parameter.value = value;
            if trainable && parameter.is_trained() {
                parameter.gradient = Aligned::zeros(parameter.value.len());
            }
        }
        Ok(Self { list, isa, steps: 0, decayed: Decayed::All, version: 0 })
    }

    pub fn values(&self, id: ParameterId) -> &[f32] {
        &self.list[id].value
    }

    /// The gradient to add to; zero where nothing was accumulated.
    pub fn gradient_to_add(&mut self, id: ParameterId) -> &mut [f32] {
        let p = &mut self.list[id];
        if !std::mem::replace(&mut p.has_gradient, true) {
            p.gradient.fill(0.0);
        }
        &mut p.gradient
    }

    /// Does all postponed steps: before values or moments are replaced.
    fn catch_up(&mut self) {
        let isa = self.isa;
        self.list.iter_mut().for_each(|p| p.catch_up(isa));
    }

    pub fn weights(&self) -> Weights {
        self.list.iter().map(|p| (p.key.clone(), p.current(self.isa))).collect()
    }

    pub fn load(&mut self, weights: &Weights) -> Result<(), CpuError> {
        let values = read_all(&self.list, weights)?;
        self.catch_up();
        for (parameter, value) in self.list.iter_mut().zip(values) {
            parameter.value = value;
        }
        self.version += 1;
        Ok(())
    }

    /// One tensor, if there is one under this key.
    pub fn tensor(&self, key: &str) -> Option<NamedTensor> {
        self.list.iter().find(|p| p.key == key).map(|p| p.current(self.isa))
    }

    /// Replaces the tensors that are named.
    pub fn replace(&mut self, part: &Weights) -> Result<(), CpuError> {
        let find = |key: &String| {
            let at = self.list.iter().position(|p| p.key == *key);
            let at = at.ok_or_else(|| CpuError::MissingTensor { key: key.clone() })?;
            Ok((at, self.list[at].read(part, key)?))
        };
        let values: Vec<(usize, Aligned)> = part.keys().map(find).collect::<Result<_, CpuError>>()?;
        let isa = self.isa;
        for (at, value) in values {
            self.list[at].catch_up(isa);
            self.list[at].value = value;
        }
        self.version += 1;
        Ok(())
    }

    pub fn gradients(&self) -> Weights {
        let known = self.list.iter().filter(|p| p.has_gradient);
        known.map(|p| (p.key.clone(), p.in_torch_layout(&p.gradient))).collect()
    }

    pub fn optimizer_state(&self) -> Weights {
        let mut state = OptimizerState::new(self.steps);
        for p in &self.list {
            let caught_up = p.caught_up(self.isa);
            let first = caught_up.as_ref().map_or(&p.first[..], |(_, first)| first);
            for (which, moment) in Moment::BOTH.into_iter().zip([first, &p.second[..]]) {
                if !moment.is_empty() {
                    state.insert(&p.key, which, p.in_torch_layout(moment));
                }
            }
        }
        state.into_weights()
    }

    pub fn load_optimizer_state(&mut self, state: &Weights) -> Result<(), CpuError> {
        let state = OptimizerState::read(state)?;
        let mut moments = Vec::with_capacity(self.list.len());
        for p in &self.list {
            let read = |which| {
                let found = state.moment(&p.key, which, &p.shape)?;
                Ok::<_, CpuError>(found.map_or_else(|| Aligned::zeros(0), |tensor| p.in_own_layout(&tensor.values)))
            };
            moments.push((read(Moment::First)?, read(Moment::Second)?));
        }
        self.catch_up();
        for (p, (first, second)) in self.list.iter_mut().zip(moments) {
            (p.first, p.second) = (first, second);
        }
        self.steps = state.steps();
        Ok(())
    }

    pub fn gradient_norm_squared(&self) -> f64 {
        let squares = |g: &Aligned| g.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
        self.list.iter().filter(|p| p.has_gradient).map(|p| squares(&p.gradient)).sum()
    }

    /// Shows each gradient of a trained tensor to be changed in place; where nothing was accumulated it is zero.
    pub fn change_gradients(&mut self, change: &mut dyn FnMut(&mut [f32])) {
        for id in 0..self.list.len() {
            if self.list[id].is_trained() {
                change(self.gradient_to_add(id));
            }
        }
    }

    pub fn scale_gradients(&mut self, factor: f32) {
        for p in &mut self.list {
            p.gradient.iter_mut().for_each(|g| *g *= factor);
        }
    }

    /// Each tensor that is named learns at so many times the rate of a step, all others at the rate itself.
    pub fn scale_rates(&mut self, rates: &BTreeMap<String, f64>) {
        self.list.iter_mut().for_each(|p| p.rate = rates.get(&p.key).copied().unwrap_or(1.0));
    }

    /// Forgets all gradients.
    pub fn zero_gradients(&mut self) {
        self.list.iter_mut().for_each(|p| p.has_gradient = false);
    }

    pub fn has_gradients(&self) -> bool {
        self.list.iter().any(|p| p.has_gradient)
    }

    /// Makes sure that the moments of a rule exist, and counts the step.
    pub fn begin_step(&mut self, rule: &Rule) {
        let second = matches!(rule, Rule::AdamW { .. });
        for p in self.list.iter_mut().filter(|p| !p.gradient.is_empty()) {
            p.first.reserve(p.gradient.len());
            if second {
                p.second.reserve(p.gradient.len());
            }
        }
        self.steps += 1;
        self.version += 1;
    }

    /// Steps one tensor with its gradient, if it has one (as PyTorch skips tensors whose gradient is None).
    pub fn step(&mut self, id: ParameterId, update: &Update) {
        let p = &mut self.list[id];
        if !std::mem::replace(&mut p.has_gradient, false) {
            return;
        }
        p.catch_up(self.isa);
        let own = p.own(update);
        let own = if self.decayed.has(p.role) { own } else { Update { weight_decay: 0.0, ..own } };
        let adam = matches!(update.rule, Rule::AdamW { .. });
        let length = p.value.len();
        let second = if adam { &mut p.second[..length] } else { &mut [][..] };
        update::apply(&own, &mut p.value, &p.gradient, &mut p.first, second, self.steps);
    }

    /// Steps every tensor that still has a gradient.
    pub fn step_rest(&mut self, update: &Update) {
        (0..self.list.len()).for_each(|id| self.step(id, update));
    }

    /// Memory in bytes once steps are taken: each trained tensor has a gradient and up to two moments.
    pub fn bytes_for_steps(&self) -> usize {
        let each = |p: &Parameter| p.value.len() + 3 * p.gradient.len();
        size_of::<f32>() * self.list.iter().map(each).sum::<usize>()
    }

    /// Memory in bytes.
    pub fn bytes(&self) -> usize {
        let each = |p: &Parameter| p.value.len() + p.gradient.len() + p.first.len() + p.second.len();
        size_of::<f32>() * self.list.iter().map(each).sum::<usize>()
    }
}

//! Trained tensors and their optimizer: the parameters of the Burn engine and the learned parts of criteria share this.
//! The update rules are PyTorch's: SGD without dampening, L2 weight decay in the gradient; AdamW decoupled and bias-corrected.
//! A set is a Burn module too, so that an optimizer of your own may step it instead.

use std::collections::BTreeMap;

use burn::{
    module::{Module, Param, ParamId},
    tensor::{Device, Gradients, Tensor, TensorData},
};
use kd2m_nn::{
    NamedTensor, Weights,
    optimizer::{Moment, OptimizerError, OptimizerState},
    step::{Rule, Update},
};

use crate::batch::{CopyError, host, leaf};

/// What a set knows of one of its tensors.
#[derive(Debug, Clone)]
struct Kept {
    key: String,
    shape: Vec<usize>,
    /// Whether weight decay moves it.
    decays: bool,
    /// It learns at so many times the rate of a step.
    rate: f64,
    gradient: Option<Tensor<1>>,
    /// SGD: momentum. AdamW: first and second moment.
    moments: [Option<Tensor<1>>; 2],
}

impl Kept {
    /// A tensor of this one's shape on the host.
    fn named(&self, tensor: &Tensor<1>) -> Result<NamedTensor, CopyError> {
        Ok(NamedTensor { shape: self.shape.clone(), values: host(tensor)? })
    }
}

/// Trained tensors by key. As a [`Module`] it is a list of flat tensors; gradients, moments and steps belong to
/// [`collect`](Self::collect) and [`step`](Self::step), which an optimizer of your own takes the place of.
#[derive(Module, Debug)]
pub struct ParameterSet {
    values: Vec<Param<Tensor<1>>>,
    #[module(skip)]
    kept: Vec<Kept>,
    #[module(skip)]
    device: Device,
    #[module(skip)]
    steps: u64,
}

impl ParameterSet {
    /// An empty set whose tensors will live on `device`.
    pub fn new(device: &Device) -> Self {
        Self { values: Vec::new(), kept: Vec::new(), device: device.clone().without_autodiff(), steps: 0 }
    }

    /// Adds a tensor and returns its index.
    pub fn push(&mut self, key: &str, shape: &[usize], values: Vec<f32>) -> usize {
        self.values.push(Param::initialized(ParamId::new(), leaf(&self.upload(values))));
        let (key, shape) = (key.to_owned(), shape.to_vec());
        self.kept.push(Kept { key, shape, decays: true, rate: 1.0, gradient: None, moments: [None, None] });
        self.kept.len() - 1
    }

    /// Weight decay moves those tensors alone of whose index and shape this is true; all at first.
    pub fn decay_only(&mut self, is: impl Fn(usize, &[usize]) -> bool) {
        self.kept.iter_mut().enumerate().for_each(|(index, kept)| kept.decays = is(index, &kept.shape));
    }

    /// Each tensor that is named learns at so many times the rate of a step, all others at the rate itself.
    pub fn scale_rates(&mut self, rates: &BTreeMap<String, f64>) {
        self.kept.iter_mut().for_each(|kept| kept.rate = rates.get(&kept.key).copied().unwrap_or(1.0));
    }

    /// Replaces a value; it stays the same parameter to an optimizer.
    fn put(&mut self, index: usize, value: &Tensor<1>) {
        self.values[index] = Param::initialized(self.values[index].id, leaf(value));
    }

    fn upload(&self, values: Vec<f32>) -> Tensor<1> {
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), &self.device)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// True when nothing is trained.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// A tensor in its own shape: tracked when training, a constant otherwise.
    pub fn get<const D: usize>(&self, index: usize, tracked: bool) -> Tensor<D> {
        let mut shape = [1; D];
        shape.copy_from_slice(&self.kept[index].shape);
        let value = self.values[index].val();
        if tracked { value.reshape(shape) } else { value.inner().reshape(shape) }
    }

    /// Adds what a backward pass left for these tensors to their gradients.
    pub fn collect(&mut self, gradients: &mut Gradients) {
        self.collect_times(gradients, 1.0);
    }

    /// The same, so many times: of a loss whose weight is known after its backward pass.
    pub fn collect_times(&mut self, gradients: &mut Gradients, factor: f64) {
        for (value, kept) in self.values.iter().zip(&mut self.kept) {
            if let Some(new) = value.val().grad_remove(gradients) {
                let new = if factor == 1.0 { new } else { new * factor };
                kept.gradient = Some(match kept.gradient.take() {
                    Some(old) => old + new,
                    None => new,
                });
            }
        }
    }

    /// Σ g² over all accumulated gradients.
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device, as for all that reads values here.
    pub fn gradient_norm_squared(&self) -> Result<f64, CopyError> {
        self.kept
            .iter()
            .filter_map(|p| p.gradient.as_ref())
            .map(|g| Ok(host(g)?.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()))
            .sum()
    }

    /// One step with the accumulated gradients, which are cleared. A tensor without a gradient stays as it is.
    pub fn step(&mut self, update: &Update) {
        self.steps += 1;
        for index in 0..self.kept.len() {
            let kept = &mut self.kept[index];
            let Some(gradient) = kept.gradient.take() else { continue };
            let value = self.values[index].val().inner();
            let lr = update.lr * kept.rate;
            let weight_decay = if kept.decays { update.weight_decay } else { 0.0 };
            let gradient = if update.gradient_scale == 1.0 { gradient } else { gradient * update.gradient_scale };
            let next = match update.rule {
                Rule::Sgd { momentum, nesterov } => {
                    let gradient = gradient + value.clone() * weight_decay;
                    let direction = if momentum == 0.0 {
                        gradient
                    } else {
                        let buffer = match kept.moments[0].take() {
                            Some(buffer) => buffer * momentum + gradient.clone(),
                            None => gradient.clone(),
                        };
                        kept.moments[0] = Some(buffer.clone());
                        if nesterov { gradient + buffer * momentum } else { buffer }
                    };
                    value - direction * lr
                }
                Rule::AdamW { beta1, beta2, eps } => {
                    let blend = |old: Option<Tensor<1>>, new: Tensor<1>, beta: f64| match old {
                        Some(old) => old * beta + new * (1.0 - beta),
                        None => new * (1.0 - beta),
                    };
                    let first = blend(kept.moments[0].take(), gradient.clone(), beta1);
                    let second = blend(kept.moments[1].take(), gradient.square(), beta2);
                    kept.moments = [Some(first.clone()), Some(second.clone())];
                    // Beyond the last i32 the powers are 0 as they are at it.
                    let t = i32::try_from(self.steps).unwrap_or(i32::MAX);
                    let scale = lr / (1.0 - beta1.powi(t));
                    let root = (second / (1.0 - beta2.powi(t))).sqrt() + eps;
                    value * (1.0 - lr * weight_decay) - first / root * scale
                }
            };
            self.put(index, &next);
        }
    }

    /// Values under their keys.
    ///
    /// # Errors
    /// A value that cannot be copied from its device.
    pub fn values(&self) -> Result<Weights, CopyError> {
        let named = self.kept.iter().zip(&self.values);
        named.map(|(kept, value)| Ok((kept.key.clone(), kept.named(&value.val())?))).collect()
    }

    /// Accumulated gradients under their keys.
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device.
    pub fn gradients(&self) -> Result<Weights, CopyError> {
        let picked = self.kept.iter().filter_map(|p| Some((p, p.gradient.as_ref()?)));
        picked.map(|(p, tensor)| Ok((p.key.clone(), p.named(tensor)?))).collect()
    }

    /// The same for an optimizer that lives elsewhere: they are cleared.
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device.
    pub fn take_gradients(&mut self) -> Result<Weights, CopyError> {
        let gradients = self.gradients();
        self.kept.iter_mut().for_each(|kept| kept.gradient = None);
        gradients
    }

    /// Moments and step count, as [`kd2m_nn::optimizer`] has them.
    ///
    /// # Errors
    /// A moment that cannot be copied from its device.
    pub fn optimizer_state(&self) -> Result<Weights, CopyError> {
        let mut state = OptimizerState::new(self.steps);
        for kept in &self.kept {
            for (which, moment) in Moment::BOTH.into_iter().zip(&kept.moments) {
                if let Some(moment) = moment {
                    state.insert(&kept.key, which, kept.named(moment)?);
                }
            }
        }
        Ok(state.into_weights())
    }

    /// Replaces every value.
    ///
    /// # Errors
    /// The first key that is missing or has another shape.
    pub fn load_values(&mut self, weights: &Weights) -> Result<(), String> {
        for i in 0..self.kept.len() {
            let tensor = fitting(weights, &self.kept[i].key, &self.kept[i].shape)?;
            let value = self.upload(tensor.values.clone());
            self.put(i, &value);
        }
        Ok(())
    }

    /// One value, if there is one under this key.
    ///
    /// # Errors
    /// A value that cannot be copied from its device.
    pub fn value(&self, key: &str) -> Result<Option<NamedTensor>, CopyError> {
        let at = self.kept.iter().position(|p| p.key == key);
        at.map(|at| self.kept[at].named(&self.values[at].val())).transpose()
    }

    /// Replaces the values that are named.
    ///
    /// # Errors
    /// A key that the set lacks, or another shape; nothing is changed then.
    pub fn replace(&mut self, part: &Weights) -> Result<(), String> {
        let find = |key: &String| {
            let at = self.kept.iter().position(|p| p.key == *key);
            let at = at.ok_or_else(|| format!("there is no `{key}` to replace"))?;
            Ok((at, self.upload(fitting(part, key, &self.kept[at].shape)?.values.clone())))
        };
        let values: Vec<_> = part.keys().map(find).collect::<Result<_, String>>()?;
        values.into_iter().for_each(|(at, value)| self.put(at, &value));
        Ok(())
    }

    /// Replaces moments and step count; a moment that is not there is cleared.
    ///
    /// # Errors
    /// A moment of another shape, or no count of steps; nothing is changed then.
    pub fn load_optimizer(&mut self, state: &Weights) -> Result<(), OptimizerError> {
        let state = OptimizerState::read(state)?;
        let read = |kept: &Kept, which| {
            let moment = state.moment(&kept.key, which, &kept.shape)?;
            Ok(moment.map(|tensor| self.upload(tensor.values.clone())))
        };
        let moments = self.kept.iter().map(|kept| Ok([read(kept, Moment::First)?, read(kept, Moment::Second)?]));
        let moments = moments.collect::<Result<Vec<_>, OptimizerError>>()?;
        self.kept.iter_mut().zip(moments).for_each(|(kept, moments)| kept.moments = moments);
        self.steps = state.steps();
        Ok(())
    }
}

/// The tensor under `key`, if it has this shape.
///
/// # Errors
/// A missing key, or another shape; both are named.
pub fn fitting<'w>(weights: &'w Weights, key: &str, shape: &[usize]) -> Result<&'w NamedTensor, String> {
    let tensor = weights.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    if tensor.shape != shape {
        return Err(format!("`{key}` has shape {:?}, expected {shape:?}", tensor.shape));
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> ParameterSet {
        let mut set = ParameterSet::new(&Device::flex());
        set.push("w", &[2], vec![1.0, 2.0]);
        set
    }

    #[test]
    fn a_state_without_a_count_is_refused_and_changes_nothing() {
        let mut kept = set();
        kept.steps = 7;
        let moment = NamedTensor { shape: vec![2], values: vec![0.5; 2] };
        let mut state = Weights::from([("w.moment1".to_owned(), moment)]);
        assert_eq!(kept.load_optimizer(&state), Err(OptimizerError::NoSteps));
        state.insert("steps".to_owned(), NamedTensor { shape: vec![1], values: vec![0.5] });
        assert_eq!(kept.load_optimizer(&state), Err(OptimizerError::NoCount { values: vec![0.5] }));
        assert!(kept.steps == 7 && kept.kept[0].moments[0].is_none());
        state.insert("steps".to_owned(), NamedTensor::of_count(9));
        kept.load_optimizer(&state).unwrap();
        assert!(kept.steps == 9 && kept.kept[0].moments[0].is_some());
        assert_eq!(kept.optimizer_state().unwrap(), state);
    }

    /// Burn's plain SGD on a clone of the set is this set's own step.
    #[test]
    fn an_optimizer_of_burn_steps_it_as_a_module() {
        use burn::optim::{GradientsParams, SgdConfig};
        let mut own = set();
        let mut module = own.clone();
        assert_eq!(module.num_params(), 2);
        let loss = |set: &ParameterSet| (set.get::<1>(0, true).square() * 0.5).sum().backward();
        let mut optimizer = SgdConfig::new().init();
        for _ in 0..3 {
            own.collect(&mut loss(&own));
            own.step(&Update::sgd(0.1, 0.0));
            let gradients = GradientsParams::from_grads(loss(&module), &module);
            module = optimizer.step(0.1, module, gradients);
        }
        let (own, theirs) = (own.values().unwrap(), module.values().unwrap());
        assert_eq!(own["w"], theirs["w"]);
        let expected: Vec<f32> = [1.0f32, 2.0].iter().map(|x| x * 0.9 * 0.9 * 0.9).collect();
        assert!(own["w"].values.iter().zip(&expected).all(|(x, y)| (x - y).abs() < 1e-6), "{own:?}");
    }
}

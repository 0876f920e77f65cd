//! Trained tensors and their optimizer: the parameters of the Burn engine and the learned parts of criteria share this.
//! The update rules are PyTorch's: SGD without dampening, L2 weight decay in the gradient; AdamW decoupled and bias-corrected.

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use kd2m_nn::{NamedTensor, Weights};

use crate::batch::{host, leaf};

/// How a gradient becomes a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    Sgd { momentum: f64, nesterov: bool },
    AdamW { beta1: f64, beta2: f64, eps: f64 },
}

/// One optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    pub lr: f64,
    pub weight_decay: f64,
    /// Every gradient is multiplied by it first: clipping by global norm.
    pub gradient_scale: f64,
    pub rule: Rule,
}

/// One trained tensor, flat, with its gradient and moments.
struct Parameter {
    key: String,
    shape: Vec<usize>,
    value: Tensor<1>,
    gradient: Option<Tensor<1>>,
    /// SGD: momentum. AdamW: first and second moment.
    moments: [Option<Tensor<1>>; 2],
}

/// Trained tensors by key.
pub struct ParameterSet {
    device: Device,
    parameters: Vec<Parameter>,
    steps: usize,
}

impl ParameterSet {
    /// An empty set whose tensors will live on `device`.
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone().without_autodiff(), parameters: Vec::new(), steps: 0 }
    }

    /// Adds a tensor and returns its index.
    pub fn push(&mut self, key: &str, shape: &[usize], values: Vec<f32>) -> usize {
        let value = self.upload(values);
        self.parameters.push(Parameter {
            key: key.to_owned(),
            shape: shape.to_vec(),
            value: leaf(&value),
            gradient: None,
            moments: [None, None],
        });
        self.parameters.len() - 1
    }

    fn upload(&self, values: Vec<f32>) -> Tensor<1> {
        let n = values.len();
        Tensor::from_data(TensorData::new(values, [n]), &self.device)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// True when nothing is trained.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// A tensor in its own shape: tracked when training, a constant otherwise.
    pub fn get<const D: usize>(&self, index: usize, tracked: bool) -> Tensor<D> {
        let parameter = &self.parameters[index];
        let mut shape = [1; D];
        shape.copy_from_slice(&parameter.shape);
        let value = parameter.value.clone();
        if tracked { value.reshape(shape) } else { value.inner().reshape(shape) }
    }

    /// Adds what a backward pass left for these tensors to their gradients.
    pub fn collect(&mut self, gradients: &mut Gradients) {
        for parameter in &mut self.parameters {
            if let Some(new) = parameter.value.grad_remove(gradients) {
                parameter.gradient = Some(match parameter.gradient.take() {
                    Some(old) => old + new,
                    None => new,
                });
            }
        }
    }

    /// Σ g² over all accumulated gradients.
    pub fn gradient_norm_squared(&self) -> f64 {
        self.parameters
            .iter()
            .filter_map(|p| p.gradient.as_ref())
            .map(|g| host(g).iter().map(|x| f64::from(*x).powi(2)).sum::<f64>())
            .sum()
    }

    /// One step with the accumulated gradients, which are cleared. A tensor without a gradient stays as it is.
    pub fn step(&mut self, update: &Update) {
        self.steps += 1;
        for parameter in &mut self.parameters {
            let Some(gradient) = parameter.gradient.take() else { continue };
            let value = parameter.value.clone().inner();
            let gradient = if update.gradient_scale == 1.0 { gradient } else { gradient * update.gradient_scale };
            let next = match update.rule {
                Rule::Sgd { momentum, nesterov } => {
                    let gradient = gradient + value.clone() * update.weight_decay;
                    let direction = if momentum == 0.0 {
                        gradient
                    } else {
                        let buffer = match parameter.moments[0].take() {
                            Some(buffer) => buffer * momentum + gradient.clone(),
                            None => gradient.clone(),
                        };
                        parameter.moments[0] = Some(buffer.clone());
                        if nesterov { gradient + buffer * momentum } else { buffer }
                    };
                    value - direction * update.lr
                }
                Rule::AdamW { beta1, beta2, eps } => {
                    let blend = |old: Option<Tensor<1>>, new: Tensor<1>, beta: f64| match old {
                        Some(old) => old * beta + new * (1.0 - beta),
                        None => new * (1.0 - beta),
                    };
                    let first = blend(parameter.moments[0].take(), gradient.clone(), beta1);
                    let second = blend(parameter.moments[1].take(), gradient.square(), beta2);
                    parameter.moments = [Some(first.clone()), Some(second.clone())];
                    let t = self.steps as i32;
                    let scale = update.lr / (1.0 - beta1.powi(t));
                    let root = (second / (1.0 - beta2.powi(t))).sqrt() + eps;
                    value * (1.0 - update.lr * update.weight_decay) - first / root * scale
                }
            };
            parameter.value = leaf(&next);
        }
    }

    /// Values under their keys.
    pub fn values(&self) -> Weights {
        self.export(|p| Some(host(&p.value)))
    }

    /// Accumulated gradients under their keys.
    pub fn gradients(&self) -> Weights {
        self.export(|p| p.gradient.as_ref().map(host))
    }

    fn export(&self, pick: impl Fn(&Parameter) -> Option<Vec<f32>>) -> Weights {
        self.parameters
            .iter()
            .filter_map(|p| {
                let values = pick(p)?;
                Some((p.key.clone(), NamedTensor { shape: p.shape.clone(), values }))
            })
            .collect()
    }

    /// Moments as `KEY.moment1`, `KEY.moment2` and the step count as `steps`.
    pub fn optimizer_state(&self) -> Weights {
        let mut state = Weights::new();
        for parameter in &self.parameters {
            for (i, moment) in parameter.moments.iter().enumerate() {
                if let Some(moment) = moment {
                    let tensor = NamedTensor { shape: parameter.shape.clone(), values: host(moment) };
                    state.insert(format!("{}.moment{}", parameter.key, i + 1), tensor);
                }
            }
        }
        state.insert("steps".into(), NamedTensor { shape: vec![1], values: vec![self.steps as f32] });
        state
    }

    /// Replaces every value.
    ///
    /// # Errors
    /// The first key that is missing or has another shape.
    pub fn load_values(&mut self, weights: &Weights) -> Result<(), String> {
        for i in 0..self.parameters.len() {
            let tensor = fitting(weights, &self.parameters[i].key, &self.parameters[i].shape)?;
            let value = self.upload(tensor.values.clone());
            self.parameters[i].value = leaf(&value);
        }
        Ok(())
    }

    /// One value, if there is one under this key.
    pub fn value(&self, key: &str) -> Option<NamedTensor> {
        let found = self.parameters.iter().find(|p| p.key == key)?;
        Some(NamedTensor { shape: found.shape.clone(), values: host(&found.value) })
    }

    /// Replaces the values that are named.
    ///
    /// # Errors
    /// A key that the set lacks, or another shape; nothing is changed then.
    pub fn replace(&mut self, part: &Weights) -> Result<(), String> {
        let find = |key: &String| {
            let at = self.parameters.iter().position(|p| p.key == *key);
            let at = at.ok_or_else(|| format!("there is no `{key}` to replace"))?;
            Ok((at, self.upload(fitting(part, key, &self.parameters[at].shape)?.values.clone())))
        };
        let values: Vec<_> = part.keys().map(find).collect::<Result<_, String>>()?;
        values.into_iter().for_each(|(at, value)| self.parameters[at].value = leaf(&value));
        Ok(())
    }

    /// Replaces moments and step count; a moment that is not there is cleared.
    ///
    /// # Errors
    /// A moment of another shape.
    pub fn load_optimizer(&mut self, state: &Weights) -> Result<(), String> {
        self.steps = state.get("steps").and_then(|t| t.values.first()).map_or(0, |s| *s as usize);
        for i in 0..self.parameters.len() {
            for moment in 0..2 {
                let key = format!("{}.moment{}", self.parameters[i].key, moment + 1);
                self.parameters[i].moments[moment] = match state.contains_key(&key) {
                    true => {
                        let tensor = fitting(state, &key, &self.parameters[i].shape)?;
                        Some(self.upload(tensor.values.clone()))
                    }
                    false => None,
                };
            }
        }
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

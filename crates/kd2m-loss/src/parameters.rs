//! Trained tensors and their optimizer: the parameters of the Burn engine and the learned parts of criteria share this.
//! The update rules are PyTorch's: SGD without dampening, L2 weight decay in the gradient; AdamW decoupled and bias-corrected.

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use kd2m_nn::{
    NamedTensor, Weights,
    step::{Rule, Update},
};

use crate::batch::{CopyError, host, leaf};

/// One trained tensor, flat, with its gradient and moments.
struct Parameter {
    key: String,
    shape: Vec<usize>,
    value: Tensor<1>,
    gradient: Option<Tensor<1>>,
    /// SGD: momentum. AdamW: first and second moment.
    moments: [Option<Tensor<1>>; 2],
}

impl Parameter {
    /// A tensor of this one's shape on the host.
    fn named(&self, tensor: &Tensor<1>) -> Result<NamedTensor, CopyError> {
        Ok(NamedTensor { shape: self.shape.clone(), values: host(tensor)? })
    }
}

/// The key of the count of steps in an optimizer's state.
const STEPS: &str = "steps";

/// Trained tensors by key.
pub struct ParameterSet {
    device: Device,
    parameters: Vec<Parameter>,
    steps: u64,
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
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device, as for all that reads values here.
    pub fn gradient_norm_squared(&self) -> Result<f64, CopyError> {
        self.parameters
            .iter()
            .filter_map(|p| p.gradient.as_ref())
            .map(|g| Ok(host(g)?.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()))
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
                    // Beyond the last i32 the powers are 0 as they are at it.
                    let t = i32::try_from(self.steps).unwrap_or(i32::MAX);
                    let scale = update.lr / (1.0 - beta1.powi(t));
                    let root = (second / (1.0 - beta2.powi(t))).sqrt() + eps;
                    value * (1.0 - update.lr * update.weight_decay) - first / root * scale
                }
            };
            parameter.value = leaf(&next);
        }
    }

    /// Values under their keys.
    ///
    /// # Errors
    /// A value that cannot be copied from its device.
    pub fn values(&self) -> Result<Weights, CopyError> {
        self.export(|p| Some(&p.value))
    }

    /// Accumulated gradients under their keys.
    ///
    /// # Errors
    /// A gradient that cannot be copied from its device.
    pub fn gradients(&self) -> Result<Weights, CopyError> {
        self.export(|p| p.gradient.as_ref())
    }

    fn export(&self, pick: impl Fn(&Parameter) -> Option<&Tensor<1>>) -> Result<Weights, CopyError> {
        let picked = self.parameters.iter().filter_map(|p| Some((p, pick(p)?)));
        picked.map(|(p, tensor)| Ok((p.key.clone(), p.named(tensor)?))).collect()
    }

    /// Moments as `KEY.moment1`, `KEY.moment2` and the step count as `steps`.
    ///
    /// # Errors
    /// A moment that cannot be copied from its device.
    pub fn optimizer_state(&self) -> Result<Weights, CopyError> {
        let mut state = Weights::new();
        for parameter in &self.parameters {
            for (i, moment) in parameter.moments.iter().enumerate() {
                if let Some(moment) = moment {
                    state.insert(format!("{}.moment{}", parameter.key, i + 1), parameter.named(moment)?);
                }
            }
        }
        state.insert(STEPS.into(), NamedTensor::of_count(self.steps));
        Ok(state)
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
    ///
    /// # Errors
    /// A value that cannot be copied from its device.
    pub fn value(&self, key: &str) -> Result<Option<NamedTensor>, CopyError> {
        self.parameters.iter().find(|p| p.key == key).map(|found| found.named(&found.value)).transpose()
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
    /// A moment of another shape, or no count of steps; nothing is changed then.
    pub fn load_optimizer(&mut self, state: &Weights) -> Result<(), String> {
        let steps = state.get(STEPS).ok_or_else(|| {
            format!("`{STEPS}` is missing: this is no state of this engine's optimizer, or it lost its count of steps")
        })?;
        let steps = steps.count().ok_or_else(|| format!("`{STEPS}` is {:?}, which counts nothing", steps.values))?;
        let read = |parameter: &Parameter, number: usize| -> Result<Option<Tensor<1>>, String> {
            let key = format!("{}.moment{number}", parameter.key);
            match state.contains_key(&key) {
                true => Ok(Some(self.upload(fitting(state, &key, &parameter.shape)?.values.clone()))),
                false => Ok(None),
            }
        };
        let moments = self.parameters.iter().map(|p| Ok([read(p, 1)?, read(p, 2)?]));
        let moments = moments.collect::<Result<Vec<_>, String>>()?;
        self.parameters.iter_mut().zip(moments).for_each(|(p, moments)| p.moments = moments);
        self.steps = steps;
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
    fn steps_are_counted_beyond_what_an_f32_can() {
        // 2²⁴ + 1 is the first whole number that an f32 lacks.
        for steps in [0, 1, (1 << 24) + 1, (1 << 40) + 12_345] {
            let mut written = set();
            written.steps = steps;
            let mut read = set();
            read.load_optimizer(&written.optimizer_state().unwrap()).unwrap();
            assert_eq!(read.steps, steps);
        }
    }

    #[test]
    fn a_count_as_older_checkpoints_have_it_is_read() {
        let old = Weights::from([(STEPS.to_owned(), NamedTensor { shape: vec![1], values: vec![1234.0] })]);
        let mut read = set();
        read.load_optimizer(&old).unwrap();
        assert_eq!(read.steps, 1234);
    }

    #[test]
    fn a_state_without_a_count_is_refused_and_changes_nothing() {
        let mut kept = set();
        kept.steps = 7;
        let moment = NamedTensor { shape: vec![2], values: vec![0.5; 2] };
        let mut state = Weights::from([("w.moment1".to_owned(), moment)]);
        assert!(kept.load_optimizer(&state).unwrap_err().starts_with("`steps` is missing"));
        for wrong in [vec![], vec![0.5], vec![-1.0], vec![f32::NAN], vec![1.0, 2.0, 3.0]] {
            state.insert(STEPS.to_owned(), NamedTensor { shape: vec![wrong.len()], values: wrong });
            let error = kept.load_optimizer(&state).unwrap_err();
            assert!(error.contains("counts nothing"), "{error}");
        }
        assert!(kept.steps == 7 && kept.parameters[0].moments[0].is_none());
    }
}

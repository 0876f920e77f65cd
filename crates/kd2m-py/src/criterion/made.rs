//! A criterion that is made: its batches are looked at before they reach it, so that none is read beyond its end.

use std::sync::Arc;

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use kd2m_loss::{
    Batch, CriterionError, Mode, NetworkShapes, Outputs, Shapes,
    batch::{host, scalar},
};
use kd2m_nn::{NamedTensor, Weights};
use pyo3::PyResult;

use super::refused;
use crate::error::wrong;

pub const FEATURES: &str = "features";
pub const LOGITS: &str = "logits";

/// A criterion for two networks.
pub struct Made {
    pub criterion: Box<dyn kd2m_loss::Criterion>,
    pub shapes: Shapes,
}

/// A batch on this side of the border.
pub struct Inputs {
    pub student: Vec<(String, NamedTensor)>,
    pub teacher: Vec<(String, NamedTensor)>,
    pub labels: Option<Vec<u32>>,
    pub labels_teacher: Option<Vec<u32>>,
    pub indices: Vec<u32>,
    pub learned: Weights,
    pub step: usize,
    pub seed: u64,
    pub mode: Mode,
    pub gradient: bool,
}

/// What is said of it.
pub struct Found {
    pub value: f64,
    pub diagnostics: Vec<(String, f64)>,
    /// Of the student's outputs that have one.
    pub gradients: Vec<(String, NamedTensor)>,
    pub learned: Weights,
}

impl Made {
    /// The loss, and its gradients where they are asked for.
    ///
    /// # Errors
    /// Outputs that are missing or of other sizes, and what the criterion itself refuses.
    pub fn evaluate(&mut self, name: &str, inputs: Inputs) -> PyResult<Found> {
        let [n, m] = self.fits(name, &inputs)?;
        let Shapes { student, teacher, classes, .. } = &self.shapes;
        let (student, teacher) =
            (outputs(&inputs.student, n, student, *classes), outputs(&inputs.teacher, m, teacher, *classes));
        let student = student.leaves();
        if let Some(learned) = self.criterion.learned() {
            learned.load_values(&inputs.learned).map_err(wrong)?;
        }
        let batch = Batch {
            teacher_labels: inputs.labels_teacher.as_deref(),
            step: inputs.step,
            seed: inputs.seed,
            mode: inputs.mode,
            ..Batch::new(&student, &teacher)
        };
        let batch = batch.labels(inputs.labels.as_deref().unwrap_or_default()).indices(&inputs.indices);
        let term = self.criterion.evaluate(&batch).map_err(refused)?;
        let value = scalar(&term.loss).map_err(CriterionError::from).map_err(refused)?;
        let mut found = Found { value, diagnostics: term.diagnostics, gradients: Vec::new(), learned: Weights::new() };
        if inputs.gradient {
            self.differentiate(term.loss, &student, &mut found).map_err(refused)?;
        }
        Ok(found)
    }

    fn differentiate(&mut self, loss: Tensor<1>, student: &Outputs, found: &mut Found) -> Result<(), CriterionError> {
        let mut gradients = loss.backward();
        found.gradients.extend(gradient(FEATURES, &student.features, &mut gradients)?);
        found.gradients.extend(gradient(LOGITS, &student.logits, &mut gradients)?);
        for (name, map) in &student.maps {
            found.gradients.extend(gradient(name, map, &mut gradients)?);
        }
        if let Some(learned) = self.criterion.learned() {
            learned.collect(&mut gradients);
            found.learned = learned.take_gradients()?;
        }
        Ok(())
    }

    /// Samples of student and teacher, where everything that is read is there and has the sizes that the criterion was made for.
    fn fits(&self, name: &str, inputs: &Inputs) -> PyResult<[usize; 2]> {
        let needs = self.criterion.needs();
        let sides = [
            ("student", &inputs.student, &self.shapes.student, &needs.student_maps),
            ("teacher", &inputs.teacher, &self.shapes.teacher, &needs.teacher_maps),
        ];
        let mut samples = [0; 2];
        for (samples, (who, given, network, maps)) in samples.iter_mut().zip(sides) {
            let mut read: Vec<&str> = maps.iter().map(String::as_str).collect();
            read.extend(needs.features.then_some(FEATURES));
            read.extend(needs.logits.then_some(LOGITS));
            if let Some(missing) = read.iter().find(|read| !given.iter().any(|(name, _)| name == *read)) {
                return Err(wrong(format!(
                    "criterion {name} reads {missing} of the {who}: give them, as {{\"{missing}\": tensor}}"
                )));
            }
            for (output, tensor) in given {
                let expected = match output.as_str() {
                    FEATURES => vec![network.features],
                    LOGITS => vec![self.shapes.classes],
                    map => network.map(map).map(|size| size.to_vec()).unwrap_or_default(),
                };
                let [rows, size @ ..] = tensor.shape.as_slice() else {
                    return Err(wrong(format!("{output} of the {who} have no dimension of samples")));
                };
                if size != expected {
                    return Err(wrong(format!(
                        "{output} of the {who} have sizes {size:?} beside the samples, and the criterion was made for {expected:?}"
                    )));
                }
                if *samples != 0 && *samples != *rows {
                    return Err(wrong(format!("{output} of the {who} have {rows} samples, others {samples}")));
                }
                *samples = *rows;
            }
            if *samples == 0 {
                return Err(wrong(format!("the {who} gave no samples")));
            }
        }
        let [n, m] = samples;
        if n != m && !needs.unpaired {
            return Err(wrong(format!(
                "criterion {name} compares sample by sample: the student has {n}, the teacher {m}"
            )));
        }
        if needs.labels && inputs.labels.is_none() {
            return Err(wrong(format!("criterion {name} reads labels: one class a sample")));
        }
        if needs.labels && n != m && inputs.labels_teacher.is_none() {
            return Err(wrong(format!("criterion {name} reads labels: give the teacher's {m} as labels_teacher")));
        }
        self.labels_fit(&inputs.labels, n, "labels")?;
        self.labels_fit(&inputs.labels_teacher, m, "labels_teacher")?;
        if !inputs.indices.is_empty() && inputs.indices.len() != n {
            return Err(wrong(format!("there are {} indices of {n} samples", inputs.indices.len())));
        }
        Ok(samples)
    }

    fn labels_fit(&self, labels: &Option<Vec<u32>>, n: usize, what: &str) -> PyResult<()> {
        let Some(labels) = labels else { return Ok(()) };
        if labels.len() != n {
            return Err(wrong(format!("there are {} {what} of {n} samples", labels.len())));
        }
        let classes = self.shapes.classes;
        match labels.iter().find(|label| classes > 0 && **label as usize >= classes) {
            Some(label) => Err(wrong(format!("{what} hold class {label}, and there are {classes} classes, from 0 on"))),
            None => Ok(()),
        }
    }
}

/// Outputs as a criterion takes them; what is not given, and so not read, is zero.
fn outputs(given: &[(String, NamedTensor)], n: usize, network: &NetworkShapes, classes: usize) -> Outputs {
    let matrix = |name: &str, width: usize| {
        let found = given.iter().find(|(key, _)| key == name).map(|(_, tensor)| tensor.values.clone());
        tensor(found.unwrap_or_else(|| vec![0.0; n * width.max(1)]), [n, width.max(1)])
    };
    let map = |(name, [c, h, w]): &(String, [usize; 3])| {
        let (_, found) = given.iter().find(|(key, _)| key == name)?;
        Some((Arc::from(name.as_str()), tensor(found.values.clone(), [n, *c, *h, *w])))
    };
    Outputs {
        features: matrix(FEATURES, network.features),
        logits: matrix(LOGITS, classes),
        maps: network.maps.iter().filter_map(map).collect(),
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// The gradient of an output that the loss depends on.
fn gradient<const D: usize>(
    name: &str,
    output: &Tensor<D>,
    gradients: &mut Gradients,
) -> Result<Option<(String, NamedTensor)>, CriterionError> {
    let Some(gradient) = output.grad_remove(gradients) else { return Ok(None) };
    let tensor = NamedTensor { shape: gradient.dims().to_vec(), values: host(&gradient)? };
    Ok(Some((name.to_owned(), tensor)))
}

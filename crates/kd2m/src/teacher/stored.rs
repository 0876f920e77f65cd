//! A teacher's outputs as numbers, a row an image: in memory, and in a file that any program can write.
//! `features` n×d, `logits` n×C and `labels` n (which may lack), `ids` n (the image's place in the training part), `head.weight`
//! C×d and `head.bias` C (its classifier), `class_names` C.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_data::features::{
    Array, Contents, Features, Location, Values, array_names, read_features, read_labels, read_texts, read_weights,
    write_arrays,
};
use kd2m_nn::{Graph, NamedTensor, Weights, weights};

use crate::{Error, batch::Outputs, classes::Agreement};

/// Outputs of n images.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredOutputs {
    /// `[n, width]`, row-major.
    pub features: Vec<f32>,
    /// Features of an image.
    pub width: usize,
    /// `[n, classes]`.
    pub logits: Option<Vec<f32>>,
    /// Logits of an image; 0 without logits.
    pub classes: usize,
    /// The class of each image, if the file has them.
    pub labels: Option<Vec<u32>>,
    /// The place of each image in the training part of the data set.
    pub ids: Option<Vec<u32>>,
    /// The classifier that made the logits, if the file has it.
    pub head: Option<Head>,
    /// What its classes are called, if the file says it.
    pub class_names: Vec<String>,
}

/// A linear classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// `[classes, width]`, row-major.
    pub weight: Vec<f32>,
    /// `[classes]`.
    pub bias: Vec<f32>,
}

impl Head {
    /// The classifier of a network, where its last layer is linear.
    pub fn of(graph: &Graph, weights: &Weights) -> Option<Self> {
        let name = &graph.node(graph.logits()).name;
        let weight = &weights.get(&format!("{name}.weight"))?.values;
        if weight.len() != graph.classes() * graph.feature_width() {
            return None;
        }
        let bias = weights.get(&format!("{name}.bias")).map(|bias| bias.values.clone());
        Some(Self { weight: weight.clone(), bias: bias.unwrap_or_else(|| vec![0.0; graph.classes()]) })
    }
}

/// Names of arrays in a file.
const FEATURES: &str = "features";
const LOGITS: &str = "logits";
const LABELS: &str = "labels";
const IDS: &str = "ids";
const WEIGHT: &str = "head.weight";
const BIAS: &str = "head.bias";
const NAMES: &str = "class_names";

impl StoredOutputs {
    /// Number of images.
    pub fn rows(&self) -> usize {
        self.features.len() / self.width.max(1)
    }

    /// These rows as tensors on a device; logits that are not known are zero.
    pub fn outputs(&self, rows: &[usize], device: &Device) -> Outputs {
        let block = |values: &[f32], width: usize| {
            let picked = rows.iter().flat_map(|row| &values[row * width..(row + 1) * width]).copied();
            Tensor::<2>::from_data(TensorData::new(picked.collect::<Vec<f32>>(), [rows.len(), width]), device)
        };
        let logits = match &self.logits {
            Some(logits) => block(logits, self.classes),
            None => Tensor::zeros([rows.len(), self.classes], device),
        };
        Outputs::new(block(&self.features, self.width), logits)
    }

    /// Reads a file whose images have one of so many classes.
    ///
    /// # Errors
    /// A file that cannot be read, arrays whose sizes do not go together, numbers that are not finite.
    pub fn read(path: &Path, classes: usize) -> Result<Self, Error> {
        let at = |name: &str| Location { path: path.to_owned(), key: Some(name.to_owned()) };
        let held = array_names(&Location { path: path.to_owned(), key: None })?;
        let has = |name: &str| held.iter().any(|held| held == name);
        let wrong = |why: String| Error::Outputs { path: path.to_owned(), why };
        if !has(FEATURES) {
            let held = if held.is_empty() { "one array without a name".to_owned() } else { held.join(", ") };
            return Err(wrong(format!("has no array `{FEATURES}` (it holds {held}): name the teacher's features so")));
        }
        let matrix = |name: &str| -> Result<(Vec<f32>, usize, usize), Error> {
            let Features { values, n, d } = read_features(&at(name))?;
            let values = match values {
                Values::F32(values) => values,
                Values::F64(values) => values.into_iter().map(|x| x as f32).collect(),
            };
            match values.iter().position(|x| !x.is_finite()) {
                Some(at) => Err(wrong(format!("`{name}` is {} in row {} (counted from 0)", values[at], at / d.max(1)))),
                None => Ok((values, n, d)),
            }
        };
        let column = |name: &str, n: usize| -> Result<Option<Vec<u32>>, Error> {
            if !has(name) {
                return Ok(None);
            }
            let values = read_labels(&at(name))?;
            let fits = values.len() == n;
            if fits { Ok(Some(values)) } else { Err(wrong(format!("has {} {name} for {n} features", values.len()))) }
        };
        let (features, n, width) = matrix(FEATURES)?;
        if n < 2 || width == 0 {
            return Err(wrong(format!("has {n} × {width} features: a distribution needs two rows or more")));
        }
        let logits = has(LOGITS).then(|| matrix(LOGITS)).transpose()?;
        if let Some((_, rows, columns)) = logits.as_ref().filter(|(_, rows, columns)| (*rows, *columns) != (n, classes))
        {
            return Err(wrong(format!(
                "has {rows} × {columns} logits, the data need {n} × {classes}: leave them out where the classes are others"
            )));
        }
        let labels = column(LABELS, n)?;
        if let Some(label) = labels.iter().flatten().find(|label| **label as usize >= classes) {
            return Err(wrong(format!("has a label {label}, the data have the classes 0…{}", classes - 1)));
        }
        let head = match (has(WEIGHT), has(BIAS)) {
            (false, _) => None,
            (true, with_bias) => {
                let (weight, rows, columns) = matrix(WEIGHT)?;
                if (rows, columns) != (classes, width) {
                    return Err(wrong(format!(
                        "has a {WEIGHT} of {rows} × {columns}, the data need {classes} × {width}"
                    )));
                }
                let bias = if with_bias { read_weights(&at(BIAS))? } else { vec![0.0; classes] };
                if bias.iter().any(|x| !x.is_finite()) {
                    return Err(wrong(format!("has a {BIAS} with numbers that are not finite")));
                }
                if bias.len() != classes {
                    return Err(wrong(format!("has a {BIAS} of {}, the data have {classes} classes", bias.len())));
                }
                Some(Head { weight, bias: bias.into_iter().map(|x| x as f32).collect() })
            }
        };
        let logits = logits.map(|(values, ..)| values);
        let class_names = read_texts(&at(NAMES))?.unwrap_or_default();
        if !class_names.is_empty() && class_names.len() != classes {
            return Err(wrong(format!("has {} {NAMES}, the data have {classes} classes", class_names.len())));
        }
        Ok(Self { features, width, logits, classes, ids: column(IDS, n)?, labels, head, class_names })
    }

    /// The same with the classes of a data set by their names, and how these go together.
    pub fn by_name(mut self, data: &[String]) -> (Self, Agreement) {
        let agreement = Agreement::of(&self.class_names, data);
        if let Agreement::Order(order) = &agreement {
            let mut place = vec![0; order.len()];
            order.iter().enumerate().for_each(|(here, there)| place[*there] = here as u32);
            self.labels.iter_mut().flatten().for_each(|label| *label = place[*label as usize]);
            let classes = self.classes;
            self.logits = self.logits.map(|all| all.chunks(classes).flat_map(|row| agreement.rows(row, 1)).collect());
            self.head = self.head.map(|Head { weight, bias }| Head {
                weight: agreement.rows(&weight, self.width),
                bias: agreement.rows(&bias, 1),
            });
            self.class_names = data.to_vec();
        }
        (self, agreement)
    }

    /// Writes them as `.npz`, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_npz(&self, path: &Path) -> Result<(), Error> {
        let (n, width, classes) = (self.rows(), self.width, self.classes);
        let (matrix, column, square) = ([n, width], [n], [classes, width]);
        let logits_shape = [n, classes];
        let floats = |name, shape, values| Array { name, shape, values: Contents::F32(values) };
        let integers = |name, shape, values| Array { name, shape, values: Contents::U32(values) };
        let mut all = vec![floats(FEATURES, &matrix[..], &self.features[..])];
        all.extend(self.logits.as_ref().map(|values| floats(LOGITS, &logits_shape[..], values)));
        all.extend(self.labels.as_ref().map(|values| integers(LABELS, &column[..], values)));
        all.extend(self.ids.as_ref().map(|values| integers(IDS, &column[..], values)));
        if let Some(Head { weight, bias }) = &self.head {
            all.push(floats(WEIGHT, &square, weight));
            all.push(floats(BIAS, &square[..1], bias));
        }
        if !self.class_names.is_empty() {
            all.push(Array { name: NAMES, shape: &square[..1], values: Contents::Texts(&self.class_names) });
        }
        Ok(write_arrays(path, &all)?)
    }

    /// Writes them as `.safetensors`, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let n = self.rows();
        let tensor = |shape: Vec<usize>, values: Vec<f32>| NamedTensor { shape, values };
        let column = |values: &[u32]| tensor(vec![n], values.iter().map(|x| *x as f32).collect());
        let mut all = Weights::new();
        all.insert(FEATURES.to_owned(), tensor(vec![n, self.width], self.features.clone()));
        let logits = self.logits.as_ref();
        all.extend(logits.map(|logits| (LOGITS.to_owned(), tensor(vec![n, self.classes], logits.clone()))));
        all.extend(self.labels.as_ref().map(|labels| (LABELS.to_owned(), column(labels))));
        all.extend(self.ids.as_ref().map(|ids| (IDS.to_owned(), column(ids))));
        if let Some(Head { weight, bias }) = &self.head {
            all.insert(WEIGHT.to_owned(), tensor(vec![self.classes, self.width], weight.clone()));
            all.insert(BIAS.to_owned(), tensor(vec![self.classes], bias.clone()));
        }
        let names = (!self.class_names.is_empty()).then(|| serde_json::json!({ NAMES: self.class_names }).to_string());
        Ok(weights::write(path, &all, names.as_deref())?)
    }
}

//! The last layer of a classifier, h(z) = W z + b, in `f64`; and the affine map p(z) = A z + c that a learned projector is.
//! Read off graph and weights, so that every network of the zoo has one. Next: `lipschitz`, `mismatch`.

use kd2m_nn::{Graph, Layer, NamedTensor, Weights};
use thiserror::Error;

use crate::{config::ArmConfig, criterion::projector, objective::learned_key};

/// Why a network has no classifier that the theory could read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Between features and logits stands something else than one linear layer.
    #[error("the logits of {model} are no linear layer on its features")]
    NotLinear {
        /// The network's name.
        model: String,
    },
    /// Weights without the layer's tensor.
    #[error("{model} has no tensor {key}")]
    Missing {
        /// The network's name.
        model: String,
        /// The tensor's name.
        key: String,
    },
}

/// z ↦ W z + b with W `[outputs, inputs]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// W, row by row.
    pub weight: Vec<f64>,
    /// b, one an output.
    pub bias: Vec<f64>,
    /// Columns of W.
    pub inputs: usize,
}

impl Affine {
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The row of W that makes output `c`.
    pub fn row(&self, c: usize) -> &[f64] {
        &self.weight[c * self.inputs..(c + 1) * self.inputs]
    }

    /// W z + b for every row of `[n, inputs]`, as `[n, outputs]`.
    pub fn apply(&self, rows: &[f64]) -> Vec<f64> {
        let of_row =
            |z: &[f64]| -> Vec<f64> { (0..self.outputs()).map(|c| dot(self.row(c), z) + self.bias[c]).collect() };
        rows.chunks_exact(self.inputs).flat_map(of_row).collect()
    }

    /// The classifier of a network: the linear layer from its features to its logits.
    ///
    /// # Errors
    /// Logits that are no linear function of the features, or a tensor that is missing.
    pub fn head(graph: &Graph, weights: &Weights) -> Result<Self, HeadError> {
        let node = graph.node(graph.logits());
        match node.layer {
            Layer::Linear(_) if node.inputs == [graph.features()] => {}
            _ => return Err(HeadError::NotLinear { model: graph.name.clone() }),
        }
        let key = format!("{}.weight", node.name);
        let Some(weight) = weights.get(&key) else { return Err(HeadError::Missing { model: graph.name.clone(), key }) };
        Ok(Self::new(weight, weights.get(&format!("{}.bias", node.name))))
    }

    fn new(weight: &NamedTensor, bias: Option<&NamedTensor>) -> Self {
        let wide = |tensor: &NamedTensor| tensor.values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let outputs = weight.shape[0];
        Self {
            weight: wide(weight),
            bias: bias.map_or_else(|| vec![0.0; outputs], wide),
            inputs: weight.shape.iter().skip(1).product(),
        }
    }

    /// The projector of an arm's first loss on the features that learned one of this shape, from `learned.safetensors`.
    pub fn projector(arm: &ArmConfig, learned: &Weights, [student, teacher]: [usize; 2]) -> Option<Self> {
        let losses = arm.losses.iter().enumerate().filter(|(_, loss)| loss.criterion.is_on_features());
        let mut found = losses.filter_map(|(i, loss)| {
            let part = |key: &str| learned.get(&learned_key(i, loss.criterion.name(), key));
            let fitting = part(projector::WEIGHT).filter(|w| w.shape == [teacher, student]);
            fitting.map(|w| Self::new(w, part(projector::BIAS)))
        });
        found.next()
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use kd2m_nn::{
        init::initialise,
        zoo::{self, ZooOptions},
    };

    use burn::tensor::Device;

    use super::*;
    use crate::{
        config::{LossConfig, Source},
        criterion::{CriterionConfig, NetworkShapes, Shapes},
        objective::Objective,
    };

    const CONFIG: &str = r#"
        name = "tiny"
        data.dataset = "digits"
        teacher.model = "digits-cnn-teacher"
        student.model = "digits-cnn-student"
    "#;

    #[test]
    fn every_network_of_the_zoo_but_one_has_a_linear_head() {
        for model in zoo::MODELS {
            let options = ZooOptions::new(7, 3, 32, 32);
            let Ok(graph) = zoo::build(model.name, &options) else { continue };
            let head = Affine::head(&graph, &initialise(&graph, 0));
            if model.name == "squeezenet1_1" {
                // It has a ReLU between its classifier and the mean of places.
                assert!(matches!(head, Err(HeadError::NotLinear { .. })));
                continue;
            }
            let head = head.unwrap();
            assert_eq!((head.inputs, head.outputs()), (graph.feature_width(), 7), "{}", model.name);
        }
    }

    #[test]
    fn a_projector_is_found_where_an_objective_puts_it() {
        let mut arm = ArmConfig::single("mse", Some(0.0.into()));
        let second = CriterionConfig::new("class-w2");
        arm.losses.push(LossConfig { criterion: second, weight: Some(1.0.into()), ..arm.losses[0].clone() });
        arm.losses[0].criterion = CriterionConfig::new("mse").on("logits");
        let source = Source::parse("test", CONFIG).unwrap();
        let network = |features| NetworkShapes { features, maps: Vec::new() };
        let shapes = Shapes { student: network(2), teacher: network(3), classes: 4, train: vec![0, 1] };
        let config = source.resolve().unwrap();
        let mut objective = Objective::new(&config, &arm, &shapes, &Device::flex(), 5).unwrap();
        let learned = objective.learned_values().unwrap();
        let found = Affine::projector(&arm, &learned, [2, 3]).unwrap();
        let (_, part) = objective.learned().pop().unwrap();
        let kept = part.value(projector::WEIGHT).unwrap().unwrap();
        let wide = |tensor: &NamedTensor| tensor.values.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        assert_eq!((found.weight, found.inputs), (wide(&kept), 2));
        assert_eq!(found.bias, wide(&part.value(projector::BIAS).unwrap().unwrap()));
    }

    #[test]
    fn it_is_applied_row_by_row() {
        let head = Affine { weight: vec![1.0, 2.0, 0.0, -1.0, 1.0, 1.0], bias: vec![0.5, 0.0, -1.0], inputs: 2 };
        assert_eq!(head.apply(&[1.0, 1.0, 0.0, 2.0]), [3.5, -1.0, 1.0, 4.5, -2.0, 1.0]);
    }

    #[test]
    fn the_projector_is_that_of_the_first_loss_on_features() {
        let tensor =
            |shape: &[usize], x: f32| NamedTensor { shape: shape.to_vec(), values: vec![x; shape.iter().product()] };
        let learned = Weights::from([
            ("0.w2.projector.weight".into(), tensor(&[3, 2], 9.0)),
            ("1.cw2.projector.weight".into(), tensor(&[3, 2], 1.0)),
            ("1.cw2.projector.bias".into(), tensor(&[3], 2.0)),
        ]);
        let mut arm = ArmConfig::single("w2", None);
        arm.losses[0].criterion = CriterionConfig::new("w2").on("layer1");
        arm.losses.push(LossConfig { criterion: CriterionConfig::new("cw2"), ..arm.losses[0].clone() });
        let found = Affine::projector(&arm, &learned, [2, 3]).unwrap();
        assert_eq!((found.weight[0], found.bias[0], found.inputs), (1.0, 2.0, 2));
        assert!(Affine::projector(&arm, &learned, [2, 4]).is_none());
        assert!(Affine::projector(&ArmConfig::none(), &learned, [2, 3]).is_none());
    }
}

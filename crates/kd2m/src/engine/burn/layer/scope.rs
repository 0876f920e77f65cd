//! What a layer computes with beside its inputs.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::{NodeId, Role, step::Draws};

use crate::{engine::Mode, parameters::ParameterSet};

/// One node with its parameters and running statistics.
pub struct Scope<'a> {
    pub node: NodeId,
    pub mode: Mode,
    /// What is left out at random is drawn from these.
    pub draws: Draws,
    pub device: &'a Device,
    pub parameters: &'a ParameterSet,
    /// Index into `parameters` by node and role.
    pub index: &'a HashMap<(NodeId, Role), usize>,
    /// Tensors that are not trained, by node and role.
    pub running: &'a mut HashMap<(NodeId, Role), Tensor<1>>,
}

impl Scope<'_> {
    /// A parameter that every layer of this kind has; tracked in training.
    pub fn parameter<const D: usize>(&self, role: Role) -> Tensor<D> {
        self.parameters.get(self.index[&(self.node, role)], self.mode == Mode::Train)
    }

    /// One that some have.
    pub fn optional<const D: usize>(&self, role: Role) -> Option<Tensor<D>> {
        self.index.get(&(self.node, role)).map(|at| self.parameters.get(*at, self.mode == Mode::Train))
    }

    /// Running statistics `[c]`.
    pub fn running(&self, role: Role) -> Tensor<1> {
        self.running[&(self.node, role)].clone()
    }

    /// Moves running statistics.
    pub fn set_running(&mut self, role: Role, value: Tensor<1>) {
        self.running.insert((self.node, role), value);
    }

    /// Numbers that are never trained.
    pub fn constant(&self, values: &[f32]) -> Tensor<1> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), self.device)
    }
}

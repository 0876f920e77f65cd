#![doc = include_str!("../README.md")]
//!
//! Start with [`Graph`], then [`zoo`], [`weights`] and [`mod@onnx`].

#![deny(missing_docs)]

mod files;
pub mod graph;
pub mod init;
pub mod int8;
pub mod layer;
pub mod onnx;
pub mod optimizer;
mod parameter;
mod shape;
pub mod step;
pub mod weights;
pub mod zoo;

pub use graph::{CLASS_MAP, DropError, Dropped, Graph, GraphBuilder, GraphError, Node, NodeId, Shape, is_second_look};
pub use layer::*;
pub use weights::{NamedTensor, ParameterSpec, Role, Weights};

//! Networks as data: a [`Graph`] of named layers with a few marked outputs, and its [`Weights`] as named tensors.
//!
//! The [`zoo`] is functions that return graphs, [`onnx`] reads and writes them. Engines (the CPU engine `kd2m-cpu`, Burn on any device) run them; counts, file
//! formats and pictures are read off the graph, once, for every network. Names of parameters are those of torchvision and timm.
//!
//! ```
//! use kd2m_nn::{init::initialise, onnx, zoo::{self, Stem, ZooOptions}};
//!
//! let graph = zoo::build("resnet18", &ZooOptions::new(10, 3, 32, 32).stem(Stem::Cifar))?;
//! let weights = initialise(&graph, 0);
//! assert_eq!((graph.feature_width(), graph.parameter_count()), (512, 11_173_962));
//! let (again, _) = onnx::decode(&onnx::encode(&graph, &weights)?)?;
//! assert_eq!(again.multiply_adds(), graph.multiply_adds());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod files;
pub mod graph;
pub mod init;
pub mod layer;
pub mod onnx;
mod picture;
pub mod weights;
pub mod zoo;

pub use graph::{Graph, GraphBuilder, GraphError, Node, NodeId, Shape};
pub use layer::{BatchNorm, Conv, Init, Layer, Linear, Pool};
pub use weights::{NamedTensor, ParameterSpec, Role, Weights};

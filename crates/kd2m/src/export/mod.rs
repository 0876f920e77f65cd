//! A network on its way out: as ONNX, as safetensors, or as a folder for Hugging Face. Read next: `write.rs`, then `hub.rs` and
//! `card.rs`, the folder and its page.

mod card;
mod hub;
mod timm;
mod view;
mod write;

pub use write::{Format, export};

//! A network on its way out: as ONNX (`int8.rs`: on integers), as safetensors, or as a folder for Hugging Face. Read next: `write.rs`, then `hub.rs` and
//! `card.rs`, the folder and its page.

mod card;
mod eight;
mod hub;
mod int8;
mod timm;
mod view;
mod write;

pub use eight::Eight;
pub use int8::export_int8;
pub use write::{Format, export};

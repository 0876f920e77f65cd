//! placeholder

pub mod isa;

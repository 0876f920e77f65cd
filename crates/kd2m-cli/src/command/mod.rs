//! One file a command.

pub mod bench;
pub mod bound;
pub mod distance;
pub mod eval;
pub mod list;
pub mod report;
pub mod reproduce;
pub mod run;

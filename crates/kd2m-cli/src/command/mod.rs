//! One file a command.

pub mod list;
pub mod run;

//! One file a command.

pub mod bench;
pub mod bound;
pub mod compare;
pub mod data;
pub mod distance;
pub mod doctor;
pub mod eval;
pub mod export;
pub mod features;
pub mod init;
pub mod list;
mod network;
pub mod predict;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod shell;

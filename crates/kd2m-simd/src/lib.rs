#![doc = include_str!("../README.md")]
//!
//! Start with [`isa`]; then [`pool`] for threads that stay at hand while one problem is solved, [`threads`] for a pool that networks
//! share, [`buffers`] and [`aligned`] for memory, [`cache`] for what blocks of work are cut to,
//! [`memory`] for how much there is, [`ranks`] for processes that share one piece of work.

#![deny(missing_docs)]

pub mod aligned;
pub mod buffers;
pub mod cache;
mod huge;
pub mod isa;
pub mod memory;
pub mod pool;
pub mod ranks;
pub mod stop;
pub mod threads;

pub use stop::Stop;

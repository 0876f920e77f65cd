//! Processes that train one network together: each runs its share of every batch, and the features of all are gathered before a criterion, so
//! that a distance sees the global batch: a distance of the union is not the mean of distances. Every rank then knows the same values and
//! takes the same step, so there is no master but for the run folder, which is rank 0's (`train/crew.rs`).
//!
//! What ranks are is a floor's below ([`kd2m_simd::ranks`]), which distances of whole sets share; [`crate::engine::spread`] gathers and adds
//! up; [`mpi`] and [`threads`] carry.

#[cfg(any(feature = "mpi", feature = "mpi-pure"))]
pub mod mpi;

pub use kd2m_simd::ranks::{Alone, Ranks, Share, share, threads, wire};

//! What a command line says beside a grid.

use std::{path::PathBuf, thread};

use super::{grid::Grid, plan::Shard};
use crate::{
    device::DeviceChoice,
    train::{Halt, RunOptions, folder::Existing},
};

/// What a command line says beside the grid.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// The grid's folder, which several processes may share.
    pub out: PathBuf,
    /// Runs at once; 0: as many as cores allow with the grid's threads.
    pub jobs: usize,
    /// Threads of one run; 0: the grid's.
    pub threads: usize,
    /// Where networks run.
    pub device: DeviceChoice,
    /// Arms of a seed that a run trains side by side; 0: as many as memory allows where that saves anything.
    pub side_by_side: usize,
    /// The part of the work that this process does.
    pub shard: Shard,
    /// Folders whose `summaries.json` counts as done.
    pub reuse: Vec<PathBuf>,
    /// Counts what is there and trains nothing.
    pub tables_only: bool,
    /// Goes on with a teacher that is no better than chance.
    pub allow_weak_teacher: bool,
    /// Event files for TensorBoard beside the metrics.
    pub tensorboard: bool,
    /// Ends the grid, what is under way with a checkpoint.
    pub halt: Halt,
}

impl BenchOptions {
    /// (runs at once, threads of each).
    pub fn parallel(&self, grid: &Grid) -> (usize, usize) {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = [self.threads, grid.threads].into_iter().find(|t| *t > 0);
        let jobs = match (self.jobs, threads) {
            (0, None) => 1,
            (0, Some(threads)) => (cores / threads).max(1),
            (jobs, _) => jobs,
        };
        (jobs, threads.unwrap_or((cores / jobs).max(1)))
    }

    pub(super) fn run_options(&self, threads: usize) -> RunOptions {
        RunOptions {
            device: self.device,
            threads,
            existing: Existing::Resume,
            allow_weak_teacher: self.allow_weak_teacher,
            side_by_side: self.side_by_side,
            tensorboard: self.tensorboard,
            halt: self.halt.clone(),
            ..RunOptions::default()
        }
    }
}

//! Threads of one process in place of processes: for tests, and to see on one machine what several would do.

use std::sync::{Arc, Barrier, Mutex, PoisonError};

use super::Ranks;

/// What all of them share.
#[derive(Debug)]
struct Board {
    all: Barrier,
    /// What each has laid there.
    laid: Mutex<Vec<Vec<u8>>>,
}

/// One of several threads.
#[derive(Debug, Clone)]
pub struct Thread {
    rank: usize,
    size: usize,
    board: Arc<Board>,
}

/// So many, each for a thread of its own. One that ends early leaves the others waiting.
pub fn threads(size: usize) -> Vec<Thread> {
    let board = Arc::new(Board { all: Barrier::new(size), laid: Mutex::new(vec![Vec::new(); size]) });
    (0..size).map(|rank| Thread { rank, size, board: board.clone() }).collect()
}

impl Thread {
    /// Lays one's own bytes, and reads everybody's.
    fn exchange(&self, own: Vec<u8>) -> Vec<Vec<u8>> {
        let laid = || self.board.laid.lock().unwrap_or_else(PoisonError::into_inner);
        laid()[self.rank] = own;
        self.board.all.wait();
        let found = laid().clone();
        // Nobody lays the next before all have read.
        self.board.all.wait();
        found
    }
}

/// Values as bytes, and back.
macro_rules! bytes_of {
    ($values:expr) => {
        $values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()
    };
}
macro_rules! values_of {
    ($kind:ty, $bytes:expr) => {
        $bytes.as_chunks::<{ size_of::<$kind>() }>().0.iter().map(|bytes| <$kind>::from_le_bytes(*bytes))
    };
}

impl Ranks for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        let all = self.exchange(bytes_of!(own));
        all.iter().flat_map(|bytes| values_of!(f32, bytes)).collect()
    }

    fn gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>> {
        self.exchange(own.to_vec())
    }

    fn sum(&self, values: &mut [f64]) {
        let all = self.exchange(bytes_of!(values));
        values.fill(0.0);
        for bytes in &all {
            values.iter_mut().zip(values_of!(f64, bytes)).for_each(|(sum, value)| *sum += value);
        }
    }

    fn sum_single(&self, values: &mut [f32]) {
        let all = self.exchange(bytes_of!(values));
        values.fill(0.0);
        for bytes in &all {
            values.iter_mut().zip(values_of!(f32, bytes)).for_each(|(sum, value)| *sum += value);
        }
    }
}

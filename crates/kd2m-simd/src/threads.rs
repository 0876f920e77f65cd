//! Threads that networks share, and loops over independent tasks.
//!
//! Results never depend on which thread runs a task: tasks are cut by shapes alone and reductions are added in their order.

use std::{
    collections::BTreeMap,
    marker::PhantomData,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The operating system refused threads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot start {threads} threads: {message}")]
pub struct ThreadsError {
    threads: usize,
    message: String,
}

/// A pool of so many threads; networks with the same number share one, so that teacher and student do not compete.
#[derive(Clone)]
pub struct Threads {
    pool: Arc<rayon::ThreadPool>,
}

impl Threads {
    /// The pool of `count` threads; 0 means one a core.
    ///
    /// # Errors
    /// The operating system refuses the threads.
    pub fn shared(count: usize) -> Result<Self, ThreadsError> {
        static POOLS: Mutex<BTreeMap<usize, Threads>> = Mutex::new(BTreeMap::new());
        let count = match count {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = pools.get(&count) {
            return Ok(threads.clone());
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|i| format!("kd2m-cpu-{i}"))
            .build()
            .map_err(|e| ThreadsError { threads: count, message: e.to_string() })?;
        let threads = Self { pool: Arc::new(pool) };
        pools.insert(count, threads.clone());
        Ok(threads)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` on the pool; the loops of this module inside it use all its threads.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}

/// Calls `task(0)`, …, `task(count − 1)` on the threads of the current pool, in any order.
pub fn for_each(count: usize, task: impl Fn(usize) + Sync) {
    let threads = rayon::current_num_threads().min(count);
    if threads <= 1 {
        return (0..count).for_each(task);
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            task(index);
        }
    };
    fork(threads, &worker);
}

/// As [`for_each`], with the worker's number below the number of threads: the tasks of a worker follow each other, so that it may
/// have memory of its own.
pub fn for_each_worker(count: usize, task: impl Fn(usize, usize) + Sync) {
    let next = AtomicUsize::new(0);
    for_each(rayon::current_num_threads(), |worker| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            task(worker, index);
        }
    });
}

/// Runs `worker` on this thread and, where they are free, on `threads − 1` others.
fn fork(threads: usize, worker: &(impl Fn() + Sync)) {
    match threads {
        0 | 1 => worker(),
        _ => {
            let half = threads / 2;
            rayon::join(|| fork(threads - half, worker), || fork(half, worker));
        }
    }
}

/// Calls `task` on each piece of `length` values (the last one shorter).
pub fn for_each_piece(slice: &mut [f32], length: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    let total = slice.len();
    let length = length.max(1);
    let shared = Shared::new(slice);
    for_each(total.div_ceil(length), |i| {
        // SAFETY: pieces do not overlap and each index is handed out once.
        let piece = unsafe { shared.slice(i * length..((i + 1) * length).min(total)) };
        task(i, piece);
    });
}

/// The `part`-th of `parts` nearly equal ranges of 0…total.
#[inline]
pub fn part(total: usize, part: usize, parts: usize) -> Range<usize> {
    part * total / parts..(part + 1) * total / parts
}

/// A mutable slice whose disjoint parts are written by several tasks.
#[derive(Clone, Copy)]
pub struct Shared<'a> {
    pointer: *mut f32,
    length: usize,
    owner: PhantomData<&'a mut [f32]>,
}

// SAFETY: the methods that reach the memory are unsafe and ask the caller for disjoint ranges.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    /// Of all values of the slice.
    #[inline]
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self { pointer: slice.as_mut_ptr(), length: slice.len(), owner: PhantomData }
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// No other reference to any value of `range` exists while the result is used.
    #[inline]
    pub unsafe fn slice(&self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.length, "{range:?} of {}", self.length);
        // SAFETY: inside the slice by the assertion, disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(range.start), range.len()) }
    }

    /// Pointer to a value.
    ///
    /// # Safety
    /// As for [`slice`](Self::slice), for whatever is reached through the pointer.
    #[inline]
    pub unsafe fn pointer(&self, offset: usize) -> *mut f32 {
        assert!(offset <= self.length, "{offset} of {}", self.length);
        // SAFETY: inside the slice or one past its end.
        unsafe { self.pointer.add(offset) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_for_any_number_of_threads() {
        for threads in [1, 2, 3, 5] {
            let pool = Threads::shared(threads).unwrap();
            for count in [0, 1, 2, 7, 100] {
                let hits: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                pool.run(|| {
                    for_each(count, |i| {
                        hits[i].fetch_add(1, Ordering::Relaxed);
                    })
                });
                assert!(hits.iter().all(|h| h.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn pieces_cover_the_slice() {
        let mut values = vec![0.0; 103];
        for_each_piece(&mut values, 10, |i, piece| piece.fill(i as f32));
        assert!(values.iter().enumerate().all(|(i, v)| *v == (i / 10) as f32));
    }
}

//! Threads that stay at hand while one problem is solved: its phases last 20 to 500 µs, and waking a pool for each of them costs
//! as much. Parts of a phase are claimed, so a helper that comes late, or never, costs nothing.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::*},
    },
    thread::{self, ThreadId},
};

use crate::stop::{Interrupted, Stop};

/// One phase: parts `0..parts`, each claimed once.
#[derive(Clone, Copy)]
struct Job<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    next: &'a AtomicUsize,
    parts: usize,
}

impl Job<'_> {
    fn run(&self) {
        loop {
            let part = self.next.fetch_add(1, Relaxed);
            if part >= self.parts {
                return;
            }
            (self.work)(part);
        }
    }
}

/// The threads of one problem: the caller's own and helpers from rayon's pool.
pub struct Pool {
    /// What the helpers hold too: one that wakes after the problem is solved, behind another program's threads, finds it over.
    shared: Arc<Shared>,
    helpers: usize,
    /// What ends the problem early.
    stop: Stop,
}

/// What caller and helpers look at.
struct Shared {
    /// The caller's thread, which takes part in every phase and is never a helper.
    caller: ThreadId,
    /// The phase in progress; helpers copy it under the lock.
    job: Mutex<Option<Job<'static>>>,
    /// Whether there is a phase: what helpers look at while they wait.
    called: AtomicBool,
    /// Helpers inside a phase.
    inside: AtomicUsize,
    over: AtomicBool,
    /// What a helper panicked with: raised again on the caller's thread.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Pool {
    /// A pool of the calling thread alone.
    pub fn alone() -> Self {
        Self::new(0, &Stop::NEVER)
    }

    fn new(helpers: usize, stop: &Stop) -> Self {
        let shared = Shared {
            caller: thread::current().id(),
            job: Mutex::default(),
            called: AtomicBool::default(),
            inside: AtomicUsize::default(),
            over: AtomicBool::default(),
            panic: Mutex::default(),
        };
        Self { shared: Arc::new(shared), helpers, stop: stop.clone() }
    }

    /// Runs `work` with as many helpers as rayon's pool has other threads; alone where `parallel` is false.
    ///
    /// Helpers are not waited for: on a busy machine one may get its first turn milliseconds after the problem is solved.
    pub fn with<R>(parallel: bool, stop: &Stop, work: impl FnOnce(&Pool) -> R) -> R {
        let helpers = rayon::current_num_threads() - 1;
        if !parallel || helpers == 0 {
            return work(&Pool::new(0, stop));
        }
        let pool = Pool::new(helpers, stop);
        // Also when `work` panics.
        let _dismissal = Dismissal(&pool.shared);
        for _ in 0..helpers {
            let shared = Arc::clone(&pool.shared);
            rayon::spawn(move || shared.help());
        }
        work(&pool)
    }

    /// Threads, the caller's included.
    #[inline]
    pub fn size(&self) -> usize {
        self.helpers + 1
    }

    /// Runs `work` once for each part, on all threads that come; returns when all parts are done.
    pub fn share(&self, parts: usize, work: impl Fn(usize) + Sync) {
        if self.helpers == 0 || parts <= 1 {
            return (0..parts).for_each(work);
        }
        let next = AtomicUsize::new(0);
        let job = Job { work: &work, next: &next, parts };
        // SAFETY: the job leaves `shared.job` and every helper leaves the job before `work` and `next` end: see `Recall`.
        let lasting = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        *self.shared.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(lasting);
        self.shared.called.store(true, Release);
        {
            let _recall = Recall(&self.shared);
            job.run();
        }
        if let Some(panic) = self.shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take() {
            resume_unwind(panic);
        }
    }

    /// Cuts `items` into pieces of `length` and works on them as [`Pool::share`] does; `work` gets each piece with its number.
    pub fn share_chunks<T: Send>(&self, items: &mut [T], length: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        let pieces: Vec<Mutex<&mut [T]>> = items.chunks_mut(length.max(1)).map(Mutex::new).collect();
        self.share(pieces.len(), |k| work(k, &mut pieces[k].lock().unwrap_or_else(PoisonError::into_inner)));
    }

    /// The same until the problem is told to stop: then pieces that are not begun are left out.
    ///
    /// # Errors
    /// [`Interrupted`] if it was told to: pieces may be missing, or half done where `work` looks at the flag itself.
    pub fn share_chunks_until<T: Send>(
        &self,
        items: &mut [T],
        length: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) -> Result<(), Interrupted> {
        self.share_chunks(items, length, |k, piece| {
            if !self.stop.is_set() {
                work(k, piece);
            }
        });
        self.stop.check()
    }

    /// What ends the problem early.
    #[inline]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Two pieces of work at once.
    pub fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        if self.helpers == 0 {
            return (a(), b());
        }
        let (a, b) = (Mutex::new((Some(a), None)), Mutex::new((Some(b), None)));
        fn call<F: FnOnce() -> R, R>(slot: &Mutex<(Option<F>, Option<R>)>) {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.1 = slot.0.take().map(|work| work());
        }
        self.share(2, |k| if k == 0 { call(&a) } else { call(&b) });
        let (_, a) = a.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (_, b) = b.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (Some(a), Some(b)) = (a, b) else { unreachable!("both parts ran") };
        (a, b)
    }
}

impl Shared {
    /// A helper's life: wait for a phase, take part, until the problem is solved.
    fn help(&self) {
        // Rayon may hand the caller its own request while it waits for something else: it would wait for itself.
        if thread::current().id() == self.caller {
            return;
        }
        let mut idle = 0u32;
        while !self.over.load(Acquire) {
            if !self.called.load(Acquire) {
                idle += 1;
                std::hint::spin_loop();
                if idle.is_multiple_of(64) {
                    thread::yield_now();
                }
                continue;
            }
            idle = 0;
            let job = {
                let job = self.job.lock().unwrap_or_else(PoisonError::into_inner);
                if job.is_some() {
                    self.inside.fetch_add(1, AcqRel);
                }
                *job
            };
            if let Some(job) = job {
                let _exit = Exit(self);
                // A panic that left a thread of rayon's would end the program.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job.run())) {
                    self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
                }
                // All parts are claimed: nothing more to do before the next phase.
                self.called.store(false, Release);
            }
        }
    }
}

/// Takes the job back and waits for the helpers inside it, also while a panic unwinds.
struct Recall<'a>(&'a Shared);

impl Drop for Recall<'_> {
    fn drop(&mut self) {
        self.0.called.store(false, Release);
        *self.0.job.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut waited = 0u32;
        while self.0.inside.load(Acquire) != 0 {
            waited += 1;
            std::hint::spin_loop();
            // A helper that lost its processor inside a part needs one.
            if waited.is_multiple_of(1024) {
                thread::yield_now();
            }
        }
    }
}

/// A helper's way out of a phase.
struct Exit<'a>(&'a Shared);

impl Drop for Exit<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, AcqRel);
    }
}

/// Sends the helpers away.
struct Dismissal<'a>(&'a Shared);

impl Drop for Dismissal<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once_in_every_phase() {
        for parallel in [false, true] {
            let total = Pool::with(parallel, &Stop::NEVER, |pool| {
                let mut total = 0;
                for parts in (0..200).chain([10_000]) {
                    let mut seen = vec![0u8; parts];
                    pool.share_chunks(&mut seen, 3, |_, piece| piece.iter_mut().for_each(|s| *s += 1));
                    assert!(seen.iter().all(|&s| s == 1));
                    let counted = AtomicUsize::new(0);
                    pool.share(parts, |k| {
                        counted.fetch_add(k + 1, Relaxed);
                    });
                    assert_eq!(counted.into_inner(), parts * (parts + 1) / 2);
                    let (a, b) = pool.join(|| parts, || vec![parts]);
                    assert_eq!(vec![a], b);
                    total += a;
                }
                total
            });
            assert_eq!(total, 199 * 100 + 10_000);
        }
    }

    #[test]
    fn crews_inside_a_busy_pool_still_finish() {
        use rayon::prelude::*;
        let sums: Vec<usize> = (0..32usize)
            .into_par_iter()
            .map(|k| {
                Pool::with(true, &Stop::NEVER, |pool| {
                    let sum = AtomicUsize::new(0);
                    pool.share(k, |part| {
                        sum.fetch_add(part, Relaxed);
                    });
                    sum.into_inner()
                })
            })
            .collect();
        assert!(sums.iter().enumerate().all(|(k, &sum)| sum == k * k.saturating_sub(1) / 2));
    }

    #[test]
    fn helpers_that_never_come_hold_nobody_up() {
        // Every thread of rayon's waits for this one to be done.
        let gate = Arc::new(Mutex::new(()));
        let shut = gate.lock().unwrap();
        for _ in 0..rayon::current_num_threads() {
            let gate = Arc::clone(&gate);
            rayon::spawn(move || drop(gate.lock()));
        }
        let found = Pool::with(true, &Stop::NEVER, |pool| {
            let sum = AtomicUsize::new(0);
            pool.share(10, |part| {
                sum.fetch_add(part, Relaxed);
            });
            sum.into_inner()
        });
        assert_eq!(found, 45);
        drop(shut);
    }

    #[test]
    fn a_panic_of_any_thread_is_the_callers() {
        for culprit in 0..64 {
            let raised = catch_unwind(AssertUnwindSafe(|| {
                Pool::with(true, &Stop::NEVER, |pool| pool.share(64, |part| assert_ne!(part, culprit)))
            }));
            assert!(raised.is_err(), "part {culprit}");
        }
    }
}

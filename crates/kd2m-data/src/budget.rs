//! Memory that is shared by what is decoded at once: a picture of a few hundred bytes may be half a GiB of pixels, one on each thread.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that may be held at once; what asks for more than there are waits until others have ended.
pub(crate) struct Budget {
    most: u64,
    held: Mutex<u64>,
    freed: Condvar,
}

/// A part of a [`Budget`], given back when it is dropped. Whoever holds one must not wait for another thread that may ask for one.
pub(crate) struct Share<'a> {
    of: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub(crate) const fn new(most: u64) -> Self {
        Self { most, held: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until so many bytes are free; who wants more than all gets all, alone.
    pub(crate) fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.most);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held + bytes > self.most {
            held = self.freed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        *held += bytes;
        Share { of: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.of.held.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.of.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering::SeqCst},
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn no_more_is_held_than_there_is_and_nobody_waits_for_ever() {
        let (budget, held, most) = (Budget::new(100), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for k in 0..12 {
                let (budget, held, most) = (&budget, &held, &most);
                scope.spawn(move || {
                    for round in 0..20 {
                        // 500 is more than all.
                        let wanted = [5, 30, 70, 500][(k + round) % 4];
                        let share = budget.take(wanted);
                        most.fetch_max(held.fetch_add(share.bytes, SeqCst) + share.bytes, SeqCst);
                        thread::sleep(Duration::from_micros(50));
                        held.fetch_sub(share.bytes, SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 100, "one that wants more than all gets all");
        assert_eq!(budget.held.into_inner().unwrap(), 0);
    }
}

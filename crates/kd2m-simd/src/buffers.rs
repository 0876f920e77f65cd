//! Large buffers that a thread keeps for its next call: a training loop compares clouds of one size thousands of times, and
//! fresh pages from the system cost a third of a small comparison.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    ops::{Deref, DerefMut},
};

use crate::huge;

/// Buffers kept a thread and element type.
const KEPT: usize = 4;

/// Bytes above which a buffer goes back to the system.
const LARGEST: usize = 64 << 20;

thread_local! {
    static POOL: RefCell<HashMap<TypeId, Box<dyn Any>>> = RefCell::new(HashMap::new());
}

/// A slice whose memory returns to its thread's pool.
pub struct Buffer<T: Copy + 'static>(Vec<T>);

impl<T: Copy + 'static> Buffer<T> {
    /// `len` elements with no particular content: the caller overwrites all of them.
    pub fn any(len: usize, fill: T) -> Self {
        match with_pool::<T, _>(|pool| pool.pop()).flatten() {
            Some(mut values) if values.capacity() >= len => {
                values.resize(len, fill);
                Self(values)
            }
            // Zeros come from the system page by page when they are first written, by the thread that writes them.
            _ => {
                let values = vec![fill; len];
                if size_of_val(&values[..]) > LARGEST {
                    huge::advise(values.as_ptr(), size_of_val(&values[..]));
                }
                Self(values)
            }
        }
    }
}

impl<T: Copy + 'static> Drop for Buffer<T> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.0);
        if values.capacity() * size_of::<T>() <= LARGEST {
            with_pool::<T, _>(|pool| {
                if pool.len() < KEPT {
                    pool.push(values);
                }
            });
        }
    }
}

impl<T: Copy + 'static> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Copy + 'static> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// Nothing when the thread is ending and its pool is gone.
fn with_pool<T: 'static, R>(work: impl FnOnce(&mut Vec<Vec<T>>) -> R) -> Option<R> {
    POOL.try_with(|pool| {
        let mut pool = pool.try_borrow_mut().ok()?;
        let of_type = pool.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(Vec::<Vec<T>>::new()));
        of_type.downcast_mut().map(work)
    })
    .ok()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_for_the_next_buffer_and_lengths_are_as_asked() {
        let first = Buffer::any(1000, 1.0f32);
        let place = first.as_ptr();
        drop(first);
        let second = Buffer::any(900, 2.0f32);
        assert_eq!((second.as_ptr(), second.len()), (place, 900));
        assert_eq!(Buffer::any(10, 3.0f64).len(), 10);
        assert_eq!(Buffer::any(5000, 4.0f32).len(), 5000);
        // Beyond what is kept, in large pages where the system has them. Miri has none, and would look at each number for minutes.
        if cfg!(miri) {
            return;
        }
        let large = Buffer::any(LARGEST / 4 + 1, 0.0f32);
        assert!(large.iter().all(|&x| x == 0.0));
    }
}

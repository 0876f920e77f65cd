//! Memory that cannot be had. What users and files choose is asked for before it is taken and refused in words; where an allocation
//! fails all the same (`ulimit -v`, a container's limit), Rust ends the program by SIGABRT. Here that, too, is a sentence and an exit code.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The system's allocator, which remembers what it refused last. A program of one's own that calls [`crate::run`] may have it, too:
/// `#[global_allocator] static MEMORY: kd2m_cli::Memory = kd2m_cli::Memory;`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory;

static REFUSED: AtomicUsize = AtomicUsize::new(0);

fn seen(found: *mut u8, bytes: usize) -> *mut u8 {
    if found.is_null() {
        REFUSED.store(bytes, Relaxed);
    }
    found
}

// SAFETY: every call goes to the system's allocator as it came, and its answer comes back as it is.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about the layout is handed on.
        seen(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about the layout is handed on.
        seen(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise about pointer, layout and size is handed on.
        seen(unsafe { System.realloc(pointer, layout, bytes) }, bytes)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise about pointer and layout is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// From here on a program that ends for want of memory says so, and has the exit code of what ran and failed.
pub(crate) fn tell_of_want() {
    #[cfg(unix)]
    {
        let handler = on_abort as extern "C" fn(libc::c_int);
        // SAFETY: the handler reads an atomic, writes to a descriptor and leaves, all of which a signal's handler may.
        unsafe { libc::signal(libc::SIGABRT, handler as libc::sighandler_t) };
    }
}

#[cfg(unix)]
extern "C" fn on_abort(_: libc::c_int) {
    let refused = REFUSED.load(Relaxed);
    // Whoever aborts for another reason goes on to do so.
    if refused > 0 {
        let (mut line, mut digits) = (Line::new(), [0; 20]);
        line.push(b"error: ");
        line.push(decimal(refused, &mut digits));
        line.push(b" bytes of memory beside what is held already cannot be had: raise the limit (ulimit -v, a container's), or take ");
        line.push(b"smaller batches, fewer threads (--threads) or fewer samples; a run goes on with --resume\n");
        // SAFETY: the bytes are the line's own, and both calls are allowed in a signal's handler; the second does not return.
        unsafe {
            libc::write(2, line.bytes.as_ptr().cast(), line.length);
            libc::_exit(1)
        }
    }
}

/// Text without an allocation.
#[cfg(unix)]
struct Line {
    bytes: [u8; 320],
    length: usize,
}

#[cfg(unix)]
impl Line {
    fn new() -> Self {
        Self { bytes: [0; 320], length: 0 }
    }

    fn push(&mut self, text: &[u8]) {
        let room = &mut self.bytes[self.length..];
        let length = text.len().min(room.len());
        room[..length].copy_from_slice(&text[..length]);
        self.length += length;
    }
}

/// A number in its digits.
#[cfg(unix)]
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_line_are_written_without_an_allocation() {
        let mut digits = [0; 20];
        for number in [0, 7, 10, 1_234_567_890, usize::MAX] {
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
        let mut line = Line::new();
        (0..50).for_each(|_| line.push(b"12345678"));
        assert_eq!((line.length, &line.bytes[312..]), (320, &b"12345678"[..]));
    }
}

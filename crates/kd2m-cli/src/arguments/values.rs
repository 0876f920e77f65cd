//! Values of flags that several commands have.

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum AnySplit {
    Train,
    Val,
    Test,
}

/// `every=K`, or K alone.
pub(super) fn every(text: &str) -> Result<usize, String> {
    let number = text.strip_prefix("every=").unwrap_or(text);
    number.parse().ok().filter(|k| *k > 0).ok_or_else(|| "expected every=K with K from 1 on, e.g. every=5".to_owned())
}

/// More than any machine has is a slip of the hand, and each thread has a stack.
pub(super) fn threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n <= 1024).ok_or_else(|| "expected 0 (all cores) to 1024".to_owned())
}

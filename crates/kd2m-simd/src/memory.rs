//! Memory of this machine: how much there is, how much of it this process may have, and whether a block can be had. On Linux a
//! container's limit counts; elsewhere only the allocator is asked.

use std::{fs, path::Path, sync::OnceLock};

/// Bytes of main memory, as far as this process may use it: the machine's, or a control group's limit where that is less. `None`
/// where the system does not say.
pub fn total() -> Option<u64> {
    static TOTAL: OnceLock<Option<u64>> = OnceLock::new();
    *TOTAL.get_or_init(|| [of_machine("MemTotal:"), group_limit()].into_iter().flatten().min())
}

/// Bytes that could be taken now without others having to give any back; `None` where the system does not say.
pub fn available() -> Option<u64> {
    let in_group = group_limit().zip(group_use()).map(|(limit, used)| limit.saturating_sub(used));
    [of_machine("MemAvailable:"), in_group].into_iter().flatten().min()
}

/// Whether a block of so many bytes can be had beside what is held already: the allocator is asked for it and given it back. Systems
/// promise more than they have, so what exceeds memory and swap, or a control group's limit, is not asked for.
pub fn is_there(bytes: usize) -> bool {
    let swap = || of_machine("SwapTotal:").unwrap_or(0);
    if total().is_some_and(|total| bytes as u64 > total.saturating_add(swap())) {
        return false;
    }
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

/// An entry of `/proc/meminfo`.
fn of_machine(entry: &str) -> Option<u64> {
    meminfo(&fs::read_to_string("/proc/meminfo").ok()?, entry)
}

/// `MemTotal:  16384 kB` as bytes.
fn meminfo(text: &str, entry: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(entry))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The control group's limit, of version 2 or 1.
fn group_limit() -> Option<u64> {
    group("memory.max", "memory.limit_in_bytes")
}

/// What its processes hold.
fn group_use() -> Option<u64> {
    group("memory.current", "memory.usage_in_bytes")
}

fn group(second: &str, first: &str) -> Option<u64> {
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse().ok();
    number(&Path::new("/sys/fs/cgroup").join(second))
        .or_else(|| number(&Path::new("/sys/fs/cgroup/memory").join(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_is_read_as_linux_writes_it() {
        let text = "MemTotal:       16384 kB\nMemFree:  1 kB\nHugePages_Total:       3\n";
        assert_eq!(meminfo(text, "MemTotal:"), Some(16384 << 10));
        assert_eq!((meminfo(text, "SwapTotal:"), meminfo(text, "HugePages_Total:")), (None, None));
    }

    #[test]
    fn a_little_is_there_and_more_than_can_be_addressed_is_not() {
        assert!(is_there(0) && is_there(1 << 20));
        assert!(!is_there(usize::MAX) && !is_there(isize::MAX as usize));
        if let (Some(total), Some(available)) = (total(), available()) {
            assert!(available <= total && total > 1 << 20);
        }
    }
}

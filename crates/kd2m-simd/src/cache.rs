//! How large a core's second-level cache is: what blocks of work are cut to. Results do not depend on it, as rows are never summed
//! across blocks.

use std::{ops::RangeInclusive, sync::OnceLock};

/// Where nothing is reported: the smaller of what is common.
const DEFAULT: usize = 512 << 10;
/// What is believed.
const PLAUSIBLE: RangeInclusive<usize> = 128 << 10..=8 << 20;

/// Bytes of the second-level cache of one core, as the processor or the system reports them.
pub fn second_level() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| reported().filter(|size| PLAUSIBLE.contains(size)).unwrap_or(DEFAULT))
}

/// Leaf 0x8000_0006 of AMD's and Intel's processors: KiB in the upper half of ECX.
#[cfg(target_arch = "x86_64")]
fn reported() -> Option<usize> {
    use std::arch::x86_64::__cpuid;
    const LEAF: u32 = 0x8000_0006;
    (__cpuid(0x8000_0000).eax >= LEAF).then(|| (__cpuid(LEAF).ecx >> 16) as usize * 1024)
}

/// Linux lists caches by their level.
#[cfg(not(target_arch = "x86_64"))]
fn reported() -> Option<usize> {
    (0..8).find_map(|index| {
        let read = |what: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
            std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
        };
        (read("level")? == "2").then(|| read("size").and_then(|size| bytes(&size))).flatten()
    })
}

/// `512K` or `1M` as bytes.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn bytes(text: &str) -> Option<usize> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 10),
        b'M' => (&text[..text.len() - 1], 20),
        _ => (text, 0),
    };
    digits.parse::<usize>().ok().map(|number| number << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_linux_writes_them() {
        assert_eq!(bytes("512K"), Some(512 << 10));
        assert_eq!(bytes("2M"), Some(2 << 20));
        assert_eq!(bytes("4096"), Some(4096));
        assert_eq!((bytes("K"), bytes("")), (None, None));
    }

    #[test]
    fn this_processor_reports_what_linux_reads_from_it() {
        assert!(PLAUSIBLE.contains(&second_level()));
        let text = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index2/size");
        if let Some(size) = text.ok().and_then(|text| bytes(text.trim())).filter(|size| PLAUSIBLE.contains(size)) {
            assert_eq!(second_level(), size);
        }
    }
}

//! Pages of 2 MiB for large memory: its first writing and every pass over it meet 512 times fewer pages.

/// Asks Linux to back the whole pages of some memory with large ones. No content changes, and a refusal changes nothing.
// Miri knows no `madvise`, and has no pages.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn advise<T>(memory: *const T, bytes: usize) {
    const PAGE: usize = 4096;
    let skipped = (memory as usize).next_multiple_of(PAGE) - memory as usize;
    let Some(rest) = bytes.checked_sub(skipped) else { return };
    let start = memory.cast::<u8>().wrapping_add(skipped);
    // SAFETY: whole pages within memory that is the caller's; advice changes no content.
    unsafe { libc::madvise(start.cast_mut().cast(), rest, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
pub(crate) fn advise<T>(_: *const T, _: usize) {}

//! Hostile input for every reader, every option of every metric and every key of the configuration: nothing panics, nothing takes
//! memory without bound. A sample of what `scripts/fuzz` does, the same at every run; `KD2M_FUZZ_EXECUTIONS` and `KD2M_FUZZ_SEED` make
//! it longer and another.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(dead_code, reason = "what only the fuzz targets call")]
mod fuzzed;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use fuzzed::{
    TARGETS, Target,
    mutate::{Random, mutated},
    seeds,
};

/// Counts what is held, and the most that ever was.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; what is counted beside it touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise about the layout is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise about the layout is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise about pointer and layout is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that no input of a few kilobytes may make a reader hold: the image decoder's own limit is half of it.
const MOST_HELD: usize = 1 << 30;
/// Executions of a target whose inputs take microseconds.
const EXECUTIONS: usize = 2_400;
/// No single input keeps a reader computing longer.
const LONGEST: Duration = Duration::from_secs(10);
/// Nor waiting, however busy the machine is.
const LONGEST_ON_THE_CLOCK: Duration = Duration::from_secs(300);

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The tests here count the same memory and messages: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Seconds that this process has computed, on all its threads: what a busy machine does not change.
#[cfg(unix)]
fn computed() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is written into the structure, which lives as long as the call.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) }, 0);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

#[cfg(not(unix))]
fn computed() -> Duration {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed()
}

/// Runs one target; the report says how often, how long and how much.
fn attack(name: &str, target: Target, executions: usize) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let seed = setting("KD2M_FUZZ_SEED").unwrap_or(22);
    let mut random =
        Random::new(seed as u64 ^ name.bytes().fold(0, |hash: u64, byte| hash.wrapping_mul(131) + u64::from(byte)));
    let mut good = seeds::of(name, &mut random);
    assert!(!good.is_empty(), "{name} has no seeds");
    let (start, before, mut slowest) = (Instant::now(), HELD.load(Relaxed), Duration::ZERO);
    MOST.store(before, Relaxed);
    let executions = setting("KD2M_FUZZ_EXECUTIONS").unwrap_or(executions);
    for execution in 0..executions {
        // Options and keys at the ends of their ranges are drawn anew once all were tried.
        if execution > 0 && execution % good.len() == 0 && matches!(name, "config" | "metric") {
            good = seeds::of(name, &mut random);
        }
        let own = &good[execution % good.len()];
        let whole = execution < good.len() || (matches!(name, "config" | "metric") && random.below(2) == 0);
        let input = match whole {
            true => own.clone(),
            false => {
                let other = &good[random.below(good.len())];
                mutated(&mut random, own, other)
            }
        };
        let (began, computed_before) = (Instant::now(), computed());
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input, folder.path())));
        let took = computed() - computed_before;
        slowest = slowest.max(took);
        let most = MOST.load(Relaxed).saturating_sub(before);
        let fault = match () {
            () if outcome.is_err() => "panics",
            () if most > MOST_HELD => "takes more than a GiB",
            () if took > LONGEST || began.elapsed() > LONGEST_ON_THE_CLOCK => "takes too long",
            () => continue,
        };
        let kept = std::env::temp_dir().join(format!("kd2m-fuzz-{name}-{seed}-{execution}"));
        std::fs::write(&kept, &input).unwrap();
        panic!("{name} {fault} at execution {execution} of seed {seed}: {}", kept.display());
    }
    let most = MOST.load(Relaxed).saturating_sub(before) >> 20;
    println!(
        "{name}: seed {seed}, {executions} executions in {:.1?}, slowest {slowest:.1?}, most held {most} MiB",
        start.elapsed()
    );
}

macro_rules! targets {
    ($($name:ident: $executions:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let (name, target) = TARGETS.iter().find(|(name, _)| *name == stringify!($name)).unwrap();
                attack(name, *target, $executions);
            }
        )*

        #[test]
        fn every_target_is_attacked() {
            let attacked = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), attacked);
        }
    };
}

targets! {
    npy: EXECUTIONS;
    npz: EXECUTIONS;
    safetensors: EXECUTIONS / 2;
    labels: EXECUTIONS;
    pth: EXECUTIONS / 2;
    onnx: EXECUTIONS;
    idx: EXECUTIONS / 2;
    cifar: EXECUTIONS / 2;
    mat: EXECUTIONS / 2;
    parquet: EXECUTIONS / 2;
    images: EXECUTIONS;
    config: EXECUTIONS;
    metric: EXECUTIONS;
}

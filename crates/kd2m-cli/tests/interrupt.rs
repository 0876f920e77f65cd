//! Ctrl-C ends a long comparison at once, with a shell's exit code and nothing on stdout.
#![cfg(unix)]

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kd2m_data::features::write_matrix;

/// What is allowed for on a busy machine; alone it takes less than a tenth of a second.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn ctrl_c_ends_a_long_distance_with_130() {
    let folder = tempfile::tempdir().unwrap();
    let (n, d) = (20_000, 64);
    for (name, seed) in [("a.npy", 1u32), ("b.npy", 2)] {
        let mut state = seed;
        let values = (0..n * d).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0
        });
        write_matrix(&folder.path().join(name), n, d, values).unwrap();
    }
    for memory in ["memory=11", "memory=0"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kd2m"));
        command.current_dir(folder.path()).args(["distance", "a.npy", "b.npy", "--metric", "w2", "--set", memory]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_millis(300));
        let told = Instant::now();
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let out = child.wait_with_output().unwrap();
        let took = told.elapsed();
        eprintln!("{memory}: {took:?}");
        assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
        assert!(out.stdout.is_empty());
        assert!(took < SLACK, "{took:?}");
    }
}

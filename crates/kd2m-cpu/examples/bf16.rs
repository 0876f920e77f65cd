//! Products of bf16 numbers with f32 sums (AVX512-BF16) beside this crate's f32 kernels, on the 3×3 layers of a ResNet-18.
//!
//! `bf16` prints, for each layer and batch of 32 and 128 on one thread, the time of a bare bf16 product of the layer's shape (no
//! padding, inputs rounded and in place, sums left in f32: the least that a bf16 convolution could take), the time of rounding its
//! input, and those of this crate's direct and Winograd kernels in f32.

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    println!("this example needs an x86-64 processor with AVX512-BF16");
}

#[cfg(target_arch = "x86_64")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    if !std::is_x86_feature_detected!("avx512bf16") {
        return Err("this processor has no AVX512-BF16".into());
    }
    x86::compare()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::{
        arch::x86_64::*,
        time::{Duration, Instant},
    };

    use kd2m_cpu::{Mode, Network, Options};
    use kd2m_nn::{Conv, Graph, GraphBuilder, Linear, init::initialise};

    /// Rows of the register tile, by two registers of outputs.
    const ROWS: usize = 14;
    const COLUMNS: usize = 32;
    const TAPS: usize = 9;

    /// `y[rows × 32] = Σ over taps of x[rows × k] · w[tap][k × 32]`; bf16 in pairs of k, as the instruction reads them.
    ///
    /// # Safety
    /// The processor has AVX512-BF16. `x` holds ROWS rows of `pairs` pairs, `w` 9 taps of `pairs` × 32 pairs, `y` ROWS × 32 numbers.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn tile(x: *const i32, w: *const i32, y: *mut f32, pairs: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
            for tap in 0..TAPS {
                let mut w = w.add(tap * pairs * COLUMNS);
                for k in 0..pairs {
                    let columns: [__m512bh; 2] = [
                        std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(w.cast())),
                        std::mem::transmute::<__m512i, __m512bh>(_mm512_loadu_si512(w.add(16).cast())),
                    ];
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let pair = _mm512_set1_epi32(*x.add(m * pairs + k));
                        let pair = std::mem::transmute::<__m512i, __m512bh>(pair);
                        sums[0] = _mm512_dpbf16_ps(sums[0], columns[0], pair);
                        sums[1] = _mm512_dpbf16_ps(sums[1], columns[1], pair);
                    }
                    w = w.add(COLUMNS);
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                _mm512_storeu_ps(y.add(m * COLUMNS), sums[0]);
                _mm512_storeu_ps(y.add(m * COLUMNS + 16), sums[1]);
            }
        }
    }

    /// Rounds to bf16, two registers at a time.
    ///
    /// # Safety
    /// The processor has AVX512-BF16. Both hold `count` numbers, a multiple of 32.
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn round(from: *const f32, to: *mut u16, count: usize) {
        for i in (0..count).step_by(32) {
            // SAFETY: the caller's promise.
            unsafe {
                let (low, high) = (_mm512_loadu_ps(from.add(i)), _mm512_loadu_ps(from.add(i + 16)));
                let both = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                _mm512_storeu_si512(to.add(i).cast(), both);
            }
        }
    }

    fn best(mut work: impl FnMut()) -> f64 {
        work();
        let (start, mut best) = (Instant::now(), f64::INFINITY);
        while start.elapsed() < Duration::from_millis(250) {
            let once = Instant::now();
            work();
            best = best.min(once.elapsed().as_secs_f64());
        }
        best * 1e3
    }

    /// Milliseconds of the bare product and of rounding.
    fn bf16(channels: usize, positions: usize, live: f64) -> (f64, f64) {
        let pairs = channels / 2;
        let rows = (positions as f64 * live) as usize / ROWS * ROWS;
        // 1.0 as bf16 twice.
        let x = vec![0x3f80_3f80_i32; positions * pairs];
        let w = vec![0x3f80_3f80_i32; TAPS * pairs * channels];
        let mut y = vec![0.0f32; positions * channels];
        let product = best(|| {
            for row in (0..rows).step_by(ROWS) {
                for panel in 0..channels / COLUMNS {
                    // SAFETY: rows and panels lie inside; the processor was asked.
                    unsafe {
                        let w = w.as_ptr().add(panel * TAPS * pairs * COLUMNS);
                        let y = y.as_mut_ptr().add(row * channels + panel * ROWS * COLUMNS);
                        tile(x.as_ptr().add(row * pairs), w, y, pairs);
                    }
                }
            }
        });
        assert!((y[0] - (TAPS * channels) as f32).abs() < 1.0, "sums of ones");
        let (from, mut to) = (vec![1.0f32; positions * channels], vec![0u16; positions * channels]);
        // SAFETY: both are as long; channels are a multiple of 32.
        let rounding = best(|| unsafe { round(from.as_ptr(), to.as_mut_ptr(), from.len()) });
        (product, rounding)
    }

    /// A network of one 3×3 convolution (and a classifier of one class, which takes next to nothing).
    fn layer(channels: usize, side: usize) -> Result<Graph, Box<dyn std::error::Error>> {
        let (mut graph, x) =
            GraphBuilder::new("layer", channels, side, side, &vec![0.0; channels], &vec![1.0; channels]);
        let x = graph.conv("conv", x, Conv::square(channels, channels, 3));
        let features = graph.global_avg_pool("pool", x);
        let logits = graph.linear("fc", features, Linear::new(channels, 1));
        Ok(graph.finish(features, logits)?)
    }

    /// Milliseconds of our kernel in f32.
    fn f32_kernel(graph: &Graph, n: usize, winograd: bool) -> Result<f64, Box<dyn std::error::Error>> {
        let options = Options { threads: 1, trainable: false, winograd, ..Options::default() };
        let mut network = Network::new(graph, &initialise(graph, 1), options)?;
        let images = vec![0.5; n * graph.input_shape().len()];
        let mut best = f64::INFINITY;
        for _ in 0..30 {
            network.reset_profile();
            network.forward(&images, n, Mode::Evaluate)?;
            best = best.min(network.profile().get("convolution").copied().unwrap_or(0.0));
        }
        Ok(best * 1e3)
    }

    pub fn compare() -> Result<(), Box<dyn std::error::Error>> {
        println!(
            "| layer, batch | bf16 product, ms | rounding its input, ms | f32 direct, ms | f32 Winograd, ms |\n|---|---|---|---|---|"
        );
        for (channels, side) in [(64, 32), (128, 16), (256, 8), (512, 4), (64, 8), (128, 4)] {
            for n in [32, 128] {
                // Taps that meet padding are left out, as our direct kernel does.
                let live = ((3 * side - 2) as f64 / (3 * side) as f64).powi(2);
                let (product, rounding) = bf16(channels, n * side * side, live);
                let graph = layer(channels, side)?;
                let (direct, winograd) = (f32_kernel(&graph, n, false)?, f32_kernel(&graph, n, true)?);
                println!(
                    "| {channels} at {side}×{side}, {n} | {product:.2} | {rounding:.2} | {direct:.2} | {winograd:.2} |"
                );
            }
        }
        Ok(())
    }
}

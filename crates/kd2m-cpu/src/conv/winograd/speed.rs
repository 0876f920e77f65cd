//! How fast the products are beside the direct kernel and the `gemm` path, for the 3×3 layers of a ResNet-18 on 32×32 images.
//! Not a test of time: it prints. `cargo test --release -p kd2m-cpu winograd_speed -- --ignored --nocapture`, `KD2M_ISA` to force a set.

use std::time::Instant;

use super::{Direction, TapWeights, Winograd, Workspace};
use crate::{
    conv::{ConvShape, Convolution, Epilogue, Source, direct, gemm},
    geometry::Window,
    isa::Isa,
    layout::Extent,
};

/// Channels and side of the maps of the four stages.
const STAGES: [(usize, usize); 4] = [(64, 32), (128, 16), (256, 8), (512, 4)];
const BATCHES: [usize; 3] = [32, 64, 128];
/// Seconds for which a product is repeated.
const PATIENCE: f64 = 0.1;

/// The best time of many repetitions, in seconds.
fn best(mut work: impl FnMut()) -> f64 {
    work();
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < PATIENCE {
        let once = Instant::now();
        work();
        best = best.min(once.elapsed().as_secs_f64());
    }
    best
}

fn numbers(length: usize) -> Vec<f32> {
    (0..length).map(|i| ((i * 2_654_435_761) % 1000) as f32 / 1000.0 - 0.5).collect()
}

#[test]
#[ignore = "prints speeds, takes half a minute"]
fn winograd_speed() {
    let isa = Isa::current().expect("KD2M_ISA names a set of this processor");
    println!("GFLOP/s by the count of direct convolution, {isa}, {} threads", rayon::current_num_threads());
    println!(
        "channels side batch | forward: winograd direct gemm | to weights: winograd direct gemm | transform of weights, ms"
    );
    for (channels, side) in STAGES {
        for n in BATCHES {
            let extent = Extent { channels, height: side, width: side };
            let window = Window { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
            let shape = ConvShape { window, groups: 1, input: extent, output: extent, source: Source::Maps };
            let (conv, plain) = (Convolution::new(shape, isa, true), Convolution::new(shape, Isa::Portable, true));
            let winograd = Winograd::new(isa, &shape).expect("3×3 of stride 1");
            let (x, weight) = (numbers(n * extent.len()), numbers(9 * channels * channels));
            let (mut y, mut dw) = (x.clone(), weight.clone());
            let mut workspace = Workspace::default();
            let mut points = winograd.weights(Direction::Forward);
            let epilogue = Epilogue::product(false);
            let taps = TapWeights { pack: &conv.pack, packed: &weight, direction: Direction::Forward };
            let transform = best(|| points.transform(&conv.pack, &weight));
            let times = [
                best(|| match winograd.takes_taps() {
                    true => winograd.product_of_taps(&x, &taps, &mut y, n, epilogue, &mut workspace),
                    false => winograd.forward(&x, &points, &mut y, n, epilogue, &mut workspace),
                }),
                best(|| direct::forward(&conv, &x, &weight, &mut y, n, epilogue)),
                best(|| gemm::forward(&plain, &x, &weight, &mut y, n, epilogue)),
                best(|| winograd.weight_gradient(&x, &y, &conv.pack, &mut dw, n, false, &mut workspace)),
                best(|| direct::weight_gradient(&conv, &x, &y, &mut dw, n, false, None)),
                best(|| gemm::weight_gradient(&plain, &x, &y, &mut dw, n, false)),
            ];
            let operations = 2.0 * conv.multiply_adds() as f64 * n as f64;
            let [a, b, c, d, e, f] = times.map(|time| operations / time / 1e9);
            println!(
                "{channels:8} {side:4} {n:5} | {a:17.0} {b:6.0} {c:4.0} | {d:20.0} {e:6.0} {f:4.0} | {:.3}",
                1e3 * transform
            );
        }
    }
}

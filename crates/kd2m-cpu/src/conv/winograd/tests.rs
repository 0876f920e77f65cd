//! The three products against direct sums in f64, for every instruction set that this processor has, over odd sizes.
//!
//! Errors are relative in L2, with standard normal inputs and weights. Measured over these shapes: 1e-7 … 5e-6, growing slowly with the
//! number of terms; a wrong index anywhere gives more than 1e-3.

use super::{Direction, TapWeights, Winograd, Workspace, products::register_tile, wide};
use crate::{
    conv::{ConvShape, Epilogue, Source},
    geometry::Window,
    isa::Isa,
    layout::{Extent, Pack},
};

const BOUND: f64 = 1e-5;

#[derive(Clone, Copy, Debug)]
struct Case {
    height: usize,
    width: usize,
    n: usize,
    inputs: usize,
    outputs: usize,
}

const fn case(height: usize, width: usize, n: usize, inputs: usize, outputs: usize) -> Case {
    Case { height, width, n, inputs, outputs }
}

/// Whole and ragged tiles, one and many samples, fewer and more channels than a vector, a panel, a block in cache.
const CASES: [Case; 12] = [
    case(4, 4, 1, 1, 1),
    case(5, 7, 3, 3, 17),
    case(8, 8, 2, 16, 32),
    case(9, 6, 5, 33, 40),
    case(4, 11, 2, 70, 20),
    case(13, 5, 1, 20, 65),
    case(8, 4, 16, 64, 64),
    case(7, 7, 3, 129, 31),
    case(4, 4, 3, 300, 33),
    case(5, 4, 30, 270, 96),
    case(16, 16, 37, 8, 6),
    case(15, 17, 41, 37, 61),
];

/// Numbers of a standard normal distribution, the same in every run.
fn normal(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as f64 + 0.5) / (1u64 << 31) as f64
    };
    (0..length).map(|_| ((-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()) as f32).collect()
}

fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let difference: f64 = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).powi(2)).sum();
    (difference / expected.iter().map(|e| e * e).sum::<f64>()).sqrt()
}

impl Case {
    fn shape(&self) -> ConvShape {
        let extent = |channels| Extent { channels, height: self.height, width: self.width };
        let window = Window { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
        let (input, output) = (extent(self.inputs), extent(self.outputs));
        ConvShape { window, groups: 1, input, output, source: Source::Maps }
    }

    fn layer(&self, isa: Isa) -> Winograd {
        Winograd::new(isa, &self.shape()).expect("every case fits")
    }

    fn map(&self, channels: usize, seed: u64) -> Vec<f32> {
        normal(self.height * self.width * self.n * channels, seed)
    }

    fn torch_weights(&self) -> Vec<f32> {
        normal(9 * self.inputs * self.outputs, 3)
    }

    /// The packs of the direct kernels, the plain one of the `gemm` path, and one whose blocks cut vectors.
    fn packs(&self) -> [Pack; 4] {
        [(32, 16), (16, 8), (0, 1), (7, 1)].map(|(block, granule)| self.shape().pack(block, granule))
    }

    /// Calls `f` with each (input row, output row, tap) that meet, rows counted in `[h, w, n]`.
    fn for_each_meeting(&self, mut f: impl FnMut(usize, usize, usize)) {
        for y in 0..self.height {
            for x in 0..self.width {
                for tap in 0..9 {
                    let (iy, ix) = (y + tap / 3, x + tap % 3);
                    if (1..=self.height).contains(&iy) && (1..=self.width).contains(&ix) {
                        for i in 0..self.n {
                            let input = ((iy - 1) * self.width + ix - 1) * self.n + i;
                            f(input, (y * self.width + x) * self.n + i, tap);
                        }
                    }
                }
            }
        }
    }

    fn weight_index(&self, output: usize, input: usize, tap: usize) -> usize {
        (output * self.inputs + input) * 9 + tap
    }

    fn naive_forward(&self, x: &[f32], torch: &[f32]) -> Vec<f64> {
        let mut y = vec![0.0; self.height * self.width * self.n * self.outputs];
        self.for_each_meeting(|i, o, tap| {
            for output in 0..self.outputs {
                for input in 0..self.inputs {
                    y[o * self.outputs + output] +=
                        f64::from(x[i * self.inputs + input]) * f64::from(torch[self.weight_index(output, input, tap)]);
                }
            }
        });
        y
    }

    fn naive_input_gradient(&self, dy: &[f32], torch: &[f32]) -> Vec<f64> {
        let mut dx = vec![0.0; self.height * self.width * self.n * self.inputs];
        self.for_each_meeting(|i, o, tap| {
            for output in 0..self.outputs {
                for input in 0..self.inputs {
                    dx[i * self.inputs + input] += f64::from(dy[o * self.outputs + output])
                        * f64::from(torch[self.weight_index(output, input, tap)]);
                }
            }
        });
        dx
    }

    fn naive_weight_gradient(&self, x: &[f32], dy: &[f32]) -> Vec<f64> {
        let mut dw = vec![0.0; 9 * self.inputs * self.outputs];
        self.for_each_meeting(|i, o, tap| {
            for output in 0..self.outputs {
                for input in 0..self.inputs {
                    dw[self.weight_index(output, input, tap)] +=
                        f64::from(x[i * self.inputs + input]) * f64::from(dy[o * self.outputs + output]);
                }
            }
        });
        dw
    }
}

/// A workspace as an earlier layer may have left it: nothing in it may reach a result.
fn used_workspace() -> Workspace {
    let mut workspace = Workspace::default();
    workspace.of(1 << 22).fill(f32::NAN);
    workspace
}

fn forward_agrees(isa: Isa, case: Case) {
    let (x, torch, layer) = (case.map(case.inputs, 1), case.torch_weights(), case.layer(isa));
    let expected = case.naive_forward(&x, &torch);
    for pack in case.packs() {
        let mut weights = layer.weights(Direction::Forward);
        weights.transform(&pack, &pack.packed(&torch));
        let mut y = vec![f32::NAN; expected.len()];
        layer.forward(&x, &weights, &mut y, case.n, Epilogue::product(false), &mut used_workspace());
        let error = relative_error(&y, &expected);
        assert!(error < BOUND, "{isa} {case:?} {pack:?}: {error:e}");
    }
}

/// The products that transform weights block by block, which only layers of many channels choose.
fn products_from_taps_agree(isa: Isa, case: Case) {
    if register_tile(isa).is_none() {
        return;
    }
    let (x, dy, torch, layer) =
        (case.map(case.inputs, 1), case.map(case.outputs, 2), case.torch_weights(), case.layer(isa));
    let pack = case.packs()[0];
    let packed = pack.packed(&torch);
    let (bias, start) = (normal(case.outputs, 5), case.map(case.outputs, 7));
    let mut expected = case.naive_forward(&x, &torch);
    let (bias_at, mut y) = (|i: usize| f64::from(bias[i % case.outputs]), start.clone());
    expected.iter_mut().enumerate().for_each(|(i, e)| *e = (*e + f64::from(start[i]) + bias_at(i)).max(0.0));
    let limits = (0.0, f32::INFINITY);
    let epilogue = Epilogue { accumulate: true, bias: Some(&bias), residual: None, limits, function: None };
    let taps = TapWeights { pack: &pack, packed: &packed, direction: Direction::Forward };
    layer.product_of_taps(&x, &taps, &mut y, case.n, epilogue, &mut used_workspace());
    let error = relative_error(&y, &expected);
    assert!(error < BOUND, "{isa} {case:?}: {error:e}");

    let (back, expected) = (pack.transposed(), case.naive_input_gradient(&dy, &torch));
    let (mut transposed, mut dx) = (vec![0.0; back.len()], vec![f32::NAN; expected.len()]);
    pack.transpose(Isa::Portable, &packed, &mut transposed);
    let taps = TapWeights { pack: &back, packed: &transposed, direction: Direction::InputGradient };
    layer.product_of_taps(&dy, &taps, &mut dx, case.n, Epilogue::product(false), &mut used_workspace());
    let error = relative_error(&dx, &expected);
    assert!(error < BOUND, "{isa} {case:?} input gradient: {error:e}");

    let expected = case.naive_weight_gradient(&x, &dy);
    for pack in case.packs() {
        let mut dw = vec![0.0; pack.len()];
        for accumulate in [false, true] {
            let gradient = layer.gradient(&x, &dy, case.n);
            wide::weight_gradient(&gradient, &pack, &mut dw, accumulate, &mut used_workspace());
        }
        let half: Vec<f32> = pack.unpacked(&dw).iter().map(|v| v / 2.0).collect();
        let error = relative_error(&half, &expected);
        assert!(error < BOUND, "{isa} {case:?} {pack:?}: {error:e}");
    }
}

fn epilogue_agrees(isa: Isa, case: Case) {
    let (x, torch, layer, pack) = (case.map(case.inputs, 1), case.torch_weights(), case.layer(isa), case.packs()[0]);
    let mut weights = layer.weights(Direction::Forward);
    weights.transform(&pack, &pack.packed(&torch));
    let (bias, residual, start) = (normal(case.outputs, 5), case.map(case.outputs, 6), case.map(case.outputs, 7));
    // Limits that cut off a part of the outputs, whose deviation is √(9·inputs), at both ends.
    let (low, high) = (0.0, 4.0 * (case.inputs as f64).sqrt());
    let mut expected = case.naive_forward(&x, &torch);
    for (i, value) in expected.iter_mut().enumerate() {
        *value += f64::from(start[i]) + f64::from(bias[i % case.outputs]) + f64::from(residual[i]);
        *value = value.clamp(low, high);
    }
    let limits = (low as f32, high as f32);
    let epilogue = Epilogue { accumulate: true, bias: Some(&bias), residual: Some(&residual), limits, function: None };
    let mut y = start.clone();
    layer.forward(&x, &weights, &mut y, case.n, epilogue, &mut used_workspace());
    let error = relative_error(&y, &expected);
    assert!(error < BOUND, "{isa} {case:?}: {error:e}");
}

fn input_gradient_agrees(isa: Isa, case: Case) {
    let (dy, torch, layer) = (case.map(case.outputs, 2), case.torch_weights(), case.layer(isa));
    let pack = case.packs()[0];
    let mut transposed = vec![0.0; pack.transposed().len()];
    pack.transpose(Isa::Portable, &pack.packed(&torch), &mut transposed);
    let mut weights = layer.weights(Direction::InputGradient);
    weights.transform(&pack.transposed(), &transposed);
    let mut expected = case.naive_input_gradient(&dy, &torch);
    let mut dx = vec![f32::NAN; expected.len()];
    layer.input_gradient(&dy, &weights, &mut dx, case.n, false, &mut used_workspace());
    let error = relative_error(&dx, &expected);
    assert!(error < BOUND, "{isa} {case:?}: {error:e}");
    layer.input_gradient(&dy, &weights, &mut dx, case.n, true, &mut used_workspace());
    expected.iter_mut().for_each(|e| *e *= 2.0);
    let error = relative_error(&dx, &expected);
    assert!(error < BOUND, "{isa} {case:?} accumulated: {error:e}");
}

fn weight_gradient_agrees(isa: Isa, case: Case) {
    let (x, dy, layer) = (case.map(case.inputs, 1), case.map(case.outputs, 2), case.layer(isa));
    let expected = case.naive_weight_gradient(&x, &dy);
    for pack in case.packs() {
        let mut dw = vec![0.0; pack.len()];
        for accumulate in [false, true] {
            layer.weight_gradient(&x, &dy, &pack, &mut dw, case.n, accumulate, &mut used_workspace());
        }
        let half: Vec<f32> = pack.unpacked(&dw).iter().map(|v| v / 2.0).collect();
        let error = relative_error(&half, &expected);
        assert!(error < BOUND, "{isa} {case:?} {pack:?}: {error:e}");
    }
}

/// All bits are the same for any number of threads: the order of every sum is the shape's.
fn bits_do_not_depend_on_threads(isa: Isa, case: Case) {
    let (x, dy, layer, pack) = (case.map(case.inputs, 1), case.map(case.outputs, 2), case.layer(isa), case.packs()[0]);
    let packed = pack.packed(&case.torch_weights());
    let results = [1, 2, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut weights = layer.weights(Direction::Forward);
            weights.transform(&pack, &packed);
            let (mut y, mut dw) = (vec![0.0; dy.len()], vec![0.0; pack.len()]);
            let mut workspace = used_workspace();
            layer.forward(&x, &weights, &mut y, case.n, Epilogue::product(false), &mut workspace);
            layer.weight_gradient(&x, &dy, &pack, &mut dw, case.n, false, &mut workspace);
            y.iter().chain(&dw).map(|v| v.to_bits()).collect::<Vec<_>>()
        })
    });
    assert!(results.iter().all(|r| *r == results[0]), "{isa} {case:?}");
}

/// The same tests for an instruction set, passed over where the processor lacks it.
macro_rules! suite {
    ($($isa:ident)*) => { $(
        mod $isa {
            use super::*;

            fn for_each_case(check: fn(Isa, Case)) {
                match Isa::named(stringify!($isa)) {
                    Ok(isa) => CASES.into_iter().for_each(|case| check(isa, case)),
                    Err(why) => eprintln!("passed over: {why}"),
                }
            }

            #[test]
            fn forward_agrees_with_direct_sums() {
                for_each_case(forward_agrees);
            }

            #[test]
            fn the_epilogue_agrees_with_direct_sums() {
                for_each_case(epilogue_agrees);
            }

            #[test]
            fn input_gradients_agree_with_direct_sums() {
                for_each_case(input_gradient_agrees);
            }

            #[test]
            fn products_from_taps_agree_with_direct_sums() {
                for_each_case(products_from_taps_agree);
            }

            #[test]
            fn weight_gradients_agree_with_direct_sums() {
                for_each_case(weight_gradient_agrees);
            }

            #[test]
            fn results_are_the_same_for_any_number_of_threads() {
                for_each_case(bits_do_not_depend_on_threads);
            }
        }
    )* };
}

suite!(avx512 avx2 neon portable);

#[test]
fn other_convolutions_do_not_fit() {
    let fitting = CASES[0].shape();
    assert!(Winograd::fits(&fitting));
    let window = |change: fn(&mut Window)| {
        let mut shape = fitting;
        change(&mut shape.window);
        shape
    };
    let small = |extent: Extent| Extent { height: 3, ..extent };
    for shape in [
        window(|w| w.stride = [2, 2]),
        window(|w| w.padding = [0, 0]),
        window(|w| w.dilation = [1, 2]),
        window(|w| w.kernel = [3, 1]),
        ConvShape { groups: 2, ..fitting },
        ConvShape { source: Source::PaddedImages { border: [1, 1] }, ..fitting },
        ConvShape { input: small(fitting.input), output: small(fitting.output), ..fitting },
    ] {
        assert!(!Winograd::fits(&shape), "{shape:?}");
    }
}

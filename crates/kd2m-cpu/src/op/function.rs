//! Activations that are functions with a derivative, of each value alone: what GELU and SiLU have in common, and `exp` and `erf`.
//!
//! Loops without calls and branches, which the compiler makes vectors of; no fused products, so that all instruction sets do the
//! same arithmetic.

use std::marker::PhantomData;

use super::{Backward, Convolve, Dx, Forward, Op};
use crate::{
    epilogue::Activation,
    isa::{Isa, Kernel, Lanes},
    plan::{Compiler, Place, Purpose},
    threads::for_each_piece,
};

/// A function of one number.
pub trait Function: Send + Sync + 'static {
    /// Its value at x.
    fn value(x: f32) -> f32;

    /// Its derivative at x.
    fn slope(x: f32) -> f32;
}

/// A layer that applies a function to each value.
pub struct Apply<F>(PhantomData<F>);

/// In evaluation taken in by the convolution or linear layer before it. In training a step of its own: its derivative is taken at what it
/// reads, which the step before has to keep.
pub fn plan<F: Function>(c: &mut Compiler, node: usize) -> Place {
    let (input, evaluates) = (c.input(node, 0), c.purpose == Purpose::Evaluation);
    let taken = c.take(input, |pending| {
        let bare = pending.activation == Activation::None;
        evaluates && bare && pending.op_mut::<Convolve>().is_some_and(|conv| conv.apply(over::<F>))
    });
    taken.map_or_else(|| c.stored(node, Apply::<F>(PhantomData)), Place::Pending)
}

/// The function's values over what they are of.
fn over<F: Function>(isa: Isa, values: &mut [f32]) {
    isa.run(Over::<F> { values, function: PhantomData });
}

/// Values of a task.
const PIECE: usize = 8192;

impl<F: Function> Op for Apply<F> {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    /// Each gradient depends on its own place alone.
    fn over_dy(&self, _: bool) -> bool {
        true
    }

    fn forward(&mut self, step: Forward) {
        let (isa, x) = (step.isa, step.inputs[0]);
        for_each_piece(step.y, PIECE, |i, y| {
            isa.run(Values::<F> { x: &x[i * PIECE..][..y.len()], y, function: PhantomData });
        });
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, x, dy, dx, .. } = step;
        let (given, to, add) = match dx {
            Dx::Own { values, add } => (Some(&*dy), values, add),
            Dx::OverDy => (None, dy, false),
            Dx::None => return,
        };
        for_each_piece(to, PIECE, |i, to| {
            let range = i * PIECE..i * PIECE + to.len();
            isa.run(Slopes::<F> {
                x: &x[range.clone()],
                dy: given.map(|dy| &dy[range]),
                to,
                add,
                function: PhantomData,
            });
        });
    }
}

struct Over<'a, F> {
    values: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Over<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        self.values.iter_mut().for_each(|x| *x = F::value(*x));
    }
}

struct Values<'a, F> {
    x: &'a [f32],
    y: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Values<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = F::value(*x));
    }
}

/// The gradient times the slope at x; without `dy`, `to` holds the gradient.
struct Slopes<'a, F> {
    x: &'a [f32],
    dy: Option<&'a [f32]>,
    to: &'a mut [f32],
    add: bool,
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Slopes<'_, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let to = self.to.iter_mut().zip(self.x);
        match self.dy {
            None => to.for_each(|(to, x)| *to *= F::slope(*x)),
            Some(dy) if self.add => to.zip(dy).for_each(|((to, x), dy)| *to += dy * F::slope(*x)),
            Some(dy) => to.zip(dy).for_each(|((to, x), dy)| *to = dy * F::slope(*x)),
        }
    }
}

/// eˣ within 2 units in the last place; below e⁻⁸⁷ and beyond e⁸⁸ it stays there. (Cephes' polynomial.)
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // So large that its last place is 1: a sum with it is rounded to whole numbers.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of which times n is exact.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = ((((1.987_569_1e-4 * r + 1.398_199_9e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 0.166_666_65) * r
        + 0.5;
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    (p * r * r + r + 1.0) * power
}

/// The error function within 5e-7; a rational approximation (Eigen's coefficients).
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let x = if x < -4.0 { -4.0 } else { x };
    let x = if x > 4.0 { 4.0 } else { x };
    let s = x * x;
    let p = -2.726_142_3e-10 * s + 2.770_681_4e-8;
    let p = ((p * s - 2.101_024e-6) * s - 5.692_506_4e-5) * s - 7.349_906e-4;
    let p = (p * s - 2.954_6e-3) * s - 1.609_603_3e-2;
    let q = (-1.456_607_2e-5 * s - 2.133_740_5e-4) * s - 1.682_827e-3;
    let q = (q * s - 7.373_329_2e-3) * s - 1.426_473_9e-2;
    x * p / q
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2/√π e^(−x²) Σ 2ᵏ x^(2k+1) / (2k+1)!!, whose terms are all of one sign.
    fn erf64(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for k in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * k + 1);
            sum += term;
        }
        2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
    }

    #[test]
    fn erf_and_exp_are_those_of_f64() {
        // Abramowitz and Stegun, table 7.1.
        assert!((erf64(0.5) - 0.520_499_877_8).abs() < 1e-10 && (erf64(2.0) - 0.995_322_265_0).abs() < 1e-10);
        let mut worst = (0.0_f64, 0.0_f64);
        for i in -60_000..=60_000_i32 {
            let x = i as f32 / 10_000.0;
            worst.0 = worst.0.max((f64::from(erf(x)) - erf64(f64::from(x))).abs());
            let x = i as f32 / 700.0;
            worst.1 = worst.1.max((f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs());
        }
        assert!(worst.0 < 5e-7 && worst.1 < 2.4e-7, "{worst:?}");
        assert_eq!((exp(0.0), erf(0.0)), (1.0, 0.0));
        assert!(exp(-1e9) < 2e-38 && exp(1e9).is_finite());
        // A diverged run shows.
        assert!(exp(f32::NAN).is_nan() && erf(f32::NAN).is_nan());
    }
}

//! Activations, and what a product goes through before it is stored where the kernel itself does not do it.

use crate::{
    conv::Epilogue,
    isa::{Isa, Kernel, Lanes},
    threads::{Shared, for_each_piece},
};

/// The function after a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    None,
    Relu,
    Relu6,
    /// Any limits, the lower one first.
    Clip(f32, f32),
}

impl Activation {
    /// min(max(x, low), high).
    pub fn limits(self) -> (f32, f32) {
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
            Self::Clip(low, high) => (low, high),
        }
    }
}

/// min(max(x, low), high); a NaN stays a NaN, so that a diverged run shows.
#[inline(always)]
pub fn limit(x: f32, (low, high): (f32, f32)) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// Bias (from channel `first` on), residual and limits on rows × columns of the output; `accumulate` was done by the product.
///
/// # Safety
/// No other reference to these rows × columns of `y` exists.
pub unsafe fn finish_rows(
    y: Shared,
    at: usize,
    stride: usize,
    rows: usize,
    first: usize,
    columns: usize,
    epilogue: &Epilogue,
) {
    if epilogue.bias.is_none() && epilogue.residual.is_none() && !epilogue.is_limited() {
        return;
    }
    for r in 0..rows {
        let range = at + r * stride..at + r * stride + columns;
        // SAFETY: the caller's promise.
        let row = unsafe { y.slice(range.clone()) };
        if let Some(bias) = epilogue.bias {
            row.iter_mut().zip(&bias[first..]).for_each(|(y, b)| *y += b);
        }
        if let Some(residual) = epilogue.residual {
            row.iter_mut().zip(&residual[range]).for_each(|(y, r)| *y += r);
        }
        if epilogue.is_limited() {
            row.iter_mut().for_each(|y| *y = limit(*y, epilogue.limits));
        }
    }
}

/// Sets dy to zero where y is at a limit of the activation.
pub fn mask(isa: Isa, y: &[f32], dy: &mut [f32], activation: Activation) {
    const PIECE: usize = 16384;
    for_each_piece(dy, PIECE, |i, dy| {
        isa.run(Mask { y: &y[i * PIECE..][..dy.len()], dy, limits: activation.limits() });
    });
}

struct Mask<'a> {
    y: &'a [f32],
    dy: &'a mut [f32],
    limits: (f32, f32),
}

impl Kernel for Mask<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let (low, high) = self.limits;
        for (dy, y) in self.dy.iter_mut().zip(self.y) {
            *dy = if low < *y && *y < high { *dy } else { 0.0 };
        }
    }
}

//! A step of SGD on weights in their order of memory: of a finished tile before it leaves the registers, or postponed.

use crate::{
    isa::{Isa, Kernel, Lanes},
    threads::{Shared, for_each},
};

/// Stochastic gradient descent on a tile, with the gradient still in registers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    pub lr: f32,
    pub weight_decay: f32,
    pub gradient_scale: f32,
    pub momentum: f32,
    pub nesterov: bool,
}

/// One register of SGD in memory.
///
/// # Safety
/// Both pointers hold a register.
#[inline(always)]
pub unsafe fn step<S: Lanes>(lanes: S, sgd: &Sgd, weight: *mut f32, moment: *mut f32, gradient: S::F32) {
    // SAFETY: the caller's promise.
    unsafe {
        let (w, v) = stepped(lanes, sgd, lanes.load(weight), lanes.load(moment), gradient);
        lanes.store(weight, w);
        lanes.store(moment, v);
    }
}

/// Weights and momentum after a step, as [`update`](crate::update) has it.
#[inline(always)]
fn stepped<S: Lanes>(lanes: S, sgd: &Sgd, w: S::F32, v: S::F32, gradient: S::F32) -> (S::F32, S::F32) {
    let g = lanes.mul_add(gradient, lanes.splat(sgd.gradient_scale), lanes.mul(w, lanes.splat(sgd.weight_decay)));
    let momentum = lanes.splat(sgd.momentum);
    let v = lanes.mul_add(momentum, v, g);
    let direction = if sgd.nesterov { lanes.mul_add(momentum, v, g) } else { v };
    (lanes.mul_add(lanes.splat(-sgd.lr), direction, w), v)
}

/// Does the steps of weights whose gradient is zero, one after another, as if each had been done in its time.
pub fn replay(isa: Isa, steps: &[Sgd], weight: &mut [f32], moment: &mut [f32]) {
    const PIECE: usize = 4096;
    let (length, weight, moment) = (weight.len().min(moment.len()), Shared::new(weight), Shared::new(moment));
    for_each(length.div_ceil(PIECE), |i| {
        let range = i * PIECE..length.min((i + 1) * PIECE);
        // SAFETY: the pieces do not overlap.
        let (weight, moment) = unsafe { (weight.slice(range.clone()), moment.slice(range)) };
        isa.run(Replay { steps, weight, moment });
    });
}

struct Replay<'a> {
    steps: &'a [Sgd],
    weight: &'a mut [f32],
    moment: &'a mut [f32],
}

impl Kernel for Replay<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        for (w, v) in self.weight.chunks_mut(S::COUNT).zip(self.moment.chunks_mut(S::COUNT)) {
            let count = w.len();
            // SAFETY: `count` values are there.
            unsafe {
                let (mut a, mut b) = (lanes.load_first(count, w.as_ptr()), lanes.load_first(count, v.as_ptr()));
                for sgd in self.steps {
                    (a, b) = stepped(lanes, sgd, a, b, lanes.zero());
                }
                lanes.store_first(count, w.as_mut_ptr(), a);
                lanes.store_first(count, v.as_mut_ptr(), b);
            }
        }
    }
}

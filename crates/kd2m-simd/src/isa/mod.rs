//! Instruction sets: sixteen lanes of `i32` or `f32` behind one trait, with AVX-512, AVX2, NEON and portable forms.
//! A token can be made only where the processor has the instructions, so everything built on it is safe to call. A [`Kernel`]
//! is written once and compiled for each; `choice` says which one is taken, and obeys `KD2M_ISA`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vnni;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use choice::{IsaError, VARIABLE, arch};
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
pub use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub use vnni::Vnni;

/// Lanes of every vector: what one AVX-512 register holds; lesser sets use several registers.
pub const LANES: usize = 16;

/// Sixteen-lane operations. All integer operations wrap; all minima of floats assume that there is no NaN.
pub trait Simd: Copy + Send + Sync + 'static {
    /// Sixteen `i32`.
    type I: Copy;
    /// Sixteen `f32`.
    type F: Copy;
    /// Sixteen `f64`.
    type D: Copy;
    /// Sixteen truth values.
    type M: Copy;
    /// The name that `KD2M_ISA` knows.
    const NAME: &'static str;
    /// Registers that sixteen `f32` take.
    const SPLIT: usize;
    /// Vector registers that the set has.
    const REGISTERS: usize;

    /// Runs a kernel compiled for this instruction set.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    /// The same number in all lanes.
    fn splat(self, value: i32) -> Self::I;
    /// Lane k is `from[k]`.
    fn load(self, from: &[i32; LANES]) -> Self::I;
    /// `to[k]` becomes lane k.
    fn store(self, value: Self::I, to: &mut [i32; LANES]);
    /// a + b, lane by lane.
    fn add(self, a: Self::I, b: Self::I) -> Self::I;
    /// a − b, lane by lane.
    fn sub(self, a: Self::I, b: Self::I) -> Self::I;
    /// The lesser of a and b, lane by lane.
    fn min(self, a: Self::I, b: Self::I) -> Self::I;
    /// The greater of a and b, lane by lane.
    fn max(self, a: Self::I, b: Self::I) -> Self::I;
    /// Whether a < b, lane by lane.
    fn less(self, a: Self::I, b: Self::I) -> Self::M;
    /// Whether a = b, lane by lane.
    fn equal(self, a: Self::I, b: Self::I) -> Self::M;
    /// Lane by lane `yes` where the mask is set, else `no`.
    fn select(self, mask: Self::M, yes: Self::I, no: Self::I) -> Self::I;
    /// Least lane.
    fn least(self, a: Self::I) -> i32;
    /// Lane k of the result is `base[index[k]]`.
    ///
    /// # Safety
    /// Every lane of `index` must lie in `0..base.len()`.
    unsafe fn gather(self, base: &[i32], index: Self::I) -> Self::I;

    /// Mask as bits, lane 0 lowest.
    fn bits(self, mask: Self::M) -> u32;
    /// Mask from bits, lane 0 lowest.
    fn mask(self, bits: u32) -> Self::M;

    /// The same number in all lanes.
    fn splat_f(self, value: f32) -> Self::F;
    /// Lane k is `from[k]`.
    fn load_f(self, from: &[f32; LANES]) -> Self::F;
    /// `to[k]` becomes lane k.
    fn store_f(self, value: Self::F, to: &mut [f32; LANES]);
    /// a + b, lane by lane.
    fn add_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// a − b, lane by lane.
    fn sub_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// a · b, lane by lane.
    fn mul_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// The lesser of a and b, lane by lane.
    fn min_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// The greater of a and b, lane by lane.
    fn max_f(self, a: Self::F, b: Self::F) -> Self::F;
    /// Whether a < b, lane by lane.
    fn less_f(self, a: Self::F, b: Self::F) -> Self::M;
    /// Whether a = b, lane by lane.
    fn equal_f(self, a: Self::F, b: Self::F) -> Self::M;
    /// Least lane.
    fn least_f(self, a: Self::F) -> f32;
    /// `a·b + c`, fused where the set can.
    fn fma_f(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// Rounds towards zero; lanes must fit an `i32`.
    fn truncate(self, a: Self::F) -> Self::I;

    /// The same number in all lanes.
    fn splat_d(self, value: f64) -> Self::D;
    /// Lane k is `from[k]`.
    fn load_d(self, from: &[f64; LANES]) -> Self::D;
    /// `to[k]` becomes lane k.
    fn store_d(self, value: Self::D, to: &mut [f64; LANES]);
    /// a − b, lane by lane.
    fn sub_d(self, a: Self::D, b: Self::D) -> Self::D;
    /// a · b, lane by lane.
    fn mul_d(self, a: Self::D, b: Self::D) -> Self::D;
    /// The lesser of a and b, lane by lane.
    fn min_d(self, a: Self::D, b: Self::D) -> Self::D;
    /// The greater of a and b, lane by lane.
    fn max_d(self, a: Self::D, b: Self::D) -> Self::D;
    /// `a·b + c`, fused where the set can.
    fn fma_d(self, a: Self::D, b: Self::D, c: Self::D) -> Self::D;
    /// a + b, lane by lane.
    fn add_d(self, a: Self::D, b: Self::D) -> Self::D;
    /// Whether a < b, lane by lane.
    fn less_d(self, a: Self::D, b: Self::D) -> Self::M;
    /// Whether a = b, lane by lane.
    fn equal_d(self, a: Self::D, b: Self::D) -> Self::M;
    /// Least lane.
    fn least_d(self, a: Self::D) -> f64;
    /// Sixteen `f32` as doubles, exactly.
    fn widen(self, from: &[f32; LANES]) -> Self::D;
    /// Rounds towards zero; lanes must fit an `i32`.
    fn truncate_d(self, a: Self::D) -> Self::I;
}

/// A computation over any instruction set. `call` must be `#[inline(always)]`, or it is compiled without the instructions.
pub trait Kernel {
    /// What it computes.
    type Output;
    /// Computes it with the instructions of `simd`.
    fn call<S: Simd>(self, simd: S) -> Self::Output;
}

/// An element of a cost matrix: sixteen of them as a vector, and as fixed-point integers.
pub trait Element: Copy + PartialOrd + Send + Sync + 'static {
    /// Sixteen of them.
    type Vector<S: Simd>: Copy;
    /// Positive infinity.
    const INFINITE: Self;

    /// The same number in all lanes.
    fn vsplat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// Lane k is `from[k]`.
    fn vload<S: Simd>(simd: S, from: &[Self; LANES]) -> Self::Vector<S>;
    /// `to[k]` becomes lane k.
    fn vstore<S: Simd>(simd: S, value: Self::Vector<S>, to: &mut [Self; LANES]);
    /// a − b, lane by lane.
    fn vsub<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a + b, lane by lane.
    fn vadd<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a·b + c`, fused where the set can.
    fn vfma<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    /// The lesser of a and b, lane by lane.
    fn vmin<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The greater of a and b, lane by lane.
    fn vmax<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// Whether a < b, lane by lane.
    fn vless<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> S::M;
    /// Whether a = b, lane by lane.
    fn vequal<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> S::M;
    /// Least lane.
    fn vleast<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    /// The same numbers as doubles, exactly.
    fn widen<S: Simd>(simd: S, from: &[Self; LANES]) -> S::D;
    /// `trunc((x − offset) · scale)`; results must fit an `i32`.
    fn fixed<S: Simd>(simd: S, from: &[Self; LANES], offset: Self, scale: Self) -> S::I;
    /// The same of one element, bit for bit.
    fn fixed_one(self, offset: Self, scale: Self) -> i32;
}

macro_rules! element {
    ($t:ty, $vector:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident, $fma:ident, $min:ident, $max:ident,
     $less:ident, $equal:ident, $least:ident, $widen:ident, $truncate:ident) => {
        impl Element for $t {
            type Vector<S: Simd> = S::$vector;
            const INFINITE: Self = <$t>::INFINITY;

            #[inline(always)]
            fn vsplat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }
            #[inline(always)]
            fn vload<S: Simd>(simd: S, from: &[Self; LANES]) -> S::$vector {
                simd.$load(from)
            }
            #[inline(always)]
            fn vstore<S: Simd>(simd: S, value: S::$vector, to: &mut [Self; LANES]) {
                simd.$store(value, to)
            }
            #[inline(always)]
            fn vsub<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn vadd<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn vfma<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$fma(a, b, c)
            }
            #[inline(always)]
            fn vmin<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$min(a, b)
            }
            #[inline(always)]
            fn vmax<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$max(a, b)
            }
            #[inline(always)]
            fn vless<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::M {
                simd.$less(a, b)
            }
            #[inline(always)]
            fn vequal<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::M {
                simd.$equal(a, b)
            }
            #[inline(always)]
            fn vleast<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$least(a)
            }
            #[inline(always)]
            fn widen<S: Simd>(simd: S, from: &[Self; LANES]) -> S::D {
                simd.$widen(from)
            }
            #[inline(always)]
            fn fixed<S: Simd>(simd: S, from: &[Self; LANES], offset: Self, scale: Self) -> S::I {
                let difference = simd.$sub(simd.$load(from), simd.$splat(offset));
                simd.$truncate(simd.$mul(difference, simd.$splat(scale)))
            }
            #[inline(always)]
            fn fixed_one(self, offset: Self, scale: Self) -> i32 {
                ((self - offset) * scale) as i32
            }
        }
    };
}
element!(
    f32, F, splat_f, load_f, store_f, add_f, sub_f, mul_f, fma_f, min_f, max_f, less_f, equal_f, least_f, widen,
    truncate
);
element!(
    f64, D, splat_d, load_d, store_d, add_d, sub_d, mul_d, fma_d, min_d, max_d, less_d, equal_d, least_d, load_d,
    truncate_d
);

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// 512 bits: F, BW, CD, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// 256 bits, with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// Four registers of 128 bits.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// What every processor has.
    Portable(Portable),
}

impl Isa {
    /// All that this processor has, best first; the portable form is always among them.
    pub fn available() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            found.extend(Avx512::new().map(Isa::Avx512));
            found.extend(Avx2::new().map(Isa::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        found.extend(Neon::new().map(Isa::Neon));
        found.push(Isa::Portable(Portable));
        found
    }

    /// `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => Avx512::NAME,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => Avx2::NAME,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(_) => Neon::NAME,
            Isa::Portable(_) => Portable::NAME,
        }
    }

    /// Runs a kernel compiled for this instruction set.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(simd) => simd.run(kernel),
            Isa::Portable(simd) => simd.run(kernel),
        }
    }
}

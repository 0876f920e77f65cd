//! The vector operations on `f32` that kernels are written in, once for all instruction sets: a kernel generic over [`Lanes`] is compiled for each set it runs on.
//! A vector operation outside a function compiled for its set becomes a call, 70 times slower: every kernel enters through [`Lanes::vectorized`] and inlines the rest.
//! Read next: `../conv/winograd/transform.rs`, the shortest user.

use pulp::NullaryFnOnce;

/// A piece of work that is compiled for an instruction set; `run` must be `#[inline(always)]`.
pub trait Kernel {
    /// What it gives.
    type Output;
    /// The work, in operations of these lanes.
    fn run<S: Lanes>(self, lanes: S) -> Self::Output;
}

/// A vector of `COUNT` numbers and what can be done with it; holding a value of the implementing type proves that the processor can.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// A register of `COUNT` numbers.
    type F32: Copy;
    /// Numbers in a register.
    const COUNT: usize;

    /// Runs `kernel` inside a function compiled for this instruction set.
    fn vectorized<K: Kernel>(self, kernel: K) -> K::Output;

    /// `value` in every place.
    fn splat(self, value: f32) -> Self::F32;
    /// `a + b`.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a − b`.
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a · b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a·b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The larger of both; a NaN in `b` stays a NaN, as a ReLU `max(0, b)` needs.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The smaller of both; a NaN in `b` stays a NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `value` where low < by < high, else zero: the derivative of a limited function.
    fn keep_between(self, low: Self::F32, by: Self::F32, high: Self::F32, value: Self::F32) -> Self::F32;

    /// Zero in every place.
    #[inline(always)]
    fn zero(self) -> Self::F32 {
        self.splat(0.0)
    }

    /// # Safety
    /// `source` is valid for reads of `COUNT` numbers.
    unsafe fn load(self, source: *const f32) -> Self::F32;
    /// # Safety
    /// `target` is valid for writes of `COUNT` numbers.
    unsafe fn store(self, target: *mut f32, value: Self::F32);
    /// The first `count ≤ COUNT` numbers, the rest zero.
    ///
    /// # Safety
    /// `source` is valid for reads of `count` numbers.
    unsafe fn load_first(self, count: usize, source: *const f32) -> Self::F32;
    /// Stores the first `count ≤ COUNT` numbers.
    ///
    /// # Safety
    /// `target` is valid for writes of `count` numbers.
    unsafe fn store_first(self, count: usize, target: *mut f32, value: Self::F32);
    /// Writes a block of `COUNT × COUNT` numbers transposed; rows are so many numbers apart.
    ///
    /// # Safety
    /// The rows of both blocks are valid, and the blocks do not overlap.
    #[inline(always)]
    unsafe fn transpose(self, source: *const f32, source_row: usize, target: *mut f32, target_row: usize) {
        for i in 0..Self::COUNT {
            for j in 0..Self::COUNT {
                // SAFETY: the caller's promise.
                unsafe { *target.add(j * target_row + i) = *source.add(i * source_row + j) };
            }
        }
    }
}

/// What `pulp` calls inside a function compiled for the set `S`.
struct Entered<S, K>(S, K);

impl<S: Lanes, K: Kernel> NullaryFnOnce for Entered<S, K> {
    type Output = K::Output;
    #[inline(always)]
    fn call(self) -> K::Output {
        self.1.run(self.0)
    }
}

/// The operations that `pulp` offers under the same names for every set.
macro_rules! operations_of_pulp {
    ($register:ty) => {
        type F32 = $register;
        const COUNT: usize = size_of::<$register>() / size_of::<f32>();

        #[inline(always)]
        fn vectorized<K: Kernel>(self, kernel: K) -> K::Output {
            self.vectorize(Entered(self, kernel))
        }
        #[inline(always)]
        fn splat(self, value: f32) -> Self::F32 {
            pulp::Simd::splat_f32s(self, value)
        }
        #[inline(always)]
        fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
            pulp::Simd::add_f32s(self, a, b)
        }
        #[inline(always)]
        fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
            pulp::Simd::sub_f32s(self, a, b)
        }
        #[inline(always)]
        fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
            pulp::Simd::mul_f32s(self, a, b)
        }
        #[inline(always)]
        fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
            pulp::Simd::mul_add_f32s(self, a, b, c)
        }
        #[inline(always)]
        fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
            pulp::Simd::max_f32s(self, a, b)
        }
        #[inline(always)]
        fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
            pulp::Simd::min_f32s(self, a, b)
        }
        #[inline(always)]
        fn keep_between(self, low: Self::F32, by: Self::F32, high: Self::F32, value: Self::F32) -> Self::F32 {
            let (above, below) =
                (pulp::Simd::less_than_f32s(self, low, by), pulp::Simd::less_than_f32s(self, by, high));
            let zero = pulp::Simd::splat_f32s(self, 0.0);
            let value = pulp::Simd::select_f32s(self, above, value, zero);
            pulp::Simd::select_f32s(self, below, value, zero)
        }
        #[inline(always)]
        unsafe fn load(self, source: *const f32) -> Self::F32 {
            // SAFETY: the caller's promise; a register may be read from any address.
            unsafe { source.cast::<Self::F32>().read_unaligned() }
        }
        #[inline(always)]
        unsafe fn store(self, target: *mut f32, value: Self::F32) {
            // SAFETY: the caller's promise; a register may be written to any address.
            unsafe { target.cast::<Self::F32>().write_unaligned(value) }
        }
    };
}

/// A part of a register through a copy on the stack, where there are no masks.
macro_rules! parts_through_the_stack {
    () => {
        #[inline(always)]
        unsafe fn load_first(self, count: usize, source: *const f32) -> Self::F32 {
            let mut part = [0.0f32; Self::COUNT];
            // SAFETY: `count` numbers are readable (caller) and fit (`count ≤ COUNT`).
            unsafe {
                part.as_mut_ptr().copy_from_nonoverlapping(source, count.min(Self::COUNT));
                self.load(part.as_ptr())
            }
        }
        #[inline(always)]
        unsafe fn store_first(self, count: usize, target: *mut f32, value: Self::F32) {
            let mut part = [0.0f32; Self::COUNT];
            // SAFETY: as in `load_first`, the other way.
            unsafe {
                self.store(part.as_mut_ptr(), value);
                target.copy_from_nonoverlapping(part.as_ptr(), count.min(Self::COUNT));
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
impl Lanes for super::Avx512 {
    operations_of_pulp!(pulp::f32x16);

    #[inline(always)]
    unsafe fn load_first(self, count: usize, source: *const f32) -> Self::F32 {
        let mask = ((1u32 << count) - 1) as u16;
        // SAFETY: lanes that the mask leaves out are not touched.
        let part = unsafe { self.avx512f._mm512_maskz_loadu_ps(mask, source) };
        pulp::cast(part)
    }
    #[inline(always)]
    unsafe fn store_first(self, count: usize, target: *mut f32, value: Self::F32) {
        let mask = ((1u32 << count) - 1) as u16;
        // SAFETY: lanes that the mask leaves out are not touched.
        unsafe { self.avx512f._mm512_mask_storeu_ps(target, mask, pulp::cast(value)) }
    }
    /// Pairs of rows, then of pairs, inside the quarters of a register; then the quarters change places.
    #[inline(always)]
    unsafe fn transpose(self, source: *const f32, source_row: usize, target: *mut f32, target_row: usize) {
        use std::arch::x86_64::__m512;
        let f = self.avx512f;
        // SAFETY: the caller's promise.
        let rows: [__m512; 16] = std::array::from_fn(|i| unsafe { f._mm512_loadu_ps(source.add(i * source_row)) });
        let pairs: [__m512; 16] = std::array::from_fn(|i| {
            let (a, b) = (rows[i & !1], rows[i | 1]);
            if i & 1 == 0 { f._mm512_unpacklo_ps(a, b) } else { f._mm512_unpackhi_ps(a, b) }
        });
        // fours[4 i + q]: quarter l holds column 4 l + q of rows 4 i…4 i + 3.
        let fours: [__m512; 16] = std::array::from_fn(|k| {
            let (i, q) = (k & !3, k & 3);
            let (a, b) = (f._mm512_castps_pd(pairs[i + q / 2]), f._mm512_castps_pd(pairs[i + 2 + q / 2]));
            let both = if q & 1 == 0 { f._mm512_unpacklo_pd(a, b) } else { f._mm512_unpackhi_pd(a, b) };
            f._mm512_castpd_ps(both)
        });
        for q in 0..4 {
            let (a, b, c, d) = (fours[q], fours[4 + q], fours[8 + q], fours[12 + q]);
            let even = (f._mm512_shuffle_f32x4::<0x88>(a, b), f._mm512_shuffle_f32x4::<0x88>(c, d));
            let odd = (f._mm512_shuffle_f32x4::<0xdd>(a, b), f._mm512_shuffle_f32x4::<0xdd>(c, d));
            let columns = [
                (q, f._mm512_shuffle_f32x4::<0x88>(even.0, even.1)),
                (4 + q, f._mm512_shuffle_f32x4::<0x88>(odd.0, odd.1)),
                (8 + q, f._mm512_shuffle_f32x4::<0xdd>(even.0, even.1)),
                (12 + q, f._mm512_shuffle_f32x4::<0xdd>(odd.0, odd.1)),
            ];
            for (column, value) in columns {
                // SAFETY: the caller's promise.
                unsafe { f._mm512_storeu_ps(target.add(column * target_row), value) };
            }
        }
    }
}

/// The mask whose first `count ≤ 8` lanes are on.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn avx2_mask(count: usize) -> [i32; 8] {
    static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let start = 8 - count.min(8);
    // SAFETY: a window of eight that starts at 0…8 lies in sixteen.
    unsafe { MASKS.as_ptr().add(start).cast::<[i32; 8]>().read_unaligned() }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for super::Avx2 {
    operations_of_pulp!(pulp::f32x8);

    #[inline(always)]
    unsafe fn load_first(self, count: usize, source: *const f32) -> Self::F32 {
        // SAFETY: lanes that the mask leaves out are not touched.
        let part = unsafe { self.avx._mm256_maskload_ps(source, pulp::cast(avx2_mask(count))) };
        pulp::cast(part)
    }
    #[inline(always)]
    unsafe fn store_first(self, count: usize, target: *mut f32, value: Self::F32) {
        // SAFETY: lanes that the mask leaves out are not touched.
        unsafe { self.avx._mm256_maskstore_ps(target, pulp::cast(avx2_mask(count)), pulp::cast(value)) }
    }
    /// Pairs of rows, then of pairs, inside the halves of a register; then the halves change places.
    #[inline(always)]
    unsafe fn transpose(self, source: *const f32, source_row: usize, target: *mut f32, target_row: usize) {
        use std::arch::x86_64::__m256;
        let a = self.avx;
        // SAFETY: the caller's promise.
        let rows: [__m256; 8] = std::array::from_fn(|i| unsafe { a._mm256_loadu_ps(source.add(i * source_row)) });
        let pairs: [__m256; 8] = std::array::from_fn(|i| {
            let (x, y) = (rows[i & !1], rows[i | 1]);
            if i & 1 == 0 { a._mm256_unpacklo_ps(x, y) } else { a._mm256_unpackhi_ps(x, y) }
        });
        // fours[4 i + q]: half l holds column 4 l + q of rows 4 i…4 i + 3.
        let fours: [__m256; 8] = std::array::from_fn(|k| {
            let (i, q) = (k & !3, k & 3);
            let (x, y) = (pairs[i + q / 2], pairs[i + 2 + q / 2]);
            if q & 1 == 0 { a._mm256_shuffle_ps::<0x44>(x, y) } else { a._mm256_shuffle_ps::<0xee>(x, y) }
        });
        for q in 0..4 {
            let (above, below) = (fours[q], fours[4 + q]);
            // SAFETY: the caller's promise.
            unsafe {
                a._mm256_storeu_ps(target.add(q * target_row), a._mm256_permute2f128_ps::<0x20>(above, below));
                let last = a._mm256_permute2f128_ps::<0x31>(above, below);
                a._mm256_storeu_ps(target.add((4 + q) * target_row), last);
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
impl Lanes for super::Neon {
    operations_of_pulp!(pulp::f32x4);
    parts_through_the_stack!();
}

/// Arrays that the compiler turns into whatever vectors the target has by default.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Lanes for Portable {
    type F32 = [f32; 8];
    const COUNT: usize = 8;

    #[inline(always)]
    fn vectorized<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Self::F32 {
        [value; 8]
    }
    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        std::array::from_fn(|i| a[i] * b[i])
    }
    /// Rounds twice: a fused operation without an instruction for it is a slow call.
    #[inline(always)]
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn keep_between(self, low: Self::F32, by: Self::F32, high: Self::F32, value: Self::F32) -> Self::F32 {
        std::array::from_fn(|i| if low[i] < by[i] && by[i] < high[i] { value[i] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn load(self, source: *const f32) -> Self::F32 {
        // SAFETY: the caller's promise.
        unsafe { source.cast::<Self::F32>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32, value: Self::F32) {
        // SAFETY: the caller's promise.
        unsafe { target.cast::<Self::F32>().write_unaligned(value) }
    }
    parts_through_the_stack!();
}

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;

    /// Every operation on numbers whose results are exact, for all parts of a register.
    struct Arithmetic;

    impl Kernel for Arithmetic {
        type Output = ();
        #[inline(always)]
        fn run<S: Lanes>(self, lanes: S) {
            let a: Vec<f32> = (0..S::COUNT).map(|i| i as f32 - 3.0).collect();
            let b: Vec<f32> = (0..S::COUNT).map(|i| 5.0 - 2.0 * i as f32).collect();
            let read = |v: S::F32| {
                let mut out = vec![0.0f32; S::COUNT];
                // SAFETY: `out` holds COUNT numbers.
                unsafe { lanes.store(out.as_mut_ptr(), v) };
                out
            };
            let expect = |f: fn(f32, f32) -> f32| -> Vec<f32> { a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect() };
            // SAFETY: `a` and `b` hold COUNT numbers.
            let (va, vb) = unsafe { (lanes.load(a.as_ptr()), lanes.load(b.as_ptr())) };
            assert_eq!(read(lanes.add(va, vb)), expect(|a, b| a + b));
            assert_eq!(read(lanes.sub(va, vb)), expect(|a, b| a - b));
            assert_eq!(read(lanes.mul(va, vb)), expect(|a, b| a * b));
            assert_eq!(read(lanes.mul_add(va, vb, va)), expect(|a, b| a * b + a));
            assert_eq!(read(lanes.max(va, vb)), expect(f32::max));
            assert_eq!(read(lanes.min(va, vb)), expect(f32::min));
            let kept = lanes.keep_between(lanes.zero(), va, lanes.splat(3.0), vb);
            assert_eq!(read(kept), expect(|a, b| if 0.0 < a && a < 3.0 { b } else { 0.0 }));
            let nan = lanes.splat(f32::NAN);
            assert!(read(lanes.max(lanes.zero(), nan)).iter().all(|v| v.is_nan()));
            assert!(read(lanes.min(lanes.zero(), nan)).iter().all(|v| v.is_nan()));
            let (rows, columns) = (S::COUNT + 3, S::COUNT + 1);
            let block: Vec<f32> = (0..S::COUNT * rows).map(|i| i as f32).collect();
            let mut turned = vec![0.0f32; S::COUNT * columns];
            // SAFETY: both hold COUNT rows.
            unsafe { lanes.transpose(block.as_ptr(), rows, turned.as_mut_ptr(), columns) };
            for i in 0..S::COUNT {
                for j in 0..S::COUNT {
                    assert_eq!(turned[j * columns + i], block[i * rows + j]);
                }
            }
            for count in 0..=S::COUNT {
                let mut out = vec![9.0f32; S::COUNT];
                // SAFETY: both slices hold `count` numbers; the exact boxes let a sanitizer see more.
                unsafe {
                    let exact: Box<[f32]> = a[..count].into();
                    let part = lanes.load_first(count, exact.as_ptr());
                    let whole = read(part);
                    assert_eq!(whole[..count], a[..count]);
                    assert!(whole[count..].iter().all(|&v| v == 0.0));
                    lanes.store_first(count, out.as_mut_ptr(), part);
                }
                assert_eq!(out[..count], a[..count]);
                assert!(out[count..].iter().all(|&v| v == 9.0));
            }
        }
    }

    #[test]
    fn all_sets_do_the_same_arithmetic() {
        Isa::available().for_each(|isa| isa.run(Arithmetic));
    }
}

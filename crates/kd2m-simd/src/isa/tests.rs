//! One suite over all instruction sets that this processor has, each operation against the plain one.

use super::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

struct Suite(u64);

impl Kernel for Suite {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        let mut random = Pcg64::seed_from_u64(self.0);
        let mut ints = || -> [i32; LANES] { std::array::from_fn(|_| random.random_range(-4..4) * 100_000_000) };
        let (a, b, c) = (ints(), ints(), ints());
        let (va, vb, vc) = (simd.load(&a), simd.load(&b), simd.load(&c));
        let out = |v: S::I| {
            let mut to = [0; LANES];
            simd.store(v, &mut to);
            to
        };
        let each = |f: &dyn Fn(usize) -> i32| -> [i32; LANES] { std::array::from_fn(f) };
        assert_eq!(out(simd.add(va, vb)), each(&|k| a[k].wrapping_add(b[k])));
        assert_eq!(out(simd.sub(va, vb)), each(&|k| a[k].wrapping_sub(b[k])));
        assert_eq!(out(simd.min(va, vb)), each(&|k| a[k].min(b[k])));
        assert_eq!(out(simd.max(va, vb)), each(&|k| a[k].max(b[k])));
        assert_eq!(out(simd.select(simd.less(va, vb), vb, vc)), each(&|k| if a[k] < b[k] { b[k] } else { c[k] }));
        let bits = |f: &dyn Fn(usize) -> bool| (0..LANES).fold(0, |s, k| s | u32::from(f(k)) << k);
        assert_eq!(simd.bits(simd.less(va, vb)), bits(&|k| a[k] < b[k]));
        assert_eq!(simd.bits(simd.equal(va, vb)), bits(&|k| a[k] == b[k]));
        for pattern in [0, 1, 0x8000, 0xffff, 0x1234] {
            assert_eq!(simd.bits(simd.mask(pattern)), pattern);
        }
        assert_eq!(simd.least(va), *a.iter().min().unwrap());
        let index: [i32; LANES] = std::array::from_fn(|k| ((k * 7 + 3) % LANES) as i32);
        // SAFETY: every index lies in 0..16.
        let gathered = unsafe { simd.gather(&a, simd.load(&index)) };
        assert_eq!(out(gathered), each(&|k| a[index[k] as usize]));

        let mut floats = || -> [f32; LANES] { std::array::from_fn(|_| random.random_range(-3.0f32..3.0)) };
        let (x, y, z) = (floats(), floats(), floats());
        let (vx, vy, vz) = (simd.load_f(&x), simd.load_f(&y), simd.load_f(&z));
        let out = |v: S::F| {
            let mut to = [0.0; LANES];
            simd.store_f(v, &mut to);
            to
        };
        let each = |f: &dyn Fn(usize) -> f32| -> [f32; LANES] { std::array::from_fn(f) };
        assert_eq!(out(simd.add_f(vx, vy)), each(&|k| x[k] + y[k]));
        assert_eq!(out(simd.sub_f(vx, vy)), each(&|k| x[k] - y[k]));
        assert_eq!(out(simd.mul_f(vx, vy)), each(&|k| x[k] * y[k]));
        assert_eq!(out(simd.min_f(vx, vy)), each(&|k| x[k].min(y[k])));
        assert_eq!(out(simd.max_f(vx, vy)), each(&|k| x[k].max(y[k])));
        assert_eq!(simd.least_f(vx), x.into_iter().fold(f32::INFINITY, f32::min));
        assert_eq!(simd.bits(simd.less_f(vx, vy)), bits(&|k| x[k] < y[k]));
        for (fused, k) in out(simd.fma_f(vx, vy, vz)).into_iter().zip(0..) {
            assert!((f64::from(fused) - (f64::from(x[k]) * f64::from(y[k]) + f64::from(z[k]))).abs() < 2e-6);
        }
        let mut fixed = [0; LANES];
        simd.store(f32::fixed(simd, &x, 0.25, 1024.0), &mut fixed);
        assert_eq!(fixed, std::array::from_fn(|k| x[k].fixed_one(0.25, 1024.0)));
        let wide: [f64; LANES] = std::array::from_fn(|k| f64::from(x[k]) * 1.000_000_1);
        simd.store(f64::fixed(simd, &wide, 0.25, 1024.0), &mut fixed);
        assert_eq!(fixed, std::array::from_fn(|k| wide[k].fixed_one(0.25, 1024.0)));
        assert_eq!(simd.bits(simd.equal_f(vx, vx)), 0xffff);
        assert_eq!(simd.bits(simd.equal_f(vx, vy)), bits(&|k| x[k] == y[k]));

        let doubles: [f64; LANES] = std::array::from_fn(|k| f64::from(if k % 3 == 0 { x[k] } else { z[k] }));
        let (da, db) = (simd.widen(&x), simd.load_d(&doubles));
        let out = |v: S::D| {
            let mut to = [0.0; LANES];
            simd.store_d(v, &mut to);
            to
        };
        let each = |f: &dyn Fn(usize) -> f64| -> [f64; LANES] { std::array::from_fn(f) };
        assert_eq!(out(da), x.map(f64::from));
        assert_eq!(out(simd.sub_d(da, db)), each(&|k| f64::from(x[k]) - doubles[k]));
        assert_eq!(out(simd.min_d(da, db)), each(&|k| f64::from(x[k]).min(doubles[k])));
        assert_eq!(out(simd.max_d(da, db)), each(&|k| f64::from(x[k]).max(doubles[k])));
        assert_eq!(simd.least_d(db), doubles.into_iter().fold(f64::INFINITY, f64::min));
        assert_eq!(simd.bits(simd.less_d(da, db)), bits(&|k| f64::from(x[k]) < doubles[k]));
        assert_eq!(simd.bits(simd.equal_d(da, db)), bits(&|k| f64::from(x[k]) == doubles[k]));
    }
}

#[test]
fn every_instruction_set_computes_the_same() {
    for isa in Isa::available() {
        for seed in 0..50 {
            isa.run(Suite(seed));
        }
    }
}

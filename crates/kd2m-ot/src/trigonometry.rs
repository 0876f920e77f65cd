//! sin and cos of slices together, written so that the compiler can use the widest vectors of the processor.
//! x = k π/2 + r with r in ±π/4 (Cody and Waite, three parts), Taylor polynomials of r, and the quadrant k mod 4.

// Adding 1.5 · 2^(digits − 1) rounds to the nearest whole number, which is then readable in the low bits.
const ROUND_32: f32 = 12_582_912.0;
const ROUND_64: f64 = 6_755_399_441_055_744.0;
/// Beyond this k π/2 is no longer exact in three parts; such angles go to the library.
const LIMIT: f64 = 4096.0;

/// Replaces `x` by its sines and fills `cosines`, which must be as long.
pub(crate) fn sin_cos_f32(x: &mut [f32], cosines: &mut [f32]) {
    if x.iter().any(|x| f64::from(x.abs()) > LIMIT) {
        return x.iter_mut().zip(cosines).for_each(|(x, c)| (*x, *c) = x.sin_cos());
    }
    crate::isa::arch().dispatch(|| x.iter_mut().zip(cosines.iter_mut()).for_each(|(x, c)| (*x, *c) = one_f32(*x)));
}

/// Replaces `x` by its sines and fills `cosines`, which must be as long.
pub(crate) fn sin_cos_f64(x: &mut [f64], cosines: &mut [f64]) {
    if x.iter().any(|x| x.abs() > LIMIT) {
        return x.iter_mut().zip(cosines).for_each(|(x, c)| (*x, *c) = x.sin_cos());
    }
    crate::isa::arch().dispatch(|| x.iter_mut().zip(cosines.iter_mut()).for_each(|(x, c)| (*x, *c) = one_f64(*x)));
}

#[inline(always)]
fn one_f32(x: f32) -> (f32, f32) {
    let shifted = x * std::f32::consts::FRAC_2_PI + ROUND_32;
    let k = shifted - ROUND_32;
    let r = x - k * 1.570_312_5 - k * 4.837_513e-4 - k * 7.549_79e-8;
    let q = r * r;
    let (mut s, mut c) = (1.0 / 362_880.0, 1.0 / 40_320.0);
    for (a, b) in [(-1.0 / 5040.0, -1.0 / 720.0), (1.0 / 120.0, 1.0 / 24.0), (-1.0 / 6.0, -0.5), (1.0, 1.0)] {
        (s, c) = (s * q + a, c * q + b);
    }
    let quadrant = shifted.to_bits();
    let (s, c) = if quadrant & 1 == 1 { (c, s * r) } else { (s * r, c) };
    // Sine is negative in quadrants 2 and 3, cosine in 1 and 2.
    let sign = |value: f32, bit: u32| f32::from_bits(value.to_bits() ^ ((bit & 2) << 30));
    (sign(s, quadrant), sign(c, quadrant + 1))
}

#[inline(always)]
fn one_f64(x: f64) -> (f64, f64) {
    let shifted = x * std::f64::consts::FRAC_2_PI + ROUND_64;
    let k = shifted - ROUND_64;
    let r = x - k * 1.570_796_325_802_803 - k * 9.920_935_739_593_517e-10 - k * 5.721_188_726_109_832e-18;
    let q = r * r;
    let (mut s, mut c) = (1.0 / 355_687_428_096_000.0, 1.0 / 20_922_789_888_000.0);
    for (a, b) in [
        (-1.0 / 1_307_674_368_000.0, -1.0 / 87_178_291_200.0),
        (1.0 / 6_227_020_800.0, 1.0 / 479_001_600.0),
        (-1.0 / 39_916_800.0, -1.0 / 3_628_800.0),
        (1.0 / 362_880.0, 1.0 / 40_320.0),
        (-1.0 / 5040.0, -1.0 / 720.0),
        (1.0 / 120.0, 1.0 / 24.0),
        (-1.0 / 6.0, -0.5),
        (1.0, 1.0),
    ] {
        (s, c) = (s * q + a, c * q + b);
    }
    let quadrant = shifted.to_bits();
    let (s, c) = if quadrant & 1 == 1 { (c, s * r) } else { (s * r, c) };
    let sign = |value: f64, bit: u64| f64::from_bits(value.to_bits() ^ ((bit & 2) << 62));
    (sign(s, quadrant), sign(c, quadrant.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library_functions() {
        for k in -40_000..40_000 {
            let x = f64::from(k) * 0.013 * (1.0 + f64::from(k % 5));
            let (mut sine, mut cosine) = ([x; 3], [0.0; 3]);
            sin_cos_f64(&mut sine, &mut cosine);
            assert!((sine[1] - x.sin()).abs() < 1e-14 && (cosine[2] - x.cos()).abs() < 1e-14, "{x}");
            let single = x as f32;
            let (mut sine, mut cosine) = ([single; 2], [0.0f32; 2]);
            sin_cos_f32(&mut sine, &mut cosine);
            let exact = f64::from(single);
            assert!((f64::from(sine[0]) - exact.sin()).abs() < 4e-7, "{x}");
            assert!((f64::from(cosine[0]) - exact.cos()).abs() < 4e-7, "{x}");
        }
    }
}

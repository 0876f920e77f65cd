//! exp(x) for x ≤ 0 over slices, written so that the compiler can use the widest vectors of the processor.
//! exp(x) = 2ᵏ · exp(r) with r = x − k ln 2 in ±½ ln 2 (Cody and Waite), exp(r) by its Taylor polynomial.
//! Below the smallest normal number the result is 0.

// Adding 1.5 · 2^(digits − 1) rounds to the nearest whole number, which is then readable in the low bits.
const ROUND_32: f32 = 12_582_912.0;
const ROUND_64: f64 = 6_755_399_441_055_744.0;

/// Replaces each x ≤ 0 by exp(x).
pub(crate) fn exp_negative_f32(values: &mut [f32]) {
    crate::isa::arch().dispatch(|| values.iter_mut().for_each(|x| *x = one_f32(*x)));
}

/// Replaces each x ≤ 0 by exp(x).
pub(crate) fn exp_negative_f64(values: &mut [f64]) {
    crate::isa::arch().dispatch(|| values.iter_mut().for_each(|x| *x = one_f64(*x)));
}

#[inline(always)]
fn one_f32(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = x.max(-87.3) * std::f32::consts::LOG2_E + ROUND_32;
    let k = shifted - ROUND_32;
    let r = x.max(-87.3) - k * LN2_HIGH - k * LN2_LOW;
    let mut p = 1.0 / 5040.0;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + c;
    }
    let two_to_k = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.3 { 0.0 } else { p * two_to_k }
}

#[inline(always)]
fn one_f64(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let shifted = x.max(-708.0) * std::f64::consts::LOG2_E + ROUND_64;
    let k = shifted - ROUND_64;
    let r = x.max(-708.0) - k * LN2_HIGH - k * LN2_LOW;
    let mut p = 1.0 / 479_001_600.0;
    for c in [
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = p * r + c;
    }
    let two_to_k = f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
    if x < -708.0 { 0.0 } else { p * two_to_k }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library_function() {
        for k in 0..20_000 {
            let x = -(k as f64) * 0.0361 / (1.0 + (k % 7) as f64);
            let (mut single, mut double) = ([x as f32; 3], [x; 5]);
            exp_negative_f32(&mut single);
            exp_negative_f64(&mut double);
            let (e32, e64) = (f64::from(x as f32).exp(), x.exp());
            if x > -87.0 {
                assert!((f64::from(single[2]) - e32).abs() < 2e-7 * e32, "{x}");
            }
            if x > -708.0 {
                assert!((double[4] - e64).abs() < 1e-15 * e64, "{x} {} {e64}", double[4]);
            }
        }
        let mut limits = [0.0f32, -87.4, -1e30, f32::NEG_INFINITY];
        exp_negative_f32(&mut limits);
        assert_eq!(limits, [1.0, 0.0, 0.0, 0.0]);
        let mut limits = [0.0f64, -709.0, -1e300, f64::NEG_INFINITY];
        exp_negative_f64(&mut limits);
        assert_eq!(limits, [1.0, 0.0, 0.0, 0.0]);
    }
}

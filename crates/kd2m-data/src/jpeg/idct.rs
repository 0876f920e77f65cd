//! The inverse cosine transform of libjpeg's `jidctint.c` (Loeffler, Ligtenberg & Moschytz 1989), which is what Pillow's JPEGs pass
//! through: 13 bits of constants, two more bits between columns and rows, and the same roundings, so the same bytes.

/// A constant in 13 bits.
const fn fixed(x: f64) -> i32 {
    (x * 8192.0 + 0.5) as i32
}

/// Eight values along one axis, before they are scaled down.
fn transform(x: [i32; 8]) -> [i32; 8] {
    let z = (x[2] + x[6]) * fixed(0.541196100);
    let (low, high) = (z - x[6] * fixed(1.847759065), z + x[2] * fixed(0.765366865));
    let (sum, difference) = ((x[0] + x[4]) << 13, (x[0] - x[4]) << 13);
    let even = [sum + high, difference + low, difference - low, sum - high];

    let z5 = (x[7] + x[3] + x[5] + x[1]) * fixed(1.175875602);
    let z1 = (x[7] + x[1]) * -fixed(0.899976223);
    let z2 = (x[5] + x[3]) * -fixed(2.562915447);
    let z3 = (x[7] + x[3]) * -fixed(1.961570560) + z5;
    let z4 = (x[5] + x[1]) * -fixed(0.390180644) + z5;
    let odd = [
        x[1] * fixed(1.501321110) + z1 + z4,
        x[3] * fixed(3.072711026) + z2 + z3,
        x[5] * fixed(2.053119869) + z2 + z4,
        x[7] * fixed(0.298631336) + z1 + z3,
    ];
    [0, 1, 2, 3, 4, 5, 6, 7].map(|i| if i < 4 { even[i] + odd[i] } else { even[7 - i] - odd[7 - i] })
}

/// A power of two away, rounded.
fn scaled(x: i32, bits: u32) -> i32 {
    (x + (1 << (bits - 1))) >> bits
}

/// What coefficients and the values between the two axes are bounded by: beyond it are only broken files, whose sums would leave 32 bits.
const MOST: i32 = 1 << 14;

/// The samples of a block, row by row, of coefficients in the order of rows.
pub(super) fn samples(coefficients: &[i16; 64], table: &[u16; 64]) -> [u8; 64] {
    let value = |at: usize| (i32::from(coefficients[at]) * i32::from(table[at])).clamp(-MOST, MOST);
    if coefficients[1..].iter().all(|x| *x == 0) {
        return [byte(scaled(value(0), 3)); 64];
    }
    let mut between = [0; 64];
    for column in 0..8 {
        let x: [i32; 8] = std::array::from_fn(|row| value(8 * row + column));
        let y = match x[1..] {
            // As the transform has it, only sooner.
            [0, 0, 0, 0, 0, 0, 0] => [x[0] << 2; 8],
            _ => transform(x).map(|y| scaled(y, 11)),
        };
        y.iter().enumerate().for_each(|(row, y)| between[8 * row + column] = (*y).clamp(-MOST, MOST));
    }
    let mut out = [0; 64];
    for (x, y) in between.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        *y = transform(*x).map(|y| byte(scaled(y, 18)));
    }
    out
}

fn byte(x: i32) -> u8 {
    (x + 128).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The definition in f64 (A.3.3 of the standard).
    fn definition(coefficients: &[i16; 64], table: &[u16; 64]) -> [f64; 64] {
        let c = |k: usize| if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
        std::array::from_fn(|at| {
            let (y, x) = (at / 8, at % 8);
            let term = |at: usize| {
                let (v, u) = (at / 8, at % 8);
                let wave = |place: usize, k: usize| ((2 * place + 1) as f64 * k as f64 * PI / 16.0).cos();
                c(u) * c(v) * f64::from(coefficients[at]) * f64::from(table[at]) * wave(x, u) * wave(y, v)
            };
            ((0..64).map(term).sum::<f64>() / 4.0 + 128.0).clamp(0.0, 255.0)
        })
    }

    #[test]
    fn samples_are_the_definition_rounded() {
        let mut state = 1_u64;
        let mut draw = |most: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i64 % (2 * most + 1) - most
        };
        for sparse in [1, 4, 64] {
            for _ in 0..200 {
                let coefficients: [i16; 64] =
                    std::array::from_fn(|at| if at < sparse { draw(if at == 0 { 60 } else { 6 }) as i16 } else { 0 });
                let table: [u16; 64] = std::array::from_fn(|at| 3 + at as u16 / 8);
                let (found, right) = (samples(&coefficients, &table), definition(&coefficients, &table));
                for (found, right) in found.iter().zip(right) {
                    assert!((f64::from(*found) - right).abs() < 0.6, "{found} for {right}");
                }
            }
        }
    }

    #[test]
    fn broken_coefficients_stay_within_bounds() {
        let samples = samples(&[i16::MIN; 64], &[u16::MAX; 64]);
        assert!(samples.contains(&0));
    }
}

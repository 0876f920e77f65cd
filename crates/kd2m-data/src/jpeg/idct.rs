//! The inverse cosine transform of libjpeg's `jidctint.c` (Loeffler, Ligtenberg & Moschytz 1989), which is what Pillow's JPEGs pass
//! through: 13 bits of constants, two more bits between columns and rows, and the same roundings, so the same bytes. Blocks that lie side by
//! side are transformed together, a lane each: loops over lanes are what the compiler makes vectors of, so they hold plain arithmetic.

/// Blocks that are transformed together.
pub(super) const LANES: usize = 16;

/// Coefficients of blocks side by side, each in the order of rows.
pub(super) type Group = [[i16; LANES]; 64];

/// A group without any.
pub(super) const EMPTY: Group = [[0; LANES]; 64];

/// A constant in 13 bits.
const fn fixed(x: f64) -> i32 {
    (x * 8192.0 + 0.5) as i32
}

/// Eight values along one axis, before they are scaled down.
#[inline(always)]
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
    [
        even[0] + odd[0],
        even[1] + odd[1],
        even[2] + odd[2],
        even[3] + odd[3],
        even[3] - odd[3],
        even[2] - odd[2],
        even[1] - odd[1],
        even[0] - odd[0],
    ]
}

/// A power of two away, rounded.
#[inline(always)]
fn scaled(x: i32, bits: u32) -> i32 {
    (x + (1 << (bits - 1))) >> bits
}

/// What coefficients and the values between the two axes are bounded by: beyond it are only broken files, whose sums would leave 32 bits.
const MOST: i32 = 1 << 14;

#[inline(always)]
fn bounded(x: i32) -> i32 {
    x.clamp(-MOST, MOST)
}

/// The samples of a group to eight rows of `out`, which are so long, eight samples a block.
#[inline(always)]
pub(super) fn samples(group: &Group, table: &[u16; 64], out: &mut [u8], stride: usize) {
    let mut between = [[0; LANES]; 64];
    for column in 0..8 {
        for lane in 0..LANES {
            let mut x = [0; 8];
            for row in 0..8 {
                x[row] = bounded(i32::from(group[8 * row + column][lane]) * i32::from(table[8 * row + column]));
            }
            let y = transform(x);
            for row in 0..8 {
                between[8 * row + column][lane] = bounded(scaled(y[row], 11));
            }
        }
    }
    for (row, out) in out.chunks_mut(stride).take(8).enumerate() {
        let Some(out) = out.as_chunks_mut::<8>().0.first_chunk_mut::<LANES>() else { return };
        for lane in 0..LANES {
            let mut x = [0; 8];
            for column in 0..8 {
                x[column] = between[8 * row + column][lane];
            }
            let y = transform(x);
            let mut halves = [0_u32; 2];
            for column in 0..4 {
                halves[0] |= byte(scaled(y[column], 18)) << (8 * column);
                halves[1] |= byte(scaled(y[4 + column], 18)) << (8 * column);
            }
            out[lane] = (u64::from(halves[0]) | u64::from(halves[1]) << 32).to_le_bytes();
        }
    }
}

#[inline(always)]
fn byte(x: i32) -> u32 {
    (x + 128).clamp(0, 255) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The samples of one block among others.
    fn of_block(coefficients: &[i16; 64], table: &[u16; 64], lane: usize) -> [u8; 64] {
        let (mut group, mut out) = ([[77; LANES]; 64], vec![0; 8 * 150]);
        for (place, value) in coefficients.iter().enumerate() {
            group[place][lane] = *value;
        }
        samples(&group, table, &mut out, 150);
        std::array::from_fn(|at| out[at / 8 * 150 + 8 * lane + at % 8])
    }

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
                let (found, right) =
                    (of_block(&coefficients, &table, (draw(7) + 7) as usize), definition(&coefficients, &table));
                for (found, right) in found.iter().zip(right) {
                    assert!((f64::from(*found) - right).abs() < 0.6, "{found} for {right}");
                }
            }
        }
    }

    #[test]
    fn broken_coefficients_stay_within_bounds() {
        let samples = of_block(&[i16::MIN; 64], &[u16::MAX; 64], 3);
        assert!(samples.contains(&0));
    }
}

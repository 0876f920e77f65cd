//! The order of values along a line. Next: [`crate::solver::one_dimension`], which needs it.

/// Indices by increasing value; equal values by increasing index.
pub(crate) fn sorted_order_f32(values: &[f32], order: &mut Vec<u32>) {
    // Value and index in one integer: whole-number comparison is faster than a comparison of floats through an index.
    let key = |x: f32| {
        let bits = (x + 0.0).to_bits();
        bits ^ if bits >> 31 == 1 { u32::MAX } else { 1 << 31 }
    };
    let mut keys: Vec<u64> = values.iter().zip(0u64..).map(|(x, i)| u64::from(key(*x)) << 32 | i).collect();
    if keys.len() < RADIX_FROM {
        keys.sort_unstable();
    } else {
        sort_by_high_bytes(&mut keys);
    }
    order.clear();
    order.extend(keys.iter().map(|k| *k as u32));
}

/// From this many values on, four passes over bytes are quicker than comparisons (measured: 256 to 2048 values).
const RADIX_FROM: usize = 192;

/// Sorts by the upper four bytes, least byte first; stable, so the order of the lower ones stays.
fn sort_by_high_bytes(keys: &mut Vec<u64>) {
    const BYTES: usize = 4;
    let byte = |key: u64, pass: usize| (key >> (32 + 8 * pass)) as usize & 255;
    let mut counts = [[0u32; 256]; BYTES];
    for &key in keys.iter() {
        for (pass, counts) in counts.iter_mut().enumerate() {
            counts[byte(key, pass)] += 1;
        }
    }
    let mut other = vec![0; keys.len()];
    for (pass, counts) in counts.iter_mut().enumerate() {
        if counts.iter().any(|c| *c as usize == keys.len()) {
            continue;
        }
        let mut next = 0;
        for count in counts.iter_mut() {
            next += std::mem::replace(count, next);
        }
        for &key in keys.iter() {
            let place = &mut counts[byte(key, pass)];
            other[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, &mut other);
    }
}

/// Indices by increasing value; equal values by increasing index.
pub(crate) fn sorted_order_f64(values: &[f64], order: &mut Vec<u32>) {
    let key = |x: f64| {
        let bits = (x + 0.0).to_bits();
        bits ^ if bits >> 63 == 1 { u64::MAX } else { 1 << 63 }
    };
    let mut keys: Vec<u128> = values.iter().zip(0u128..).map(|(x, i)| u128::from(key(*x)) << 32 | i).collect();
    keys.sort_unstable();
    order.clear();
    order.extend(keys.iter().map(|k| *k as u32));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn orders_negative_zero_and_ties_by_index() {
        let values = [0.0, -1.5, 2.0, -0.0, 2.0, -3.0];
        let (mut double, mut single) = (Vec::new(), Vec::new());
        sorted_order_f64(&values, &mut double);
        sorted_order_f32(&testing::single(&values), &mut single);
        assert_eq!(double, [5, 1, 0, 3, 2, 4]);
        assert_eq!(single, double);
    }

    #[test]
    fn many_values_are_ordered_as_by_comparison() {
        for n in [RADIX_FROM - 1, RADIX_FROM, 1000] {
            for rounding in [1.0f64, 1e6] {
                let values: Vec<f64> = testing::normal(9, n).iter().map(|x| (x * rounding).round() / 64.0).collect();
                let single = testing::single(&values);
                // total_cmp puts −0 before 0, which are equal here.
                let single: Vec<f32> = single.iter().map(|x| x + 0.0).collect();
                let (mut expected, mut order) = ((0..n as u32).collect::<Vec<u32>>(), Vec::new());
                expected.sort_by(|&i, &j| single[i as usize].total_cmp(&single[j as usize]).then(i.cmp(&j)));
                sorted_order_f32(&single, &mut order);
                assert_eq!(order, expected);
            }
        }
    }
}

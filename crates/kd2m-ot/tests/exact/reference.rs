//! The optimum in whole numbers of any length: successive shortest paths (Bellman and Ford's, so that nothing depends on potentials)
//! over costs and masses without any rounding. Slow, short, and independent of the solvers that it judges.

use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};

/// `value = mantissa · 2^exponent`, exactly.
fn parts(value: f64) -> (BigInt, i32) {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    (BigInt::from(if value < 0.0 { -mantissa } else { mantissa }), exponent.max(1) - 1075)
}

/// Numbers as whole multiples of one power of two.
fn whole(values: &[f64]) -> (Vec<BigInt>, i32) {
    let all: Vec<_> = values.iter().map(|&v| parts(v)).collect();
    let lowest = all.iter().filter(|(m, _)| !m.is_zero()).map(|(_, e)| *e).min().unwrap_or(0);
    (all.into_iter().map(|(m, e)| if m.is_zero() { m } else { m << (e - lowest) as usize }).collect(), lowest)
}

/// A quotient of whole numbers times a power of two as the nearest `f64`, or nearly.
fn quotient(over: &BigInt, under: &BigInt, exponent: i32) -> f64 {
    if over.is_zero() {
        return 0.0;
    }
    let shift = under.bits() as i64 - over.bits() as i64 + 80;
    let scaled = if shift > 0 { over << shift as usize } else { over >> (-shift) as usize };
    let found = (scaled / under).to_f64().unwrap_or(f64::NAN);
    // In two steps, so that neither leaves the range.
    let power = i64::from(exponent) - shift;
    found * 2f64.powi((power / 2) as i32) * 2f64.powi((power - power / 2) as i32)
}

/// min over plans of Σ γ_ij ‖x_i − y_j‖² under weights as shares of their sums; no weights: uniform.
pub fn w2(x: &[f64], y: &[f64], d: usize, a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (x.len() / d, y.len() / d);
    let (features, exponent) = whole(&[x, y].concat());
    let (x, y) = features.split_at(n * d);
    let cost = |i: usize, j: usize| -> BigInt {
        x[i * d..(i + 1) * d].iter().zip(&y[j * d..(j + 1) * d]).map(|(p, q)| (p - q) * (p - q)).sum()
    };
    let costs: Vec<BigInt> = (0..n * m).map(|k| cost(k / m, k % m)).collect();
    let given = |weights: &[f64], count: usize| if weights.is_empty() { vec![1.0; count] } else { weights.to_vec() };
    let (a, _) = whole(&given(a, n));
    let (b, _) = whole(&given(b, m));
    let (sum_a, sum_b): (BigInt, BigInt) = (a.iter().sum(), b.iter().sum());
    let supply = a.iter().map(|w| w * &sum_b).collect();
    let demand = b.iter().map(|w| w * &sum_a).collect();
    let total = flow_cost(&costs, supply, demand);
    quotient(&total, &(sum_a * sum_b), 2 * exponent)
}

/// Least cost of a flow from supplies to demands of one sum.
fn flow_cost(costs: &[BigInt], mut supply: Vec<BigInt>, mut demand: Vec<BigInt>) -> BigInt {
    let (n, m) = (supply.len(), demand.len());
    let mut flow = vec![BigInt::zero(); n * m];
    loop {
        // Distances from all rows with something left; rows 0..n, columns n..n+m.
        let mut distance: Vec<Option<BigInt>> = supply.iter().map(|s| (!s.is_zero()).then(BigInt::zero)).collect();
        distance.resize(n + m, None);
        let mut from = vec![usize::MAX; n + m];
        let mut moved = true;
        while moved {
            moved = false;
            for i in 0..n {
                for j in 0..m {
                    if let Some(there) = distance[i].as_ref().map(|at| at + &costs[i * m + j])
                        && distance[n + j].as_ref().is_none_or(|old| there < *old)
                    {
                        (distance[n + j], from[n + j], moved) = (Some(there), i, true);
                    }
                    if !flow[i * m + j].is_zero()
                        && let Some(back) = distance[n + j].as_ref().map(|at| at - &costs[i * m + j])
                        && distance[i].as_ref().is_none_or(|old| back < *old)
                    {
                        (distance[i], from[i], moved) = (Some(back), n + j, true);
                    }
                }
            }
        }
        let open = (0..m).filter(|&j| !demand[j].is_zero());
        let Some(end) = open.min_by(|&j, &k| distance[n + j].cmp(&distance[n + k])) else { break };
        let mut amount = demand[end].clone();
        let mut node = n + end;
        while from[node] != usize::MAX {
            let before = from[node];
            if node < n {
                amount = amount.min(flow[node * m + before - n].clone());
            }
            node = before;
        }
        amount = amount.min(supply[node].clone());
        supply[node] -= &amount;
        demand[end] -= &amount;
        let mut node = n + end;
        while from[node] != usize::MAX {
            let before = from[node];
            if node < n {
                flow[node * m + before - n] -= &amount;
            } else {
                flow[before * m + node - n] += &amount;
            }
            node = before;
        }
    }
    flow.iter().zip(costs).map(|(f, c)| f * c).sum()
}

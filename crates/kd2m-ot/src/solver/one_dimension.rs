//! Transport on the line: for every cost |x − y|^p with p ≥ 1 the monotone coupling is optimal, so sorting solves it.
//! Any sizes and weights, by walking both distribution functions at once (Villani 2003, theorem 2.18).
//! Next: [`crate::divergence::sliced`], which solves one such problem a direction.

use crate::{real::Real, solution::Plan};

/// An optimal coupling of two weighted samples on the line.
#[derive(Debug, Clone, PartialEq)]
pub struct LineTransport {
    /// Σ γ_ij |x_i − y_j|^p: W_p^p.
    pub cost: f64,
    /// Entries (i, j, mass).
    pub plan: Plan,
}

/// W_p^p between Σ a_i δ(x_i) and Σ b_j δ(y_j) with its plan; weights sum to one, `None` is uniform.
pub fn transport<T: Real>(x: &[T], a: Option<&[f64]>, y: &[T], b: Option<&[f64]>, p: f64) -> LineTransport {
    let (mut order_x, mut order_y) = (Vec::new(), Vec::new());
    T::sorted_order(x, &mut order_x);
    T::sorted_order(y, &mut order_y);
    let (mut cost, mut entries) = (0.0, Vec::with_capacity(x.len() + y.len()));
    let coupling = Coupling::new(a, x.len(), b, y.len());
    coupling.walk(&order_x, &order_y, |i, j, mass| {
        cost += mass * (x[i as usize].wide() - y[j as usize].wide()).abs().powf(p);
        entries.push((i, j, mass));
    });
    entries.sort_unstable_by_key(|&(i, j, _)| (i, j));
    LineTransport { cost, plan: Plan::Sparse { n: x.len(), m: y.len(), entries } }
}

/// The marginals of a monotone coupling.
pub(crate) enum Coupling<'w> {
    /// As many samples on both sides, all alike: the k-th smallest goes to the k-th smallest.
    Equal { n: usize },
    /// Any sizes and weights (`None`: uniform).
    General { a: Option<&'w [f64]>, b: Option<&'w [f64]> },
}

impl<'w> Coupling<'w> {
    pub(crate) fn new(a: Option<&'w [f64]>, n: usize, b: Option<&'w [f64]>, m: usize) -> Self {
        if n == m && a.is_none() && b.is_none() { Coupling::Equal { n } } else { Coupling::General { a, b } }
    }

    /// Calls `visit(i, j, mass)` for each entry, given both sides in increasing order.
    #[inline]
    pub(crate) fn walk(&self, order_a: &[u32], order_b: &[u32], mut visit: impl FnMut(u32, u32, f64)) {
        let (a, b) = match self {
            Coupling::Equal { n } => {
                let mass = 1.0 / *n as f64;
                return order_a.iter().zip(order_b).for_each(|(&i, &j)| visit(i, j, mass));
            }
            Coupling::General { a, b } => (a, b),
        };
        let (up_to_a, up_to_b) = (cumulative(*a, order_a), cumulative(*b, order_b));
        let (mut i, mut j, mut done) = (0, 0, 0.0);
        while i < order_a.len() && j < order_b.len() {
            let next = up_to_a[i].min(up_to_b[j]);
            if next > done {
                visit(order_a[i], order_b[j], next - done);
                done = next;
            }
            let (advance_a, advance_b) = (up_to_a[i] <= next, up_to_b[j] <= next);
            i += usize::from(advance_a);
            j += usize::from(advance_b);
        }
    }
}

/// The distribution function at each sample in order; the last is 1 exactly, so that no mass is lost to rounding.
fn cumulative(weights: Option<&[f64]>, order: &[u32]) -> Vec<f64> {
    let n = order.len();
    let mut total = 0.0;
    let mut up_to: Vec<f64> = match weights {
        // As quotients, so that 2/6 and 1/3 are the same number.
        None => (1..=n).map(|k| k as f64 / n as f64).collect(),
        Some(weights) => {
            let add = |&i: &u32| {
                total += weights[i as usize];
                f64::min(total, 1.0)
            };
            order.iter().map(add).collect()
        }
    };
    // Samples after the last with weight carry nothing.
    let last = match weights {
        None => n - 1,
        Some(weights) => order.iter().rposition(|&i| weights[i as usize] > 0.0).unwrap_or(n - 1),
    };
    up_to[last..].iter_mut().for_each(|u| *u = 1.0);
    up_to
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn two_diracs_against_one() {
        let found = transport(&[0.0f64, 3.0], None, &[1.0], None, 2.0);
        assert!((found.cost - 2.5).abs() < 1e-15);
        assert_eq!(found.plan.entries(), [(0, 0, 0.5), (1, 0, 0.5)]);
    }

    #[test]
    fn weights_equal_repeated_samples() {
        let (x, y) = (testing::normal(1, 5), testing::normal(2, 7));
        let (a, b) = ([1.0, 0.0, 3.0, 2.0, 2.0], [1.0, 2.0, 1.0, 0.0, 1.0, 2.0, 1.0]);
        let repeat = |z: &[f64], w: &[f64]| -> Vec<f64> {
            z.iter().zip(w).flat_map(|(z, w)| std::iter::repeat_n(*z, *w as usize)).collect()
        };
        let (a8, b8): (Vec<f64>, Vec<f64>) = (a.iter().map(|w| w / 8.0).collect(), b.iter().map(|w| w / 8.0).collect());
        for p in [1.0, 2.0, 3.5] {
            let weighted = transport(&x, Some(&a8), &y, Some(&b8), p);
            let mut sorted = [repeat(&x, &a), repeat(&y, &b)];
            sorted.iter_mut().for_each(|z| z.sort_by(f64::total_cmp));
            let expected = sorted[0].iter().zip(&sorted[1]).map(|(x, y)| (x - y).abs().powf(p)).sum::<f64>() / 8.0;
            assert!((weighted.cost - expected).abs() < 1e-13);
            // Marginals
            let dense = weighted.plan.to_dense();
            for (i, w) in a8.iter().enumerate() {
                assert!((dense[i * 7..][..7].iter().sum::<f64>() - w).abs() < 1e-15);
            }
            for (j, w) in b8.iter().enumerate() {
                assert!((dense.iter().skip(j).step_by(7).sum::<f64>() - w).abs() < 1e-15);
            }
        }
    }
}

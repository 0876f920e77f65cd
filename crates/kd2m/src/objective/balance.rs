//! How the gradients of several terms become one step: `arm.balance`.
//!
//! `pareto` takes the shortest convex combination of the gradients of log L_i, the direction along which every term falls
//! (Désidéri 2012, MGDA; for two terms of a distillation DTO-KD, ICLR 2026): with the Gram matrix g of the two,
//! π₁ = (g₂₂ − g₁₂) / (g₁₁ + g₂₂ − 2 g₁₂), kept between 0 and 1. More terms are the same quadratic programme, solved by this closed form
//! on one pair after another.

/// A pair that would gain less than this part of the largest entry of the Gram matrix ends the search.
const TOLERANCE: f64 = 1e-14;
/// Pairs at most: each is exact, and a handful of terms needs a few dozen.
const PAIRS: usize = 10_000;

/// The π ≥ 0 with Σ π = 1 that minimise πᵀ G π, G symmetric and positive semidefinite, `[m][m]`. Cost O(m) a pair.
pub(super) fn shortest(gram: &[Vec<f64>]) -> Vec<f64> {
    let m = gram.len();
    let mut shares = vec![1.0 / m.max(1) as f64; m];
    let largest = (0..m).map(|i| gram[i][i]).fold(0.0, f64::max);
    let mut slopes: Vec<f64> = gram.iter().map(|row| row.iter().zip(&shares).map(|(g, s)| g * s).sum()).collect();
    for _ in 0..PAIRS {
        // What gives the most where its share grows, and what costs the most where there is a share to give.
        let Some(to) = (0..m).min_by(|a, b| slopes[*a].total_cmp(&slopes[*b])) else { break };
        let givers = (0..m).filter(|i| shares[*i] > 0.0);
        let Some(from) = givers.max_by(|a, b| slopes[*a].total_cmp(&slopes[*b])) else { break };
        let gain = slopes[from] - slopes[to];
        if gain.is_nan() || gain <= TOLERANCE * largest {
            break;
        }
        let bend = gram[from][from] + gram[to][to] - 2.0 * gram[from][to];
        let moved = if bend > 0.0 { (gain / bend).min(shares[from]) } else { shares[from] };
        shares[from] -= moved;
        shares[to] += moved;
        for (slope, row) in slopes.iter_mut().zip(gram) {
            *slope += moved * (row[to] - row[from]);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gram(rows: &[&[f64]]) -> Vec<Vec<f64>> {
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        rows.iter().map(|a| rows.iter().map(|b| inner(a, b)).collect()).collect()
    }

    fn square(gram: &[Vec<f64>], shares: &[f64]) -> f64 {
        let row = |i: usize| gram[i].iter().zip(shares).map(|(g, s)| g * s).sum::<f64>();
        shares.iter().enumerate().map(|(i, s)| s * row(i)).sum()
    }

    #[test]
    fn two_terms_have_the_closed_form() {
        for (a, b, expected) in [
            // g₁₁ = 5, g₂₂ = 10, g₁₂ = 1: 9 / 13.
            ([1.0, 2.0], [3.0, -1.0], 9.0 / 13.0),
            // Opposite: (1 + 2) / 9.
            ([2.0, 0.0], [-1.0, 0.0], 1.0 / 3.0),
            // The second lies beyond the foot of the perpendicular: it alone.
            ([4.0, 0.0], [1.0, 0.1], 0.0),
            ([1.0, 0.1], [4.0, 0.0], 1.0),
        ] {
            let shares = shortest(&gram(&[&a, &b]));
            assert!((shares[0] - expected).abs() < 1e-12 && (shares[0] + shares[1] - 1.0).abs() < 1e-12, "{shares:?}");
        }
        assert_eq!(shortest(&gram(&[&[1.0, 1.0]])), [1.0]);
        assert!(shortest(&[]).is_empty());
        // A term without a gradient is what everything agrees with already.
        assert_eq!(shortest(&gram(&[&[1.0, 1.0], &[0.0, 0.0]])), [0.0, 1.0]);
    }

    /// Of the shortest vector of a hull: ⟨g_i, g*⟩ ≥ ‖g*‖² for all i, with equality where π_i > 0. No point of a fine grid is shorter.
    #[test]
    fn more_terms_fall_together_along_the_shortest_combination() {
        for rows in [
            [[1.0, 0.2, 0.0], [-0.5, 1.0, 0.3], [0.1, -0.4, 2.0]],
            [[1.0, 0.0, 0.0], [0.9, 0.1, 0.0], [5.0, -4.0, 0.0]],
            [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 0.0, -1.0]],
        ] {
            let gram = gram(&rows.each_ref().map(<[f64; 3]>::as_slice));
            let shares = shortest(&gram);
            let best = square(&gram, &shares);
            for (i, row) in gram.iter().enumerate() {
                let slope: f64 = row.iter().zip(&shares).map(|(g, s)| g * s).sum();
                assert!(slope >= best - 1e-10, "{rows:?}: {shares:?}");
                assert!(shares[i] == 0.0 || (slope - best).abs() < 1e-10, "{rows:?}: {shares:?}");
            }
            const STEPS: usize = 200;
            for i in 0..=STEPS {
                for j in 0..=STEPS - i {
                    let at = [i, j, STEPS - i - j].map(|k| k as f64 / STEPS as f64);
                    assert!(square(&gram, &at) >= best - 1e-12);
                }
            }
        }
    }
}

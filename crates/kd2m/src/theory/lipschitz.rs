//! How fast cross entropy changes with the features: Λ_y = max_c ‖w_c − w_y‖ for samples of class y, Λ = max_y Λ_y ≤ √2 ‖W‖.
//! Since ∇_z ℓ(Wz + b, y) = Wᵀ(p − e_y) = Σ_c p_c (w_c − w_y), a mean of differences of W's rows; `docs/theory.md`, statement 1.

use faer::Mat;
use serde::Serialize;

use super::head::Affine;

/// Squarings of the Gram matrix: C classes leave a relative error of ln C / 2²⁶ in the upper bound.
const SQUARINGS: i32 = 24;

/// Lipschitz constants of cross entropy through a linear head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lipschitz {
    /// Λ_y, one a class.
    pub by_class: Vec<f64>,
    /// Λ, the largest: the diameter of the rows of W.
    pub largest: f64,
    /// ‖W‖, its largest singular value, from below and above.
    pub operator_norm: [f64; 2],
    /// √2 times the upper end.
    pub from_operator_norm: f64,
}

impl Lipschitz {
    /// Of a head.
    pub fn of(head: &Affine) -> Self {
        let classes = 0..head.outputs();
        let apart = |c: usize, y: usize| -> f64 {
            head.row(c).iter().zip(head.row(y)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
        };
        let by_class: Vec<f64> =
            classes.clone().map(|y| classes.clone().map(|c| apart(c, y)).fold(0.0, f64::max)).collect();
        let operator_norm = operator_norm(head);
        Self {
            largest: by_class.iter().copied().fold(0.0, f64::max),
            by_class,
            operator_norm,
            from_operator_norm: std::f64::consts::SQRT_2 * operator_norm[1],
        }
    }
}

/// Certified bounds of ‖W‖: ‖G^m‖_F^(1/m) ≥ ‖G‖ = ‖W‖² for the Gram matrix G and any m, here 2²⁴; ‖Wᵀv‖ / ‖v‖ ≤ ‖W‖ for any v.
fn operator_norm(head: &Affine) -> [f64; 2] {
    let (rows, columns) = (head.outputs(), head.inputs);
    let w = Mat::from_fn(rows, columns, |i, j| head.weight[i * columns + j]);
    let w = if rows <= columns { w } else { w.transpose().to_owned() };
    let mut power = &w * w.transpose();
    let first = power.norm_l2();
    if first == 0.0 {
        return [0.0; 2];
    }
    let mut log = first.ln();
    power /= first;
    for k in 1..=SQUARINGS {
        power = &power * &power;
        let norm = power.norm_l2();
        log += norm.ln() / 2f64.powi(k);
        power /= norm;
    }
    // The power is close to the projector on the leading vector: its longest column is a good v.
    let size = power.nrows();
    let length = |j: usize| power.col(j).norm_l2();
    let longest = (0..size).fold(0, |best, j| if length(j) > length(best) { j } else { best });
    let v = power.col(longest);
    let lower = (w.transpose() * v).norm_l2() / v.norm_l2();
    let rounding = 4.0 * f64::EPSILON * (size * (rows + columns)) as f64;
    [lower * (1.0 - rounding), (0.5 * log).exp() * (1.0 + rounding)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::testing::{Random, normal};

    fn head(outputs: usize, inputs: usize, weight: Vec<f64>) -> Affine {
        Affine { weight, bias: vec![0.0; outputs], inputs }
    }

    #[test]
    fn closed_forms() {
        // Rows (3, 0) and (0, 4): five apart; the larger singular value is 4.
        let found = Lipschitz::of(&head(2, 2, vec![3.0, 0.0, 0.0, 4.0]));
        assert!((found.largest - 5.0).abs() < 1e-12 && found.by_class == [5.0, 5.0]);
        assert!((found.operator_norm[1] - 4.0).abs() < 1e-6 && (found.operator_norm[0] - 4.0).abs() < 1e-9);
        let none = Lipschitz::of(&head(2, 3, vec![0.0; 6]));
        assert_eq!((none.largest, none.operator_norm), (0.0, [0.0; 2]));
    }

    #[test]
    fn the_operator_norm_is_enclosed() {
        let mut random = Random::new(1);
        for (rows, columns) in [(1, 1), (1, 9), (7, 3), (10, 64), (40, 40)] {
            let w = normal(&mut random, rows * columns);
            let exact = Mat::from_fn(rows, columns, |i, j| w[i * columns + j]).singular_values().unwrap()[0];
            let [lower, upper] = Lipschitz::of(&head(rows, columns, w)).operator_norm;
            assert!(lower <= exact * (1.0 + 1e-13) && exact <= upper, "{lower} {exact} {upper}");
            assert!(upper - lower < 1e-6 * exact, "{lower} {exact} {upper}");
        }
    }

    #[test]
    fn the_diameter_is_never_above_root_two_times_the_norm() {
        let mut random = Random::new(2);
        for _ in 0..50 {
            let found = Lipschitz::of(&head(6, 4, normal(&mut random, 24)));
            assert!(found.by_class.iter().all(|l| *l <= found.largest) && found.largest <= found.from_operator_norm);
        }
    }
}

//! A start for transport between clouds of other sizes or weights: as many samples of each side, drawn by their mass, are matched, which
//! takes a fraction of the time, and the potentials of that matching are close to those of the plan.

use crate::{
    cloud::Cloud,
    cost::{anew::Anew, rows::Ground},
    pool::Pool,
    real::Real,
    solution::Potentials,
    solver::costs::Costs,
    stop::Interrupted,
};

/// Column potentials `[m]` from a matching that `solve` gives between two clouds of equal size without weights; `None` where so few
/// samples hold the mass that most of those drawn would be copies.
///
/// # Errors
/// Told to stop.
pub(super) fn potentials<T: Real>(
    pool: &Pool,
    a: &Cloud<T>,
    b: &Cloud<T>,
    ground: Ground,
    solve: impl FnOnce(&Cloud<T>, &Cloud<T>) -> Result<Potentials, Interrupted>,
) -> Result<Option<Potentials>, Interrupted> {
    let count = a.len().max(b.len());
    let (rows, columns) = (drawn(a, count), drawn(b, count));
    let few = |drawn: &[usize]| 2 * drawn.chunk_by(|p, q| p == q).count() < count;
    if few(&rows) || few(&columns) {
        return Ok(None);
    }
    let gathered = |of: &Cloud<T>, drawn: &[usize]| drawn.iter().flat_map(|&i| of.row(i)).copied().collect::<Vec<T>>();
    let (x, y) = (gathered(a, &rows), gathered(b, &columns));
    let (Ok(from), Ok(to)) = (Cloud::new(a.side(), &x, count, a.width()), Cloud::new(b.side(), &y, count, b.width()))
    else {
        unreachable!("samples of clouds are checked")
    };
    let found = solve(&from, &to)?;
    // Any two copies fit together, so the largest potentials of each sample do.
    let highest = |n: usize, drawn: &[usize], of: &[f64]| {
        let mut highest = vec![f64::NEG_INFINITY; n];
        drawn.iter().zip(of).for_each(|(&i, u)| highest[i] = highest[i].max(*u));
        highest
    };
    let u = highest(a.len(), &rows, &found.u);
    let mut v = highest(b.len(), &columns, &found.v);
    let costs = Anew::new(b, a, ground);
    let mut left: Vec<(usize, f64)> = v.iter().copied().enumerate().filter(|(_, v)| !v.is_finite()).collect();
    pool.share_chunks_until(&mut left, 16, |_, left| {
        let mut row = vec![0.0; a.len()];
        for (j, v) in left {
            costs.fill_row(*j, &mut row);
            *v = row.iter().zip(&u).map(|(c, u)| c - u).fold(f64::INFINITY, f64::min);
        }
    })?;
    for (j, largest) in left {
        v[j] = largest;
    }
    Ok(Some(Potentials { u, v }))
}

/// The samples in which the middles of `count` equal shares of the mass fall, in their order.
fn drawn<T: Real>(of: &Cloud<T>, count: usize) -> Vec<usize> {
    let (mut at, mut below) = (0, of.weight(0));
    let last = of.len() - 1;
    let middle = |k: usize| (k as f64 + 0.5) / count as f64;
    let mut next = |k: usize| {
        while below < middle(k) && at < last {
            at += 1;
            below += of.weight(at);
        }
        at
    };
    (0..count).map(&mut next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Side;

    #[test]
    fn samples_are_drawn_as_often_as_they_have_mass() {
        let values = [0.0f32; 6];
        let cloud = Cloud::new(Side::A, &values, 6, 1).unwrap();
        assert_eq!(drawn(&cloud, 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(drawn(&cloud, 8), [0, 1, 1, 2, 3, 4, 4, 5]);
        let cloud = cloud.with_weights(&[0.0, 3.0, 1.0, 0.0, 2.0, 0.0]).unwrap();
        assert_eq!(drawn(&cloud, 6), [1, 1, 1, 2, 4, 4]);
    }

    #[test]
    fn potentials_fit_all_pairs() {
        let number = |k: usize| (k * 7919 % 1013) as f64 / 1013.0;
        let (x, y): (Vec<f64>, Vec<f64>) = ((0..40).map(number).collect(), (40..100).map(number).collect());
        let (a, b) = (Cloud::new(Side::A, &x, 20, 2).unwrap(), Cloud::new(Side::B, &y, 30, 2).unwrap());
        // Some have no mass, and are not drawn.
        let weights: Vec<f64> = (0..30).map(|j| (j % 6) as f64).collect();
        let b = b.with_weights(&weights).unwrap();
        let costs = |of: &Cloud<f64>, with: &Cloud<f64>, i: usize, j: usize| {
            crate::cost::squared_distance(of.row(i), with.row(j))
        };
        // Feasible whatever they are: v by rule, u the least that is left.
        let solve = |from: &Cloud<f64>, to: &Cloud<f64>| {
            let v: Vec<f64> = (0..30).map(|j| number(j) - 0.5).collect();
            let least = |i: usize| (0..30).map(|j| costs(from, to, i, j) - v[j]).fold(f64::INFINITY, f64::min);
            Ok(Potentials { u: (0..30).map(least).collect(), v })
        };
        let found = potentials(&Pool::alone(), &a, &b, Ground::Squared, solve).unwrap().unwrap();
        for i in 0..20 {
            for j in 0..30 {
                assert!(found.u[i] + found.v[j] <= costs(&a, &b, i, j) + 1e-12, "{i}, {j}");
            }
        }
        let one: Vec<f64> = (0..30).map(|j| f64::from(j == 3)).collect();
        let narrow = b.with_weights(&one).unwrap();
        assert_eq!(potentials(&Pool::alone(), &a, &narrow, Ground::Squared, |_, _| unreachable!()).unwrap(), None);
    }
}

//! Certified bounds of W₂² in O(n) memory, for clouds too large for an exact plan: lower ≤ W₂² ≤ upper, whatever the input.
//! Lower: ⟨a, u⟩ + ⟨b, v⟩ with u_i = min_j (c_ij − v_j) for any v (weak duality), and Gelbrich's distance of the moments (1990).
//! Upper: the cost of a feasible plan, exact within blocks of samples. The v are the blocks' own potentials.

use rayon::prelude::*;

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
    gaussian_w2::GaussianW2,
    w2::W2,
};
use crate::{
    cloud::{Cloud, equal_widths},
    cost::{self, centring::Centring, pairwise::Pairwise},
    error::{OtError, Side},
    isa::{Isa, Kernel, LANES, Simd},
    parameters::{Parameters, domain::ROWS, parameters},
    precision::Estimated,
    real::Real,
    solution::{Solution, Status},
    stop::{Interrupted, Stop},
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "bounds",
    aliases: &[],
    formula: "lower ≤ W₂² ≤ upper: dual potentials and Gelbrich's distance below, a plan exact within blocks above; value = upper, gap = upper − lower",
    source: "weak duality (Kantorovich 1942); Gelbrich (1990)",
    cost: "O(nmd) time in one streaming pass; O((n + m) d) memory and block² floats",
    when: "sets too large for an exact plan; kd2m distance only, no gradient",
    traits: Traits { trains: false, ..Traits::SQUARED },
    options: Bounds::OPTIONS,
    build: build::<Bounds>,
};

/// Shares of the blocks' potentials that the one pass over all costs tries at once: a block knows less than all samples do, so
/// part of what its potentials say is noise.
const SHARES: [f64; 4] = [0.0, 0.5, 0.8, 1.0];

parameters! {
    /// Lower and upper bound of W₂²; the value is the upper one, and value − gap the lower.
    #[derive(Copy)]
    pub struct Bounds for ENTRY {
        /// samples that are matched exactly with each other for the upper bound; larger blocks give tighter bounds and take block² floats
        block: usize = 4096 in ROWS,
    }
}

impl<T: Real> Divergence<T> for Bounds {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        self.check(ENTRY.name)?;
        equal_widths("bounds", a, b)?;
        if request.gradient {
            let message = "bounds has no gradient: it answers with an interval; train with w2".to_owned();
            return Err(OtError::Numeric { metric: "bounds".to_owned(), message });
        }
        let gelbrich = gelbrich(a, b)?;
        request.stop.check()?;
        let Coupling { upper, v } = self.coupling(a, b, request.stop)?;
        let dual = dual_bound(a, b, &v, request.stop)?;
        let lower = gelbrich.max(dual).clamp(0.0, upper);
        let relative = if upper > 0.0 { (upper - lower) / upper } else { 0.0 };
        Ok(Solution {
            gap: Some(upper - lower),
            status: Status::Closed,
            diagnostics: vec![
                ("lower", lower),
                ("upper", upper),
                ("relative_gap", relative),
                ("lower_dual", dual),
                ("lower_gelbrich", gelbrich),
            ],
            ..Solution::closed(upper)
        })
    }
}

/// Gelbrich's distance of the moments, less what its decompositions can have rounded; 0, which always holds, where there are too few
/// samples for a covariance or the moments leave the range of numbers.
fn gelbrich<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> Result<f64, OtError> {
    match GaussianW2.estimate(a, b, Request::VALUE) {
        // Estimates of rounding are rough; a bound has to hold.
        Ok(found) => Some(found.solution.value * (1.0 - 1e-9) - 10.0 * found.error),
        Err(OtError::TooFewSamples { .. } | OtError::Numeric { .. }) => None,
        Err(error) => return Err(error),
    }
    .filter(|bound| *bound > 0.0)
    .map_or(Ok(0.0), Ok)
}

/// A feasible plan's cost and potentials that go with it.
struct Coupling {
    upper: f64,
    /// One for each sample of B, for plain squared distances.
    v: Vec<f64>,
}

impl Bounds {
    /// The better of two plans: blocks of samples in their given order (paired clouds keep their pairs), and in the order of the
    /// direction along which the clouds spread most.
    fn coupling<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, stop: &Stop) -> Result<Coupling, OtError> {
        let direction = leading_direction(a, b, stop)?;
        let along = |cloud: &Cloud<T>| {
            let place: Vec<f64> = (0..cloud.len())
                .map(|i| cloud.row(i).iter().zip(&direction).map(|(x, w)| x.wide() * w).sum())
                .collect();
            let mut order: Vec<usize> = (0..cloud.len()).collect();
            order.sort_by(|&i, &j| place[i].total_cmp(&place[j]));
            order
        };
        let (order_a, order_b) = (along(a), along(b));
        if a.len() != b.len() || a.weights().is_some() || b.weights().is_some() {
            return Ok(Coupling { upper: monotone_cost(a, b, &order_a, &order_b), v: vec![0.0; b.len()] });
        }
        let identity: Vec<usize> = (0..a.len()).collect();
        let given = self.blocks(a, b, [&identity, &identity], stop)?;
        if a.len() <= self.block {
            return Ok(given);
        }
        let sorted = self.blocks(a, b, [&order_a, &order_b], stop)?;
        Ok(if sorted.upper < given.upper { sorted } else { given })
    }

    /// Exact plans between blocks of equal position in two orders.
    fn blocks<T: Real>(
        &self,
        a: &Cloud<T>,
        b: &Cloud<T>,
        [order_a, order_b]: [&[usize]; 2],
        stop: &Stop,
    ) -> Result<Coupling, OtError> {
        let w2 = W2::default();
        let (n, d) = (a.len(), a.width());
        let mut coupling = Coupling { upper: 0.0, v: vec![0.0; n] };
        for (of_a, of_b) in order_a.chunks(self.block).zip(order_b.chunks(self.block)) {
            let gather =
                |cloud: &Cloud<T>, rows: &[usize]| rows.iter().flat_map(|&i| cloud.row(i).to_vec()).collect::<Vec<T>>();
            let (x, y) = (gather(a, of_a), gather(b, of_b));
            let (x, y) = (Cloud::new(Side::A, &x, of_a.len(), d)?, Cloud::new(Side::B, &y, of_b.len(), d)?);
            let found = w2.evaluate(&x, &y, Request { stop, ..Request::VALUE })?;
            coupling.upper += found.value * of_a.len() as f64 / n as f64;
            if let Some(potentials) = found.potentials {
                // Each block's potentials are known up to a constant: equal means make blocks comparable.
                let mean = potentials.v.iter().sum::<f64>() / of_b.len() as f64;
                for (&j, v) in of_b.iter().zip(potentials.v) {
                    coupling.v[j] = v - mean;
                }
            }
        }
        Ok(coupling)
    }
}

/// Cost of the monotone plan along two orders: feasible for any weights.
fn monotone_cost<T: Real>(a: &Cloud<T>, b: &Cloud<T>, order_a: &[usize], order_b: &[usize]) -> f64 {
    let (mut i, mut j) = (0, 0);
    let (mut left_a, mut left_b) = (a.weight(order_a[0]), b.weight(order_b[0]));
    let mut total = 0.0;
    loop {
        let mass = left_a.min(left_b);
        total += mass * cost::squared_distance(a.row(order_a[i]), b.row(order_b[j]));
        left_a -= mass;
        left_b -= mass;
        if left_a <= left_b {
            i += 1;
            if i == order_a.len() {
                return total;
            }
            left_a = a.weight(order_a[i]);
        } else {
            j += 1;
            if j == order_b.len() {
                return total;
            }
            left_b = b.weight(order_b[j]);
        }
    }
}

/// Direction of largest variance of both clouds together, by a few power iterations: a good one is enough.
///
/// # Errors
/// Told to stop.
fn leading_direction<T: Real>(a: &Cloud<T>, b: &Cloud<T>, stop: &Stop) -> Result<Vec<f64>, Interrupted> {
    let d = a.width();
    let mut centre = vec![0.0; d];
    let total = (a.len() + b.len()) as f64;
    let rows = || (0..a.len()).map(|i| a.row(i)).chain((0..b.len()).map(|j| b.row(j)));
    for row in rows() {
        centre.iter_mut().zip(row).for_each(|(c, x)| *c += x.wide() / total);
    }
    let mut direction: Vec<f64> = (0..d).map(|k| 1.0 + 0.1 * (k % 7) as f64).collect();
    for _ in 0..4 {
        stop.check()?;
        let mut next = vec![0.0; d];
        for row in rows() {
            let along: f64 = row.iter().zip(&centre).zip(&direction).map(|((x, c), w)| (x.wide() - c) * w).sum();
            next.iter_mut().zip(row).zip(&centre).for_each(|((s, x), c)| *s += along * (x.wide() - c));
        }
        let length = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length == 0.0 || !length.is_finite() {
            return Ok(direction);
        }
        direction = next.into_iter().map(|x| x / length).collect();
    }
    Ok(direction)
}

/// Columns whose costs are computed at a time: the panels then stay in the second-level cache.
const PANELS: usize = 32;

/// The best of the dual bounds that shares of `v` give, in one pass over all costs.
///
/// # Errors
/// Told to stop.
fn dual_bound<T: Real>(a: &Cloud<T>, b: &Cloud<T>, v: &[f64], stop: &Stop) -> Result<f64, Interrupted> {
    let pairs = Pairwise::new(a, b, Centring::Each, stop);
    let unit = 1.0 / (pairs.scale * pairs.scale);
    let (first, second) = pairs.separable_part(a, b);
    // Shares of the potentials for centred, scaled costs, rounded to T: any potentials are allowed.
    let shares: Vec<Vec<T>> = SHARES
        .iter()
        .map(|share| v.iter().zip(&second).map(|(v, s)| T::of(share * (v - s) / unit)).collect())
        .collect();
    let isa = Isa::detect();
    let numbers: Vec<u32> = (0..a.len() as u32).collect();
    let sums: Vec<[f64; SHARES.len()]> = numbers
        .par_chunks(pairs.block())
        .map(|rows| {
            let mut least = vec![[T::infinity(); SHARES.len()]; rows.len()];
            let mut scratch = Vec::new();
            for from in (0..pairs.panel_count()).step_by(PANELS) {
                if stop.is_set() {
                    break;
                }
                let panels = from..(from + PANELS).min(pairs.panel_count());
                let columns = pairs.columns_of(panels.clone());
                scratch.resize(rows.len() * columns.len(), T::zero());
                pairs.fill_panels(rows, panels, &mut scratch);
                for (least, row) in least.iter_mut().zip(scratch.chunks_exact(columns.len())) {
                    for (least, share) in least.iter_mut().zip(&shares) {
                        let found = isa.run(LeastReduced { row, v: &share[columns.clone()] });
                        *least = if found < *least { found } else { *least };
                    }
                }
            }
            let mut sums = [0.0; SHARES.len()];
            for (&i, least) in rows.iter().zip(least) {
                for (sum, least) in sums.iter_mut().zip(least) {
                    // The entry's bound, and one more rounding for the subtraction.
                    let rounding = pairs.rounding(i as usize) + least.wide().abs() * T::epsilon().wide();
                    *sum += a.weight(i as usize) * (least.wide() - rounding);
                }
            }
            sums
        })
        .collect();
    stop.check()?;
    let separable = (0..a.len()).map(|i| a.weight(i) * first[i]).sum::<f64>()
        + (0..b.len()).map(|j| b.weight(j) * second[j]).sum::<f64>();
    let bound = |k: usize| {
        let u: f64 = sums.iter().map(|s| s[k]).sum();
        let v: f64 = shares[k].iter().enumerate().map(|(j, v)| b.weight(j) * v.wide()).sum();
        (u + v) * unit + separable
    };
    Ok((0..SHARES.len()).map(bound).fold(f64::NEG_INFINITY, f64::max))
}

/// Least of c_j − v_j in the precision of the costs.
struct LeastReduced<'a, T> {
    row: &'a [T],
    v: &'a [T],
}

impl<T: Real> Kernel for LeastReduced<'_, T> {
    type Output = T;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> T {
        let (chunks, tail) = self.row.as_chunks::<LANES>();
        let (v_chunks, v_tail) = self.v.as_chunks::<LANES>();
        let mut least = T::vsplat(simd, T::infinity());
        for (c, v) in chunks.iter().zip(v_chunks) {
            least = T::vmin(simd, T::vsub(simd, T::vload(simd, c), T::vload(simd, v)), least);
        }
        let mut lanes = [T::infinity(); LANES];
        T::vstore(simd, least, &mut lanes);
        let of_tail = tail.iter().zip(v_tail).map(|(c, v)| *c - *v);
        lanes.into_iter().chain(of_tail).fold(T::infinity(), |a, b| if b < a { b } else { a })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut random = Pcg64::seed_from_u64(seed);
        (0..count).map(|_| random.random_range(-1.0f32..1.0)).collect()
    }

    #[test]
    fn bounds_enclose_the_exact_value() {
        for (n, d, block, shift) in
            [(1, 1, 10, 0.0), (7, 1, 3, 0.5), (90, 6, 40, 0.0), (130, 20, 50, 3.0), (64, 3, 4096, 1.0)]
        {
            let x = numbers(n * d, 1);
            let y: Vec<f32> = numbers(n * d, 2).iter().map(|y| y + shift).collect();
            let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, n, d).unwrap());
            let exact = W2::default().evaluate(&a, &b, Request::VALUE).unwrap().value;
            let found = Bounds::default().block(block).evaluate(&a, &b, Request::VALUE).unwrap();
            let (upper, lower) = (found.value, found.value - found.gap.unwrap());
            assert!(lower <= exact * (1.0 + 1e-12) && exact <= upper * (1.0 + 1e-6), "{lower} {exact} {upper}");
            if block > n {
                assert!(found.gap.unwrap() < 1e-4 * exact, "one block is exact: {lower} {exact} {upper}");
            }
        }
    }

    #[test]
    fn a_gradient_is_refused_and_one_sample_has_bounds() {
        let (x, y) = ([1.0, 2.0], [3.0, 4.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 1, 2).unwrap(), Cloud::new(Side::B, &y, 1, 2).unwrap());
        let error = Bounds::default().evaluate(&a, &b, Request::GRADIENT).unwrap_err();
        assert!(error.to_string().contains("no gradient"), "{error}");
        let found = Bounds::default().evaluate(&a, &b, Request::VALUE).unwrap();
        assert!((found.value - 8.0).abs() < 1e-12 && found.gap.unwrap() < 1e-9);
    }

    #[test]
    fn any_marginals_are_enclosed_too() {
        let (n, m, d) = (20, 33, 4);
        let (x, y) = (numbers(n * d, 3), numbers(m * d, 4));
        let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
        let a = Cloud::new(Side::A, &x, n, d).unwrap().with_weights(&weights).unwrap();
        let b = Cloud::new(Side::B, &y, m, d).unwrap();
        let exact = W2::default().evaluate(&a, &b, Request::VALUE).unwrap().value;
        let found = Bounds::default().evaluate(&a, &b, Request::VALUE).unwrap();
        assert!(found.value - found.gap.unwrap() <= exact && exact <= found.value);
    }
}

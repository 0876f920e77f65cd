//! A feasible plan between two sets, exact within blocks of samples, and the potentials of the blocks: an upper bound, and
//! a start for what is exact. Ranks share the blocks.

use kd2m_simd::ranks::Ranks;

use crate::{
    cloud::Cloud,
    cost,
    error::OtError,
    matrix::{dot, norm_squared},
    moments::Moments,
    real::Real,
    sets::tiles::{Reader, Tile, over_all},
    solution::Solution,
    stop::Interrupted,
};

/// A feasible plan's cost and potentials that go with it.
pub(super) struct Coupling {
    pub upper: f64,
    /// One for each sample of B.
    pub v: Vec<f64>,
}

/// The better of two plans: blocks of samples in their given order (paired sets keep their pairs), and in the order of the direction along
/// which the sets spread most. Of other sizes or weights the monotone plan along that direction, whose potentials are 0.
///
/// # Errors
/// What `solve` says of a block; told to stop.
pub(super) fn coupling<T: Real>(
    ranks: &dyn Ranks,
    a: &Reader<T>,
    b: &Reader<T>,
    moments: Option<[&Moments; 2]>,
    block: usize,
    solve: impl Fn(&Cloud<T>, &Cloud<T>) -> Result<Solution<T>, OtError>,
) -> Result<Coupling, OtError> {
    let direction = leading_direction(moments, a.width());
    let (order_a, order_b) = (along(ranks, a, &direction)?, along(ranks, b, &direction)?);
    if a.len() != b.len() || a.set.weights().is_some() || b.set.weights().is_some() {
        let upper = monotone_cost(a, b, &order_a, &order_b);
        a.check()?;
        return Ok(Coupling { upper, v: vec![0.0; b.len()] });
    }
    let identity: Vec<usize> = (0..a.len()).collect();
    let given = blocks(ranks, a, b, [&identity, &identity], block, &solve)?;
    if a.len() <= block {
        return Ok(given);
    }
    let sorted = blocks(ranks, a, b, [&order_a, &order_b], block, &solve)?;
    Ok(if sorted.upper < given.upper { sorted } else { given })
}

/// Exact plans between blocks of equal position in two orders.
fn blocks<T: Real>(
    ranks: &dyn Ranks,
    a: &Reader<T>,
    b: &Reader<T>,
    [order_a, order_b]: [&[usize]; 2],
    block: usize,
    solve: impl Fn(&Cloud<T>, &Cloud<T>) -> Result<Solution<T>, OtError>,
) -> Result<Coupling, OtError> {
    let n = a.len();
    let all: Vec<(&[usize], &[usize])> = order_a.chunks(block).zip(order_b.chunks(block)).collect();
    // One after another: each takes all threads.
    let own = kd2m_simd::ranks::share(all.len(), ranks.rank(), ranks.size());
    let mut found = Vec::with_capacity(own.len());
    for (of_a, of_b) in &all[own] {
        a.check()?;
        let (x, y): (Tile<T>, Tile<T>) = (a.gathered(of_a), b.gathered(of_b));
        a.check()?;
        let Solution { value, potentials, .. } = solve(&x.cloud(), &y.cloud())?;
        let mut v = potentials.map_or_else(|| vec![0.0; of_b.len()], |p| p.v);
        // Each block's potentials are known up to a constant: equal means make blocks comparable.
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        v.iter_mut().for_each(|v| *v -= mean);
        found.push((value * of_a.len() as f64 / n as f64, v));
    }
    let mut coupling = Coupling { upper: 0.0, v: vec![0.0; n] };
    for ((_, of_b), (cost, v)) in all.iter().zip(kd2m_simd::ranks::wire::gather(ranks, found)) {
        coupling.upper += cost;
        of_b.iter().zip(v).for_each(|(&j, v)| coupling.v[j] = v);
    }
    Ok(coupling)
}

/// The order of a set's samples along a direction.
fn along<T: Real>(ranks: &dyn Ranks, of: &Reader<T>, direction: &[f64]) -> Result<Vec<usize>, Interrupted> {
    let parts = over_all(
        ranks,
        &of.tiles(),
        || of.check(),
        |tile| {
            let rows = of.rows(tile.clone()).values;
            rows.chunks_exact(of.width())
                .map(|row| row.iter().zip(direction).map(|(x, w)| x.wide() * w).sum())
                .collect::<Vec<f64>>()
        },
    )?;
    let place = parts.concat();
    let mut order: Vec<usize> = (0..of.len()).collect();
    order.sort_by(|&i, &j| place[i].total_cmp(&place[j]));
    Ok(order)
}

/// Direction of largest variance of both sets together, by a few power iterations over their moments: a good one is enough.
fn leading_direction(moments: Option<[&Moments; 2]>, d: usize) -> Vec<f64> {
    let mut direction: Vec<f64> = (0..d).map(|k| 1.0 + 0.1 * (k % 7) as f64).collect();
    let Some([a, b]) = moments else { return direction };
    let shares = [a.n, b.n].map(|n| n as f64 / (a.n + b.n) as f64);
    let apart = a.mean.minus(&b.mean);
    for _ in 0..4 {
        // Between the means: the product of the shares.
        let between = shares[0] * shares[1] * dot(&apart, &direction);
        let mut next: Vec<f64> = apart.iter().map(|x| between * x).collect();
        for (of, share) in [a, b].iter().zip(shares) {
            for row in of.rows.chunks_exact(d) {
                let along = share * dot(row, &direction);
                next.iter_mut().zip(row).for_each(|(next, r)| *next += along * r);
            }
        }
        let length = norm_squared(&next).sqrt();
        if length == 0.0 || !length.is_finite() {
            return direction;
        }
        direction = next.into_iter().map(|x| x / length).collect();
    }
    direction
}

/// Samples that a walk along an order reads at once.
const AHEAD: usize = 1024;

/// Cost of the monotone plan along two orders: feasible for any weights.
fn monotone_cost<T: Real>(a: &Reader<T>, b: &Reader<T>, order_a: &[usize], order_b: &[usize]) -> f64 {
    let (mut of_a, mut of_b) = (Walk::new(a, order_a), Walk::new(b, order_b));
    let mut total = 0.0;
    loop {
        let mass = of_a.left.min(of_b.left);
        total += mass * cost::squared_distance(of_a.row(), of_b.row());
        of_a.left -= mass;
        of_b.left -= mass;
        let next = if of_a.left <= of_b.left { &mut of_a } else { &mut of_b };
        if a.is_over() || !next.step() {
            return total;
        }
    }
}

/// A place in an order of samples, with the rows that come next.
struct Walk<'w, T> {
    reader: &'w Reader<'w, T>,
    order: &'w [usize],
    at: usize,
    left: f64,
    ahead: Tile<T>,
    /// Place of the first row of `ahead`.
    first: usize,
}

impl<'w, T: Real> Walk<'w, T> {
    fn new(reader: &'w Reader<'w, T>, order: &'w [usize]) -> Self {
        let ahead = reader.gathered(&order[..AHEAD.min(order.len())]);
        Self { reader, order, at: 0, left: reader.set.weight(order[0]), ahead, first: 0 }
    }

    fn row(&self) -> &[T] {
        let d = self.reader.width();
        &self.ahead.values[(self.at - self.first) * d..][..d]
    }

    /// Goes on to the next sample; false after the last.
    fn step(&mut self) -> bool {
        self.at += 1;
        let Some(&sample) = self.order.get(self.at) else { return false };
        if self.at == self.first + AHEAD {
            self.first = self.at;
            self.ahead = self.reader.gathered(&self.order[self.at..(self.at + AHEAD).min(self.order.len())]);
        }
        self.left = self.reader.set.weight(sample);
        true
    }
}

//! What `w1` and `w2` share: costs, the choice of solver, the plan's value and its gradient, all for one ground cost.
//! Equal sizes with uniform weights are an assignment problem: [`paired`] ends it where the identity is best, else it is solved over
//! rows that are held or computed again. Any other marginals go through [`transport`]. The plan is a constant for the gradient
//! (envelope theorem).

mod sets;

use super::{Request, sampled};
use crate::{
    cloud::{Cloud, equal_widths},
    cost::{
        self,
        anew::{self, Anew},
        centring::Centres,
        paired::{self, Pairing},
        pairwise::Pairwise,
        rows::{CloudRows, Ground},
        scan::{PairCost, PairCosts},
        streamed::Streamed,
    },
    error::OtError,
    isa::Isa,
    parameters::domain::Domain,
    pool::Pool,
    real::Real,
    room,
    sets::Over,
    solution::{Gradient, Plan, Potentials, Solution},
    solver::{
        assignment::{self, refine},
        costs::{Verdict, is_at_rounding},
        transport,
    },
    stop::Interrupted,
};

/// GiB.
pub(super) const MEMORY: Domain<f64> =
    Domain::new("a number of GiB from 0 to 1048576", |gib| (0.0..=1_048_576.0).contains(gib));

/// Declares exact transport under one ground cost.
macro_rules! exact {
    ($(#[$meta:meta])* pub struct $name:ident for $entry:ident, $ground:expr) => {
        $crate::parameters::parameters! {
            $(#[$meta])*
            #[derive(Copy)]
            pub struct $name for $entry {
                /// GiB that the cost matrix may take; larger ones are computed again whenever rows are read
                memory: f64 = 11 in $crate::divergence::exact::MEMORY,
            }
        }

        impl<T: $crate::real::Real> $crate::divergence::Divergence<T> for $name {
            fn evaluate(
                &self,
                a: &$crate::cloud::Cloud<T>,
                b: &$crate::cloud::Cloud<T>,
                request: $crate::divergence::Request,
            ) -> Result<$crate::solution::Solution<T>, $crate::error::OtError> {
                $crate::parameters::Parameters::check(self, $entry.name)?;
                let memory = (self.memory * f64::from(1 << 30)) as usize;
                let over = $crate::sets::Over::ALONE;
                let exact = $crate::divergence::exact::Exact { metric: $entry.name, ground: $ground, memory, over };
                exact.evaluate(a, b, request)
            }

            fn evaluate_sets(
                &self,
                a: &$crate::sets::Set<T>,
                b: &$crate::sets::Set<T>,
                request: $crate::divergence::Request,
                over: $crate::sets::Over,
            ) -> Option<Result<$crate::solution::Solution<T>, $crate::error::OtError>> {
                let memory = (self.memory * f64::from(1 << 30)) as usize;
                let exact = $crate::divergence::exact::Exact { metric: $entry.name, ground: $ground, memory, over };
                let checked = $crate::parameters::Parameters::check(self, $entry.name);
                Some(checked.and_then(|()| exact.evaluate_sets(a, b, request)))
            }
        }
    };
}

pub(super) use exact;

/// Features of a cloud from which on a second thread is worth its waking; without AVX-512 products take twice as long.
fn parallel_from() -> usize {
    match Isa::detect() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => 1 << 17,
        _ => 1 << 16,
    }
}

/// Pairs from which on short lists of arcs are faster than a walk over all costs: at a thousand a side 1.3 times, at four thousand 4 to 7.
const LISTS_FROM: usize = 1 << 20;

/// Bytes that the last of the ways to a plan may always take: 4,096 samples a side.
const LEAST_ROOM: usize = 256 << 20;

/// A plan, and its cost summed from differences of features, where nothing cancels.
struct Found {
    transport: transport::Transport,
    value: f64,
}

impl Found {
    fn is_settled(&self) -> bool {
        is_at_rounding(self.transport.gap, self.value)
    }
}

/// Exact transport between two clouds under one ground cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exact<'o> {
    pub metric: &'static str,
    pub ground: Ground,
    /// Bytes that a cost matrix may take.
    pub memory: usize,
    /// Who shares an assignment's passes over all costs, and who is told its potentials.
    pub over: Over<'o>,
}

impl Exact<'_> {
    /// Compares A with B.
    ///
    /// # Errors
    /// Different widths, or told to stop.
    pub(super) fn evaluate<T: Real>(
        &self,
        a: &Cloud<T>,
        b: &Cloud<T>,
        request: Request,
    ) -> Result<Solution<T>, OtError> {
        equal_widths(self.metric, a, b)?;
        if let Some(exponent) = lift(a, b) {
            return self.evaluate_lifted(exponent, a, b, request);
        }
        let uniform = a.weights().is_none() && b.weights().is_none();
        let Found { transport: found, value } = if uniform && a.len() == b.len() {
            Pool::with(a.len() * a.width() >= parallel_from(), request.stop, |pool| {
                self.assign(pool, a, b, request.start)
            })?
        } else {
            self.transport(a, b, request)?
        };
        Ok(Solution {
            value,
            gradient: request.gradient.then(|| self.gradient(a, b, &found.plan.entries())),
            plan: request.plan.then_some(found.plan),
            potentials: Some(found.potentials),
            gap: Some(found.gap),
            status: found.status,
            iterations: found.iterations,
            diagnostics: Vec::new(),
        })
    }

    /// The same for features so small that their squares would vanish: a power of two changes none of their digits.
    fn evaluate_lifted<T: Real>(
        &self,
        exponent: i32,
        a: &Cloud<T>,
        b: &Cloud<T>,
        request: Request,
    ) -> Result<Solution<T>, OtError> {
        let power = T::of(2f64.powi(exponent));
        let lifted = |cloud: &Cloud<T>| cloud.features().iter().map(|&x| x * power).collect::<Vec<T>>();
        let (x, y) = (lifted(a), lifted(b));
        // Potentials of lifted features are of no use to others.
        let exact = Self { over: Over { keep: None, ..self.over }, ..*self };
        let mut found = exact.evaluate(&a.moved_to(&x)?, &b.moved_to(&y)?, Request { start: None, ..request })?;
        // In two steps: the whole factor may be below the smallest number.
        let (step, steps) = (2f64.powi(-exponent), if self.ground == Ground::Squared { 2 } else { 1 });
        let back = |value: &mut f64| (0..steps).for_each(|_| *value *= step);
        back(&mut found.value);
        found.gap.iter_mut().for_each(back);
        if let Some(Potentials { u, v }) = &mut found.potentials {
            u.iter_mut().chain(v).for_each(back);
        }
        if let (Some(gradient), Ground::Squared) = (&mut found.gradient, self.ground) {
            gradient.features.iter_mut().for_each(|g| *g = T::of(g.wide() * step));
        }
        Ok(found)
    }

    /// Any marginals: the network simplex, over a cost matrix where that is small, else over short lists of arcs.
    ///
    /// # Errors
    /// Told to stop.
    fn transport<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Found, Interrupted> {
        let stop = request.stop;
        let bytes = room::bytes::<T>(&[a.len(), b.len()]);
        // The costs, and the product that they come from.
        let fits = bytes <= self.memory && room::is_there(bytes.saturating_mul(2));
        if !fits || bytes / size_of::<T>() >= LISTS_FROM {
            let parallel = a.len() * a.width() >= parallel_from() || bytes / size_of::<T>() >= LISTS_FROM;
            let found = Pool::with(parallel, stop, |pool| self.by_lists(pool, a, b, request.start, fits))?;
            // Whole numbers, which need a matrix, have the last word where the range of the costs leaves something open.
            if !fits || found.is_settled() {
                return Ok(found);
            }
        }
        let rounded = cost::rounded_distances(a, b, self.ground, stop)?;
        let problem = transport::Problem { rounded: &rounded, exact: &Anew::new(a, b, self.ground), stop };
        let found = transport::solve(&problem, a.masses(), b.masses(), request.start)?;
        Ok(Found { value: found.value, transport: found })
    }

    /// The same in O((n + m) k) memory, but for costs that are to be held.
    fn by_lists<T: Real>(
        &self,
        pool: &Pool,
        a: &Cloud<T>,
        b: &Cloud<T>,
        start: Option<&Potentials>,
        hold: bool,
    ) -> Result<Found, Interrupted> {
        let isa = Isa::detect();
        let centres = |a: &Cloud<T>, b: &Cloud<T>| Centres::of(isa, pool, a, b, self.ground.centring());
        let drawn = match start {
            Some(_) => None,
            None => sampled::potentials(pool, a, b, self.ground, |a, b| {
                let centres = centres(a, b);
                let in_int16 = Pairwise::in_int16(isa, pool, a, b, &centres);
                let pairs = in_int16.unwrap_or_else(|| Pairwise::around(isa, pool, a, b, centres));
                Ok(self.solve(pool, a, b, pairs, None)?.transport.potentials)
            })?,
        };
        let pairs = Pairwise::around(isa, pool, a, b, centres(a, b));
        let hold = hold && room::is_there(room::bytes::<T>(&[2, a.len(), b.len()]));
        let costs = Streamed::new(pool, a, b, pairs, self.ground, hold)?;
        let found = transport::solve_streamed(&costs, a.masses(), b.masses(), start.or(drawn.as_ref()))?;
        Ok(Found { value: found.value, transport: found })
    }

    /// Equal sizes, uniform weights: the first of several ways, from the fastest on, whose certificate is at rounding level.
    fn assign<T: Real>(
        &self,
        pool: &Pool,
        a: &Cloud<T>,
        b: &Cloud<T>,
        start: Option<&Potentials>,
    ) -> Result<Found, Interrupted> {
        let isa = Isa::detect();
        let centres = Centres::of(isa, pool, a, b, self.ground.centring());
        let proved = paired::prove(isa, pool, a, b, &centres).map(|pairing| self.identity(&pairing, a.width()));
        pool.stop().check()?;
        if let Some(found) = proved.filter(Found::is_settled) {
            return Ok(found);
        }
        // Integers first: where they leave more open than rounding, single precision takes over, and then costs computed anew.
        let in_int16 = Pairwise::in_int16(isa, pool, a, b, &centres);
        let in_int16 = in_int16.map(|pairs| self.solve(pool, a, b, pairs, start)).transpose()?;
        let found = match in_int16.filter(Found::is_settled) {
            Some(found) => found,
            None => self.solve(pool, a, b, Pairwise::around(isa, pool, a, b, centres), start)?,
        };
        let bytes = refine::bytes(a.len());
        if found.is_settled() || bytes > self.memory.max(LEAST_ROOM) || !room::is_there(bytes) {
            return Ok(found);
        }
        let Plan::Permutation(first) = &found.transport.plan else { unreachable!("an assignment") };
        let refined = refine::refine(isa, pool, &Anew::new(a, b, self.ground), first)?;
        if refined.verdict.gap < found.transport.gap {
            let (value, verdict) = (refined.value, refined.verdict);
            let transport = transport::of_assignment(refined.into_assignment(found.transport.iterations), verdict);
            return Ok(Found { transport, value });
        }
        Ok(found)
    }

    fn solve<T: Real>(
        &self,
        pool: &Pool,
        a: &Cloud<T>,
        b: &Cloud<T>,
        pairs: Pairwise<T>,
        start: Option<&Potentials>,
    ) -> Result<Found, Interrupted> {
        let rows = CloudRows::new(pool, a, b, pairs, self.ground, self.memory, self.over)?;
        let unit = rows.unit();
        let start: Option<Vec<f64>> = start.filter(|p| p.v.len() == b.len()).map(|p| {
            let second = rows.centred_away();
            p.v.iter().zip(&second).map(|(v, s)| (v - s) / unit).collect()
        });
        let found = assignment::solve_rows(pool, &rows, start.as_deref())?;
        let (isa, centres) = (Isa::detect(), &rows.pairs().centres);
        let shift = centres.shift();
        let mut pairs = vec![PairCost::default(); a.len()];
        let block = a.len().div_ceil(4 * pool.size());
        pool.share_chunks(&mut pairs, block, |k, pairs| {
            for (pair, i) in pairs.chunks_mut(1).zip(k * block..) {
                let (x, y) = (a.row(i), b.row(found.columns[i] as usize));
                isa.run(PairCosts { x, y, q: &centres.b, shift: &shift, out: pair });
            }
        });
        let assignment::Assignment { columns, potentials: Potentials { mut u, mut v }, .. } = found;
        u.iter_mut().chain(&mut v).for_each(|potential| *potential *= unit);
        if self.ground == Ground::Squared {
            // What centring took from the costs of y_j belongs to v_j, the rest of a pair's to u_i.
            for ((u, &j), pair) in u.iter_mut().zip(&columns).zip(&pairs) {
                let second = -2.0 * pair.along;
                *u += pair.plain - pair.centred - second;
                v[j as usize] += second;
            }
        }
        let potentials = Potentials { u, v };
        Ok(self.found(columns, potentials, &pairs, found.gap * unit, found.iterations, a.width()))
    }

    /// The identity, proved optimal: every sample's own partner is the nearest in centred costs, so those are u, with v = 0.
    fn identity(&self, proved: &Pairing, width: usize) -> Found {
        let pairs = &proved.pairs;
        // What centring took from the costs of y_j, and so v_j for plain ones; nothing where both clouds share their centre.
        let v: Vec<f64> = pairs.iter().map(|pair| -2.0 * pair.along).collect();
        let costs = pairs.iter().map(|pair| self.ground.of_squared(pair.plain));
        let potentials = Potentials { u: costs.zip(&v).map(|(cost, v)| cost - v).collect(), v };
        let doubt =
            |&(i, squared): &(usize, f64)| self.ground.of_error(squared, self.ground.of_squared(pairs[i].plain));
        let gap = proved.doubts.iter().map(doubt).sum::<f64>() / pairs.len() as f64;
        self.found((0..pairs.len() as u32).collect(), potentials, pairs, gap, 0, width)
    }

    /// A matching with its value, and with the rounding of that value in the gap.
    fn found(
        &self,
        columns: Vec<u32>,
        potentials: Potentials,
        pairs: &[PairCost],
        gap: f64,
        iterations: usize,
        width: usize,
    ) -> Found {
        let costs = pairs.iter().map(|pair| self.ground.of_squared(pair.plain));
        let value = costs.sum::<f64>() / pairs.len() as f64;
        let gap = gap + anew::relative_error(width) * value;
        let found = assignment::Assignment { columns, potentials, value, gap, iterations };
        Found { transport: transport::of_assignment(found, Verdict::of_costs(gap, value)), value }
    }

    fn pair<T: Real>(&self, x: &[T], y: &[T]) -> f64 {
        self.ground.of_squared(cost::squared_distance(x, y))
    }

    fn gradient<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, entries: &[(usize, usize, f64)]) -> Gradient<T> {
        let d = a.width();
        let mut features = vec![T::zero(); a.len() * d];
        // Entries are sorted by rows; a row with several is summed in `f64` before it is rounded.
        let mut sum = vec![0.0; d];
        for of_row in entries.chunk_by(|p, q| p.0 == q.0) {
            let i = of_row[0].0;
            let x = a.row(i);
            sum.fill(0.0);
            for &(_, j, mass) in of_row {
                let y = b.row(j);
                let factor = match self.ground {
                    Ground::Squared => 2.0 * mass,
                    // The kink at coincident points: 0.
                    Ground::Distance => match self.pair(x, y) {
                        0.0 => 0.0,
                        length => mass / length,
                    },
                };
                for ((s, x), y) in sum.iter_mut().zip(x).zip(y) {
                    *s += factor * (x.wide() - y.wide());
                }
            }
            for (g, s) in features[i * d..(i + 1) * d].iter_mut().zip(&sum) {
                *g = T::of(*s);
            }
        }
        Gradient { features, soft_labels: None }
    }
}

/// What needs a matrix of costs, for errors.
pub(super) fn costs_of<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> String {
    format!("costs of {} × {} samples", a.len(), b.len())
}

/// Power of two by which features are so small that their squares lose digits or vanish, where both clouds' are.
fn lift<T: Real>(a: &Cloud<T>, b: &Cloud<T>) -> Option<i32> {
    // Single precision's smallest numbers have squares in double precision.
    if T::singles(&[]).is_some() {
        return None;
    }
    let largest = a.features().iter().chain(b.features()).fold(0.0, |most: f64, x| most.max(x.wide().abs()));
    // The smallest of all is lifted to where squares are whole.
    (largest > 0.0 && largest < 2f64.powi(-400)).then(|| (-largest.log2().ceil() as i32).min(1000))
}

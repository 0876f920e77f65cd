//! Exact transport between two sets that are not held: short lists of arcs and passes over all rows, which ranks share. Every rank pivots
//! on the same lists and so has the same plan.

use super::{Exact, Found};
use crate::{
    cloud::Cloud,
    cost::sets::{Centred, OfSets},
    divergence::{Request, blocks},
    error::OtError,
    pool::Pool,
    precision::sets::no_more_than_a_value,
    real::Real,
    room,
    sets::{
        Over, Set, equal_widths, moments,
        tiles::{Fault, Reader, Tile},
    },
    solution::{Potentials, Solution},
    solver::transport,
};

/// Samples that are matched exactly with each other for potentials to begin from.
const BLOCK: usize = 2048;

impl Exact {
    /// [`Exact::evaluate`] of sets; the plan is a list of arcs.
    ///
    /// # Errors
    /// Different widths; a gradient; rows that cannot be read; told to stop.
    pub(in crate::divergence) fn evaluate_sets<T: Real>(
        &self,
        a: &Set<T>,
        b: &Set<T>,
        request: Request,
        over: Over,
    ) -> Result<Solution<T>, OtError> {
        equal_widths(self.metric, a, b)?;
        if request.gradient {
            return Err(no_more_than_a_value(self.metric));
        }
        if over.ranks.size() == 1 && over.keep.is_none() && self.can_hold(a, b) {
            return self.evaluate_whole(a, b, request);
        }
        let fault = Fault::default();
        let readers = [a, b].map(|set| Reader::new(set, request.stop, &fault));
        let found = self.over_readers((&readers[0], &readers[1]), request, over);
        let Found { transport: found, value } = fault.or(found)?;
        Ok(Solution {
            value,
            plan: request.plan.then_some(found.plan),
            potentials: Some(found.potentials),
            gap: Some(found.gap),
            status: found.status,
            iterations: found.iterations,
            ..Solution::closed(value)
        })
    }

    /// Whether one process has room for all features, and as much again for what it makes of them.
    fn can_hold<T: Real>(&self, a: &Set<T>, b: &Set<T>) -> bool {
        let bytes = room::bytes::<T>(&[2, a.len().saturating_add(b.len()), a.width()]);
        bytes <= self.memory && room::is_there(bytes)
    }

    /// The same of clouds in memory, which is quicker by far.
    fn evaluate_whole<T: Real>(&self, a: &Set<T>, b: &Set<T>, request: Request) -> Result<Solution<T>, OtError> {
        let fault = Fault::default();
        let tiles = [a, b].map(|set| Reader::new(set, request.stop, &fault).rows(0..set.len()));
        fault.or(Ok(()))?;
        self.evaluate(&weighed(&tiles[0], a)?, &weighed(&tiles[1], b)?, request)
    }

    fn over_readers<T: Real>(
        &self,
        (a, b): (&Reader<T>, &Reader<T>),
        request: Request,
        over: Over,
    ) -> Result<Found, OtError> {
        let begun = match request.start {
            Some(_) => None,
            None => self.begun((a, b), request, over)?,
        };
        let (masses_a, masses_b) = (a.set.masses(), b.set.masses());
        let (Over { ranks, keep }, ground) = (over, self.ground);
        let centred = Centred::of(ranks, (a, b), ground)?;
        let found = Pool::with(true, request.stop, |pool| {
            let costs = OfSets { pool, ranks, a, b, ground, centred: &centred, keep };
            transport::solve_streamed(&costs, masses_a, masses_b, request.start.or(begun.as_ref()))
        })?;
        Ok(Found { value: found.value, transport: found })
    }

    /// Potentials to begin from: those of blocks of samples, where both sides are uniform and of equal size.
    fn begun<T: Real>(
        &self,
        (a, b): (&Reader<T>, &Reader<T>),
        request: Request,
        over: Over,
    ) -> Result<Option<Potentials>, OtError> {
        if a.len() != b.len() || a.len() < 2 || a.set.weights().is_some() || b.set.weights().is_some() {
            return Ok(None);
        }
        let (of_a, of_b) = (moments::of(self.metric, over.ranks, a)?, moments::of(self.metric, over.ranks, b)?);
        let solve = |x: &Cloud<T>, y: &Cloud<T>| self.evaluate(x, y, Request { stop: request.stop, ..Request::VALUE });
        let coupling = blocks::coupling(over.ranks, a, b, Some([&of_a, &of_b]), BLOCK, solve)?;
        Ok(Some(Potentials { u: Vec::new(), v: coupling.v }))
    }
}

/// A tile of all rows under the set's weights.
fn weighed<'t, T: Real>(tile: &'t Tile<T>, set: &Set<T>) -> Result<Cloud<'t, T>, OtError> {
    match set.masses() {
        Some(weights) => tile.cloud().with_weights(weights),
        None => Ok(tile.cloud()),
    }
}

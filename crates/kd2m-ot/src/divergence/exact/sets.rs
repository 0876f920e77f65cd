//! Exact transport between two sets. Where every rank has room for the features, sets of equal size are an assignment problem, whose passes
//! ranks share. What is not held takes short lists of arcs and passes over all rows, which they share, too; every rank pivots on the same
//! lists and so has the same plan.

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
        Keep, Over, Set, equal_widths, moments,
        tiles::{Fault, Reader, Tile},
    },
    solution::{Potentials, Solution},
    solver::transport,
};

/// Samples that are matched exactly with each other for potentials to begin from.
const BLOCK: usize = 2048;

impl Exact<'_> {
    /// [`Exact::evaluate`] of sets; the plan is a list of arcs.
    ///
    /// # Errors
    /// Different widths; a gradient; rows that cannot be read; told to stop.
    pub(in crate::divergence) fn evaluate_sets<T: Real>(
        &self,
        a: &Set<T>,
        b: &Set<T>,
        request: Request,
    ) -> Result<Solution<T>, OtError> {
        equal_widths(self.metric, a, b)?;
        if request.gradient {
            return Err(no_more_than_a_value(self.metric));
        }
        let of_one = self.over.ranks.size() == 1 && self.over.keep.is_none();
        if (of_one || is_assignment(a, b)) && self.can_hold(a, b) {
            return self.evaluate_whole(a, b, request);
        }
        let fault = Fault::default();
        let readers = [a, b].map(|set| Reader::new(set, request.stop, &fault));
        let found = self.over_readers((&readers[0], &readers[1]), request);
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

    /// Whether every rank has room for all features, and as much again for what it makes of them.
    fn can_hold<T: Real>(&self, a: &Set<T>, b: &Set<T>) -> bool {
        let bytes = room::bytes::<T>(&[2, a.len().saturating_add(b.len()), a.width()]);
        self.over.agree(bytes <= self.memory && room::is_there(bytes))
    }

    /// The same of clouds in memory, which is quicker by far.
    fn evaluate_whole<T: Real>(&self, a: &Set<T>, b: &Set<T>, request: Request) -> Result<Solution<T>, OtError> {
        let fault = Fault::default();
        let tiles = [a, b].map(|set| Reader::new(set, request.stop, &fault).rows(0..set.len()));
        fault.or(Ok(()))?;
        let unkept = Fault::default();
        let keep = |v: &[f64]| {
            let kept = self.over.keep.map_or(Ok(()), |keep| keep(v));
            kept.inspect_err(|why| unkept.set(OtError::Unkept { why: why.to_string() }))
        };
        let over = Over { keep: self.over.keep.map(|_| &keep as Keep), ..self.over };
        let found = Exact { over, ..*self }.evaluate(&weighed(&tiles[0], a)?, &weighed(&tiles[1], b)?, request);
        // Those of the end prove the plan at once another time.
        if let Ok(Solution { potentials: Some(potentials), .. }) = &found
            && over.keep.is_some()
        {
            let _ = keep(&potentials.v);
        }
        unkept.or(found)
    }

    fn over_readers<T: Real>(&self, (a, b): (&Reader<T>, &Reader<T>), request: Request) -> Result<Found, OtError> {
        let begun = match request.start {
            Some(_) => None,
            None => self.begun((a, b), request)?,
        };
        let (masses_a, masses_b) = (a.set.masses(), b.set.masses());
        let (Over { ranks, keep }, ground) = (self.over, self.ground);
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
    ) -> Result<Option<Potentials>, OtError> {
        if !is_assignment(a.set, b.set) || a.len() < 2 {
            return Ok(None);
        }
        let ranks = self.over.ranks;
        let (of_a, of_b) = (moments::of(self.metric, ranks, a)?, moments::of(self.metric, ranks, b)?);
        // A block is one rank's.
        let exact = Exact { over: Over::ALONE, ..*self };
        let solve = |x: &Cloud<T>, y: &Cloud<T>| exact.evaluate(x, y, Request { stop: request.stop, ..Request::VALUE });
        let coupling = blocks::coupling(ranks, a, b, Some([&of_a, &of_b]), BLOCK, solve)?;
        Ok(Some(Potentials { u: Vec::new(), v: coupling.v }))
    }
}

/// Whether each sample of one set goes to one of the other.
fn is_assignment<T: Real>(a: &Set<T>, b: &Set<T>) -> bool {
    a.len() == b.len() && a.weights().is_none() && b.weights().is_none()
}

/// A tile of all rows under the set's weights.
fn weighed<'t, T: Real>(tile: &'t Tile<T>, set: &Set<T>) -> Result<Cloud<'t, T>, OtError> {
    match set.masses() {
        Some(weights) => tile.cloud().with_weights(weights),
        None => Ok(tile.cloud()),
    }
}

//! Which unit comes next: what is finished, under way, failed or claimed by others; shared by the workers of a process.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    grid::Grid,
    plan::{Plan, Shard, Stage, Task},
    progress::{Listener, Progress},
    results,
    store::Store,
};
use crate::{Config, Error, claim::Claims};

/// What a worker may do next.
pub(super) enum Next {
    /// It is claimed.
    Unit(usize),
    Wait,
    End,
}

/// Who is where, shared by the workers of this process.
pub(super) struct Status<'a> {
    pub(super) grid: &'a Grid,
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    pub(super) claims: &'a Claims,
    /// Units that this process has to see finished.
    pub(super) needed: BTreeSet<usize>,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) finished: HashSet<usize>,
    pub(super) failed: BTreeMap<usize, String>,
    /// Under way in this process.
    pub(super) here: HashSet<usize>,
    /// Units beside which the program broke: each goes on alone, so that it can break no other.
    pub(super) alone: HashSet<usize>,
    /// Trained by this process, by cell.
    pub(super) touched: HashSet<usize>,
    /// Configuration of the reported runs, once every λ of the cell is chosen.
    pub(super) reported: Vec<Option<Arc<Config>>>,
}

impl<'a> Status<'a> {
    /// Looks at what is there.
    pub(super) fn new(
        grid: &'a Grid,
        plan: &'a Plan,
        store: &'a Store,
        claims: &'a Claims,
        shard: Shard,
    ) -> Result<Self, Error> {
        let state = State { reported: vec![None; grid.cells.len()], ..State::default() };
        let mut status = Self {
            grid,
            plan,
            store,
            claims,
            needed: BTreeSet::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        let state = Mutex::new(state);
        let needed = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut found = Vec::new();
            for unit in 0..plan.units.len() {
                found.push(status.finished(unit, &mut state)?);
            }
            plan.needed(shard, |unit| found[unit])
        };
        status.needed = needed;
        status.state = state;
        Ok(status)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a unit's result is there.
    fn finished(&self, unit: usize, state: &mut State) -> Result<bool, Error> {
        if state.finished.contains(&unit) {
            return Ok(true);
        }
        let there = match &self.plan.units[unit].task {
            Task::Teacher { cell } => self.store.has_teacher(&self.grid.cells[*cell]),
            Task::Student { cell, arm, stage: Stage::Select, candidate, seed } => {
                let cell = &self.grid.cells[*cell];
                self.store.student(Stage::Select, cell, &cell.trials[*arm][*candidate].arm, *seed).is_some()
            }
            Task::Student { cell, arm, stage: Stage::Runs, seed, .. } => {
                let Some(config) = self.reported(*cell, state)? else { return Ok(false) };
                let cell = &self.grid.cells[*cell];
                let arm = config.arms.iter().find(|a| a.name == cell.config.arms[*arm].name);
                arm.is_some_and(|arm| self.store.student(Stage::Runs, cell, arm, *seed).is_some())
            }
        };
        if there {
            state.finished.insert(unit);
        }
        Ok(there)
    }

    /// The cell's configuration with chosen weights; `None` while candidates are open.
    pub(super) fn reported(&self, cell: usize, state: &mut State) -> Result<Option<Arc<Config>>, Error> {
        if let Some(config) = &state.reported[cell] {
            return Ok(Some(config.clone()));
        }
        for (index, unit) in self.plan.units.iter().enumerate() {
            let candidate = matches!(unit.task, Task::Student { cell: c, stage: Stage::Select, .. } if c == cell);
            if candidate && !state.failed.contains_key(&index) && !self.finished(index, state)? {
                return Ok(None);
            }
        }
        let at = &self.grid.cells[cell];
        let Some(config) = results::reported(self.store, self.grid, at, |_| false) else { return Ok(None) };
        self.store.check(Stage::Runs, at, &config)?;
        let config = Arc::new(config);
        state.reported[cell] = Some(config.clone());
        Ok(Some(config))
    }

    /// The next unit for a worker; claims it.
    pub(super) fn next(&self, listen: Listener) -> Result<Next, Error> {
        let mut state = self.lock();
        let mut open = false;
        for &unit in &self.needed {
            let known = state.finished.contains(&unit);
            if state.failed.contains_key(&unit) || self.finished(unit, &mut state)? {
                if !known && state.finished.contains(&unit) {
                    listen(Progress::Elsewhere);
                }
                continue;
            }
            open = true;
            if state.here.contains(&unit) || !self.ready(unit, &mut state, listen)? {
                continue;
            }
            if self.claim(unit, &mut state)? {
                return Ok(Next::Unit(unit));
            }
        }
        Ok(if open { Next::Wait } else { Next::End })
    }

    /// Claims a unit for this process; false where another has it or ended it.
    fn claim(&self, unit: usize, state: &mut State) -> Result<bool, Error> {
        let id = &self.plan.units[unit].id;
        if !self.claims.take(id)? {
            return Ok(false);
        }
        // Another process may have ended it between the look and the claim.
        if self.finished(unit, state)? {
            self.claims.release(id);
            return Ok(false);
        }
        state.here.insert(unit);
        Ok(true)
    }

    /// A claimed unit with those that one of so many workers trains side by side with it: students of its seed, which are claimed too. No
    /// more than the worker's part of all that is open, so that none is left without work while another has a whole seed to do.
    pub(super) fn beside(
        &self,
        unit: usize,
        most: usize,
        workers: usize,
        listen: Listener,
    ) -> Result<Vec<usize>, Error> {
        let mut units = vec![unit];
        let mut state = self.lock();
        if self.plan.seed_of(unit).is_none() || state.alone.contains(&unit) {
            return Ok(units);
        }
        let mut open = Vec::new();
        for &other in &self.needed {
            let taken =
                state.here.contains(&other) || state.alone.contains(&other) || state.failed.contains_key(&other);
            let student = self.plan.seed_of(other).is_some();
            if student && !taken && !self.finished(other, &mut state)? && self.ready(other, &mut state, listen)? {
                open.push(other);
            }
        }
        let part = (open.len() + 1).div_ceil(workers.max(1));
        for other in open.into_iter().filter(|other| self.plan.seed_of(*other) == self.plan.seed_of(unit)) {
            if units.len() < most.min(part) && self.claim(other, &mut state)? {
                units.push(other);
            }
        }
        Ok(units)
    }

    /// After the program broke on several: each of them is done alone.
    pub(super) fn part(&self, units: &[usize]) {
        self.lock().alone.extend(units);
        units.iter().for_each(|unit| self.give_back(*unit));
    }

    /// Whether everything that a unit needs is there; a unit whose needs failed fails.
    fn ready(&self, unit: usize, state: &mut State, listen: Listener) -> Result<bool, Error> {
        let it = &self.plan.units[unit];
        for need in &it.needs {
            let teacher = matches!(self.plan.units[*need].task, Task::Teacher { .. });
            if teacher && state.failed.contains_key(need) {
                self.fail(unit, "its teacher failed".to_owned(), state, listen);
                return Ok(false);
            }
            if !state.failed.contains_key(need) && !self.finished(*need, state)? {
                return Ok(false);
            }
        }
        let Task::Student { cell, arm, stage: Stage::Runs, .. } = it.task else { return Ok(true) };
        let Some(config) = self.reported(cell, state)? else { return Ok(false) };
        let name = &self.grid.cells[cell].config.arms[arm].name;
        if config.arms.iter().all(|a| a.name != *name) {
            self.fail(
                unit,
                "no weight could be chosen: all candidates diverged, or some failed".to_owned(),
                state,
                listen,
            );
            return Ok(false);
        }
        Ok(true)
    }

    fn fail(&self, unit: usize, why: String, state: &mut State, listen: Listener) {
        listen(Progress::Failed { unit: &self.plan.units[unit].id, why: &why });
        state.failed.insert(unit, why);
    }

    /// Leaves a unit that was stopped to whoever starts next.
    pub(super) fn give_back(&self, unit: usize) {
        self.lock().here.remove(&unit);
        self.claims.release(&self.plan.units[unit].id);
        self.changed.notify_all();
    }

    /// Notes how a unit ended and gives its claim back.
    pub(super) fn finish(&self, unit: usize, end: Result<String, String>, listen: Listener) {
        let mut state = self.lock();
        state.here.remove(&unit);
        if let Task::Student { cell, .. } = self.plan.units[unit].task {
            state.touched.insert(cell);
        }
        match end {
            Ok(text) => {
                state.finished.insert(unit);
                listen(Progress::Finished { unit: &self.plan.units[unit].id, text });
            }
            Err(why) => self.fail(unit, why, &mut state, listen),
        }
        drop(state);
        self.claims.release(&self.plan.units[unit].id);
        self.changed.notify_all();
    }
}

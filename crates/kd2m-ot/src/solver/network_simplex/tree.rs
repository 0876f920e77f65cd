//! The spanning tree of a network simplex: sources 0…n, sinks n…n+m, and an artificial root that every node can reach at cost M.
//! Each node knows its parent, the flow on the arc between them and its children; a pivot re-hangs one subtree.
//! Strong feasibility: an arc without flow always points to the root, i.e. a sink's arc from its parent carries flow.

use std::ops::{Add, Neg, Sub};

use super::masses::Masses;
use crate::{real::Real, stop::Stop};

const NONE: u32 = u32::MAX;

/// Pivots allowed for each node: typical problems need 5 to 30.
pub(super) const PIVOTS_A_NODE: usize = 2_000;

/// What costs and potentials are counted in: `f64`, or whole numbers in which nothing is rounded.
pub(super) trait Price:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Neg<Output = Self>
{
    const ZERO: Self;
    /// Below every potential: a sink that holds it never enters.
    const NEVER: Self;
}

impl Price for f64 {
    const ZERO: Self = 0.0;
    const NEVER: Self = f64::NEG_INFINITY;
}

impl Price for i128 {
    const ZERO: Self = 0;
    /// Far enough from the end for a cost and another potential to be added.
    const NEVER: Self = i128::MIN / 2;
}

/// Where a node hangs. Together, and none across two lines of the cache: a pivot's walks are as quick as these lines come.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Links {
    parent: u32,
    depth: u32,
    first_child: u32,
    next_sibling: u32,
    previous_sibling: u32,
}

impl Links {
    const ALONE: Self = Self { parent: NONE, depth: 0, first_child: NONE, next_sibling: NONE, previous_sibling: NONE };
}

#[derive(Clone)]
pub(super) struct Tree<P> {
    n: usize,
    m: usize,
    root: usize,
    /// Cost of an artificial arc. Two of them, source → root → sink, must exceed any real arc: then no optimal flow uses them.
    artificial: P,
    is_active: Vec<bool>,
    links: Vec<Links>,
    /// Flow on the arc between a node and its parent, whatever its direction.
    flow: Vec<i128>,
    /// Node potentials π: tree arcs i → j have c + π_i − π_j = 0. Sinks without mass hold [`Price::NEVER`].
    pi: Vec<P>,
    /// Scratch of [`Tree::shift_subtree`]: nodes and their depths.
    stack: Vec<(u32, u32)>,
}

impl Tree<f64> {
    /// The star: every node of positive mass hangs from the root. Nodes without mass stay out.
    pub(super) fn new(masses: &Masses, largest_cost: f64) -> Self {
        let (n, m) = (masses.a.len(), masses.b.len());
        let root = n + m;
        let artificial = largest_cost + f64::MIN_POSITIVE;
        let all = || masses.a.iter().chain(&masses.b);
        let mut tree = Self {
            n,
            m,
            root,
            artificial,
            is_active: all().map(|mass| *mass > 0).chain([true]).collect(),
            links: vec![Links::ALONE; root + 1],
            flow: all().copied().chain([0]).collect(),
            pi: vec![0.0; root + 1],
            stack: Vec::new(),
        };
        for node in 0..root {
            if tree.is_active[node] {
                tree.hang(node, root);
                tree.links[node].depth = 1;
            }
            tree.pi[node] = match (node < n, tree.is_active[node]) {
                (true, _) => -artificial,
                (false, true) => artificial,
                (false, false) => f64::NEG_INFINITY,
            };
        }
        tree
    }

    /// A better first tree: each source moves whole to its cheapest sink while that sink keeps some flow from the root, so the tree
    /// stays strongly feasible.
    pub(super) fn adopt_cheapest_sinks<T: Real>(&mut self, cost: &[T], stop: &Stop) {
        for i in (0..self.n).filter(|&i| self.is_active[i]).collect::<Vec<_>>() {
            if stop.is_set() {
                return;
            }
            let row = &cost[i * self.m..(i + 1) * self.m];
            let mut best = (f64::INFINITY, None);
            for (j, c) in row.iter().enumerate() {
                let value = c.wide();
                if value < best.0 && self.is_active[self.n + j] && self.flow[self.n + j] > self.flow[i] {
                    best = (value, Some(j));
                }
            }
            if let Some(j) = best.1 {
                let sink = self.n + j;
                self.unhang(i);
                self.hang(i, sink);
                self.flow[sink] -= self.flow[i];
                self.links[i].depth = 2;
                self.pi[i] = self.pi[sink] - row[j].wide();
            }
        }
    }
}

/// An arc of a tree with its flow, which is zero only where the source hangs from the sink.
pub(super) struct Arc {
    pub source: usize,
    pub sink: usize,
    pub flow: i128,
}

impl<P: Price> Tree<P> {
    /// Takes these arcs into a star. The parts that they make hang from the root by `tops`; a node's arc to the root carries what
    /// `left` holds. Nodes without mass stay out; potentials are left to [`Tree::recompute_potentials`].
    pub(super) fn regrow(&mut self, arcs: &[Arc], tops: &[usize], left: &[i128]) {
        let mut neighbours: Vec<Vec<(usize, i128)>> = vec![Vec::new(); self.root];
        for arc in arcs {
            neighbours[arc.source].push((arc.sink, arc.flow));
            neighbours[arc.sink].push((arc.source, arc.flow));
        }
        for &top in tops {
            if !self.is_active[top] {
                continue;
            }
            self.flow[top] = left[top];
            let mut stack = vec![top];
            while let Some(node) = stack.pop() {
                let parent = self.links[node].parent as usize;
                for &(next, flow) in neighbours[node].iter().filter(|(next, _)| *next != parent) {
                    self.unhang(next);
                    self.hang(next, node);
                    self.flow[next] = flow;
                    self.links[next].depth = self.links[node].depth + 1;
                    stack.push(next);
                }
            }
        }
    }

    pub(super) fn is_active_source(&self, i: usize) -> bool {
        self.is_active[i]
    }

    pub(super) fn pi_source(&self, i: usize) -> P {
        self.pi[i]
    }

    pub(super) fn pi_sinks(&self) -> &[P] {
        &self.pi[self.n..self.root]
    }

    /// Column potentials v; sinks without mass hold [`Price::NEVER`].
    pub(super) fn sink_potentials(&self) -> Vec<P> {
        self.pi_sinks().to_vec()
    }

    /// The same tree under other costs: flows do not depend on these, so it is as feasible as it was.
    pub(super) fn priced_anew<Q: Price>(self, artificial: Q, cost: impl FnMut(usize, usize) -> Q) -> Tree<Q> {
        let start = |(node, is_active): (usize, &bool)| match (node < self.n, is_active) {
            _ if node == self.root => Q::ZERO,
            (true, _) => -artificial,
            (false, true) => artificial,
            (false, false) => Q::NEVER,
        };
        let pi = self.is_active.iter().enumerate().map(start).collect();
        let mut tree = Tree {
            n: self.n,
            m: self.m,
            root: self.root,
            artificial,
            is_active: self.is_active,
            links: self.links,
            flow: self.flow,
            pi,
            stack: self.stack,
        };
        tree.recompute_potentials(cost);
        tree
    }

    /// Brings arc i → j of this cost into the tree and takes the last blocking arc of its cycle out.
    pub(super) fn pivot(&mut self, i: usize, j: usize, cost: P) {
        let sink = self.n + j;
        let reduced = cost + self.pi[i] - self.pi[sink];
        let join = self.join(i, sink);
        let (leaving, on_source_side, flow) = self.leaving_arc(i, sink, join);
        self.push_around(i, sink, join, flow);
        if on_source_side {
            self.rehang(i, sink, leaving, flow);
            self.shift_subtree(i, -reduced);
        } else {
            self.rehang(sink, i, leaving, flow);
            self.shift_subtree(sink, reduced);
        }
    }

    /// The lowest common ancestor.
    fn join(&self, mut x: usize, mut y: usize) -> usize {
        while x != y {
            if self.links[x].depth >= self.links[y].depth {
                x = self.links[x].parent as usize;
            } else {
                y = self.links[y].parent as usize;
            }
        }
        x
    }

    /// The node under the leaving arc, whether it lies on the source's side, and the flow that it lets through. Of several arcs that
    /// block, the last met when walking the cycle from the join along the entering arc: that keeps the tree strongly feasible.
    fn leaving_arc(&self, i: usize, sink: usize, join: usize) -> (usize, bool, i128) {
        let mut found = (NONE as usize, true, i128::MAX);
        // On this side flow grows downwards, so arcs of sources, which point up, lose it.
        let mut node = i;
        while node != join {
            if node < self.n && self.flow[node] < found.2 {
                found = (node, true, self.flow[node]);
            }
            node = self.links[node].parent as usize;
        }
        let mut node = sink;
        while node != join {
            if node >= self.n && self.flow[node] <= found.2 {
                found = (node, false, self.flow[node]);
            }
            node = self.links[node].parent as usize;
        }
        found
    }

    fn push_around(&mut self, i: usize, sink: usize, join: usize, amount: i128) {
        if amount == 0 {
            return;
        }
        let mut node = i;
        while node != join {
            self.flow[node] += if node < self.n { -amount } else { amount };
            node = self.links[node].parent as usize;
        }
        let mut node = sink;
        while node != join {
            self.flow[node] += if node >= self.n { -amount } else { amount };
            node = self.links[node].parent as usize;
        }
    }

    /// Cuts the subtree of `top` off, turns it upside down so that `inside` becomes its top, and hangs it from `outside`.
    fn rehang(&mut self, inside: usize, outside: usize, top: usize, entering_flow: i128) {
        let (mut node, mut new_parent, mut new_flow) = (inside, outside, entering_flow);
        loop {
            let (old_parent, old_flow) = (self.links[node].parent as usize, self.flow[node]);
            self.unhang(node);
            self.hang(node, new_parent);
            self.flow[node] = new_flow;
            if node == top {
                return;
            }
            (new_parent, new_flow, node) = (node, old_flow, old_parent);
        }
    }

    /// Adds to the potentials below and at `top`, and sets their depths.
    fn shift_subtree(&mut self, top: usize, shift: P) {
        let mut stack = std::mem::take(&mut self.stack);
        let mut depth = self.links[self.links[top].parent as usize].depth + 1;
        let mut node = top;
        loop {
            self.pi[node] = self.pi[node] + shift;
            let links = &mut self.links[node];
            links.depth = depth;
            let (child, sibling) = (links.first_child, links.next_sibling);
            if node != top && sibling != NONE {
                stack.push((sibling, depth));
            }
            if child != NONE {
                (node, depth) = (child as usize, depth + 1);
            } else if let Some((next, its_depth)) = stack.pop() {
                (node, depth) = (next as usize, its_depth);
            } else {
                break;
            }
        }
        self.stack = stack;
    }

    /// Potentials anew from the tree's arcs alone, free of what many pivots have rounded.
    pub(super) fn recompute_potentials(&mut self, mut cost: impl FnMut(usize, usize) -> P) {
        let mut stack = vec![self.root as u32];
        while let Some(node) = stack.pop() {
            let node = node as usize;
            if node != self.root {
                let parent = self.links[node].parent as usize;
                self.pi[node] = match (node < self.n, parent == self.root) {
                    (true, true) => -self.artificial,
                    (false, true) => self.artificial,
                    (true, false) => self.pi[parent] - cost(node, parent - self.n),
                    (false, false) => self.pi[parent] + cost(parent, node - self.n),
                };
            }
            let mut child = self.links[node].first_child;
            while child != NONE {
                stack.push(child);
                child = self.links[child as usize].next_sibling;
            }
        }
    }

    /// Mass that still travels through the root, on no arc of its own.
    pub(super) fn mass_at_root(&self) -> i128 {
        (0..self.n).filter(|&i| self.links[i].parent as usize == self.root).map(|i| self.flow[i]).sum()
    }

    /// All flows (source, sink, units) by rows; what still travels through the root is paired off in order, so that the plan is
    /// feasible even when the pivots were capped.
    pub(super) fn complete_flows(&self) -> Vec<(u32, u32, i128)> {
        let mut flows = Vec::with_capacity(self.n + self.m);
        let (mut supplies, mut demands) = (Vec::new(), Vec::new());
        for node in (0..self.root).filter(|&node| self.is_active[node] && self.flow[node] > 0) {
            let parent = self.links[node].parent as usize;
            match (node < self.n, parent == self.root) {
                (true, true) => supplies.push((node, self.flow[node])),
                (false, true) => demands.push((node - self.n, self.flow[node])),
                (true, false) => flows.push((node as u32, (parent - self.n) as u32, self.flow[node])),
                (false, false) => flows.push((parent as u32, (node - self.n) as u32, self.flow[node])),
            }
        }
        let (mut supplies, mut demands) = (supplies.into_iter(), demands.into_iter());
        let (mut supply, mut demand) = (supplies.next(), demands.next());
        while let (Some((i, s)), Some((j, d))) = (supply, demand) {
            let moved = s.min(d);
            flows.push((i as u32, j as u32, moved));
            supply = if s > moved { Some((i, s - moved)) } else { supplies.next() };
            demand = if d > moved { Some((j, d - moved)) } else { demands.next() };
        }
        flows.sort_unstable();
        // A pair can carry flow on a tree arc and through the root at once.
        flows.dedup_by(|later, first| {
            let is_same = (later.0, later.1) == (first.0, first.1);
            if is_same {
                first.2 += later.2;
            }
            is_same
        });
        flows
    }

    fn hang(&mut self, node: usize, parent: usize) {
        let next = self.links[parent].first_child;
        self.links[node].parent = parent as u32;
        self.links[node].next_sibling = next;
        self.links[node].previous_sibling = NONE;
        if next != NONE {
            self.links[next as usize].previous_sibling = node as u32;
        }
        self.links[parent].first_child = node as u32;
    }

    fn unhang(&mut self, node: usize) {
        let (next, previous) = (self.links[node].next_sibling, self.links[node].previous_sibling);
        if next != NONE {
            self.links[next as usize].previous_sibling = previous;
        }
        if previous != NONE {
            self.links[previous as usize].next_sibling = next;
        } else {
            let parent = self.links[node].parent as usize;
            self.links[parent].first_child = next;
        }
    }
}

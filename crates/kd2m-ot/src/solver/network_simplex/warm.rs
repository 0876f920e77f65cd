//! A first tree from the potentials of an earlier problem: mass goes where reduced costs are least, and what that joins is tied
//! together along arcs without flow, again by least reduced cost. Close to the optimum's own tree if the problem has changed little.
//! Any finite potentials are allowed: they choose among feasible trees, and pivots go on from there.

use super::{
    masses::Masses,
    nearest::Nearest,
    tree::{Arc, Tree},
};
use crate::{real::Real, solution::Potentials, stop::Stop};

/// Arcs of least reduced cost that are looked at for each row and for each column.
const CANDIDATES: usize = 8;

/// The start, if it fits m columns and holds numbers.
pub(super) fn usable(start: Option<&Potentials>, m: usize) -> Option<&[f64]> {
    start.map(|p| p.v.as_slice()).filter(|v| v.len() == m && v.iter().all(|v| v.is_finite()))
}

/// The strongly feasible tree that these column potentials `v` suggest for a row-major `[n, m]` matrix. Told to stop, it looks at
/// fewer arcs.
pub(super) fn tree<T: Real>(masses: &Masses, largest_cost: f64, cost: &[T], v: &[f64], stop: &Stop) -> Tree<f64> {
    let m = v.len();
    let candidates = candidates(cost, v, &masses.a, &masses.b, stop);
    grown(masses, largest_cost, &candidates, |i, j| cost[i * m + j].wide())
}

/// An arc that a tree may take: its reduced cost, its row and its column.
pub(super) type Candidate = (f64, u32, u32);

/// The strongly feasible tree that takes what it can of these arcs, the first ones first.
pub(super) fn grown(
    masses: &Masses,
    largest_cost: f64,
    candidates: &[Candidate],
    cost: impl FnMut(usize, usize) -> f64,
) -> Tree<f64> {
    let (n, m) = (masses.a.len(), masses.b.len());
    let mut left: Vec<i128> = masses.a.iter().chain(&masses.b).copied().collect();
    let pairs = || candidates.iter().map(|&(_, i, j)| (i as usize, n + j as usize));
    let mut parts = Parts::new(n + m);
    let mut arcs = Vec::with_capacity(n + m);
    let ordered = leaves_first(pairs(), n + m);
    for (source, sink) in ordered.into_iter().chain(pairs()) {
        let flow = left[source].min(left[sink]);
        if flow == 0 {
            continue;
        }
        left[source] -= flow;
        left[sink] -= flow;
        arcs.push(Arc { source, sink, flow });
        // What has mass left hangs from the root with it; a part without any by a source, whose empty arc points to the root.
        parts.join(source, sink, if left[sink] > 0 { sink } else { source });
    }
    for (source, sink) in pairs() {
        let (below, above) = (parts.top(source), parts.top(sink));
        if below != above && left[below] == 0 {
            arcs.push(Arc { source, sink, flow: 0 });
            parts.join(source, sink, above);
        }
    }
    let tops: Vec<usize> = (0..n + m).filter(|&node| parts.top(node) == node).collect();
    let mut tree = Tree::new(masses, largest_cost);
    tree.regrow(&arcs, &tops, &left);
    tree.recompute_potentials(cost);
    tree
}

/// The tree of least reduced cost through these pairs, in the order in which each pair has a node that no later one has: the mass of
/// that node has no other way, so an optimal tree gets the flows that it had.
fn leaves_first(pairs: impl Iterator<Item = (usize, usize)>, nodes: usize) -> Vec<(usize, usize)> {
    let mut parts = Parts::new(nodes);
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (source, sink) in pairs {
        if parts.top(source) != parts.top(sink) {
            parts.join(source, sink, source);
            neighbours[source].push(sink);
            neighbours[sink].push(source);
        }
    }
    let mut degree: Vec<usize> = neighbours.iter().map(Vec::len).collect();
    let mut leaves: Vec<usize> = (0..nodes).filter(|&node| degree[node] == 1).collect();
    let mut ordered = Vec::with_capacity(nodes);
    while let Some(leaf) = leaves.pop() {
        let Some(&inner) = neighbours[leaf].iter().find(|&&inner| degree[inner] > 0) else { continue };
        if degree[leaf] == 0 {
            continue;
        }
        // A source is never a sink's number: they are the smaller ones.
        ordered.push((leaf.min(inner), leaf.max(inner)));
        degree[leaf] = 0;
        degree[inner] -= 1;
        if degree[inner] == 1 {
            leaves.push(inner);
        }
    }
    ordered
}

/// Arcs of least reduced cost of each row and each column that have mass, in the order of these costs.
fn candidates<T: Real>(cost: &[T], v: &[f64], a: &[i128], b: &[i128], stop: &Stop) -> Vec<Candidate> {
    let m = b.len();
    let mut of_columns = vec![Nearest::<CANDIDATES>::new(); m];
    let mut all = Vec::new();
    let mut reduced = vec![0.0; m];
    for (i, row) in cost.chunks_exact(m).enumerate().filter(|(i, _)| a[*i] > 0) {
        if stop.is_set() {
            break;
        }
        for ((out, c), v) in reduced.iter_mut().zip(row).zip(v) {
            *out = c.wide() - v;
        }
        let least = reduced.iter().zip(b).filter(|(_, b)| **b > 0).fold(f64::INFINITY, |least, (r, _)| least.min(*r));
        let mut of_row = Nearest::<CANDIDATES>::new();
        for (j, r) in reduced.iter().enumerate().filter(|(j, _)| b[*j] > 0) {
            of_row.offer(r - least, j as u32);
            of_columns[j].offer(r - least, i as u32);
        }
        all.extend(of_row.found().map(|(r, j)| (r, i as u32, j)));
    }
    for (j, of_column) in of_columns.iter().enumerate() {
        all.extend(of_column.found().map(|(r, i)| (r, i, j as u32)));
    }
    in_order(all)
}

/// Arcs in the order of their reduced costs, each once.
pub(super) fn in_order(mut arcs: Vec<Candidate>) -> Vec<Candidate> {
    arcs.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    arcs.dedup();
    arcs
}

/// Nodes that arcs have joined, each part with the node that it hangs by.
struct Parts {
    parent: Vec<u32>,
    top: Vec<u32>,
}

impl Parts {
    fn new(nodes: usize) -> Self {
        Self { parent: (0..nodes as u32).collect(), top: (0..nodes as u32).collect() }
    }

    fn find(&mut self, mut node: usize) -> usize {
        while self.parent[node] as usize != node {
            self.parent[node] = self.parent[self.parent[node] as usize];
            node = self.parent[node] as usize;
        }
        node
    }

    fn top(&mut self, node: usize) -> usize {
        let part = self.find(node);
        self.top[part] as usize
    }

    fn join(&mut self, x: usize, y: usize, top: usize) {
        let (x, y) = (self.find(x), self.find(y));
        self.parent[x] = y as u32;
        self.top[y] = top as u32;
    }
}

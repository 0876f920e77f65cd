//! The identity pairing, and the last word on it.

use crate::{
    cloud::Cloud,
    cost::{
        centring::Centres,
        pairwise::doubt_of,
        scan::{CentredDistance, PairCost, SquaredDistance},
    },
    isa::Isa,
    real::Real,
};

/// The identity pairing, proved.
pub(crate) struct Pairing {
    /// Its costs, sample by sample.
    pub pairs: Vec<PairCost>,
    /// Rows in which another sample could be nearer than the partner by rounding alone, and by how much at most, in squared distance.
    pub doubts: Vec<(usize, f64)>,
}

/// The pairing, if none of the pairs that bounds left open is nearer than its row's own.
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no such processor"))]
pub(super) fn decide<T: Real>(
    isa: Isa,
    (a, b): (&Cloud<T>, &Cloud<T>),
    centres: &Centres<T>,
    pairs: Vec<PairCost>,
    open: Vec<(usize, usize)>,
) -> Option<Pairing> {
    let Centres { a: p, b: q } = centres;
    let length = |row: &[T], centre: &[T]| isa.run(SquaredDistance { x: row, y: centre }).sqrt();
    let mut doubts = Vec::new();
    for (i, j) in open {
        let own = pairs[i].centred;
        let cost = isa.run(CentredDistance { x: a.row(i), p, y: b.row(j), q });
        if cost < own {
            return None;
        }
        let reach = |j: usize| length(a.row(i), p) + length(b.row(j), q);
        let doubt = doubt_of(a.width(), reach(i), own) + doubt_of(a.width(), reach(j), cost);
        if cost - own < doubt {
            doubts.push((i, own + doubt - cost));
        }
    }
    // A row's own doubt is its largest.
    doubts.sort_by(|x, y| x.0.cmp(&y.0).then(y.1.total_cmp(&x.1)));
    doubts.dedup_by_key(|(i, _)| *i);
    Some(Pairing { pairs, doubts })
}

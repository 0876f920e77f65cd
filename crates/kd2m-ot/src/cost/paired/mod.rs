//! Clouds paired sample by sample, without a cost matrix: a proof that each sample's own partner is the nearest one of all.
//! Then the identity is optimal with v = 0 (for centred costs). Features become bytes; `‖x‖ · (what y's bytes leave out)` and the
//! reverse bound each product's error, and the few pairs that the bound leaves open are computed exactly. Next: [`bytes`], or
//! [`int16`] for processors that multiply no bytes.

#[cfg(target_arch = "x86_64")]
mod bytes;
#[cfg(target_arch = "x86_64")]
mod int16;
#[cfg(target_arch = "x86_64")]
mod search;
#[cfg(test)]
mod tests;

use super::{
    centring::Centres,
    pairwise::doubt_of,
    scan::{CentredDistance, PairCost, SquaredDistance},
};
use crate::{cloud::Cloud, isa::Isa, pool::Pool, real::Real};

/// The identity pairing, proved.
pub struct Pairing {
    /// Its costs, sample by sample.
    pub pairs: Vec<PairCost>,
    /// Rows in which another sample could be nearer than the partner by rounding alone, and by how much at most, in squared distance.
    pub doubts: Vec<(usize, f64)>,
}

/// The identity pairing's costs if every sample of A is proved to have its own partner as the nearest sample of B, in centred
/// costs; `None` if it has not, or if this processor, type or width has no fast form. Told to stop, it proves nothing whatever it answers.
pub(crate) fn prove<T: Real>(
    isa: Isa,
    pool: &Pool,
    a: &Cloud<T>,
    b: &Cloud<T>,
    centres: &Centres<T>,
) -> Option<Pairing> {
    if a.len() != b.len() || !looks_paired(isa, a, b, centres) {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    return match (isa, crate::isa::Vnni::new()) {
        (Isa::Avx512(_), Some(vnni)) => search::prove(isa, vnni, pool, a, b, centres),
        _ => int16::prove(isa, pool, a, b, centres),
    };
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// The pairing, if none of the pairs that bounds left open is nearer than its row's own.
fn decide<T: Real>(
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

/// Whether a few samples have their partner nearer than a few others: independent clouds are told apart at once.
fn looks_paired<T: Real>(isa: Isa, a: &Cloud<T>, b: &Cloud<T>, centres: &Centres<T>) -> bool {
    const SAMPLES: usize = 4;
    const OTHERS: usize = 32;
    let n = a.len();
    let cost = |i: usize, j: usize| isa.run(CentredDistance { x: a.row(i), p: &centres.a, y: b.row(j), q: &centres.b });
    (0..SAMPLES.min(n)).all(|k| {
        let i = k * n / SAMPLES.min(n);
        let own = cost(i, i);
        (1..=OTHERS.min(n - 1)).all(|other| own <= cost(i, (i + other * (n / OTHERS).max(1)) % n))
    })
}

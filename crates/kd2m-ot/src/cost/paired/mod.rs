//! Clouds paired sample by sample, without a cost matrix: a proof that each sample's own partner is the nearest one of all.
//! Then the identity is optimal with v = 0 (for centred costs). Features become bytes; `‖x‖ · (what y's bytes leave out)` and the
//! reverse bound each product's error, and the few pairs that the bound leaves open are computed exactly. Next: [`super::bytes`],
//! or [`int16`] for processors that multiply no bytes.

#[cfg(target_arch = "x86_64")]
mod int16;
mod pairing;
#[cfg(target_arch = "x86_64")]
mod search;
#[cfg(test)]
mod tests;

pub(crate) use pairing::Pairing;
#[cfg(target_arch = "x86_64")]
use pairing::decide;

use super::{centring::Centres, scan::CentredDistance};
use crate::{cloud::Cloud, isa::Isa, pool::Pool, real::Real};

/// The identity pairing's costs if every sample of A is proved to have its own partner as the nearest sample of B, in centred
/// costs; `None` if it has not, or if this processor, type or width has no fast form. Told to stop, it proves nothing whatever it answers.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "no such processor"))]
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

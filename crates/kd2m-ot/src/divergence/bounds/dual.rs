//! The lower bound by duality: one pass over all costs, tile by tile.

use std::ops::Range;

use kd2m_simd::ranks::Ranks;

use crate::{
    cloud::Cloud,
    cost::{
        centring::{Centres, Centring},
        pairwise::Pairwise,
        screen::{Least, Screen},
    },
    isa::{Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    sets::{
        centres,
        tiles::{Reader, over_all},
    },
    stop::{Interrupted, Stop},
};

/// Shares of the blocks' potentials that the one pass over all costs tries at once: a block knows less than all samples do, so
/// part of what its potentials say is noise.
const SHARES: [f64; 4] = [0.0, 0.5, 0.8, 1.0];

/// Panels of columns whose costs are computed at a time: they then stay in the second-level cache.
const PANELS: usize = 32;

/// Rows that tell which share is best, where a pass for one share alone is quicker; so many are in a piece of work.
const SAMPLE: usize = 512;
const PIECE: usize = 64;

/// The best of the dual bounds that shares of `v` give: in one pass over all costs for all of them, or, where products of bytes can leave
/// out most columns, for the one that is best of a sample of rows.
///
/// # Errors
/// Told to stop.
pub(super) fn bound<T: Real>(
    ranks: &dyn Ranks,
    a: &Reader<T>,
    b: &Reader<T>,
    v: &[f64],
    roughly: bool,
) -> Result<f64, Interrupted> {
    let centres = centres::of(ranks, a, b, Centring::Each)?;
    let shift = centres.shift();
    let constant: f64 = shift.iter().map(|s| s * s).sum();
    let of_a = centres::around(ranks, a, &centres.a, &shift, 2.0)?;
    let of_b = centres::around(ranks, b, &centres.b, &shift, -2.0)?;
    // Shares of the potentials for centred costs, rounded to T: any potentials are allowed.
    let shares: [Vec<T>; SHARES.len()] =
        SHARES.map(|share| v.iter().zip(&of_b.along).map(|(v, s)| T::of(share * (v - s))).collect());
    let shares = shares.each_ref().map(Vec::as_slice);
    let of_columns = shares.map(|share| share.iter().enumerate().map(|(j, v)| b.set.weight(j) * v.wide()).sum::<f64>());
    let separable = constant
        + (0..a.len()).map(|i| a.set.weight(i) * of_a.along[i]).sum::<f64>()
        + (0..b.len()).map(|j| b.set.weight(j) * of_b.along[j]).sum::<f64>();
    let pass = Pass { ranks, a, b, centres: &centres, roughly };
    if roughly && pass.can_screen() && a.len() >= 16 * SAMPLE {
        let sample: Vec<usize> = (0..SAMPLE).map(|k| k * a.len() / SAMPLE).collect();
        let found = pass.sums(&sample.chunks(PIECE).map(<[usize]>::to_vec).collect::<Vec<_>>(), shares, false)?;
        let weight: f64 = sample.iter().map(|&i| a.set.weight(i)).sum();
        let of_sample = |k: usize| if weight > 0.0 { found[k] / weight + of_columns[k] } else { of_columns[k] };
        let best = (0..SHARES.len()).fold(0, |best, k| if of_sample(k) > of_sample(best) { k } else { best });
        let [u] = pass.sums(&pass.tiles(), [shares[best]], true)?;
        return Ok(u + of_columns[best] + separable);
    }
    let u = pass.sums(&pass.tiles(), shares, false)?;
    Ok((0..SHARES.len()).map(|k| u[k] + of_columns[k] + separable).fold(f64::NEG_INFINITY, f64::max))
}

/// What a pass over all costs needs.
struct Pass<'p, T> {
    ranks: &'p dyn Ranks,
    a: &'p Reader<'p, T>,
    b: &'p Reader<'p, T>,
    centres: &'p Centres<T>,
    /// Whether products of small integers are near enough.
    roughly: bool,
}

impl<T: Real> Pass<'_, T> {
    /// All rows, tile by tile.
    fn tiles(&self) -> Vec<Vec<usize>> {
        self.a.tiles().into_iter().map(Iterator::collect).collect()
    }

    /// Whether columns may be left out by products of bytes.
    fn can_screen(&self) -> bool {
        Screen::new(&self.a.rows(0..1).cloud(), &self.centres.a).is_some()
    }

    /// Sums over these rows of what is least of each, times its weight, for each of some potentials; to be screened where they can be.
    fn sums<const S: usize>(
        &self,
        pieces: &[Vec<usize>],
        potentials: [&[T]; S],
        screened: bool,
    ) -> Result<[f64; S], Interrupted> {
        let columns = self.b.tiles();
        let sums =
            over_all(self.ranks, pieces, || self.a.check(), |rows| self.of_rows(rows, &columns, potentials, screened))?;
        Ok(std::array::from_fn(|k| sums.iter().map(|of| of[k]).sum()))
    }

    fn of_rows<const S: usize>(
        &self,
        rows: &[usize],
        columns: &[Range<usize>],
        potentials: [&[T]; S],
        screened: bool,
    ) -> [f64; S] {
        let x = self.a.gathered(rows);
        let x = x.cloud();
        let mut screen = if screened { Screen::new(&x, &self.centres.a) } else { None };
        let mut least = vec![[Least::NONE; S]; rows.len()];
        for columns in columns {
            if self.a.is_over() {
                break;
            }
            let y = self.b.rows(columns.clone());
            let y = y.cloud();
            let potentials = potentials.map(|v| &v[columns.clone()]);
            if let (Some(of_x), [v]) = (&screen, potentials.as_slice()) {
                if of_x.lower(&y, &self.centres.b, v, least.as_flattened_mut(), self.a.stop) {
                    continue;
                }
                screen = None;
            }
            lower(&mut least, &pairs(&x, &y, self.centres, self.a.stop, self.roughly), potentials);
        }
        let mut sums = [0.0; S];
        for (&i, least) in rows.iter().zip(least) {
            let weight = self.a.set.weight(i);
            sums.iter_mut().zip(least).for_each(|(sum, least)| *sum += weight * least.certain);
        }
        sums
    }
}

/// The costs of two tiles, `roughly` in 16-bit integers where they can be.
fn pairs<T: Real>(x: &Cloud<T>, y: &Cloud<T>, centres: &Centres<T>, stop: &Stop, roughly: bool) -> Pairwise<T> {
    let isa = Isa::detect();
    Pool::with(false, stop, |pool| {
        let in_int16 = if roughly { Pairwise::in_int16(isa, pool, x, y, centres) } else { None };
        in_int16.unwrap_or_else(|| Pairwise::around(isa, pool, x, y, centres.clone()))
    })
}

/// Lowers what is least of each row so far to what these columns have, less what their costs may be off.
fn lower<T: Real, const S: usize>(least: &mut [[Least; S]], pairs: &Pairwise<T>, shares: [&[T]; S]) {
    let isa = Isa::detect();
    let (scale, unit) = (pairs.scale * pairs.scale, 1.0 / (pairs.scale * pairs.scale));
    // A power of two changes no digit.
    let shares = shares.map(|share| share.iter().map(|v| T::of(v.wide() * scale)).collect::<Vec<T>>());
    let numbers: Vec<u32> = (0..least.len() as u32).collect();
    let mut scratch = Vec::new();
    for (rows, least) in numbers.chunks(pairs.block()).zip(least.chunks_mut(pairs.block())) {
        let mut found = vec![[T::infinity(); S]; rows.len()];
        for from in (0..pairs.panel_count()).step_by(PANELS) {
            let panels = from..(from + PANELS).min(pairs.panel_count());
            let columns = pairs.columns_of(panels.clone());
            scratch.resize(rows.len() * columns.len(), T::zero());
            pairs.fill_panels(rows, panels, &mut scratch);
            for (found, row) in found.iter_mut().zip(scratch.chunks_exact(columns.len())) {
                for (found, share) in found.iter_mut().zip(&shares) {
                    let least = isa.run(LeastReduced { row, v: &share[columns.clone()] });
                    *found = if least < *found { least } else { *found };
                }
            }
        }
        for ((&i, least), found) in rows.iter().zip(least).zip(found) {
            for (least, found) in least.iter_mut().zip(found) {
                // The entry's bound, and one more rounding for the subtraction.
                let rounding = pairs.rounding(i as usize) + found.wide().abs() * T::epsilon().wide();
                least.lower((found.wide() - rounding) * unit);
            }
        }
    }
}

/// Least of c_j − v_j in the precision of the costs.
struct LeastReduced<'a, T> {
    row: &'a [T],
    v: &'a [T],
}

impl<T: Real> Kernel for LeastReduced<'_, T> {
    type Output = T;

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) -> T {
        let (chunks, tail) = self.row.as_chunks::<LANES>();
        let (v_chunks, v_tail) = self.v.as_chunks::<LANES>();
        let mut least = T::vsplat(simd, T::infinity());
        for (c, v) in chunks.iter().zip(v_chunks) {
            least = T::vmin(simd, T::vsub(simd, T::vload(simd, c), T::vload(simd, v)), least);
        }
        let mut lanes = [T::infinity(); LANES];
        T::vstore(simd, least, &mut lanes);
        let of_tail = tail.iter().zip(v_tail).map(|(c, v)| *c - *v);
        lanes.into_iter().chain(of_tail).fold(T::infinity(), |a, b| if b < a { b } else { a })
    }
}

//! Squared distances of two clouds as ‖x‖² + ‖y‖² − 2⟨x, y⟩ of centred features, by a register tile over packed panels.
//! Next: [`super::centring`], why they are centred; [`Pairwise::rounding`], the bound that certificates add.

use std::ops::Range;

use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use super::int16::{self, Int16Products, Measure, Multiplier};
use super::{
    centring::{Centres, Centring},
    scan,
};
use crate::{
    buffers::Buffer,
    cache,
    cloud::Cloud,
    isa::{Isa, Kernel, LANES, Simd},
    pool::Pool,
    real::Real,
    stop::{Interrupted, Stop},
};

/// Two clouds made ready for products.
pub(crate) struct Pairwise<T: Real> {
    isa: Isa,
    n: usize,
    m: usize,
    d: usize,
    packed: Packed<T>,
    x_norms: Vec<T>,
    y_norms: Vec<T>,
    /// What was subtracted.
    pub centres: Centres<T>,
    /// Power of two that features were multiplied by: 1 unless their squares could leave the range of `T`.
    pub scale: f64,
    /// Largest norm (not squared) of either side after centring.
    largest_x: f64,
    largest_y: f64,
    /// How far the centres lie apart, in the features' units.
    shift: f64,
    /// Ends long products early.
    stop: Stop,
}

/// Both sides as the tiles read them.
enum Packed<T: Real> {
    /// In their own precision.
    Whole {
        /// Centred and scaled rows of A, `[n, d]`.
        x: Buffer<T>,
        /// Centred and scaled rows of B in panels of `width` columns, `[panel, d, width]`, the last one padded with zeros.
        panels: Buffer<T>,
        width: usize,
    },
    /// As 16-bit integers: twice as fast and a few times less exact.
    #[cfg(target_arch = "x86_64")]
    Int16 {
        integers: Int16Products,
        /// Most that integers leave out of a row of B.
        y_rest: f64,
    },
}

impl<T: Real> Pairwise<T> {
    /// Centres, scales and packs two clouds of equal width.
    pub(crate) fn new(a: &Cloud<T>, b: &Cloud<T>, centring: Centring, stop: &Stop) -> Self {
        Self::with_isa(Isa::detect(), a, b, centring, stop)
    }

    fn with_isa(isa: Isa, a: &Cloud<T>, b: &Cloud<T>, centring: Centring, stop: &Stop) -> Self {
        Pool::with(a.len() * a.width() >= BOTH_FROM, stop, |pool| {
            Self::around(isa, pool, a, b, Centres::of(isa, pool, a, b, centring))
        })
    }

    /// The same around given centres.
    pub(crate) fn around(isa: Isa, pool: &Pool, a: &Cloud<T>, b: &Cloud<T>, centres: Centres<T>) -> Self {
        let (n, m, d) = (a.len(), b.len(), a.width());
        let (mut of_a, mut of_b) = pool.join(|| centred(isa, a, &centres.a), || centred(isa, b, &centres.b));
        let mut scale = 1.0;
        if !is_safe(of_a.1.iter().chain(&of_b.1)) {
            scale = safe_scale(spread(a, &centres.a).max(spread(b, &centres.b)));
            (of_a, of_b) = (rescaled(a, &centres.a, scale), rescaled(b, &centres.b, scale));
        }
        let ((x, x_norms), (y, mut y_norms)) = (of_a, of_b);
        let width = isa.run(PanelWidth(std::marker::PhantomData::<T>));
        let panels = pack(pool, &y, d, width);
        let (largest_x, largest_y) = (largest(&x_norms), largest(&y_norms));
        y_norms.resize(m.next_multiple_of(width), T::zero());
        let packed = Packed::Whole { x, panels, width };
        let stop = pool.stop().clone();
        let shift = centres.distance();
        Self { isa, n, m, d, packed, x_norms, y_norms, centres, scale, largest_x, largest_y, shift, stop }
    }

    /// The same with products of 16-bit integers, where the processor and the type have them and no scaling is needed: for costs that
    /// a certificate computes again where they matter.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "no such processor"))]
    pub(crate) fn in_int16(isa: Isa, pool: &Pool, a: &Cloud<T>, b: &Cloud<T>, centres: &Centres<T>) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(by) = Multiplier::of(isa) {
            let of_a = (T::singles(a.features())?, T::singles(&centres.a)?);
            let of_b = (T::singles(b.features())?, T::singles(&centres.b)?);
            let integers = Int16Products::new(by, pool, of_a, of_b)?;
            let norms = |of: &[Measure]| of.iter().map(|of| T::of(f64::from(of.norm))).collect::<Vec<T>>();
            let (x_norms, y_norms) = (norms(integers.of_rows()), norms(integers.of_columns()));
            if !is_safe(x_norms.iter().chain(&y_norms)) {
                return None;
            }
            return Some(Self {
                isa,
                n: a.len(),
                m: b.len(),
                d: a.width(),
                largest_x: largest(&x_norms),
                largest_y: largest(&y_norms),
                x_norms,
                y_norms,
                centres: centres.clone(),
                shift: centres.distance(),
                scale: 1.0,
                stop: pool.stop().clone(),
                packed: Packed::Int16 {
                    y_rest: integers.of_columns().iter().fold(0.0, |most, of| most.max(f64::from(of.rest))),
                    integers,
                },
            });
        }
        None
    }

    /// All costs of the centred and scaled features, row-major `[n, m]`.
    ///
    /// # Errors
    /// Told to stop.
    pub(crate) fn matrix(&self, pool: &Pool) -> Result<Buffer<T>, Interrupted> {
        let mut cost = Buffer::any(self.n * self.m, T::zero());
        let block = self.block();
        pool.share_chunks_until(&mut cost, block * self.m, |k, out| {
            let first = (k * block) as u32;
            let numbers: Vec<u32> = (first..first + (out.len() / self.m) as u32).collect();
            self.fill(&numbers, out);
        })?;
        self.stop.check()?;
        Ok(cost)
    }

    /// Rows of A that stay in the second-level cache while all panels pass by.
    pub(crate) fn block(&self) -> usize {
        // More gained nothing where it was measured.
        const MOST: usize = 400 << 10;
        let cache = MOST.min(cache::second_level() * 4 / 5);
        let strips = cache / (STRIP * self.d * size_of::<T>()).max(1);
        let shared = self.n.div_ceil(4 * rayon::current_num_threads()).div_ceil(STRIP);
        strips.clamp(2, 16).min(shared).max(1) * STRIP
    }

    /// The costs of some rows of A, `[numbers, m]`; what is left out as in [`Pairwise::fill_panels`].
    pub(crate) fn fill(&self, numbers: &[u32], out: &mut [T]) {
        self.fill_panels(numbers, 0..self.panel_count(), out);
    }

    /// The costs between some rows of A and the columns of some panels, `[numbers, self.columns_of(panels)]`. Told to stop, it leaves
    /// out panels, unless there is only a strip of rows: whoever reads more has to ask [`Stop::is_set`] first.
    pub(crate) fn fill_panels(&self, numbers: &[u32], panels: Range<usize>, out: &mut [T]) {
        match &self.packed {
            Packed::Whole { x, panels: packed, width } => {
                self.isa.run(Fill { pairs: self, x, packed, width: *width, numbers, panels, out });
            }
            #[cfg(target_arch = "x86_64")]
            Packed::Int16 { integers, .. } => {
                let Some(out) = T::singles_mut(out) else { unreachable!("integers are made of single precision") };
                integers.fill(numbers, panels.clone(), self.columns_of(panels).len(), out, &self.stop);
            }
        }
    }

    /// Columns of a panel.
    fn panel_width(&self) -> usize {
        match &self.packed {
            Packed::Whole { width, .. } => *width,
            #[cfg(target_arch = "x86_64")]
            Packed::Int16 { .. } => int16::COLUMNS,
        }
    }

    /// Panels that the columns are packed in.
    pub(crate) fn panel_count(&self) -> usize {
        self.m.div_ceil(self.panel_width())
    }

    /// The columns of some panels.
    pub(crate) fn columns_of(&self, panels: Range<usize>) -> Range<usize> {
        let width = self.panel_width();
        (panels.start * width).min(self.m)..(panels.end * width).min(self.m)
    }

    /// How far a computed cost of row i can lie from the exact one (centred, scaled), whatever the column.
    ///
    /// A dot product of length d errs by (d + 1) units of rounding of ‖x‖‖y‖, centring by one unit of each coordinate, norms and
    /// sums by a few units of (‖x‖ + ‖y‖)². Integers leave a rest of each side out of the dot product, whose other errors are a few units.
    pub(crate) fn rounding(&self, i: usize) -> f64 {
        let unit = T::epsilon().wide() / 2.0;
        let (x, y) = (self.x_norms[i].wide().sqrt(), self.largest_y);
        let product = match &self.packed {
            Packed::Whole { .. } => unit * (self.d as f64 + 2.0) * x * y,
            #[cfg(target_arch = "x86_64")]
            Packed::Int16 { integers, y_rest } => {
                let x_rest = f64::from(integers.of_rows()[i].rest);
                x_rest * y + (x + x_rest) * y_rest + 6.0 * unit * x * y
            }
        };
        1.01 * (2.0 * product + 8.0 * unit * (x + y) * (x + y))
    }

    /// The exact cost of a pair, centred and scaled, from its features.
    pub(crate) fn exact(&self, x: &[T], y: &[T]) -> f64 {
        let squared = self.isa.run(scan::CentredDistance { x, p: &self.centres.a, y, q: &self.centres.b });
        squared * self.scale * self.scale
    }

    /// How far such an exact cost may itself be off.
    pub(crate) fn doubt(&self, i: usize, j: usize, cost: f64) -> f64 {
        doubt_of(self.d, 1.01 * (self.x_norms[i].wide().sqrt() + self.y_norms[j].wide().sqrt()), cost)
    }

    /// What [`Centring::Each`] took from the costs: cost of pair (i, j) = centred cost + `first[i]` + `second[j]`.
    pub(crate) fn separable_part(&self, a: &Cloud<T>, b: &Cloud<T>) -> (Vec<f64>, Vec<f64>) {
        Pool::with(self.n * self.d >= BOTH_FROM, &self.stop, |pool| self.separable_part_by(pool, a, b))
    }

    pub(crate) fn separable_part_by(&self, pool: &Pool, a: &Cloud<T>, b: &Cloud<T>) -> (Vec<f64>, Vec<f64>) {
        let shift = self.centres.shift();
        let constant: f64 = shift.iter().map(|s| s * s).sum();
        let along = |cloud: &Cloud<T>, centre: &[T], factor: f64, constant: f64| {
            let mut out = vec![0.0; cloud.len()];
            self.isa.run(scan::Along { features: cloud.features(), centre, direction: &shift, out: &mut out });
            out.iter_mut().for_each(|x| *x = *x * factor + constant);
            out
        };
        pool.join(|| along(a, &self.centres.a, 2.0, constant), || along(b, &self.centres.b, -2.0, 0.0))
    }

    /// Turns a matrix of centred, scaled costs into plain squared distances. Returns for each row how far its entries can lie from
    /// the true ones, beside the rounding to `T` of the entry itself.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn restore(&self, a: &Cloud<T>, b: &Cloud<T>, cost: &mut [T]) -> Result<Vec<f64>, Interrupted> {
        let (first, second) = self.separable_part(a, b);
        let unscale = 1.0 / (self.scale * self.scale);
        let mut absolute = vec![0.0; self.n];
        let rows = cost.par_chunks_mut(self.m).zip(&mut absolute).enumerate();
        rows.filter(|_| !self.stop.is_set()).for_each(|(i, (row, absolute))| {
            let rounding = self.rounding(i) * unscale;
            // Below this a thousandth of the digits or more may have cancelled.
            let doubtful = 1000.0 * rounding;
            for (j, c) in row.iter_mut().enumerate() {
                let mut full = c.wide() * unscale + first[i] + second[j];
                if full < doubtful {
                    full = super::squared_distance(a.row(i), b.row(j));
                }
                *c = T::of(full);
            }
            // An entry below the smallest number of `T` is gone altogether.
            *absolute = rounding + self.separable_rounding(i) + T::min_positive_value().wide();
        });
        self.stop.check()?;
        Ok(absolute)
    }

    /// What the separable part of the costs of row i can have rounded: sums of d products of norms up to these.
    pub(crate) fn separable_rounding(&self, i: usize) -> f64 {
        let reach = (self.x_norms[i].wide().sqrt() + self.largest_y) / self.scale + self.shift;
        4.0 * super::anew::relative_error(self.d) * reach * reach
    }

    /// No two samples of different sides lie further apart, in the features' units.
    pub(crate) fn reach(&self) -> f64 {
        1.01 * ((self.largest_x + self.largest_y) / self.scale + self.shift)
    }

    /// Largest norm of a centred, scaled sample of either side.
    pub(crate) fn largest_norm(&self) -> f64 {
        self.largest_x.max(self.largest_y)
    }
}

/// How far a squared distance of centred features, computed in `f64`, may be off where the features lie `reach` from their centres
/// together: each centred coordinate and each difference errs by a unit of itself, the sum by a unit for each addition on the way
/// (see [`super::anew`]).
pub(crate) fn doubt_of(d: usize, reach: f64, cost: f64) -> f64 {
    let reach = 1.01 * f64::EPSILON / 2.0 * reach;
    cost * super::anew::relative_error(d) + reach * (2.0 * cost.sqrt() + reach)
}

/// Largest length.
fn largest<T: Real>(norms: &[T]) -> f64 {
    norms.iter().fold(0.0f64, |most, norm| most.max(norm.wide())).sqrt()
}

/// Rows that a tile of the fastest kind has: no more are read at once without a look at the flag that ends the solve.
const STRIP: usize = 12;

/// From this many numbers a side on, both sides are worked on at once.
const BOTH_FROM: usize = 1 << 17;

/// Whether squared norms are far from the ends of single precision, where sums overflow or differences vanish: squares that all
/// vanished may be of small features, too.
fn is_safe<'n, T: Real>(norms: impl Iterator<Item = &'n T>) -> bool {
    let largest = norms.fold(0.0f64, |most, n| if n.wide() > most || n.is_nan() { n.wide() } else { most });
    (1e-18..1e18).contains(&largest)
}

/// Largest deviation of a coordinate from the centre.
fn spread<T: Real>(cloud: &Cloud<T>, centre: &[T]) -> f64 {
    let rows = cloud.features().chunks_exact(cloud.width());
    rows.fold(0.0, |most: f64, row| {
        row.iter().zip(centre).fold(most, |most, (x, c)| most.max((x.wide() - c.wide()).abs()))
    })
}

/// The power of two that brings the largest deviation near 1.
fn safe_scale(spread: f64) -> f64 {
    if spread > 0.0 && spread.is_finite() { 2f64.powi(-spread.log2().ceil() as i32) } else { 1.0 }
}

/// Centred rows and their squared norms.
fn centred<T: Real>(isa: Isa, cloud: &Cloud<T>, centre: &[T]) -> (Buffer<T>, Vec<T>) {
    let mut rows = Buffer::any(cloud.features().len(), T::zero());
    let mut norms = vec![T::zero(); cloud.len()];
    isa.run(scan::Centre { features: cloud.features(), centre, rows: &mut rows, norms: &mut norms });
    (rows, norms)
}

/// The same, scaled; differences are taken in `f64`, for the features may be too large for one in `T`.
fn rescaled<T: Real>(cloud: &Cloud<T>, centre: &[T], scale: f64) -> (Buffer<T>, Vec<T>) {
    let d = cloud.width();
    let of_row =
        |row: &[T]| row.iter().zip(centre).map(|(x, c)| T::of((x.wide() - c.wide()) * scale)).collect::<Vec<T>>();
    let mut rows = Buffer::any(cloud.features().len(), T::zero());
    for (to, from) in rows.chunks_exact_mut(d).zip(cloud.features().chunks_exact(d)) {
        to.copy_from_slice(&of_row(from));
    }
    let norms = rows.chunks_exact(d).map(|row| T::of(row.iter().map(|x| x.wide() * x.wide()).sum())).collect();
    (rows, norms)
}

/// Columns of `width` rows beside each other, so that the tile reads them in order.
fn pack<T: Real>(pool: &Pool, rows: &[T], d: usize, width: usize) -> Buffer<T> {
    let m = rows.len() / d;
    let mut panels = Buffer::any(m.div_ceil(width) * width * d, T::zero());
    pool.share_chunks(&mut panels, width * d, |p, panel| {
        let first = p * width;
        if first + width > m {
            panel.fill(T::zero());
        }
        // Sixteen coordinates at a time: what is written then fits the first-level cache.
        for from in (0..d).step_by(LANES) {
            let to = (from + LANES).min(d);
            for (j, row) in rows[first * d..(first + width).min(m) * d].chunks_exact(d).enumerate() {
                for (k, &x) in row[from..to].iter().enumerate() {
                    panel[(from + k) * width + j] = x;
                }
            }
        }
    });
    panels
}

/// Registers that one vector of `T` takes.
fn registers<S: Simd, T>() -> usize {
    S::SPLIT * size_of::<T>() / size_of::<f32>()
}

/// Columns of a panel.
struct PanelWidth<T>(std::marker::PhantomData<T>);

impl<T: Real> Kernel for PanelWidth<T> {
    type Output = usize;

    #[inline(always)]
    fn call<S: Simd>(self, _: S) -> usize {
        if registers::<S, T>() == 1 { 2 * LANES } else { LANES }
    }
}

struct Fill<'a, T: Real> {
    pairs: &'a Pairwise<T>,
    x: &'a [T],
    packed: &'a [T],
    width: usize,
    numbers: &'a [u32],
    panels: Range<usize>,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, simd: S) {
        // Rows × vectors of a tile: as many accumulators as fit beside one panel vector and one broadcast.
        match (S::REGISTERS, registers::<S, T>()) {
            (32, 1) => tiles::<S, T, 12, 2>(simd, self),
            (32, 4) => tiles::<S, T, 6, 1>(simd, self),
            (32, 8) => tiles::<S, T, 3, 1>(simd, self),
            (32, _) => tiles::<S, T, 12, 1>(simd, self),
            (_, 2) => tiles::<S, T, 6, 1>(simd, self),
            (_, 4) => tiles::<S, T, 3, 1>(simd, self),
            _ => tiles::<S, T, 1, 1>(simd, self),
        }
    }
}

#[inline(always)]
fn tiles<S: Simd, T: Real, const R: usize, const V: usize>(simd: S, job: Fill<T>) {
    let Fill { pairs, x: from, packed, width, numbers, panels, out } = job;
    let d = pairs.d;
    let Range { start, end } = pairs.columns_of(panels.clone());
    // Length of a row of `out`.
    let m = end - start;
    for p in panels {
        if numbers.len() > STRIP && pairs.stop.is_set() {
            return;
        }
        let panel = &packed[p * width * d..(p + 1) * width * d];
        let first = p * width - start;
        let columns = width.min(m - first);
        let (panel, _) = panel.as_chunks::<LANES>();
        let (norms, _) = pairs.y_norms[p * width..(p + 1) * width].as_chunks::<LANES>();
        for (strip, out) in numbers.chunks(R).zip(out.chunks_mut(R * m)) {
            // A short last strip repeats its last row; the repetitions are not stored.
            let mut rows = [&from[..0]; R];
            for (r, row) in rows.iter_mut().enumerate() {
                let i = strip[r.min(strip.len() - 1)] as usize;
                *row = &from[i * d..(i + 1) * d];
            }
            let mut sums = [[T::vsplat(simd, T::zero()); V]; R];
            for k in 0..d {
                let mut y = [T::vsplat(simd, T::zero()); V];
                for (v, y) in y.iter_mut().enumerate() {
                    // SAFETY: the panel holds d · V vectors.
                    *y = T::vload(simd, unsafe { panel.get_unchecked(k * V + v) });
                }
                for r in 0..R {
                    // SAFETY: every row has d entries.
                    let x = T::vsplat(simd, unsafe { *rows[r].get_unchecked(k) });
                    for v in 0..V {
                        sums[r][v] = T::vfma(simd, x, y[v], sums[r][v]);
                    }
                }
            }
            let (minus_two, zero) = (T::vsplat(simd, T::of(-2.0)), T::vsplat(simd, T::zero()));
            for r in 0..R {
                if r >= strip.len() {
                    break;
                }
                let x_norm = T::vsplat(simd, pairs.x_norms[strip[r] as usize]);
                for v in 0..V {
                    let norm = T::vadd(simd, x_norm, T::vload(simd, &norms[v]));
                    let cost = T::vmax(simd, T::vfma(simd, minus_two, sums[r][v], norm), zero);
                    let from = v * LANES;
                    let to = &mut out[r * m + first..][from.min(columns)..columns.min(from + LANES)];
                    match to.as_chunks_mut::<LANES>().0 {
                        [whole] => T::vstore(simd, cost, whole),
                        _ => {
                            let mut lanes = [T::zero(); LANES];
                            T::vstore(simd, cost, &mut lanes);
                            to.copy_from_slice(&lanes[..to.len()]);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Side;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    fn compare<T: Real>(isa: Isa, n: usize, m: usize, d: usize, magnitude: f64) {
        let mut random = Pcg64::seed_from_u64((n * 10_000 + m * 100 + d) as u64);
        let mut numbers = |count: usize| -> Vec<T> {
            (0..count).map(|_| T::of(magnitude * (random.random_range(-1.0..1.0) + 0.7))).collect()
        };
        let (x, y) = (numbers(n * d), numbers(m * d));
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, m, d).unwrap());
        let pool = Pool::alone();
        for centring in [Centring::Each, Centring::Common] {
            let whole = Pairwise::with_isa(isa, &a, &b, centring, &Stop::NEVER);
            let in_int16 = Pairwise::in_int16(isa, &pool, &a, &b, &whole.centres);
            compare_with(isa, &a, &b, centring, &whole);
            in_int16.iter().for_each(|pairs| compare_with(isa, &a, &b, centring, pairs));
        }
    }

    fn compare_with<T: Real>(isa: Isa, a: &Cloud<T>, b: &Cloud<T>, centring: Centring, pairs: &Pairwise<T>) {
        let (n, m, d) = (a.len(), b.len(), a.width());
        {
            let cost = pairs.matrix(&Pool::alone()).unwrap();
            for i in 0..n {
                for j in 0..m {
                    let exact = pairs.exact(a.row(i), b.row(j));
                    let error = (cost[i * m + j].wide() - exact).abs();
                    assert!(error <= pairs.rounding(i), "{} {n}×{m}×{d}: {error} > {}", isa.name(), pairs.rounding(i));
                    if centring == Centring::Common {
                        let plain = super::super::squared_distance(a.row(i), b.row(j)) * pairs.scale * pairs.scale;
                        assert!((exact - plain).abs() <= 1e-12 * (1.0 + plain));
                    }
                }
            }
        }
    }

    #[test]
    fn every_tile_stays_within_its_bound_over_odd_sizes() {
        for isa in Isa::available() {
            for (n, m, d) in [(1, 1, 1), (2, 3, 1), (5, 17, 3), (12, 32, 8), (13, 33, 7), (25, 31, 64), (40, 50, 129)] {
                for magnitude in [1.0, 1e-20, 1e-30, 1e15] {
                    compare::<f32>(isa, n, m, d, magnitude);
                    compare::<f64>(isa, n, m, d, magnitude);
                }
            }
        }
    }

    #[test]
    fn restored_costs_are_the_plain_distances_even_where_products_cancel() {
        let mut random = Pcg64::seed_from_u64(5);
        let (n, d) = (30, 20);
        let x: Vec<f32> = (0..n * d).map(|_| random.random_range(-1.0f32..1.0) + 100.0).collect();
        let y: Vec<f32> = x.iter().map(|x| x + random.random_range(-1e-4f32..1e-4)).collect();
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, n, d).unwrap());
        let cost = super::super::squared_distances(&a, &b);
        for i in 0..n {
            for j in 0..n {
                let plain = super::super::squared_distance(a.row(i), b.row(j));
                assert!((f64::from(cost[i * n + j]) - plain).abs() <= 2e-3 * plain, "{i} {j}");
            }
        }
    }
}

//! Squared distances of two clouds as ‖x‖² + ‖y‖² − 2⟨x, y⟩ of centred features, by a register tile over packed panels.
//! Centring makes the norms small, so that little cancels; subtracting each cloud's own mean changes costs only by terms of one
//! sample each, which leave every optimal plan as it is. Next: [`Pairwise::rounding`], the bound that certificates add.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    cloud::Cloud,
    isa::{Isa, Kernel, LANES, Simd},
    real::Real,
};

/// What is subtracted from the features before they are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Centring {
    /// From each cloud its own mean: squared costs lose a separable part.
    Each,
    /// From both the same point: all distances stay as they are.
    Common,
}

/// Two clouds made ready for products.
pub struct Pairwise<T> {
    isa: Isa,
    n: usize,
    m: usize,
    d: usize,
    /// Centred and scaled rows of A, `[n, d]`.
    x: Vec<T>,
    x_norms: Vec<T>,
    /// Centred and scaled rows of B in panels of `width` columns, `[panel, d, width]`, the last one padded with zeros.
    panels: Vec<T>,
    width: usize,
    y_norms: Vec<T>,
    /// What was subtracted, in the features' units.
    pub centre_a: Vec<T>,
    pub centre_b: Vec<T>,
    /// Power of two that features were multiplied by: 1 unless their squares could leave the range of `T`.
    pub scale: f64,
    /// Largest norm (not squared) of either side after centring.
    largest_x: f64,
    largest_y: f64,
}

impl<T: Real> Pairwise<T> {
    /// Centres, scales and packs two clouds of equal width.
    pub fn new(a: &Cloud<T>, b: &Cloud<T>, centring: Centring) -> Self {
        Self::with_isa(Isa::detect(), a, b, centring)
    }

    fn with_isa(isa: Isa, a: &Cloud<T>, b: &Cloud<T>, centring: Centring) -> Self {
        let (n, m, d) = (a.len(), b.len(), a.width());
        let (mut mean_a, mut mean_b) = (mean(a), mean(b));
        if centring == Centring::Common {
            for (p, q) in mean_a.iter_mut().zip(&mut mean_b) {
                *p = 0.5 * (*p + *q);
                *q = *p;
            }
        }
        let round = |mean: Vec<f64>| mean.into_iter().map(T::of).collect::<Vec<T>>();
        let (centre_a, centre_b) = (round(mean_a), round(mean_b));
        let scale = safe_scale(spread(a, &centre_a).max(spread(b, &centre_b)));
        let (x, x_norms) = centred(a, &centre_a, scale);
        let (y, mut y_norms) = centred(b, &centre_b, scale);
        let width = isa.run(PanelWidth(std::marker::PhantomData::<T>));
        let panels = pack(&y, d, width);
        let largest = |norms: &[T]| norms.iter().fold(0.0f64, |a, x| a.max(x.wide())).sqrt();
        let (largest_x, largest_y) = (largest(&x_norms), largest(&y_norms));
        y_norms.resize(m.next_multiple_of(width), T::zero());
        Self { isa, n, m, d, x, x_norms, panels, width, y_norms, centre_a, centre_b, scale, largest_x, largest_y }
    }

    /// Samples of A.
    pub fn rows(&self) -> usize {
        self.n
    }

    /// Samples of B.
    pub fn columns(&self) -> usize {
        self.m
    }

    /// All costs of the centred and scaled features, row-major `[n, m]`.
    pub fn matrix(&self) -> Vec<T> {
        let mut cost = vec![T::zero(); self.n * self.m];
        let block = self.block();
        let fill = |(k, out): (usize, &mut [T])| {
            let first = (k * block) as u32;
            let numbers: Vec<u32> = (first..first + (out.len() / self.m) as u32).collect();
            self.fill(&numbers, out);
        };
        // Below this many multiply–adds one core is done before the other is awake.
        if self.n * self.m * self.d < 1 << 22 {
            cost.chunks_mut(block * self.m).enumerate().for_each(fill);
        } else {
            cost.par_chunks_mut(block * self.m).enumerate().for_each(fill);
        }
        cost
    }

    /// Rows of A that stay in the second-level cache while all panels pass by.
    pub fn block(&self) -> usize {
        const CACHE: usize = 400 << 10;
        const STRIP: usize = 12;
        let strips = CACHE / (STRIP * self.d * size_of::<T>()).max(1);
        let shared = self.n.div_ceil(4 * rayon::current_num_threads()).div_ceil(STRIP);
        strips.clamp(2, 16).min(shared).max(1) * STRIP
    }

    /// The costs of some rows of A, `[numbers, m]`.
    pub fn fill(&self, numbers: &[u32], out: &mut [T]) {
        self.fill_panels(numbers, 0..self.panel_count(), out);
    }

    /// The costs between some rows of A and the columns of some panels, `[numbers, self.columns_of(panels)]`.
    pub fn fill_panels(&self, numbers: &[u32], panels: Range<usize>, out: &mut [T]) {
        self.isa.run(Fill { pairs: self, numbers, panels, out });
    }

    /// Panels that the columns are packed in.
    pub fn panel_count(&self) -> usize {
        self.m.div_ceil(self.width)
    }

    /// The columns of some panels.
    pub fn columns_of(&self, panels: Range<usize>) -> Range<usize> {
        (panels.start * self.width).min(self.m)..(panels.end * self.width).min(self.m)
    }

    /// How far a computed cost of row i can lie from the exact one (centred, scaled), whatever the column.
    ///
    /// A dot product of length d errs by (d + 1) units of rounding of ‖x‖‖y‖, centring by one unit of each coordinate, norms and
    /// sums by a few units of (‖x‖ + ‖y‖)².
    pub fn rounding(&self, i: usize) -> f64 {
        let unit = T::epsilon().wide() / 2.0;
        let (x, y) = (self.x_norms[i].wide().sqrt(), self.largest_y);
        1.01 * unit * (2.0 * (self.d as f64 + 2.0) * x * y + 8.0 * (x + y) * (x + y))
    }

    /// The exact cost of a pair, centred and scaled, from its features.
    pub fn exact(&self, x: &[T], y: &[T]) -> f64 {
        let centres = self.centre_a.iter().zip(&self.centre_b);
        let square = |((x, y), (p, q)): ((&T, &T), (&T, &T))| {
            let difference = (x.wide() - p.wide()) - (y.wide() - q.wide());
            difference * difference
        };
        x.iter().zip(y).zip(centres).map(square).sum::<f64>() * self.scale * self.scale
    }

    /// What [`Centring::Each`] took from the costs: cost of pair (i, j) = centred cost + `first[i]` + `second[j]`.
    pub fn separable_part(&self, a: &Cloud<T>, b: &Cloud<T>) -> (Vec<f64>, Vec<f64>) {
        let shift: Vec<f64> = self.centre_a.iter().zip(&self.centre_b).map(|(p, q)| p.wide() - q.wide()).collect();
        let along = |row: &[T], centre: &[T]| -> f64 {
            row.iter().zip(centre).zip(&shift).map(|((x, p), s)| (x.wide() - p.wide()) * s).sum()
        };
        let constant: f64 = shift.iter().map(|s| s * s).sum();
        let first = (0..self.n).map(|i| 2.0 * along(a.row(i), &self.centre_a) + constant).collect();
        let second = (0..self.m).map(|j| -2.0 * along(b.row(j), &self.centre_b)).collect();
        (first, second)
    }

    /// Turns a matrix of centred, scaled costs into plain squared distances.
    pub(super) fn restore(&self, a: &Cloud<T>, b: &Cloud<T>, cost: &mut [T]) {
        let (first, second) = self.separable_part(a, b);
        let unscale = 1.0 / (self.scale * self.scale);
        cost.par_chunks_mut(self.m).enumerate().for_each(|(i, row)| {
            // Below this a thousandth of the digits or more may have cancelled.
            let doubtful = 1000.0 * self.rounding(i) * unscale;
            for (j, c) in row.iter_mut().enumerate() {
                let mut full = c.wide() * unscale + first[i] + second[j];
                if full < doubtful {
                    full = super::squared_distance(a.row(i), b.row(j));
                }
                *c = T::of(full);
            }
        });
    }

    /// Largest norm of a centred, scaled sample of either side.
    pub fn largest_norm(&self) -> f64 {
        self.largest_x.max(self.largest_y)
    }
}

fn mean<T: Real>(cloud: &Cloud<T>) -> Vec<f64> {
    let mut sum = vec![0.0; cloud.width()];
    for row in cloud.features().chunks_exact(cloud.width()) {
        for (s, x) in sum.iter_mut().zip(row) {
            *s += x.wide();
        }
    }
    sum.iter_mut().for_each(|s| *s /= cloud.len() as f64);
    sum
}

/// Largest deviation of a coordinate from the centre.
fn spread<T: Real>(cloud: &Cloud<T>, centre: &[T]) -> f64 {
    let rows = cloud.features().chunks_exact(cloud.width());
    rows.fold(0.0, |most: f64, row| {
        row.iter().zip(centre).fold(most, |most, (x, c)| most.max((x.wide() - c.wide()).abs()))
    })
}

/// A power of two that brings features whose squares could overflow or vanish in single precision near 1.
fn safe_scale(spread: f64) -> f64 {
    let exponent = spread.log2();
    if spread == 0.0 || exponent.abs() < 30.0 { 1.0 } else { 2f64.powi(-exponent.ceil() as i32) }
}

/// Centred, scaled rows and their squared norms.
fn centred<T: Real>(cloud: &Cloud<T>, centre: &[T], scale: f64) -> (Vec<T>, Vec<T>) {
    let d = cloud.width();
    let mut rows = vec![T::zero(); cloud.features().len()];
    let mut norms = vec![T::zero(); cloud.len()];
    let work = |((row, norm), from): ((&mut [T], &mut T), &[T])| {
        if scale == 1.0 {
            row.iter_mut().zip(from).zip(centre).for_each(|((r, &x), &c)| *r = x - c);
        } else {
            // In `f64`: the features themselves may be too large for a difference in `T`.
            row.iter_mut().zip(from).zip(centre).for_each(|((r, x), c)| *r = T::of((x.wide() - c.wide()) * scale));
        }
        *norm = T::of(sum_of_squares(row));
    };
    if rows.len() < 1 << 18 {
        rows.chunks_mut(d).zip(&mut norms).zip(cloud.features().chunks(d)).for_each(work);
    } else {
        rows.par_chunks_mut(d).zip(&mut norms).zip(cloud.features().par_chunks(d)).for_each(work);
    }
    (rows, norms)
}

fn sum_of_squares<T: Real>(row: &[T]) -> f64 {
    let (chunks, tail) = row.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for k in 0..8 {
            sums[k] += chunk[k].wide() * chunk[k].wide();
        }
    }
    sums.iter().sum::<f64>() + tail.iter().map(|x| x.wide() * x.wide()).sum::<f64>()
}

/// Columns of `width` rows beside each other, so that the tile reads them in order.
fn pack<T: Real>(rows: &[T], d: usize, width: usize) -> Vec<T> {
    let m = rows.len() / d;
    let mut panels = vec![T::zero(); m.div_ceil(width) * width * d];
    let work = |(p, panel): (usize, &mut [T])| {
        let first = p * width;
        for (j, row) in rows[first * d..(first + width).min(m) * d].chunks_exact(d).enumerate() {
            for (k, &x) in row.iter().enumerate() {
                panel[k * width + j] = x;
            }
        }
    };
    if panels.len() < 1 << 18 {
        panels.chunks_mut(width * d).enumerate().for_each(work);
    } else {
        panels.par_chunks_mut(width * d).enumerate().for_each(work);
    }
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

struct Fill<'a, T> {
    pairs: &'a Pairwise<T>,
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
            (32, _) => tiles::<S, T, 12, 1>(simd, self),
            (_, 2) => tiles::<S, T, 6, 1>(simd, self),
            (_, 4) => tiles::<S, T, 3, 1>(simd, self),
            _ => tiles::<S, T, 1, 1>(simd, self),
        }
    }
}

#[inline(always)]
fn tiles<S: Simd, T: Real, const R: usize, const V: usize>(simd: S, job: Fill<T>) {
    let Fill { pairs, numbers, panels, out } = job;
    let d = pairs.d;
    let Range { start, end } = pairs.columns_of(panels.clone());
    // Length of a row of `out`.
    let m = end - start;
    for p in panels {
        let panel = &pairs.panels[p * pairs.width * d..(p + 1) * pairs.width * d];
        let first = p * pairs.width - start;
        let columns = pairs.width.min(m - first);
        let (panel, _) = panel.as_chunks::<LANES>();
        let (norms, _) = pairs.y_norms[p * pairs.width..(p + 1) * pairs.width].as_chunks::<LANES>();
        for (strip, out) in numbers.chunks(R).zip(out.chunks_mut(R * m)) {
            // A short last strip repeats its last row; the repetitions are not stored.
            let mut rows = [&pairs.x[..0]; R];
            for (r, row) in rows.iter_mut().enumerate() {
                let i = strip[r.min(strip.len() - 1)] as usize;
                *row = &pairs.x[i * d..(i + 1) * d];
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
        for centring in [Centring::Each, Centring::Common] {
            let pairs = Pairwise::with_isa(isa, &a, &b, centring);
            let cost = pairs.matrix();
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
                for magnitude in [1.0, 1e-20, 1e15] {
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

//! What an entropic problem knows of one side: its samples, held or read in tiles, shifted so that products round less.

use std::ops::Range;

use faer::{Accum, Par};

use crate::{
    cloud::Cloud,
    matrix::{view, view_mut},
    pairwise::points::{common_middle, common_middle_of},
    ranks::Ranks,
    real::Real,
    sets::tiles::{Reader, over_all},
    solver::sinkhorn::{Lane, Products, Scores},
    stop::{Interrupted, Stop},
};

/// One of two sides shifted to a common middle: distances stay what they are.
pub(super) struct Points<'s, T> {
    rows: Rows<'s, T>,
    pub d: usize,
    pub norms: Vec<f64>,
    pub weights: Vec<f64>,
    /// Σ w_i x_i.
    mean: Vec<f64>,
}

/// Where the samples are.
enum Rows<'s, T> {
    Held(Vec<T>),
    Read(Shifted<'s, T>),
}

/// Samples of a set less a point.
#[derive(Clone)]
struct Shifted<'s, T> {
    reader: &'s Reader<'s, T>,
    ranks: &'s dyn Ranks,
    centre: Vec<T>,
}

impl<T: Real> Shifted<'_, T> {
    fn rows(&self, rows: Range<usize>) -> Vec<T> {
        let mut values = self.reader.rows(rows).values;
        shift(&mut values, &self.centre);
        values
    }
}

impl<'s, T: Lane> Points<'s, T> {
    pub(super) fn centred(a: &Cloud<T>, b: &Cloud<T>) -> (Self, Self) {
        let centre: Vec<T> = common_middle(a, b).into_iter().map(T::of).collect();
        let shifted = |cloud: &Cloud<T>| {
            let (d, mut rows) = (cloud.width(), cloud.features().to_vec());
            shift(&mut rows, &centre);
            let norms = rows.chunks_exact(d).map(norm_squared).collect();
            let weights = cloud.weights_vec();
            let mean = weighted_sum(&rows, &weights, d);
            Self { rows: Rows::Held(rows), d, norms, weights, mean }
        };
        (shifted(a), shifted(b))
    }

    /// The same of two sets that are not held.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn of_sets(
        ranks: &'s dyn Ranks,
        a: &'s Reader<'s, T>,
        b: &'s Reader<'s, T>,
    ) -> Result<(Self, Self), Interrupted> {
        let centre: Vec<T> = common_middle_of(&a.middle(), &b.middle()).into_iter().map(T::of).collect();
        let shifted = |reader: &'s Reader<'s, T>| {
            let (d, weights) = (reader.width(), reader.set.weights_vec());
            let shifted = Shifted { reader, ranks, centre: centre.clone() };
            let parts = over_all(
                ranks,
                &reader.tiles(),
                || reader.check(),
                |tile| {
                    let rows = shifted.rows(tile.clone());
                    let norms: Vec<f64> = rows.chunks_exact(d).map(norm_squared).collect();
                    (norms, weighted_sum(&rows, &weights[tile.clone()], d))
                },
            )?;
            let (mut norms, mut mean) = (Vec::with_capacity(reader.len()), vec![0.0; d]);
            for (own, part) in parts {
                norms.extend(own);
                mean.iter_mut().zip(part).for_each(|(mean, part)| *mean += part);
            }
            Ok::<_, Interrupted>(Self { rows: Rows::Read(shifted), d, norms, weights, mean })
        };
        Ok((shifted(a)?, shifted(b)?))
    }

    /// The samples in memory; none of a set that is not held.
    pub(super) fn held(&self) -> &[T] {
        match &self.rows {
            Rows::Held(rows) => rows,
            Rows::Read(_) => &[],
        }
    }

    /// The scores of these samples with others; their products are held if `hold` says so.
    ///
    /// # Errors
    /// Told to stop.
    pub(super) fn scores<'p>(
        &'p self,
        other: &'p Self,
        hold: bool,
        stop: &'p Stop,
    ) -> Result<Scores<'p, T>, Interrupted> {
        match (&self.rows, &other.rows) {
            (Rows::Read(x), Rows::Read(y)) => {
                let products = OfSets { x: x.clone(), y: y.clone(), m: other.norms.len() };
                Ok(Scores::read(Box::new(products), &self.norms, &other.norms, stop))
            }
            _ => {
                let (x, y) = ((self.held(), &self.norms[..]), (other.held(), &other.norms[..]));
                Scores::squared_distances(x, y, self.d, hold, stop)
            }
        }
    }

    /// Σ a_i b_j ‖x_i − y_j‖².
    pub(super) fn mean_cost(&self, other: &Self) -> f64 {
        let mean_norm = |p: &Self| p.norms.iter().zip(&p.weights).map(|(r, w)| r * w).sum::<f64>();
        let product: f64 = self.mean.iter().zip(&other.mean).map(|(x, y)| x * y).sum();
        mean_norm(self) + mean_norm(other) - 2.0 * product
    }
}

/// Products of the samples of two sets, computed from tiles whenever they are read.
struct OfSets<'s, T> {
    x: Shifted<'s, T>,
    y: Shifted<'s, T>,
    m: usize,
}

/// Bytes of products that one thread holds.
const BLOCK_BYTES: usize = 128 << 20;

impl<T: Lane> Products<T> for OfSets<'_, T> {
    fn fill(&self, rows: &Range<usize>, out: &mut [T]) {
        let (x, d) = (self.x.rows(rows.clone()), self.x.reader.width());
        let mut whole = view_mut(out, rows.len(), self.m);
        for columns in self.y.reader.tiles() {
            let y = self.y.rows(columns.clone());
            let tile = whole.as_mut().subcols_mut(columns.start, columns.len());
            let y = view(&y, columns.len(), d).transpose();
            T::multiply(tile, Accum::Replace, view(&x, rows.len(), d), y, Par::Seq);
        }
    }

    fn height(&self) -> usize {
        (BLOCK_BYTES / (size_of::<T>() * self.m).max(1)).clamp(64, 1024)
    }

    fn check(&self) -> Result<(), Interrupted> {
        self.x.reader.check()
    }

    fn ranks(&self) -> &dyn Ranks {
        self.x.ranks
    }
}

fn shift<T: Real>(rows: &mut [T], centre: &[T]) {
    for row in rows.chunks_exact_mut(centre.len()) {
        row.iter_mut().zip(centre).for_each(|(x, c)| *x -= *c);
    }
}

/// Σ w_i x_i over rows `[n, d]`.
fn weighted_sum<T: Real>(rows: &[T], weights: &[f64], d: usize) -> Vec<f64> {
    let mut mean = vec![0.0; d];
    for (row, w) in rows.chunks_exact(d).zip(weights) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += w * x.wide());
    }
    mean
}

/// ‖x‖² in `f64`, on several lanes: one running sum would wait for itself.
fn norm_squared<T: Real>(row: &[T]) -> f64 {
    let mut sums = [0.0; 8];
    let (chunks, rest) = row.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            sums[lane] += chunk[lane].wide() * chunk[lane].wide();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x.wide() * x.wide()).sum::<f64>()
}

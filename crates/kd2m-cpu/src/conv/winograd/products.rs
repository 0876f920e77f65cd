//! The matrix products at each of the 36 points: V·U for maps, Vᵀ·M for gradients to weights.
//! Register tiles of M rows by V vectors; the loops over k run through one contiguous line of 16 numbers a row, so addresses are constants.
//! Read next: `fused.rs` and `split.rs`, the two orders in which these are called.

use super::panels::LINE;
use crate::isa::{Isa, Kernel, Lanes};

/// The register tile of an instruction set: rows by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RegisterTile {
    pub rows: usize,
    pub columns: usize,
}

/// Rows of the AVX-512 tile: 14 × 2 sums, 2 columns and 2 broadcasts are its 32 registers.
#[cfg(target_arch = "x86_64")]
const ROWS_OF_32: usize = 14;
/// Rows of the AVX2 tile: 6 × 2 sums, 2 columns and 2 broadcasts are its 16 registers. NEON has 32 of half the width: the same tile.
const ROWS_OF_16: usize = 6;

/// The register tile; none where products go through the `gemm` crate, which has its own.
pub(super) fn register_tile(isa: Isa) -> Option<RegisterTile> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => Some(RegisterTile { rows: ROWS_OF_32, columns: 32 }),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => Some(RegisterTile { rows: ROWS_OF_16, columns: 16 }),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(_) => Some(RegisterTile { rows: ROWS_OF_16, columns: 16 }),
        Isa::Portable => None,
    }
}

/// `to[rows × columns] (+)= from[rows × depth] · weights[depth × columns]`, the columns of one panel.
#[derive(Clone, Copy)]
pub(super) struct Product {
    /// First row to compute, in panels whose width is `LINE` (with a register tile) or the whole depth (without).
    pub from: *const f32,
    /// From one panel of `from` to the next.
    pub panel: usize,
    pub rows: usize,
    /// Padded to `LINE`.
    pub depth: usize,
    pub columns: usize,
    /// `[depth][columns]`.
    pub weights: *const f32,
    /// `[rows][columns]`.
    pub to: *mut f32,
    pub accumulate: bool,
}

impl Product {
    /// # Safety
    /// The pointers hold what the fields say; no one else touches `to`.
    pub unsafe fn run_on(self, isa: Isa) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) => token.vectorized(Tall::<Self, 2>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) => token.vectorized(Short::<Self, 2>(self)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(token) => token.vectorized(Short::<Self, 4>(self)),
            Isa::Portable => {
                // SAFETY: the caller's promise.
                unsafe { self.through_gemm() }
            }
        }
    }

    unsafe fn through_gemm(self) {
        let (depth, columns) = (self.depth as isize, self.columns as isize);
        // SAFETY: the caller's promise.
        unsafe {
            gemm::gemm(
                self.rows,
                self.columns,
                self.depth,
                self.to,
                1,
                columns,
                self.accumulate,
                self.from,
                1,
                depth,
                self.weights,
                1,
                columns,
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}

/// `to[depth × columns] (+)= fromᵀ[depth × rows] · gradient[rows × columns]`, the columns of one panel.
#[derive(Clone, Copy)]
pub(super) struct OuterProduct {
    /// `[depth / row][rows][row]`, in panels of [`outer_width`].
    pub from: *const f32,
    pub row: usize,
    /// From one panel to the next.
    pub panel: usize,
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
    /// `[rows][columns]`.
    pub gradient: *const f32,
    /// `[depth][columns]`.
    pub to: *mut f32,
    pub accumulate: bool,
}

/// Numbers that lie together in a row of an outer product's inputs. A tile of six rows walks down a column of them; in panels of one
/// line all of a panel's columns find their lines in the first-level cache again, while long rows, powers of two apart, throw each
/// other out (Zen 3: 88 → 99 GFLOP/s for 128 inputs, 68 → 98 for 512). The taller tile is measured with whole rows.
pub(super) fn outer_width(isa: Isa, depth: usize) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => LINE,
        _ => depth,
    }
}

impl OuterProduct {
    /// # Safety
    /// The pointers hold what the fields say; no one else touches `to`.
    pub unsafe fn run_on(self, isa: Isa) {
        for (i, start) in (0..self.depth).step_by(self.row).enumerate() {
            // SAFETY: the caller's promise; the panels lie behind each other, and so do their rows of the result.
            unsafe {
                let from = self.from.add(i * self.panel);
                let (depth, to) = (self.row.min(self.depth - start), self.to.add(start * self.columns));
                Self { from, depth, to, ..self }.panel_on(isa);
            }
        }
    }

    /// # Safety
    /// As for [`run_on`](Self::run_on), of one panel.
    unsafe fn panel_on(self, isa: Isa) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) => token.vectorized(Tall::<Self, 2>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) => token.vectorized(Short::<Self, 2>(self)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(token) => token.vectorized(Short::<Self, 4>(self)),
            Isa::Portable => {
                // SAFETY: the caller's promise.
                unsafe { self.through_gemm() }
            }
        }
    }

    unsafe fn through_gemm(self) {
        let columns = self.columns as isize;
        // SAFETY: the caller's promise.
        unsafe {
            gemm::gemm(
                self.depth,
                self.columns,
                self.rows,
                self.to,
                1,
                columns,
                self.accumulate,
                self.from,
                self.row as isize,
                1,
                self.gradient,
                1,
                columns,
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}

/// The kernel that splits `$split` rows into pieces of at most `$most` that differ by at most one, so that no thin tile is left at the end.
macro_rules! row_tiles {
    ($(#[$doc:meta])* $name:ident, $most:expr, $($m:literal)*) => {
        $(#[$doc])*
        struct $name<P, const VECTORS: usize>(P);

        impl<P: Tiled, const VECTORS: usize> Kernel for $name<P, VECTORS> {
            type Output = ();
            #[inline(always)]
            fn run<S: Lanes>(self, lanes: S) {
                let pieces = self.0.split().div_ceil($most);
                let mut start = 0;
                for i in 0..pieces {
                    let rows = (self.0.split() - start).div_ceil(pieces - i);
                    match rows {
                        // SAFETY: start…start + rows are inside the product.
                        $($m => unsafe { self.0.tile::<S, $m, VECTORS>(lanes, start) },)*
                        _ => unreachable!("pieces have at most as many rows as the tile"),
                    }
                    start += rows;
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
row_tiles! {
    /// Tiles for 32 wide registers.
    Tall, ROWS_OF_32, 1 2 3 4 5 6 7 8 9 10 11 12 13 14
}
row_tiles! {
    /// Tiles for 16 registers.
    Short, ROWS_OF_16, 1 2 3 4 5 6
}

/// A product that is computed in register tiles.
trait Tiled: Copy {
    /// The number of rows of the result.
    fn split(&self) -> usize;

    /// Rows `start…start + M` of the result, whose columns are V registers.
    ///
    /// # Safety
    /// The rows are inside the product, whose pointers hold what they promise.
    unsafe fn tile<S: Lanes, const M: usize, const V: usize>(self, lanes: S, start: usize);
}

impl Tiled for Product {
    #[inline(always)]
    fn split(&self) -> usize {
        self.rows
    }

    #[inline(always)]
    unsafe fn tile<S: Lanes, const M: usize, const V: usize>(self, lanes: S, start: usize) {
        debug_assert_eq!(self.columns, V * S::COUNT);
        let mut sums = [[lanes.zero(); V]; M];
        // SAFETY: the caller's promise.
        unsafe {
            let to = self.to.add(start * V * S::COUNT);
            if self.accumulate {
                for m in 0..M {
                    for v in 0..V {
                        sums[m][v] = lanes.load(to.add((m * V + v) * S::COUNT));
                    }
                }
            }
            let (mut from, mut weights) = (self.from.add(start * LINE), self.weights);
            for _ in 0..self.depth / LINE {
                for k in 0..LINE {
                    let mut columns = [lanes.zero(); V];
                    for v in 0..V {
                        columns[v] = lanes.load(weights.add((k * V + v) * S::COUNT));
                    }
                    for m in 0..M {
                        let value = lanes.splat(*from.add(m * LINE + k));
                        for v in 0..V {
                            sums[m][v] = lanes.mul_add(value, columns[v], sums[m][v]);
                        }
                    }
                }
                from = from.add(self.panel);
                weights = weights.add(LINE * V * S::COUNT);
            }
            for m in 0..M {
                for v in 0..V {
                    lanes.store(to.add((m * V + v) * S::COUNT), sums[m][v]);
                }
            }
        }
    }
}

impl Tiled for OuterProduct {
    #[inline(always)]
    fn split(&self) -> usize {
        self.depth
    }

    #[inline(always)]
    unsafe fn tile<S: Lanes, const M: usize, const V: usize>(self, lanes: S, start: usize) {
        debug_assert_eq!(self.columns, V * S::COUNT);
        let mut sums = [[lanes.zero(); V]; M];
        // SAFETY: the caller's promise.
        unsafe {
            let to = self.to.add(start * V * S::COUNT);
            if self.accumulate {
                for m in 0..M {
                    for v in 0..V {
                        sums[m][v] = lanes.load(to.add((m * V + v) * S::COUNT));
                    }
                }
            }
            let (mut from, mut gradient) = (self.from.add(start), self.gradient);
            for _ in 0..self.rows {
                let mut columns = [lanes.zero(); V];
                for v in 0..V {
                    columns[v] = lanes.load(gradient.add(v * S::COUNT));
                }
                for m in 0..M {
                    let value = lanes.splat(*from.add(m));
                    for v in 0..V {
                        sums[m][v] = lanes.mul_add(value, columns[v], sums[m][v]);
                    }
                }
                from = from.add(self.row);
                gradient = gradient.add(V * S::COUNT);
            }
            for m in 0..M {
                for v in 0..V {
                    lanes.store(to.add((m * V + v) * S::COUNT), sums[m][v]);
                }
            }
        }
    }
}

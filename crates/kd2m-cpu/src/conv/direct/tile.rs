//! The register tile of forward products and gradients to the input: `to[rows × columns] = epilogue(Σ over taps from · weights)`.
//! Rows are a run-time stride apart; they are reached from one pointer for every three of them, as x86 scales an index by one, two or four.

use crate::isa::{Isa, Kernel, Lanes};

/// Rows of the AVX-512 tile: 14 × 2 sums, 2 columns and 2 broadcasts are its 32 registers.
#[cfg(target_arch = "x86_64")]
pub const ROWS_OF_32: usize = 14;
/// Rows of the tile for 16 registers: 6 × 2 sums, 2 columns and 2 broadcasts.
pub const ROWS_OF_16: usize = 6;

/// One block of rows and one block of columns.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    /// (position of the first row, tap).
    pub taps: &'a [(usize, usize)],
    pub from: *const f32,
    /// Values from a position to the next.
    pub position: usize,
    /// Values from a row of `from` to the next.
    pub stride: usize,
    pub rows: usize,
    /// Inputs of a tap.
    pub depth: usize,
    /// `[tap][depth][width]`
    pub weights: *const f32,
    /// Values from a tap to the next.
    pub tap: usize,
    pub to: *mut f32,
    /// Values from a row of `to` to the next; those of the residual too.
    pub row: usize,
    /// Columns that are stored; the weights have whole registers.
    pub columns: usize,
    pub accumulate: bool,
    pub bias: Option<*const f32>,
    pub residual: Option<*const f32>,
    pub limits: Option<(f32, f32)>,
}

/// The same pointer, of which the compiler does not know that: it would keep one offset for each row and spill them all.
#[inline(always)]
fn opaque(mut pointer: *const f32) -> *const f32 {
    #[expect(clippy::pointers_in_nomem_asm_block, reason = "nothing is read through it")]
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags))
    };
    pointer
}

impl Product<'_> {
    /// # Safety
    /// The pointers hold what the fields say; no one else touches the rows × columns of `to`.
    pub unsafe fn run_on(self, isa: Isa) {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) if self.columns > 16 => token.vectorized(Tall::<2>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) => token.vectorized(Tall::<1>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) if self.columns > 8 => token.vectorized(Short::<2>(self)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) => token.vectorized(Short::<1>(self)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(token) if self.columns > 4 => token.vectorized(Short::<2>(self)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(token) => token.vectorized(Short::<1>(self)),
            // Has no register tile: `register_tile` keeps it away.
            Isa::Portable => {}
        }
    }

    /// Rows `start…start + M`, V registers of columns.
    ///
    /// # Safety
    /// As for [`run_on`](Self::run_on); the rows are inside the product.
    #[inline(always)]
    unsafe fn tile<S: Lanes, const M: usize, const V: usize>(&self, lanes: S, start: usize) {
        let mut sums = [[lanes.zero(); V]; M];
        // SAFETY: the caller's promise.
        unsafe {
            let first = self.from.add(start * self.stride);
            for (position, tap) in self.taps {
                let mut weights = self.weights.add(tap * self.tap);
                let from = first.add(position * self.position);
                // One pointer for three rows.
                let mut rows: [*const f32; 5] = std::array::from_fn(|i| opaque(from.wrapping_add(3 * i * self.stride)));
                for _ in 0..self.depth {
                    let mut columns = [lanes.zero(); V];
                    for v in 0..V {
                        columns[v] = lanes.load(weights.add(v * S::COUNT));
                    }
                    for i in 0..5 {
                        for j in 0..3 {
                            if 3 * i + j < M {
                                let value = lanes.splat(*rows[i].add(j * self.stride));
                                for v in 0..V {
                                    let sum = &mut sums[3 * i + j][v];
                                    *sum = lanes.mul_add(value, columns[v], *sum);
                                }
                            }
                        }
                    }
                    weights = weights.add(V * S::COUNT);
                    for row in &mut rows {
                        *row = row.wrapping_add(1);
                    }
                }
            }
            self.finish::<S, M, V>(lanes, start, sums);
        }
    }

    /// Accumulation, bias, residual, limits and the store.
    ///
    /// # Safety
    /// As for [`tile`](Self::tile).
    #[inline(always)]
    unsafe fn finish<S: Lanes, const M: usize, const V: usize>(
        &self,
        lanes: S,
        start: usize,
        mut sums: [[S::F32; V]; M],
    ) {
        let last = self.columns - (V - 1) * S::COUNT;
        // SAFETY: the caller's promise; only `columns` values of a row are touched.
        unsafe {
            let read = |from: *const f32, v: usize| {
                let from = from.add(v * S::COUNT);
                if v + 1 < V || last == S::COUNT { lanes.load(from) } else { lanes.load_first(last, from) }
            };
            let mut bias = [lanes.zero(); V];
            if let Some(from) = self.bias {
                for v in 0..V {
                    bias[v] = read(from, v);
                }
            }
            for m in 0..M {
                let at = (start + m) * self.row;
                for v in 0..V {
                    let sum = &mut sums[m][v];
                    *sum = lanes.add(*sum, bias[v]);
                    if self.accumulate {
                        *sum = lanes.add(*sum, read(self.to.add(at), v));
                    }
                    if let Some(residual) = self.residual {
                        *sum = lanes.add(*sum, read(residual.add(at), v));
                    }
                    if let Some((low, high)) = self.limits {
                        *sum = lanes.min(lanes.splat(high), lanes.max(lanes.splat(low), *sum));
                    }
                    let to = self.to.add(at + v * S::COUNT);
                    if v + 1 < V || last == S::COUNT {
                        lanes.store(to, *sum);
                    } else {
                        lanes.store_first(last, to, *sum);
                    }
                }
            }
        }
    }
}

/// The kernel that cuts the rows into nearly equal pieces of at most `$most`, so that no thin tile is left at the end.
macro_rules! row_tiles {
    ($(#[$doc:meta])* $name:ident, $most:expr, $($m:literal)*) => {
        $(#[$doc])*
        struct $name<'a, const V: usize>(Product<'a>);

        impl<const V: usize> Kernel for $name<'_, V> {
            type Output = ();
            #[inline(always)]
            fn run<S: Lanes>(self, lanes: S) {
                let pieces = self.0.rows.div_ceil($most);
                let mut start = 0;
                for i in 0..pieces {
                    let rows = (self.0.rows - start).div_ceil(pieces - i);
                    match rows {
                        // SAFETY: start…start + rows are inside the product.
                        $($m => unsafe { self.0.tile::<S, $m, V>(lanes, start) },)*
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
    /// For 32 registers.
    Tall, ROWS_OF_32, 1 2 3 4 5 6 7 8 9 10 11 12 13 14
}
row_tiles! {
    /// For 16 registers.
    Short, ROWS_OF_16, 1 2 3 4 5 6
}

//! The loops over rows × channels that batch normalisation consists of, a few registers of channels at a time.

#![allow(clippy::needless_range_loop)] // As in `conv`: registers.

use crate::isa::{Kernel, Lanes};

/// Registers of channels that are walked down the rows together: enough sums in flight to hide an addition's latency.
const WIDE: usize = 4;

/// Calls `strip(first channel, registers, channels of the last register)` over all channels.
macro_rules! over_channels {
    ($lanes:ident, $channels:expr, $strip:ident) => {{
        let channels = $channels;
        let mut c = 0;
        while c + WIDE * S::COUNT <= channels {
            $strip!(WIDE, c, S::COUNT);
            c += WIDE * S::COUNT;
        }
        while c < channels {
            let count = S::COUNT.min(channels - c);
            $strip!(1, c, count);
            c += count;
        }
    }};
}

/// Reads `count` numbers of a slice from `at` on.
#[inline(always)]
fn read<S: Lanes>(lanes: S, from: &[f32], at: usize, count: usize) -> S::F32 {
    let from = &from[at..at + count];
    // SAFETY: `count` numbers are there; COUNT of them where all are read.
    unsafe { if count == S::COUNT { lanes.load(from.as_ptr()) } else { lanes.load_first(count, from.as_ptr()) } }
}

/// Writes `count` numbers to a slice from `at` on.
#[inline(always)]
fn write<S: Lanes>(lanes: S, to: &mut [f32], at: usize, count: usize, value: S::F32) {
    let to = &mut to[at..at + count];
    // SAFETY: as in `read`.
    unsafe {
        if count == S::COUNT {
            lanes.store(to.as_mut_ptr(), value);
        } else {
            lanes.store_first(count, to.as_mut_ptr(), value);
        }
    }
}

/// The registers of one row: `count` numbers in each (all of them, if there are several).
#[inline(always)]
fn row<S: Lanes, const R: usize>(lanes: S, from: &[f32], at: usize, count: usize) -> [S::F32; R] {
    std::array::from_fn(|j| read(lanes, from, at + j * S::COUNT, count))
}

/// Σ (x − origin) and Σ (x − origin)² of each channel.
pub struct Sums<'a> {
    pub values: &'a [f32],
    pub origin: &'a [f32],
    /// `[2][channels]`
    pub sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let channels = self.origin.len();
        let rows = self.values.len() / channels;
        macro_rules! strip {
            ($r:expr, $c:expr, $count:expr) => {{
                let origin = row::<S, { $r }>(lanes, self.origin, $c, $count);
                let mut sum = [lanes.zero(); $r];
                let mut squares = [lanes.zero(); $r];
                for i in 0..rows {
                    let x = row::<S, { $r }>(lanes, self.values, i * channels + $c, $count);
                    for j in 0..$r {
                        let d = lanes.sub(x[j], origin[j]);
                        sum[j] = lanes.add(sum[j], d);
                        squares[j] = lanes.mul_add(d, d, squares[j]);
                    }
                }
                for j in 0..$r {
                    write(lanes, self.sums, $c + j * S::COUNT, $count, sum[j]);
                    write(lanes, self.sums, channels + $c + j * S::COUNT, $count, squares[j]);
                }
            }};
        }
        over_channels!(lanes, channels, strip);
    }
}

/// `y = min(max(scale·x + shift + residual, low), high)`.
pub struct Affine<'a> {
    pub x: &'a [f32],
    pub y: &'a mut [f32],
    pub residual: Option<&'a [f32]>,
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    pub limits: (f32, f32),
}

impl Kernel for Affine<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let channels = self.scale.len();
        let rows = self.x.len() / channels;
        let (low, high) = (lanes.splat(self.limits.0), lanes.splat(self.limits.1));
        macro_rules! strip {
            ($r:expr, $c:expr, $count:expr) => {{
                let scale = row::<S, { $r }>(lanes, self.scale, $c, $count);
                let shift = row::<S, { $r }>(lanes, self.shift, $c, $count);
                for i in 0..rows {
                    let at = i * channels + $c;
                    let x = row::<S, { $r }>(lanes, self.x, at, $count);
                    for j in 0..$r {
                        let mut v = lanes.mul_add(x[j], scale[j], shift[j]);
                        if let Some(residual) = self.residual {
                            v = lanes.add(v, read(lanes, residual, at + j * S::COUNT, $count));
                        }
                        v = lanes.min(high, lanes.max(low, v));
                        write(lanes, self.y, at + j * S::COUNT, $count, v);
                    }
                }
            }};
        }
        over_channels!(lanes, channels, strip);
    }
}

/// Σ dy and Σ dy·(z − mean) of each channel, dy masked where the output was at a limit.
pub struct BackwardSums<'a> {
    pub z: &'a [f32],
    pub y: Option<&'a [f32]>,
    pub dy: &'a mut [f32],
    pub mean: &'a [f32],
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    pub limits: (f32, f32),
    pub masked: bool,
    /// `[2][channels]`
    pub sums: &'a mut [f32],
}

impl Kernel for BackwardSums<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let channels = self.scale.len();
        let rows = self.z.len() / channels;
        let (low, high) = (lanes.splat(self.limits.0), lanes.splat(self.limits.1));
        macro_rules! strip {
            ($r:expr, $c:expr, $count:expr) => {{
                let scale = row::<S, { $r }>(lanes, self.scale, $c, $count);
                let shift = row::<S, { $r }>(lanes, self.shift, $c, $count);
                let mean = row::<S, { $r }>(lanes, self.mean, $c, $count);
                let mut sum = [lanes.zero(); $r];
                let mut products = [lanes.zero(); $r];
                for i in 0..rows {
                    let at = i * channels + $c;
                    let z = row::<S, { $r }>(lanes, self.z, at, $count);
                    let mut d = row::<S, { $r }>(lanes, self.dy, at, $count);
                    for j in 0..$r {
                        if let Some(y) = self.y {
                            if self.masked {
                                let y = read(lanes, y, at + j * S::COUNT, $count);
                                d[j] = lanes.keep_between(low, y, high, d[j]);
                                write(lanes, self.dy, at + j * S::COUNT, $count, d[j]);
                            }
                        } else if self.masked {
                            d[j] = lanes.keep_between(low, lanes.mul_add(z[j], scale[j], shift[j]), high, d[j]);
                        }
                        sum[j] = lanes.add(sum[j], d[j]);
                        products[j] = lanes.mul_add(d[j], lanes.sub(z[j], mean[j]), products[j]);
                    }
                }
                for j in 0..$r {
                    write(lanes, self.sums, $c + j * S::COUNT, $count, sum[j]);
                    write(lanes, self.sums, channels + $c + j * S::COUNT, $count, products[j]);
                }
            }};
        }
        over_channels!(lanes, channels, strip);
    }
}

/// `dx = scale·dy + by_z·z + constant`, into `out` or into dy.
pub struct BackwardWrite<'a> {
    pub z: &'a [f32],
    pub dy: &'a mut [f32],
    pub out: Option<&'a mut [f32]>,
    pub add: bool,
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    pub by_z: &'a [f32],
    pub constant: &'a [f32],
    pub limits: (f32, f32),
    pub masked: bool,
}

impl Kernel for BackwardWrite<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, lanes: S) {
        let channels = self.scale.len();
        let rows = self.z.len() / channels;
        let (low, high) = (lanes.splat(self.limits.0), lanes.splat(self.limits.1));
        macro_rules! strip {
            ($r:expr, $c:expr, $count:expr) => {{
                let scale = row::<S, { $r }>(lanes, self.scale, $c, $count);
                let shift = row::<S, { $r }>(lanes, self.shift, $c, $count);
                let by_z = row::<S, { $r }>(lanes, self.by_z, $c, $count);
                let constant = row::<S, { $r }>(lanes, self.constant, $c, $count);
                for i in 0..rows {
                    let at = i * channels + $c;
                    let z = row::<S, { $r }>(lanes, self.z, at, $count);
                    let mut d = row::<S, { $r }>(lanes, self.dy, at, $count);
                    for j in 0..$r {
                        if self.masked {
                            d[j] = lanes.keep_between(low, lanes.mul_add(z[j], scale[j], shift[j]), high, d[j]);
                        }
                        let mut v = lanes.mul_add(d[j], scale[j], lanes.mul_add(z[j], by_z[j], constant[j]));
                        let here = at + j * S::COUNT;
                        match &mut self.out {
                            None => write(lanes, self.dy, here, $count, v),
                            Some(out) => {
                                if self.add {
                                    v = lanes.add(v, read(lanes, out, here, $count));
                                }
                                write(lanes, out, here, $count, v);
                            }
                        }
                    }
                }
            }};
        }
        over_channels!(lanes, channels, strip);
    }
}

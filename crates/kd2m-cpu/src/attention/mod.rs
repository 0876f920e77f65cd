//! Attention of one head over one sample: its queries block by block, so that of the tokens × tokens products only a block is ever there
//! (Dao et al. 2022; the backward pass makes them again from the logarithm of each row's sum).
//!
//! Tokens lie `[t][n][3 d]`, q, k and v side by side; what a head reads is gathered first, so that the bits of a sample do not depend on its
//! batch.

mod product;

use std::ops::Range;

use crate::{
    isa::{Isa, Kernel, Lanes},
    op::exp,
    threads::{Shared, for_each},
};
use product::{Product, padded};

/// Queries of a block.
const BLOCK: usize = 32;

/// Sizes of a batch.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Samples.
    pub n: usize,
    pub tokens: usize,
    pub heads: usize,
    /// Numbers of one head.
    pub each: usize,
}

impl Sizes {
    fn width(&self) -> usize {
        self.heads * self.each
    }

    /// Where a token's part (0: q, 1: k, 2: v) of a head begins.
    fn triple(&self, token: usize, sample: usize, part: usize, head: usize) -> usize {
        ((token * self.n + sample) * 3 + part) * self.width() + head * self.each
    }

    /// The same in what attention gives.
    fn single(&self, token: usize, sample: usize, head: usize) -> usize {
        (token * self.n + sample) * self.width() + head * self.each
    }

    /// Rows of a head, each padded, and what they are multiplied by.
    fn rows(&self, at: impl Fn(usize) -> usize, from: &[f32], scale: f32) -> Vec<f32> {
        let long = padded(self.each);
        let mut rows = vec![0.0; self.tokens * long];
        for (token, row) in rows.chunks_exact_mut(long).enumerate() {
            row.iter_mut().zip(&from[at(token)..][..self.each]).for_each(|(row, x)| *row = scale * x);
        }
        rows
    }

    /// The same transposed: a row for each number of the head, padded.
    fn columns(&self, at: impl Fn(usize) -> usize, from: &[f32]) -> Vec<f32> {
        let long = padded(self.tokens);
        let mut columns = vec![0.0; self.each * long];
        for token in 0..self.tokens {
            let row = &from[at(token)..][..self.each];
            columns[token..].iter_mut().step_by(long).zip(row).for_each(|(column, x)| *column = *x);
        }
        columns
    }

    fn scale(&self) -> f32 {
        1.0 / (self.each as f32).sqrt()
    }

    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let tokens = self.tokens;
        (0..tokens).step_by(BLOCK).map(move |first| first..(first + BLOCK).min(tokens))
    }
}

/// Writes y `[t][n][d]`, and the logarithm of each row's sum `[n][heads][t]` where the backward pass will ask for it.
pub fn forward(isa: Isa, sizes: Sizes, x: &[f32], y: &mut [f32], sums: Option<&mut [f32]>) {
    let (y, sums) = (Shared::new(y), sums.map(Shared::new));
    for_each(sizes.n * sizes.heads, |task| {
        // SAFETY: each task has its own range.
        let sums = sums.as_ref().map(|all| unsafe { all.slice(task * sizes.tokens..(task + 1) * sizes.tokens) });
        isa.run(Head { sizes, sample: task / sizes.heads, head: task % sizes.heads, x, y: &y, sums });
    });
}

/// Writes (or adds) the gradient to x from that to y.
pub fn backward(isa: Isa, sizes: Sizes, of: Known, dx: &mut [f32], add: bool) {
    let dx = Shared::new(dx);
    for_each(sizes.n * sizes.heads, |task| {
        let sums = &of.sums[task * sizes.tokens..][..sizes.tokens];
        let (sample, head) = (task / sizes.heads, task % sizes.heads);
        isa.run(HeadBackward { sizes, sample, head, of: Known { sums, ..of }, dx: &dx, add });
    });
}

/// What the backward pass reads.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub x: &'a [f32],
    pub y: &'a [f32],
    pub dy: &'a [f32],
    pub sums: &'a [f32],
}

struct Head<'a> {
    sizes: Sizes,
    sample: usize,
    head: usize,
    x: &'a [f32],
    y: &'a Shared<'a>,
    sums: Option<&'a mut [f32]>,
}

impl Kernel for Head<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, lanes: S) {
        let Self { sizes, sample, head, x, y, .. } = self;
        let Sizes { tokens, each, .. } = sizes;
        let at = |part: usize| move |token: usize| sizes.triple(token, sample, part, head);
        let (q, v) = (sizes.rows(at(0), x, sizes.scale()), sizes.rows(at(2), x, 1.0));
        let k = sizes.columns(at(1), x);
        let (long, wide) = (padded(each), padded(tokens));
        let (mut scores, mut out) = (vec![0.0; BLOCK * wide], vec![0.0; BLOCK * long]);
        for block in sizes.blocks() {
            let rows = block.len();
            scored(lanes, &q[block.start * long..], &k, &mut scores, [rows, each, long, wide]);
            let mut shares = [0.0; BLOCK];
            for (i, row) in scores.chunks_exact_mut(wide).take(rows).enumerate() {
                let (row, rest) = row.split_at_mut(tokens);
                let most = largest(row);
                row.iter_mut().for_each(|s| *s = exp(*s - most));
                rest.fill(0.0);
                let sum = total(row);
                shares[i] = 1.0 / sum;
                if let Some(sums) = &mut self.sums {
                    sums[block.start + i] = most + sum.ln();
                }
            }
            let product = Product {
                rows,
                depth: tokens,
                width: long,
                a: &scores,
                a_steps: [wide, 1],
                b: &v,
                to: &mut out,
                add: false,
            };
            product.run(lanes);
            for ((token, out), share) in block.zip(out.chunks_exact(long)).zip(shares) {
                let first = sizes.single(token, sample, head);
                // SAFETY: each head of each sample is one task's.
                let y = unsafe { y.slice(first..first + each) };
                y.iter_mut().zip(out).for_each(|(y, out)| *y = share * out);
            }
        }
    }
}

/// `q kᵀ` of a block.
#[inline(always)]
fn scored<S: Lanes>(lanes: S, q: &[f32], k: &[f32], to: &mut [f32], [rows, depth, long, width]: [usize; 4]) {
    Product { rows, depth, width, a: q, a_steps: [long, 1], b: k, to, add: false }.run(lanes);
}

struct HeadBackward<'a> {
    sizes: Sizes,
    sample: usize,
    head: usize,
    of: Known<'a>,
    dx: &'a Shared<'a>,
    add: bool,
}

impl Kernel for HeadBackward<'_> {
    type Output = ();
    /// With P the shares, D = Σ dy · y of each row and dS = P (dy vᵀ − D): dq = dS k, dk = dSᵀ q, dv = Pᵀ dy.
    #[inline(always)]
    fn run<S: Lanes>(self, lanes: S) {
        let Self { sizes, sample, head, of, dx, add } = self;
        let Sizes { tokens, each, .. } = sizes;
        let at = |part: usize| move |token: usize| sizes.triple(token, sample, part, head);
        let single = |token: usize| sizes.single(token, sample, head);
        let (q, k) = (sizes.rows(at(0), of.x, sizes.scale()), sizes.rows(at(1), of.x, 1.0));
        let (k_turned, v_turned) = (sizes.columns(at(1), of.x), sizes.columns(at(2), of.x));
        let (y, dy) = (sizes.rows(single, of.y, 1.0), sizes.rows(single, of.dy, 1.0));
        let (long, wide) = (padded(each), padded(tokens));
        let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; q.len()], vec![0.0; q.len()]);
        let (mut shares, mut slopes) = (vec![0.0; BLOCK * wide], vec![0.0; BLOCK * wide]);
        for block in sizes.blocks() {
            let (rows, first) = (block.len(), block.start * long);
            scored(lanes, &q[first..], &k_turned, &mut shares, [rows, each, long, wide]);
            scored(lanes, &dy[first..], &v_turned, &mut slopes, [rows, each, long, wide]);
            let lines = shares.chunks_exact_mut(wide).zip(slopes.chunks_exact_mut(wide));
            for (token, (shares, slopes)) in block.clone().zip(lines) {
                let range = token * long..(token + 1) * long;
                let (sum, mean) = (of.sums[token], dot(&dy[range.clone()], &y[range]));
                for (share, slope) in shares[..tokens].iter_mut().zip(&mut *slopes) {
                    *share = exp(*share - sum);
                    *slope = *share * (*slope - mean);
                }
            }
            let across =
                |a, b, to| Product { rows: tokens, depth: rows, width: long, a, a_steps: [1, wide], b, to, add: true };
            across(&shares, &dy[first..], &mut dv).run(lanes);
            across(&slopes, &q[first..], &mut dk).run(lanes);
            let to = &mut dq[first..];
            let along =
                Product { rows, depth: tokens, width: long, a: &slopes, a_steps: [wide, 1], b: &k, to, add: false };
            along.run(lanes);
        }
        for (part, (from, scale)) in [(&dq, sizes.scale()), (&dk, 1.0), (&dv, 1.0)].into_iter().enumerate() {
            for (token, from) in from.chunks_exact(long).enumerate() {
                let first = sizes.triple(token, sample, part, head);
                // SAFETY: each head of each sample is one task's.
                let to = unsafe { dx.slice(first..first + each) };
                for (to, from) in to.iter_mut().zip(from) {
                    *to = if add { *to + scale * from } else { scale * from };
                }
            }
        }
    }
}

/// Parts of a row that are looked at side by side.
const LANES: usize = 16;

/// The largest number of a row; NaN where there is one.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    fold(row, f32::NEG_INFINITY, |most, x| if x > most || x.is_nan() { x } else { most })
}

#[inline(always)]
fn total(row: &[f32]) -> f32 {
    fold(row, 0.0, |sum, x| sum + x)
}

#[inline(always)]
fn fold(row: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut parts = [start; LANES];
    let blocks = row.chunks_exact(LANES);
    for (part, x) in parts.iter_mut().zip(blocks.remainder()) {
        *part = join(*part, *x);
    }
    for block in blocks {
        for (part, x) in parts.iter_mut().zip(block) {
            *part = join(*part, *x);
        }
    }
    parts.into_iter().fold(start, join)
}

/// Of rows of whole vectors.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    parts.iter().sum()
}

//! Kernel Inception Distance: the unbiased MMD² with kernel (xᵀy/d + 1)³, mean and deviation over random subsets.
//! Bińkowski et al. (2018), with all pairs of the cross term. Next: [`super::mmd_poly`].

use rand::{SeedableRng, seq::index};
use rand_pcg::Pcg64Mcg;

use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    moments::at_least_two,
    pairwise::{Estimator, kernel::Polynomial, pair_sum, points::Points, rounding},
    parameters::{
        domain::{Domain, ROWS, SEED},
        parameters,
    },
    precision::{Estimate, Estimated, evaluate, is_hopeless},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "kid",
    aliases: &[],
    formula: "mean over subsets of unbiased MMD² with k = (xᵀy/d + 1)³",
    source: "Bińkowski et al., Demystifying MMD GANs (2018)",
    cost: "O(subsets · size² d) time, O(size d) memory",
    when: "to compare figures with FID/KID packages: unbiased, so it can be negative; to train with, mmd-poly is smoother",
    traits: Traits::PLAIN,
    options: Kid::OPTIONS,
    build: build::<Kid>,
};

/// The kernel's degree.
const DEGREE: u32 = 3;

/// An unbiased estimator needs two samples; more than either cloud has cannot be drawn.
const SIZES: Domain<usize> =
    Domain::new("a whole number from 2 to 1000000000", |size| (2..=1_000_000_000).contains(size));

parameters! {
    /// Mean of the unbiased polynomial MMD² over subsets; its deviation over them is the diagnostic `deviation`.
    #[derive(Copy)]
    pub struct Kid for ENTRY {
        /// number of random subsets of each cloud
        subsets: usize = 100 in ROWS,
        /// samples in a subset, drawn without replacement
        size: Option<usize> = "min(1000, n, m)" in SIZES,
        /// seed of the subsets
        seed: u64 = 0 in SEED,
    }
}

impl<T: Real> Divergence<T> for Kid {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        evaluate(self, a, b, request)
    }
}

impl<T: Real> Estimated<T> for Kid {
    fn vanishes_on_equals(&self) -> bool {
        false
    }

    fn estimate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Estimate<T>, OtError> {
        equal_widths(ENTRY.name, a, b)?;
        at_least_two(ENTRY.name, a)?;
        at_least_two(ENTRY.name, b)?;
        let refuse = |message: String| Err(OtError::Numeric { metric: ENTRY.name.to_owned(), message });
        if !(is_uniform(a) && is_uniform(b)) {
            return refuse(
                "subsets are drawn uniformly, so weights mean nothing: use mmd-poly with estimator=u".to_owned(),
            );
        }
        let (n, m, d) = (a.len(), b.len(), a.width());
        let size = self.size.unwrap_or_else(|| n.min(m).min(1000));
        if size > n.min(m) {
            return Err(OtError::BadOption {
                metric: ENTRY.name.to_owned(),
                name: "size".to_owned(),
                value: size.to_string(),
                expected: format!("at most {}, the samples of the smaller cloud", n.min(m)),
            });
        }
        // Subsets that are the whole clouds are all the same.
        let subsets = if size == n && size == m { 1 } else { self.subsets };
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let (mut values, mut error, mut gradient_error) = (Vec::with_capacity(subsets), 0.0, 0.0);
        let mut gradient = vec![0.0; if request.gradient { n * d } else { 0 }];
        for _ in 0..subsets {
            let (rows_a, rows_b) = (index::sample(&mut rng, n, size), index::sample(&mut rng, m, size));
            let (part_a, part_b) = (gather(a, &rows_a), gather(b, &rows_b));
            let (part_a, part_b) = (Cloud::new(a.side(), &part_a, size, d)?, Cloud::new(b.side(), &part_b, size, d)?);
            let factors = Estimator::U.factors(ENTRY.name, &part_a, &part_b)?;
            let (points_a, points_b) = (Points::plain(&part_a), Points::plain(&part_b));
            let kernel = Polynomial { d, degree: DEGREE };
            let sum = pair_sum(&points_a, &points_b, &kernel, factors, None, request)?;
            values.push(sum.value);
            error += rounding::of(&points_a, &points_b, &kernel, factors, sum.value);
            gradient_error += rounding::of_gradient(&points_a, &points_b, &kernel, factors);
            if is_hopeless::<T>(error, values.iter().sum()) {
                // It will be done again in `f64`, so the other subsets can be spared here.
                break;
            }
            for (row, i) in sum.gradient.iter().flat_map(|g| g.chunks_exact(d)).zip(rows_a.iter()) {
                gradient[i * d..][..d].iter_mut().zip(row).for_each(|(t, g)| *t += g.wide());
            }
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / subsets as f64).sqrt();
        let (error, gradient_error) = (error / values.len() as f64, gradient_error / values.len() as f64);
        let gradient = request.gradient.then(|| gradient.iter().map(|g| T::of(g / subsets as f64)).collect());
        let mut solution = Solution::closed(mean).with_gradient(gradient);
        solution.diagnostics = vec![("deviation", deviation), ("subsets", subsets as f64), ("size", size as f64)];
        Ok(Estimate::new(solution, error).with_gradient_error(gradient_error))
    }
}

fn is_uniform<T: Real>(cloud: &Cloud<T>) -> bool {
    let share = 1.0 / cloud.len() as f64;
    cloud.weights().is_none_or(|w| w.iter().all(|w| (w - share).abs() < 1e-9 * share))
}

fn gather<T: Real>(cloud: &Cloud<T>, rows: &index::IndexVec) -> Vec<T> {
    rows.iter().flat_map(|i| cloud.row(i).iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{divergence::registry, error::Side, options::Options, testing};

    #[test]
    fn whole_clouds_give_the_unbiased_polynomial_mmd() {
        let (x, y) = (testing::normal(1, 9 * 4), testing::normal(2, 9 * 4));
        let (a, b) = (Cloud::new(Side::A, &x, 9, 4).unwrap(), Cloud::new(Side::B, &y, 9, 4).unwrap());
        let value =
            |options: Options| registry::build(&options).unwrap().evaluate(&a, &b, Request::VALUE).unwrap().value;
        let expected = value(Options::new("mmd-poly").set("estimator", "u"));
        assert!((value(Options::new("kid")) - expected).abs() < 1e-13);
    }

    #[test]
    fn subsets_average_to_the_whole() {
        let (n, d) = (60, 3);
        let (x, y) =
            (testing::normal(1, n * d), testing::normal(2, n * d).iter().map(|y| y + 0.7).collect::<Vec<f64>>());
        let (a, b) = (Cloud::new(Side::A, &x, n, d).unwrap(), Cloud::new(Side::B, &y, n, d).unwrap());
        let value = |options: Options| registry::build(&options).unwrap().evaluate(&a, &b, Request::VALUE).unwrap();
        let expected = value(Options::new("mmd-poly").set("estimator", "u")).value;
        let found = value(Options::new("kid").set("size", 20).set("subsets", 2000));
        let deviation = found.diagnostics.iter().find(|(name, _)| *name == "deviation").unwrap().1;
        assert!((found.value - expected).abs() < 4.0 * deviation / 2000f64.sqrt());
    }

    #[test]
    fn gradient_matches_finite_differences() {
        let (x, y) = (testing::normal(1, 9 * 3), testing::normal(2, 7 * 3));
        let kid = Kid::default().size(5).subsets(6);
        testing::check_gradient(&kid, &x, 9, &y, 7, 3, 1e-7);
    }

    #[test]
    fn weights_are_refused() {
        let x = testing::normal(1, 6);
        let (a, b) = (Cloud::new(Side::A, &x, 3, 2).unwrap(), Cloud::new(Side::B, &x, 3, 2).unwrap());
        let a = a.with_weights(&[1.0, 2.0, 1.0]).unwrap();
        assert!(matches!(Kid::default().evaluate(&a, &b, Request::VALUE), Err(OtError::Numeric { .. })));
    }
}

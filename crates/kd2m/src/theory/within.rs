//! Distances within each class, weighted by class priors π_y = n_y / n: what bounds a risk where distances of whole clouds do not.
//! `docs/theory.md`, statements 3 and 9; next: [`super::transfer`].

use serde::Serialize;

use super::{distance::Pair, sample::Features};
use crate::Error;

/// One class of a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassDistance {
    pub class: usize,
    pub samples: usize,
    /// π_y.
    pub prior: f64,
    /// [lower, upper] of W₁ between student's and teacher's features of the class.
    pub w1: [f64; 2],
    /// [lower, upper] of W₂².
    pub w2: [f64; 2],
}

/// Rows of each class 0…classes.
pub fn rows_of_classes(labels: &[u32], classes: usize) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); classes];
    labels.iter().enumerate().for_each(|(i, y)| rows[*y as usize].push(i));
    rows
}

/// Distances within each class that has samples.
///
/// # Errors
/// Features that are not finite.
pub fn within_classes(
    student: &Features,
    teacher: &Features,
    rows: &[Vec<usize>],
    exact_limit: usize,
) -> Result<Vec<ClassDistance>, Error> {
    let n: usize = rows.iter().map(Vec::len).sum();
    let present = rows.iter().enumerate().filter(|(_, rows)| !rows.is_empty());
    let of_class = |(class, rows): (usize, &Vec<usize>)| {
        let (a, b) = (student.rows(rows), teacher.rows(rows));
        let pair = Pair { a: &a, b: &b, width: teacher.width, exact_limit };
        let (samples, prior) = (rows.len(), rows.len() as f64 / n as f64);
        Ok(ClassDistance { class, samples, prior, w1: pair.w1()?, w2: pair.w2()? })
    };
    present.map(of_class).collect()
}

/// Σ π_y x(y), both ends.
pub fn by_priors(classes: &[ClassDistance], pick: impl Fn(&ClassDistance) -> [f64; 2]) -> [f64; 2] {
    classes.iter().fold([0.0; 2], |[low, high], c| {
        let [l, h] = pick(c);
        [low + c.prior * l, high + c.prior * h]
    })
}

#[cfg(test)]
mod tests {
    use kd2m_ot::{
        Cloud, Options, Side,
        divergence::{Divergence, Request, registry},
    };

    use super::*;
    use crate::theory::testing::{Random, normal};

    /// One truth: the sums are `kd2m-ot`'s class-conditional forms with priors.
    #[test]
    fn the_sums_are_the_class_conditional_divergences_with_priors() {
        let mut random = Random::new(7);
        let (n, d) = (40, 3);
        let labels: Vec<u32> = (0..n as u32).map(|i| [0, 0, 2, 3][i as usize % 4]).collect();
        let cloud = |random: &mut Random| Features { values: normal(random, n * d), width: d };
        let (s, t) = (cloud(&mut random), cloud(&mut random));
        let found = within_classes(&s, &t, &rows_of_classes(&labels, 5), 1000).unwrap();
        assert_eq!(found.iter().map(|c| (c.class, c.samples)).collect::<Vec<_>>(), [(0, 20), (2, 10), (3, 10)]);
        for (name, value) in
            [("class-w1", by_priors(&found, |c| c.w1)[1]), ("class-w2", by_priors(&found, |c| c.w2)[1])]
        {
            let metric = registry::build(&Options::new(name).set("priors", true)).unwrap();
            let a = Cloud::new(Side::A, &s.values, n, d).unwrap().with_labels(&labels).unwrap();
            let b = Cloud::new(Side::B, &t.values, n, d).unwrap().with_labels(&labels).unwrap();
            let expected = Divergence::<f64>::evaluate(metric.as_ref(), &a, &b, Request::VALUE).unwrap().value;
            assert!((value - expected).abs() < 1e-12, "{name}: {value} {expected}");
        }
    }
}

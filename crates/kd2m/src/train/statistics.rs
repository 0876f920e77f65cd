//! Mean, deviation and the paired t interval over seeds. Three seeds describe; claims need ten or more.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation (n − 1); `None` of fewer than two values, which show no spread.
pub fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let centre = mean(values);
    Some((values.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt())
}

/// `91.00 ± 1.00`; the mean alone where there is no deviation, a dash for nothing.
pub fn plus_minus(mean: f64, deviation: Option<f64>) -> String {
    match deviation {
        _ if mean.is_nan() => "–".to_owned(),
        Some(deviation) => format!("{mean:.2} ± {deviation:.2}"),
        None => format!("{mean:.2}"),
    }
}

/// Differences that spread by less than this part of the values show no spread but rounding.
const NO_SPREAD: f64 = 1e-9;

/// Mean of a − b with the half width of its two-sided 95 % t interval and the p value of no difference: 1 where differences
/// show no spread, because the t test then has nothing to measure a difference by. `None` for fewer than two pairs.
pub fn paired(a: &[f64], b: &[f64]) -> Option<Paired> {
    let n = a.len();
    if n < 2 || b.len() != n {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(x, y)| x - y).collect();
    let error = deviation(&differences)? / (n as f64).sqrt();
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?;
    let centre = mean(&differences);
    let scale = a.iter().chain(b).fold(0.0, |most: f64, x| most.max(x.abs()));
    let p = if error > NO_SPREAD * scale { 2.0 * t.sf((centre / error).abs()) } else { 1.0 };
    Some(Paired { mean: centre, half_width: error * t.inverse_cdf(0.975), p })
}

/// Writes what Holm makes of the p values of all differences in one table, each beside its own.
pub fn correct<'a>(differences: impl Iterator<Item = (f64, &'a mut f64)>) {
    let (p, places): (Vec<f64>, Vec<&mut f64>) = differences.unzip();
    places.into_iter().zip(holm(&p)).for_each(|(place, adjusted)| *place = adjusted);
}

/// Holm's step-down correction: p values that bound the chance of any false claim among all of them.
fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(((p.len() - rank) as f64 * p[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

/// Fewer pairs of seeds describe and claim nothing.
pub const ENOUGH: usize = 10;

/// What may be said of a difference at five percent after Holm; "too few seeds" where it would be told apart if it had [`ENOUGH`] pairs.
pub fn verdict(p_holm: f64, pairs: usize, mean: f64) -> &'static str {
    match (p_holm < 0.05, pairs < ENOUGH, mean > 0.0) {
        (false, ..) => "not told apart",
        (true, true, _) => "too few seeds",
        (true, false, true) => "better",
        (true, false, false) => "worse",
    }
}

/// Points of accuracy that a student lost in every seed are no accident of one of them.
pub const PLAIN_LOSS: f64 = 2.0;

/// The difference nearest to 0 of pairs that all differ in the same direction; `None` of fewer than two, or where they do not.
pub fn in_every_seed(a: &[f64], b: &[f64]) -> Option<f64> {
    let differences: Vec<f64> = a.iter().zip(b).map(|(x, y)| x - y).collect();
    let same = differences.iter().all(|d| *d > 0.0) || differences.iter().all(|d| *d < 0.0);
    let nearest = differences.iter().copied().min_by(|x, y| x.abs().total_cmp(&y.abs()));
    nearest.filter(|_| same && differences.len() > 1 && a.len() == b.len())
}

/// What may be said of a difference of a run, `nearest` being what [`in_every_seed`] found: as [`verdict`], but a student that lost
/// [`PLAIN_LOSS`] in every one of few seeds is called worse there, though seeds so few claim nothing.
pub fn verdict_of_run(p_holm: f64, pairs: usize, mean: f64, nearest: Option<f64>) -> &'static str {
    match verdict(p_holm, pairs, mean) {
        "not told apart" | "too few seeds" if pairs < ENOUGH && nearest.is_some_and(|d| d <= -PLAIN_LOSS) => {
            "worse in every seed"
        }
        said => said,
    }
}

/// `+0.18`; zero, however small its sign was, without one.
pub fn signed(difference: f64) -> String {
    let text = format!("{difference:+.2}");
    if text.ends_with("0.00") && text.len() == 5 { "0.00".to_owned() } else { text }
}

/// A paired difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Mean of the differences.
    pub mean: f64,
    /// Of the 95 % interval.
    pub half_width: f64,
    /// Two-sided.
    pub p: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paired_intervals_are_scipys() {
        // scripts/golden/seed_statistics.py, scipy 1.17.1.
        let few = paired(&[3.0, 4.0, 6.0, 9.0], &[1.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((few.mean - 2.25).abs() < 1e-12);
        assert!((few.p - 0.037_386_073_468).abs() < 1e-9, "{}", few.p);
        assert!((few.half_width - 2.002_245_225).abs() < 1e-7, "{}", few.half_width);
        let a = [93.1, 94.4, 92.8, 93.9, 94.7, 93.3, 94.0, 93.6, 92.9, 94.2];
        let b = [91.9, 92.5, 91.7, 92.6, 92.8, 92.2, 92.1, 92.7, 91.6, 92.4];
        let ten = paired(&a, &b).unwrap();
        assert!((ten.p / 1.018_089_010_7e-6 - 1.0).abs() < 1e-6, "{}", ten.p);
        assert!((ten.half_width - 0.280_523_704).abs() < 1e-7, "{}", ten.half_width);
        assert!(paired(&[1.0], &[2.0]).is_none());
        // 92.3 − 92.0 and 92.1 − 91.8 differ by rounding alone.
        let same = paired(&[92.3, 92.1], &[92.0, 91.8]).unwrap();
        assert!((same.mean - 0.3).abs() < 1e-9 && same.half_width < 1e-9 && same.p == 1.0, "{same:?}");
    }

    #[test]
    fn ten_pairs_make_a_claim_and_zero_has_no_sign() {
        let said =
            [(0.01, 10, 1.0), (0.01, 10, -1.0), (0.01, 9, 1.0), (0.06, 30, 1.0)].map(|(p, n, m)| verdict(p, n, m));
        assert_eq!(said, ["better", "worse", "too few seeds", "not told apart"]);
        assert_eq!([0.184, -0.004, 0.001, -1.0, 10.0].map(signed), ["+0.18", "0.00", "0.00", "-1.00", "+10.00"]);
    }

    #[test]
    fn a_large_loss_in_every_seed_is_said_though_few_seeds_claim_nothing() {
        let none = [82.1, 83.0, 82.4];
        let told = |arm: [f64; 3]| {
            let nearest = in_every_seed(&arm, &none);
            let d = paired(&arm, &none).unwrap();
            (nearest.map(|d| (d * 100.0).round() / 100.0), verdict_of_run(d.p, 3, d.mean, nearest))
        };
        // The -22.3 ± 14.2 of a weight of 1: a t test of three pairs alone does not tell it apart.
        assert_eq!(told([54.0, 66.0, 60.5]), (Some(-17.0), "worse in every seed"));
        assert_eq!(told([80.2, 80.9, 80.0]), (Some(-1.9), "too few seeds"));
        assert_eq!(told([70.0, 83.1, 80.0]), (None, "not told apart"));
        assert_eq!(told([92.0, 93.5, 92.2]).1, "too few seeds");
        assert_eq!(verdict_of_run(0.001, 10, -5.0, Some(-4.0)), "worse");
        assert_eq!((in_every_seed(&[1.0], &[2.0]), in_every_seed(&[], &[])), (None, None));
    }

    #[test]
    fn one_value_has_no_deviation_and_is_shown_so() {
        assert_eq!((deviation(&[]), deviation(&[3.0]), deviation(&[3.0, 3.0])), (None, None, Some(0.0)));
        assert_eq!(plus_minus(91.0, deviation(&[91.0])), "91.00");
        assert_eq!(plus_minus(mean(&[90.0, 92.0]), deviation(&[90.0, 92.0])), "91.00 ± 1.41");
        assert_eq!(plus_minus(mean(&[]), deviation(&[])), "–");
    }

    #[test]
    fn holm_is_that_of_statsmodels() {
        // scripts/golden/seed_statistics.py, statsmodels 0.15.0.
        let found = holm(&[0.01, 0.04, 0.03, 0.005, 0.6, 0.005, 0.9, 0.0004]);
        for (a, b) in found.iter().zip([0.05, 0.12, 0.12, 0.035, 1.0, 0.035, 1.0, 0.0032]) {
            assert!((a - b).abs() < 1e-12, "{found:?}");
        }
        assert!(holm(&[]).is_empty());
        // Each result goes to its own difference: 0.04 of two stays, 0.01 doubles.
        let mut found = [(0.04, 0.0), (0.01, 0.0)];
        correct(found.iter_mut().map(|(p, adjusted)| (*p, adjusted)));
        assert_eq!(found, [(0.04, 0.04), (0.01, 0.02)]);
    }
}

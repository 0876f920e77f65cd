//! What a run's differences allow one to say, in words: the lines under the table on the terminal and the first paragraph of the report.

use super::{
    statistics::{ENOUGH, signed},
    summary::{ArmSummary, Difference, Summary},
};

/// Each verdict that an arm may have, and how a sentence with such arms begins.
const VERDICTS: [(&str, &str); 5] = [
    ("better", "better than none"),
    ("worse", "worse than none"),
    ("worse in every seed", "too few seeds for a claim, but worse than none in every seed"),
    ("too few seeds", "p below 5 %, with too few seeds to claim a difference to none"),
    ("not told apart", "not told apart from none at 5 % after Holm"),
];

/// What the table can and cannot tell apart, a line a verdict.
pub fn verdicts(summary: &Summary) -> Vec<String> {
    let seeds = summary.seeds.len();
    let line = |(said, text): &(&str, &str)| {
        let arms = compared(summary).filter(|(_, d)| d.verdict(seeds) == *said);
        let arms: Vec<String> = arms.map(|(arm, d)| told(said, arm, d)).collect();
        (!arms.is_empty()).then(|| format!("{text}: {}", arms.join(", ")))
    };
    VERDICTS.iter().filter_map(line).collect()
}

/// Its name, and the least that it lost where that is the point.
fn told(said: &str, arm: &ArmSummary, difference: &Difference) -> String {
    match difference.every_seed.filter(|_| said == "worse in every seed") {
        Some(nearest) => format!("{} (by {:.2} or more)", arm.arm, -nearest),
        None => arm.arm.clone(),
    }
}

fn compared(summary: &Summary) -> impl Iterator<Item = (&ArmSummary, &Difference)> {
    summary.students.iter().filter_map(|arm| Some((arm, arm.versus_none.as_ref()?)))
}

/// One plain sentence without a full stop; none where nothing was compared over several seeds.
pub fn conclusion(summary: &Summary) -> Option<String> {
    let seeds = summary.seeds.len();
    let best = compared(summary).max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let Some((arm, difference)) = best else {
        return (seeds == 1 && !summary.students.is_empty())
            .then(|| "one seed shows no spread: nothing can be said of differences".to_owned());
    };
    let (points, name) = (signed(difference.mean), &arm.arm);
    Some(match difference.verdict(seeds) {
        "better" => format!("best: {name}, {points} points over none, and not by chance"),
        "worse" | "worse in every seed" => format!(
            "no criterion helped: even {name} is at {points} points; a smaller weight, or weight = \"auto\", may do better"
        ),
        _ if seeds < ENOUGH => format!(
            "largest difference: {name}, {points} points; {seeds} seeds describe, a claim needs {ENOUGH} or more"
        ),
        _ => format!(
            "no criterion did better than none for certain; the largest difference is {name}'s, {points} points"
        ),
    })
}

/// The arm to take, as far as these seeds can say: the best that is not called worse, `none` where that is no worse in the mean.
pub fn to_take(summary: &Summary) -> Option<&ArmSummary> {
    let none = summary.students.iter().find(|arm| arm.criterion == "none");
    let best = compared(summary).max_by(|a, b| a.1.mean.total_cmp(&b.1.mean)).filter(|(_, d)| d.mean > 0.0);
    best.map(|(arm, _)| arm).or(none).or_else(|| {
        let by_test = |a: &&ArmSummary, b: &&ArmSummary| a.test_accuracy_mean.total_cmp(&b.test_accuracy_mean);
        summary.students.iter().max_by(by_test)
    })
}

/// Seeds enough for a claim, those of the run first; `None` where it has as many or compares nothing.
pub fn enough_seeds(summary: &Summary) -> Option<Vec<u64>> {
    let have = summary.seeds.len();
    let others = (1..).filter(|seed| !summary.seeds.contains(seed));
    (have < ENOUGH && summary.students.len() > 1)
        .then(|| summary.seeds.iter().copied().chain(others).take(ENOUGH).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::ArmConfig,
        train::summary::tests::{student, teacher},
    };

    /// A run of these arms, one accuracy a seed, `none` first.
    fn run(arms: &[(&str, &[f64])]) -> Summary {
        let arm = |(name, tests): &(&str, &[f64])| {
            let config = if *name == "none" { ArmConfig::none() } else { ArmConfig::single(name, Some(1.0.into())) };
            let of = |(k, test): (usize, &f64)| {
                let mut student = student(name, k as u64 + 1);
                student.test_accuracy = *test;
                student
            };
            ArmSummary::new(&config, "small", 10, &tests.iter().enumerate().map(of).collect::<Vec<_>>())
        };
        Summary {
            name: "x".to_owned(),
            dataset: "digits".to_owned(),
            seeds: (1..=arms[0].1.len() as u64).collect(),
            teacher: teacher(),
            students: arms.iter().map(arm).collect(),
        }
        .compare()
    }

    const NONE: (&str, &[f64]) = ("none", &[82.1, 83.0, 82.4]);

    #[test]
    fn a_ruined_student_is_called_worse_and_none_is_taken() {
        let found = run(&[NONE, ("w2", &[54.0, 66.0, 60.5])]);
        assert_eq!(
            verdicts(&found),
            ["too few seeds for a claim, but worse than none in every seed: w2 (by 17.00 or more)"]
        );
        assert!(conclusion(&found).unwrap().ends_with("may do better"));
        assert_eq!(to_take(&found).unwrap().arm, "none");
    }

    #[test]
    fn few_seeds_describe_and_the_best_mean_is_taken() {
        let found = run(&[NONE, ("w2", &[82.0, 83.5, 82.6]), ("mse", &[80.0, 84.0, 81.0])]);
        assert_eq!(verdicts(&found), ["not told apart from none at 5 % after Holm: w2, mse"]);
        assert_eq!(
            conclusion(&found).unwrap(),
            "largest difference: w2, +0.20 points; 3 seeds describe, a claim needs 10 or more"
        );
        assert_eq!(to_take(&found).unwrap().arm, "w2");
        assert_eq!(enough_seeds(&found).unwrap(), (1..=10).collect::<Vec<u64>>());
    }

    #[test]
    fn ten_seeds_claim_and_one_says_nothing() {
        let none: Vec<f64> = (0..10).map(|k| 80.0 + 0.1 * f64::from(k)).collect();
        let better: Vec<f64> = none.iter().enumerate().map(|(k, x)| x + 1.0 + 0.01 * k as f64).collect();
        let found = run(&[("none", &none), ("w2", &better)]);
        assert_eq!((verdicts(&found), enough_seeds(&found)), (vec!["better than none: w2".to_owned()], None));
        assert_eq!(conclusion(&found).unwrap(), "best: w2, +1.05 points over none, and not by chance");
        let alone = run(&[("none", &[80.0]), ("w2", &[81.0])]);
        assert_eq!(conclusion(&alone).unwrap(), "one seed shows no spread: nothing can be said of differences");
        assert_eq!(to_take(&alone).unwrap().arm, "none");
    }
}

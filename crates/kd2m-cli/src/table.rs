//! The table at the end of a run, and what it comes to.

use kd2m::{
    columns::{self, Table},
    train::{
        statistics::{ENOUGH, signed},
        summary::{ArmSummary, Difference, Summary},
    },
};

/// Teacher and students, and what the differences between them allow one to say.
pub fn summary(summary: &Summary) -> String {
    let mut out = align(&columns::lines(Table::Terminal, &summary.rows()));
    if !summary.students.is_empty() {
        out += &verdicts(summary);
        out += &conclusion(summary);
    }
    out
}

/// Cells one below the other: the first column at the left, the others at the right.
pub fn align(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| match i {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

/// What the table can and cannot tell apart.
fn verdicts(summary: &Summary) -> String {
    let seeds = summary.seeds.len();
    let mut out = format!(
        "test accuracy after the last epoch, mean ± deviation over {seeds} seed(s); vs none: paired difference ± 95 % t interval\n"
    );
    for (said, text) in [
        ("better", "better than none"),
        ("worse", "worse than none"),
        ("worse in every seed", "too few seeds for a claim, but worse than none in every seed"),
        ("too few seeds", "p below 5 %, with too few seeds to claim a difference to none"),
        ("not told apart", "not told apart from none at 5 % after Holm"),
    ] {
        let arms = compared(summary).filter(|(_, d)| d.verdict(seeds) == said);
        let arms: Vec<String> = arms.map(|(arm, d)| told(said, arm, d)).collect();
        if !arms.is_empty() {
            out += &format!("{text}: {}\n", arms.join(", "));
        }
    }
    out
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

/// One plain sentence.
fn conclusion(summary: &Summary) -> String {
    let seeds = summary.seeds.len();
    let best = compared(summary).max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let Some((arm, difference)) = best else {
        return match seeds {
            1 => "one seed shows no spread: nothing can be said of differences\n".to_owned(),
            _ => String::new(),
        };
    };
    let points = signed(difference.mean);
    let name = &arm.arm;
    match difference.verdict(seeds) {
        "better" => format!("best: {name}, {points} points over none, and not by chance\n"),
        "worse" | "worse in every seed" => {
            format!(
                "no criterion helped: even {name} is at {points} points; a smaller weight, or weight = \"auto\", may do better\n"
            )
        }
        _ if seeds < ENOUGH => {
            format!(
                "largest difference: {name}, {points} points; {seeds} seeds describe, a claim needs {ENOUGH} or more\n"
            )
        }
        _ => format!(
            "no criterion did better than none for certain; the largest difference is {name}'s, {points} points\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use kd2m::{
        config::ArmConfig,
        train::summary::{StudentSummary, TeacherSummary},
    };

    use super::*;

    /// A run of these arms over three seeds, `none` first.
    fn run(arms: &[(&str, [f64; 3])]) -> String {
        let student = |accuracy: f64, seed: usize| -> StudentSummary {
            let text = format!(
                r#"{{"arm":"x","seed":{seed},"test_accuracy":{accuracy},"val_accuracy":90,"best_val_test_accuracy":90,"best_val_accuracy":90,
                "best_val_epoch":1,"w2_to_teacher":null,"images_per_second":1000}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let arm = |(name, tests): &(&str, [f64; 3])| {
            let config = if *name == "none" { ArmConfig::none() } else { ArmConfig::single(name, Some(1.0.into())) };
            let students: Vec<StudentSummary> =
                tests.iter().enumerate().map(|(k, test)| student(*test, k + 1)).collect();
            ArmSummary::new(&config, "small", 10, &students)
        };
        let whole = Summary {
            name: "x".to_owned(),
            dataset: "digits".to_owned(),
            seeds: vec![1, 2, 3],
            teacher: TeacherSummary::of_outputs(),
            students: arms.iter().map(arm).collect(),
        };
        summary(&whole.compare())
    }

    #[test]
    fn a_ruined_student_is_called_worse_and_the_table_ends_with_a_sentence() {
        let none = ("none", [82.1, 83.0, 82.4]);
        let ruined = run(&[none, ("w2", [54.0, 66.0, 60.5])]);
        assert!(
            ruined.contains("too few seeds for a claim, but worse than none in every seed: w2 (by 17.00 or more)"),
            "{ruined}"
        );
        assert!(!ruined.contains("not told apart") && ruined.trim_end().ends_with("may do better"), "{ruined}");
        let near = run(&[none, ("w2", [82.0, 83.5, 82.6]), ("mse", [80.0, 84.0, 81.0])]);
        assert!(near.contains("not told apart from none at 5 % after Holm: w2, mse"), "{near}");
        assert!(
            near.ends_with("largest difference: w2, +0.20 points; 3 seeds describe, a claim needs 10 or more\n"),
            "{near}"
        );
    }
}

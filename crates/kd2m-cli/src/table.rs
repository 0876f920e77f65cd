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

fn align(rows: &[Vec<String>]) -> String {
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

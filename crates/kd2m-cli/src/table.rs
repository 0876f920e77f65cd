//! The table at the end of a run.

use kd2m::{
    columns::{self, Table},
    train::{
        statistics::{ENOUGH, verdict},
        summary::{ArmSummary, Summary},
    },
};

/// Teacher and students, and what the differences between them allow one to say.
pub fn summary(summary: &Summary) -> String {
    let mut out = align(&columns::lines(Table::Terminal, &summary.rows()));
    if !summary.students.is_empty() {
        out += &verdicts(summary);
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
    let of = |arm: &ArmSummary| arm.versus_none.as_ref().map(|d| verdict(d.p_holm, seeds, d.mean));
    let mut out = format!(
        "test accuracy after the last epoch, mean ± deviation over {seeds} seed(s); vs none: paired difference ± 95 % t interval\n"
    );
    for (said, text) in [
        ("better", "better than none"),
        ("worse", "worse than none"),
        ("too few seeds", "p below 5 %, with too few seeds to claim a difference to none"),
        ("not told apart", "not told apart from none at 5 % after Holm"),
    ] {
        let arms = summary.students.iter().filter(|arm| of(arm) == Some(said)).map(|arm| arm.arm.as_str());
        let arms: Vec<&str> = arms.collect();
        if !arms.is_empty() {
            out += &format!("{text}: {}\n", arms.join(", "));
        }
    }
    if seeds < ENOUGH {
        out += "few seeds describe; a claim that one criterion beats another needs ten or more\n";
    }
    out
}

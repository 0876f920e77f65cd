//! The table at the end of a run, and what it comes to.

use kd2m::{
    columns::{self, Table},
    train::{finding, summary::Summary},
};

/// Teacher and students, and what the differences between them allow one to say.
pub fn summary(summary: &Summary) -> String {
    let mut out = align(&columns::lines(Table::Terminal, &summary.rows()));
    if !summary.students.is_empty() {
        let seeds = summary.seeds.len();
        out += &format!(
            "test accuracy after the last epoch, mean ± deviation over {seeds} seed(s); vs none: paired difference ± 95 % t interval\n"
        );
        let said = finding::verdicts(summary).into_iter().chain(finding::conclusion(summary));
        said.for_each(|line| out += &format!("{line}\n"));
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

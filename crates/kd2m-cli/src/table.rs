//! The table at the end of a run.

use kd2m::train::{
    statistics::plus_minus,
    summary::{ArmSummary, Summary},
};

/// Teacher and students, and what the differences between them allow one to say.
pub fn summary(summary: &Summary) -> String {
    let mut rows = vec![["", "parameters", "test %", "vs none", "W₂² to teacher", "images/s"].map(str::to_owned)];
    let teacher = &summary.teacher;
    let dash = || "–".to_owned();
    rows.push([
        format!("teacher {}", teacher.model),
        teacher.parameters.to_string(),
        format!("{:.2}", teacher.test_accuracy),
        dash(),
        dash(),
        dash(),
    ]);
    rows.extend(summary.students.iter().map(|arm| {
        [
            format!("student {}", arm.arm),
            arm.parameters.to_string(),
            plus_minus(arm.test_accuracy_mean, arm.test_accuracy_std),
            arm.versus_none.as_ref().map_or_else(dash, |d| format!("{:+.2} ± {:.2}", d.mean, d.half_width)),
            arm.w2_to_teacher.map_or_else(dash, |w| format!("{w:.4}")),
            format!("{:.0}", arm.images_per_second),
        ]
    }));
    let mut out = align(&rows);
    if !summary.students.is_empty() {
        out += &verdict(summary);
    }
    out
}

fn align(rows: &[[String; 6]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
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
fn verdict(summary: &Summary) -> String {
    let seeds = summary.seeds.len();
    let names = |pick: &dyn Fn(&ArmSummary) -> bool| {
        let picked: Vec<&str> = summary.students.iter().filter(|a| pick(a)).map(|a| a.arm.as_str()).collect();
        picked.join(", ")
    };
    let apart = |arm: &ArmSummary, sign: f64| arm.versus_none.as_ref().is_some_and(|d| sign * d.mean > d.half_width);
    let unclear = names(&|a| a.versus_none.as_ref().is_some_and(|d| d.mean.abs() <= d.half_width));
    let mut out = format!(
        "test accuracy after the last epoch, mean ± deviation over {seeds} seed(s); vs none: paired difference ± 95 % t interval\n"
    );
    for (text, arms) in [
        ("better than none", names(&|a| apart(a, 1.0))),
        ("worse than none", names(&|a| apart(a, -1.0))),
        ("not told apart from none", unclear),
    ] {
        if !arms.is_empty() {
            out += &format!("{text}: {arms}\n");
        }
    }
    if seeds < 10 {
        out += "few seeds describe; a claim that one criterion beats another needs ten or more\n";
    }
    out
}

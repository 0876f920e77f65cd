//! The results as LaTeX and CSV. Times are the last columns, whose names begin with `time_`: everything else is the same however
//! often a grid was killed or split.

use std::fmt::Write;

use super::{
    results::{ArmResults, CellResults, Versus},
    table::{p_value, weights},
};
use crate::train::statistics::signed;

/// `table.tex`: one tabular a cell, for `booktabs`.
pub fn latex(cells: &[CellResults]) -> String {
    let mut out = "% Needs \\usepackage{booktabs}.\n".to_owned();
    for cell in cells {
        let _ = writeln!(out, "% {}\n\\begin{{tabular}}{{lrrrrrl}}\n\\toprule", escape(&cell.cell));
        out += "Arm & $\\lambda$ & Test (\\%) & $\\Delta$ to $\\lambda = 0$ & $p$ (Holm) & Best on val (\\%) & Verdict \\\\\n\\midrule\n";
        for arm in &cell.arms {
            let pm = |mean: f64, std: Option<f64>| match std {
                _ if mean.is_nan() => "--".to_owned(),
                Some(std) => format!("${mean:.2} \\pm {std:.2}$"),
                None => format!("${mean:.2}$"),
            };
            let versus = arm.versus_none.as_ref();
            let missing = match arm.missing.len() {
                0 => String::new(),
                n => format!(" ({n} missing)"),
            };
            let row = [
                escape(&arm.arm),
                weights(arm),
                pm(arm.test_accuracy_mean, arm.test_accuracy_std) + &missing,
                versus.map_or("--".to_owned(), |v| format!("${} \\pm {:.2}$", signed(v.mean), v.half_width)),
                versus.map_or("--".to_owned(), |v| p_value(v.p_holm).replace("< ", "$<$ ")),
                pm(arm.best_val_mean, arm.best_val_std),
                versus.map_or("--", Versus::verdict).to_owned(),
            ];
            let _ = writeln!(out, "{} \\\\", row.join(" & "));
        }
        out += "\\bottomrule\n";
        if cell.describes_only() {
            out += "\\multicolumn{7}{l}{Few seeds describe; a claim needs ten or more.} \\\\\n";
        }
        out += "\\end{tabular}\n";
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('_', "\\_").replace('%', "\\%").replace('&', "\\&")
}

/// `table.csv`: one line an arm of a cell.
pub fn csv(cells: &[CellResults]) -> String {
    let mut out =
        "cell,dataset,teacher,student,teacher_test,arm,criterion,weights,factor,seeds,missing,test_mean,test_std,\
                   best_val_mean,best_val_std,top5_mean,vs_none,vs_none_half_width,p,p_holm,verdict,w2_to_teacher,cka_to_teacher,ece,test,\
                   time_step_ms,time_criterion_ms,time_criterion_percent,time_images_per_second\n"
            .to_owned();
    for cell in cells {
        for arm in &cell.arms {
            out += &csv_row(cell, arm).join(",");
            out.push('\n');
        }
    }
    out
}

fn csv_row(cell: &CellResults, arm: &ArmResults) -> Vec<String> {
    let number = |x: f64| if x.is_finite() { format!("{x:.6}") } else { String::new() };
    let maybe = |x: Option<f64>| x.map_or(String::new(), number);
    let versus = arm.versus_none.as_ref();
    let list =
        |values: &[f64], digits: usize| values.iter().map(|v| format!("{v:.digits$}")).collect::<Vec<_>>().join(" ");
    vec![
        cell.cell.clone(),
        cell.dataset.clone(),
        cell.teacher.as_ref().map_or(String::new(), |t| t.model.clone()),
        cell.student.clone(),
        maybe(cell.teacher.as_ref().map(|t| t.test_accuracy)),
        arm.arm.clone(),
        arm.criterion.clone(),
        arm.weights.iter().map(f64::to_string).collect::<Vec<_>>().join(" "),
        arm.choice.as_ref().map_or(String::new(), |c| c.factor.to_string()),
        arm.seeds.len().to_string(),
        arm.missing.len().to_string(),
        number(arm.test_accuracy_mean),
        maybe(arm.test_accuracy_std),
        number(arm.best_val_mean),
        maybe(arm.best_val_std),
        maybe(arm.test_top5),
        maybe(versus.map(|v| v.mean)),
        maybe(versus.map(|v| v.half_width)),
        versus.map_or(String::new(), |v| format!("{:.3e}", v.p)),
        versus.map_or(String::new(), |v| format!("{:.3e}", v.p_holm)),
        versus.map_or(String::new(), |v| v.verdict().to_owned()),
        maybe(arm.w2_to_teacher),
        maybe(arm.cka_to_teacher),
        maybe(arm.ece),
        list(&arm.test_accuracy, 4),
        number(arm.cost.step_ms),
        number(arm.cost.criterion_ms),
        number(arm.cost.criterion_percent),
        number(arm.cost.images_per_second),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::table::tests::cell;

    #[test]
    fn latex_and_csv_have_a_line_for_every_arm() {
        let tex = latex(&[cell()]);
        assert!(tex.contains(
            "w2 & 0.1 & $94.00 \\pm 1.00$ & $+3.00 \\pm 0.50$ & $<$ 0.0001 & $94.00 \\pm 1.00$ & too few seeds \\\\"
        ));
        assert!(tex.contains("a\\_b & 0.03 & $90.00 \\pm 0.00$ (1 missing) &") && tex.contains("Few seeds describe"));
        let csv = csv(&[cell()]);
        let lines: Vec<&str> = csv.lines().collect();
        let columns = |line: &str| line.split(',').count();
        assert!(lines.len() == 4 && lines.iter().all(|line| columns(line) == columns(lines[0])));
        assert!(
            lines[2].starts_with("digits-big-small,digits,big,small,97.500000,w2,w2,0.1,1,3,0,94.000000,1.000000,")
        );
        assert!(lines[0].ends_with("time_step_ms,time_criterion_ms,time_criterion_percent,time_images_per_second"));
    }
}

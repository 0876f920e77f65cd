//! The results as Markdown, LaTeX and CSV. Times stand apart (a table of their own, or the last columns whose names begin with
//! `time_`): everything else is the same however often a grid was killed or split.

use std::fmt::Write;

use super::results::{ArmResults, CellResults};

/// `table.md`.
pub fn markdown(name: &str, cells: &[CellResults]) -> String {
    let mut out = format!("# {name}\n");
    if cells.len() > 1 {
        out += "\n## All cells\n\nTest accuracy, %, mean ± deviation over seeds.\n\n";
        out += &grid(&overview(cells));
    }
    for cell in cells {
        let _ = writeln!(out, "\n## {}\n\n{}\n", cell.cell, facts(cell));
        out += &grid(&rows(cell));
        let _ = write!(out, "\n{}", verdict(cell));
        if cell.select.is_some() {
            out += "\n### Choice of λ\n\nMean validation accuracy, %, by multiple of the weight in the file; chosen in bold.\n\n";
            out += &grid(&choices(cell));
            out += &edges(cell);
        }
    }
    out += "\n## Cost\n\nMeans over seeds of the median epoch; measured while the grid ran, so other runs shared the machine.\n";
    for cell in cells {
        let _ = writeln!(out, "\n### {}\n", cell.cell);
        out += &grid(&costs(cell));
    }
    out
}

fn grid(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        let _ = writeln!(out, "| {} |", row.join(" | "));
        if i == 0 {
            let _ = writeln!(out, "|---|{}", "--:|".repeat(row.len() - 1));
        }
    }
    out
}

fn strings<const N: usize>(row: [&str; N]) -> Vec<String> {
    row.map(str::to_owned).to_vec()
}

fn overview(cells: &[CellResults]) -> Vec<Vec<String>> {
    let mut head = vec!["arm".to_owned()];
    head.extend(cells.iter().map(|c| c.cell.clone()));
    let mut rows = vec![head];
    for arm in cells.first().map_or(&[][..], |c| &c.arms) {
        let of = |cell: &CellResults| cell.arms.iter().find(|a| a.arm == arm.arm).map_or_else(dash, accuracy);
        let mut row = vec![arm.arm.clone()];
        row.extend(cells.iter().map(of));
        rows.push(row);
    }
    rows
}

fn facts(cell: &CellResults) -> String {
    let teacher = cell.teacher.as_ref().map_or_else(
        || "Teacher: no result.".to_owned(),
        |t| format!("Teacher {}: {:.2} % on test, {:.2} % on validation.", t.model, t.test_accuracy, t.val_accuracy),
    );
    let chosen = match &cell.select {
        Some(select) => format!(
            "λ chosen on validation among {} candidates for each arm over {} other seed(s).",
            select.factors.len(),
            select.seeds.len()
        ),
        None => "λ as in the grid file.".to_owned(),
    };
    format!("{teacher} Student {}, {} seed(s). {chosen}", cell.student, cell.seeds.len())
}

fn rows(cell: &CellResults) -> Vec<Vec<String>> {
    let head = ["arm", "λ", "test %", "vs none", "p (Holm)", "verdict", "best on val %", "top-5 %", "W₂² to teacher"];
    let mut rows = vec![strings(head)];
    rows.extend(cell.arms.iter().map(|arm| {
        let versus = arm.versus_none.as_ref();
        vec![
            arm.arm.clone(),
            weights(arm),
            accuracy(arm),
            versus.map_or_else(dash, |v| format!("{:+.2} ± {:.2}", v.mean, v.half_width)),
            versus.map_or_else(dash, |v| p_value(v.p_holm)),
            versus.map_or_else(dash, |v| v.verdict().to_owned()),
            plus_minus(arm.best_val_mean, arm.best_val_std),
            optional(arm.test_top5, 2),
            optional(arm.w2_to_teacher, 4),
        ]
    }));
    rows
}

fn accuracy(arm: &ArmResults) -> String {
    let text = plus_minus(arm.test_accuracy_mean, arm.test_accuracy_std);
    match arm.missing.len() {
        0 => text,
        n => format!("{text} ({n} missing)"),
    }
}

fn plus_minus(mean: f64, std: f64) -> String {
    if mean.is_nan() { dash() } else { format!("{mean:.2} ± {std:.2}") }
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(dash, |v| format!("{v:.digits$}"))
}

fn dash() -> String {
    "–".to_owned()
}

fn weights(arm: &ArmResults) -> String {
    match arm.weights.as_slice() {
        [] => "0".to_owned(),
        weights => weights.iter().map(f64::to_string).collect::<Vec<_>>().join(" + "),
    }
}

fn p_value(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// What the table allows one to say, in words.
fn verdict(cell: &CellResults) -> String {
    let mut out =
        "vs none: paired difference to λ = 0 in points ± half of its 95 % t interval; verdict at 5 % after Holm over \
                   the arms of this table.\n"
            .to_owned();
    for verdict in ["better", "worse", "not told apart"] {
        let arms = cell.arms.iter().filter(|a| a.versus_none.is_some_and(|v| v.verdict() == verdict));
        let names: Vec<&str> = arms.map(|a| a.arm.as_str()).collect();
        if !names.is_empty() {
            let what = if verdict == "not told apart" { "not told apart from" } else { verdict };
            let than = if verdict == "not told apart" { "" } else { " than" };
            let _ = writeln!(out, "\n- {what}{than} λ = 0: {}", names.join(", "));
        }
    }
    if cell.seeds.len() < 10 {
        out += "\nFew seeds describe; a claim that one criterion beats another needs ten or more.\n";
    }
    let missing = cell.arms.iter().filter(|a| !a.missing.is_empty());
    for arm in missing {
        let seeds: Vec<String> = arm.missing.iter().map(u64::to_string).collect();
        let _ = writeln!(out, "\n- no result: {}, seed {}", arm.arm, seeds.join(", "));
    }
    out
}

fn choices(cell: &CellResults) -> Vec<Vec<String>> {
    let Some(select) = &cell.select else { return Vec::new() };
    let mut head = strings(["arm"]);
    head.extend(select.factors.iter().map(|f| format!("× {f}")));
    let mut rows = vec![head];
    for (arm, choice) in cell.arms.iter().filter_map(|a| Some((a, a.choice.as_ref()?))) {
        let cell = |c: &super::select::Candidate| match c.val_accuracy {
            None => "diverged".to_owned(),
            Some(score) if c.factor == choice.factor => format!("**{score:.2}**"),
            Some(score) => format!("{score:.2}"),
        };
        let mut row = vec![arm.arm.clone()];
        row.extend(choice.candidates.iter().map(cell));
        rows.push(row);
    }
    rows
}

fn edges(cell: &CellResults) -> String {
    let at_edge = cell.arms.iter().filter(|a| a.choice.as_ref().is_some_and(|c| c.at_edge));
    let names: Vec<&str> = at_edge.map(|a| a.arm.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(
            "\nChosen at the edge of the candidates, so another weight may serve better: {}\n",
            names.join(", ")
        ),
    }
}

fn costs(cell: &CellResults) -> Vec<Vec<String>> {
    let mut rows = vec![strings(["arm", "ms a step", "criterion, ms", "% of the step", "images/s", "s a run"])];
    rows.extend(cell.arms.iter().filter(|a| !a.seeds.is_empty()).map(|arm| {
        let c = &arm.cost;
        vec![
            arm.arm.clone(),
            format!("{:.2}", c.step_ms),
            format!("{:.3}", c.criterion_ms),
            format!("{:.1}", c.criterion_percent),
            format!("{:.0}", c.images_per_second),
            format!("{:.1}", c.seconds),
        ]
    }));
    rows
}

/// `table.tex`: one tabular a cell, for `booktabs`.
pub fn latex(cells: &[CellResults]) -> String {
    let mut out = "% Needs \\usepackage{booktabs}.\n".to_owned();
    for cell in cells {
        let _ = writeln!(out, "% {}\n\\begin{{tabular}}{{lrrrrr}}\n\\toprule", escape(&cell.cell));
        out += "Arm & $\\lambda$ & Test (\\%) & $\\Delta$ to $\\lambda = 0$ & $p$ (Holm) & Best on val (\\%) \\\\\n\\midrule\n";
        for arm in &cell.arms {
            let pm = |mean: f64, std: f64| {
                if mean.is_nan() { "--".to_owned() } else { format!("${mean:.2} \\pm {std:.2}$") }
            };
            let versus = arm.versus_none.as_ref();
            let row = [
                escape(&arm.arm),
                weights(arm),
                pm(arm.test_accuracy_mean, arm.test_accuracy_std),
                versus.map_or("--".to_owned(), |v| format!("${:+.2} \\pm {:.2}$", v.mean, v.half_width)),
                versus.map_or("--".to_owned(), |v| p_value(v.p_holm).replace("< ", "$<$ ")),
                pm(arm.best_val_mean, arm.best_val_std),
            ];
            let _ = writeln!(out, "{} \\\\", row.join(" & "));
        }
        out += "\\bottomrule\n\\end{tabular}\n";
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
                   best_val_mean,best_val_std,top5_mean,vs_none,vs_none_half_width,p,p_holm,verdict,w2_to_teacher,test,\
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
        number(arm.test_accuracy_std),
        number(arm.best_val_mean),
        number(arm.best_val_std),
        maybe(arm.test_top5),
        maybe(versus.map(|v| v.mean)),
        maybe(versus.map(|v| v.half_width)),
        versus.map_or(String::new(), |v| format!("{:.3e}", v.p)),
        versus.map_or(String::new(), |v| format!("{:.3e}", v.p_holm)),
        versus.map_or(String::new(), |v| v.verdict().to_owned()),
        maybe(arm.w2_to_teacher),
        list(&arm.test_accuracy, 4),
        number(arm.cost.step_ms),
        number(arm.cost.criterion_ms),
        number(arm.cost.criterion_percent),
        number(arm.cost.images_per_second),
    ]
}

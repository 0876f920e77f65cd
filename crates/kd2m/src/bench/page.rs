//! `report.html` of a grid: one self-contained page with a sortable table, differences with their intervals, validation accuracy
//! and distance against λ, learning curves, cost against gain. Each cell's own report has its pictures of features.

use minijinja::{Environment, Value, context};

use super::{
    grid::{Cell, Grid},
    plan::Stage,
    results::{ArmResults, CellResults},
    store::Store,
};
use crate::{
    Error, files,
    report::{
        STYLE,
        figure::{self, Line},
    },
    train::{EpochRecord, folder::RunFolder},
};

/// The page.
///
/// # Errors
/// None in practice: the template is part of the program and tested.
pub fn page(grid: &Grid, store: &Store, cells: &[CellResults]) -> Result<String, Error> {
    let mut environment = Environment::new();
    let broken = |e: minijinja::Error| Error::Config(format!("report: {e}"));
    environment.add_template("page.html", include_str!("page.html")).map_err(broken)?;
    let template = environment.get_template("page.html").map_err(broken)?;
    let shown = grid.cells.iter().zip(cells).map(|(cell, found)| section(store, cell, found)).collect::<Vec<_>>();
    template.render(context! { style => STYLE, name => grid.name.clone(), cells => shown }).map_err(broken)
}

fn section(store: &Store, cell: &Cell, found: &CellResults) -> Value {
    let folder = RunFolder::open(&store.place(Stage::Runs, cell)).ok();
    let report = folder.as_ref().is_some_and(|f| f.report().is_file());
    context! {
        name => found.cell.clone(),
        teacher => found.teacher.as_ref().map(|t| format!("{}: {:.2} %", t.model, t.test_accuracy)),
        student => found.student.clone(),
        seeds => found.seeds.len(),
        rows => found.arms.iter().map(row).collect::<Vec<_>>(),
        differences => differences(found),
        selection => selection(found),
        curves => folder.map(|f| curves(&f, found)).unwrap_or_default(),
        gain => gain(found),
        report => report.then(|| format!("runs/{}/report.html", found.cell)),
    }
}

fn row(arm: &ArmResults) -> Value {
    let dash = || "–".to_owned();
    let number = |x: f64, digits: usize| if x.is_finite() { format!("{x:.digits$}") } else { dash() };
    let versus = arm.versus_none.as_ref();
    let weights: Vec<String> = arm.weights.iter().map(f64::to_string).collect();
    context! {
        arm => arm.arm.clone(),
        weight => if weights.is_empty() { "0".to_owned() } else { weights.join(" + ") },
        test => number(arm.test_accuracy_mean, 2),
        std => number(arm.test_accuracy_std, 2),
        versus => versus.map_or_else(dash, |v| format!("{:+.2}", v.mean)),
        half => versus.map_or_else(dash, |v| format!("{:.2}", v.half_width)),
        p => versus.map_or_else(dash, |v| format!("{:.4}", v.p_holm)),
        verdict => versus.map_or_else(dash, |v| v.verdict().to_owned()),
        best => number(arm.best_val_mean, 2),
        top5 => arm.test_top5.map_or_else(dash, |t| number(t, 2)),
        w2 => arm.w2_to_teacher.map_or_else(dash, |w| number(w, 3)),
        step => number(arm.cost.step_ms, 2),
        share => number(arm.cost.criterion_percent, 1),
        missing => arm.missing.len(),
    }
}

/// Differences to λ = 0 with their intervals, largest first.
fn differences(found: &CellResults) -> Option<String> {
    let mut arms: Vec<_> = found.arms.iter().filter_map(|a| Some((a.arm.as_str(), a.versus_none?))).collect();
    if arms.is_empty() {
        return None;
    }
    arms.sort_by(|a, b| b.1.mean.total_cmp(&a.1.mean));
    let low = arms.iter().map(|(_, v)| v.mean - v.half_width).fold(0.0, f64::min);
    let high = arms.iter().map(|(_, v)| v.mean + v.half_width).fold(0.0, f64::max);
    let (left, width, step) = (150.0, 300.0, 20.0);
    let x = |v: f64| left + (v - low) / (high - low).max(1e-9) * width;
    let height = step * arms.len() as f64 + 34.0;
    let mut svg =
        format!(r#"<svg viewBox="0 0 {} {height}" role="img" aria-label="differences to none">"#, left + width + 20.0);
    for tick in figure::ticks(low, high, 6) {
        let at = x(tick);
        svg += &format!(
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="4" y2="{:.0}"/><text class="tick" x="{at:.1}" y="{:.0}" text-anchor="middle">{}</text>"#,
            height - 28.0,
            height - 14.0,
            (tick * 100.0).round() / 100.0
        );
    }
    svg += &format!(r#"<line class="zero" x1="{0:.1}" x2="{0:.1}" y1="4" y2="{1:.0}"/>"#, x(0.0), height - 28.0);
    for (i, (name, v)) in arms.iter().enumerate() {
        let y = 14.0 + step * i as f64;
        let class = v.verdict().replace(' ', "-");
        svg += &format!(
            r#"<text class="tick" x="{:.0}" y="{:.1}" text-anchor="end">{name}</text><g class="{class}"><line x1="{:.1}" x2="{:.1}" y1="{y}" y2="{y}"/><circle cx="{:.1}" cy="{y}" r="3.5"/></g>"#,
            left - 8.0,
            y + 3.5,
            x(v.mean - v.half_width),
            x(v.mean + v.half_width),
            x(v.mean)
        );
    }
    Some(svg + "</svg>")
}

/// Validation accuracy and distance to the teacher against the multiple of λ.
fn selection(found: &CellResults) -> Vec<Value> {
    let lines = |pick: fn(&super::select::Candidate) -> Option<f64>| -> Vec<Line> {
        let chosen = found.arms.iter().filter_map(|a| Some((a, a.choice.as_ref()?)));
        chosen
            .map(|(arm, choice)| {
                let mut points: Vec<(f64, f64)> =
                    choice.candidates.iter().filter_map(|c| Some((c.factor.log10(), pick(c)?))).collect();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                Line { name: arm.arm.clone(), points }
            })
            .filter(|line| !line.points.is_empty())
            .collect()
    };
    let quantities: [(&str, Vec<Line>); 2] = [
        ("validation accuracy, %", lines(|c| c.val_accuracy)),
        ("W₂² to the teacher's features", lines(|c| c.w2_to_teacher)),
    ];
    figures(quantities, "log₁₀ of the multiple of λ")
}

fn figures(quantities: impl IntoIterator<Item = (&'static str, Vec<Line>)>, axis: &str) -> Vec<Value> {
    let shown = quantities.into_iter().filter(|(_, lines)| !lines.is_empty());
    shown.map(|(title, lines)| context! { title => title, figure => figure::lines(title, axis, &lines) }).collect()
}

/// Means over the seeds whose files are here.
fn curves(folder: &RunFolder, found: &CellResults) -> Vec<Value> {
    let histories: Vec<(String, Vec<Vec<EpochRecord>>)> = found
        .arms
        .iter()
        .map(|arm| {
            let read = |seed: &u64| {
                let text = files::read_text(&folder.student(&arm.arm, *seed).join("metrics.jsonl")).ok()?;
                text.lines().map(|line| serde_json::from_str(line).ok()).collect::<Option<Vec<EpochRecord>>>()
            };
            (arm.arm.clone(), arm.seeds.iter().filter_map(read).collect())
        })
        .collect();
    let lines = |pick: fn(&EpochRecord) -> Option<f64>| -> Vec<Line> {
        let line = |(name, seeds): &(String, Vec<Vec<EpochRecord>>)| {
            let epochs = seeds.iter().map(Vec::len).min().unwrap_or(0);
            let point = |e: usize| {
                let values: Option<Vec<f64>> = seeds.iter().map(|h| pick(&h[e])).collect();
                values.map(|v| (e as f64 + 1.0, v.iter().sum::<f64>() / v.len() as f64))
            };
            Line { name: name.clone(), points: (0..epochs).filter_map(point).collect() }
        };
        histories.iter().map(line).filter(|l| !l.points.is_empty()).collect()
    };
    let quantities = [
        ("validation accuracy, %", lines(|r| Some(r.val.accuracy))),
        ("W₂² to the teacher's features", lines(|r| r.w2_to_teacher)),
    ];
    figures(quantities, "epoch")
}

/// Cost against gain, one dot an arm.
fn gain(found: &CellResults) -> Option<String> {
    let dots: Vec<(&str, f64, f64)> = found
        .arms
        .iter()
        .filter_map(|a| Some((a.arm.as_str(), a.cost.criterion_ms, a.versus_none?.mean)))
        .filter(|(_, cost, _)| cost.is_finite() && *cost > 0.0)
        .collect();
    if dots.len() < 2 {
        return None;
    }
    let (w, h, margin) = (460.0, 280.0, 44.0);
    let range = |pick: fn(&(&str, f64, f64)) -> f64| {
        dots.iter().map(pick).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
    };
    let ((x0, x1), (y0, y1)) = (range(|d| d.1.log10()), range(|d| d.2));
    let x = |v: f64| margin + (v.log10() - x0) / (x1 - x0).max(1e-9) * (w - 3.0 * margin);
    let y = |v: f64| h - margin - (v - y0) / (y1 - y0).max(1e-9) * (h - 2.0 * margin);
    let mut svg = format!(r#"<svg viewBox="0 0 {w} {h}" role="img" aria-label="cost against gain">"#);
    for tick in figure::ticks(y0, y1, 5) {
        svg += &format!(
            r#"<line class="grid" x1="{margin}" x2="{w}" y1="{0:.1}" y2="{0:.1}"/><text class="tick" x="{1}" y="{2:.1}" text-anchor="end">{3}</text>"#,
            y(tick),
            margin - 6.0,
            y(tick) + 3.5,
            (tick * 100.0).round() / 100.0
        );
    }
    for power in x0.floor() as i32..=x1.ceil() as i32 {
        let value = 10f64.powi(power);
        if (x0..=x1).contains(&value.log10()) {
            svg += &format!(
                r#"<text class="tick" x="{:.1}" y="{}" text-anchor="middle">{value} ms</text>"#,
                x(value),
                h - 18.0
            );
        }
    }
    svg += &format!(
        r#"<text class="tick" x="{}" y="{}" text-anchor="middle">criterion's time in a step; up: gain over none, points</text>"#,
        w / 2.0,
        h - 2.0
    );
    for (name, cost, points) in dots {
        svg += &format!(
            r#"<circle class="dot" cx="{0:.1}" cy="{1:.1}" r="3.5"/><text class="tick" x="{2:.1}" y="{3:.1}">{name}</text>"#,
            x(cost),
            y(points),
            x(cost) + 6.0,
            y(points) + 3.5
        );
    }
    Some(svg + "</svg>")
}

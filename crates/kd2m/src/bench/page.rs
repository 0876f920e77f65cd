//! `report.html` of a grid: one self-contained page with a sortable table, differences with their intervals, cost against gain,
//! accuracy and distance against λ, learning curves, reliability; features, as on each cell's own report, once the cell is whole.

use minijinja::{Environment, Value, context};

use super::{
    choice::Candidate,
    grid::{Cell, Grid},
    plan::Stage,
    results::{ArmResults, CellResults},
    setting::FACTOR,
    store::Store,
    table,
};
use crate::{
    Error,
    columns::Table,
    files,
    measure::Calibration,
    observers::jsonl,
    report::{
        SCRIPT, STYLE, features,
        figure::{self, Line, differences::Difference, gain::Gain, tried::Tried},
        found::about,
        picture::Pictures,
        sweep,
        table::table as results_table,
        titled,
    },
    train::{
        EpochRecord,
        about::About,
        folder::RunFolder,
        summary::{StudentSummary, TeacherSummary},
    },
};

/// The page.
///
/// # Errors
/// None in practice: the template is part of the program and tested.
pub fn page(grid: &Grid, store: &Store, cells: &[CellResults]) -> Result<String, Error> {
    let mut environment = Environment::new();
    let broken = Error::from;
    environment.add_template("page.html", include_str!("page.html")).map_err(broken)?;
    let template = environment.get_template("page.html").map_err(broken)?;
    let both = grid.cells.iter().zip(cells).enumerate();
    let shown = both.map(|(i, (cell, found))| section(store, cell, found, i)).collect::<Result<Vec<_>, _>>();
    let shown = shown.map_err(broken)?;
    let overview = (cells.len() > 1).then(|| table::overview(cells, Table::Grid));
    template
        .render(context! {
            style => STYLE, script => SCRIPT, name => grid.name.clone(), overview => overview, cells => shown,
        })
        .map_err(broken)
}

fn section(store: &Store, cell: &Cell, found: &CellResults, id: usize) -> Result<Value, minijinja::Error> {
    let folder = RunFolder::open(&store.place(Stage::Runs, cell)).ok();
    let report = folder.as_ref().is_some_and(|f| f.report().is_file());
    let begun = folder.as_ref().and_then(|f| About::of(f).ok().flatten());
    Ok(context! {
        name => found.cell.clone(),
        teacher => found.teacher.as_ref().map(TeacherSummary::described),
        student => found.student.clone(),
        seeds => found.seeds.len(),
        choice => found.select.as_ref().map(|_| table::choice(found)),
        edges => table::edges(found),
        few => found.describes_only(),
        other_teacher => found.other_teacher.as_ref().map(|t| format!("{:.2} %", t.test_accuracy)),
        measured => found.arms.iter().any(|a| a.ece.is_some() || a.cka_to_teacher.is_some()),
        table => results_table(Table::Grid, &found.rows())?,
        differences => differences(found),
        gain => gain(found),
        sweeps => titled(sweeps(found)),
        tried => titled(tried(found)),
        curves => folder.as_ref().map(|f| titled(curves(f, found))).unwrap_or_default(),
        features => folder.as_ref().and_then(|f| drawn(f, id)),
        calibrations => folder.map(|f| calibrations(&f, found)).unwrap_or_default(),
        about => begun.as_ref().map(about),
        report => report.then(|| format!("runs/{}/report.html", found.cell)),
    })
}

/// Features, where the cell's own report has drawn them.
fn drawn(folder: &RunFolder, id: usize) -> Option<String> {
    let pictures: Pictures = files::read_json(&folder.pictures()).ok()?;
    features::features(&pictures, id, "h3").ok()
}

/// Differences to λ = 0, largest first.
fn differences(found: &CellResults) -> Option<String> {
    let arms = found.arms.iter().filter_map(|a| Some((a.arm.as_str(), a.versus_none.as_ref()?)));
    let of = |(name, v): (_, &super::results::Versus)| Difference {
        name,
        mean: v.mean,
        half_width: v.half_width,
        verdict: v.verdict(),
    };
    let mut all: Vec<Difference> = arms.map(of).collect();
    all.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    figure::differences::differences(&all)
}

/// Cost against gain.
fn gain(found: &CellResults) -> Option<String> {
    let of = |arm: &'_ ArmResults| {
        let v = arm.versus_none?;
        Some((arm.cost.criterion_ms, v.mean, v.half_width))
    };
    let all = found.arms.iter().filter_map(|a| {
        let (cost, gain, half_width) = of(a)?;
        Some(Gain { name: &a.arm, cost, gain, half_width })
    });
    figure::gain::gain(&all.collect::<Vec<_>>())
}

/// Accuracy and distance against λ: the candidates on validation, or arms of one criterion at several weights on test.
fn sweeps(found: &CellResults) -> Vec<(String, String)> {
    let single = |arm: &ArmResults| {
        if arm.weights.is_empty() { Some(0.0) } else { (arm.weights.len() == 1).then(|| arm.weights[0]) }
    };
    let reported = found.arms.iter().filter_map(|arm| {
        Some(sweep::Point {
            criterion: arm.criterion.clone(),
            weight: single(arm).filter(|w| *w > 0.0 || arm.arm == "none")?,
            accuracy: Some((arm.test_accuracy_mean, arm.test_accuracy_std)),
            w2_to_teacher: arm.w2_to_teacher,
            chosen: false,
        })
    });
    let candidates = found.arms.iter().filter_map(|arm| {
        let choice = arm.choice.as_ref().filter(|choice| choice.setting.is_factor_alone())?;
        Some((arm, single(arm), choice, choice.setting.factor()?))
    });
    let candidates = candidates.flat_map(|(arm, weight, choice, factor)| {
        choice.candidates.iter().filter_map(move |c| {
            let multiple = c.setting.factor()?;
            Some(sweep::Point {
                // A sum has no one λ.
                criterion: weight.map_or_else(|| format!("{}: × its λ", arm.arm), |_| arm.arm.clone()),
                // The file's weight is the chosen one over the chosen multiple.
                weight: weight.map_or(multiple, |weight| weight / factor * multiple),
                accuracy: c.val_accuracy.map(|accuracy| (accuracy, None)),
                w2_to_teacher: c.w2_to_teacher,
                chosen: c.setting == choice.setting,
            })
        })
    });
    let on_validation = sweep::figures(&candidates.collect::<Vec<_>>(), "choice of λ: validation accuracy, %");
    let on_test = sweep::figures(&reported.collect::<Vec<_>>(), "test accuracy, %");
    on_validation.into_iter().chain(on_test).collect()
}

/// What was tried of each arm where more than its weights is varied.
fn tried(found: &CellResults) -> Vec<(String, String)> {
    let of = |arm: &ArmResults| {
        let choice = arm.choice.as_ref().filter(|choice| !choice.setting.is_factor_alone())?;
        let keys: Vec<String> =
            choice.setting.keys().map(|key| if key == FACTOR { "λ ×" } else { key }.to_owned()).collect();
        let value = |c: &Candidate, key: &str| c.setting.get(key).map(ToString::to_string).unwrap_or_default();
        let candidate = |c: &Candidate| Tried {
            at: choice.setting.keys().map(|key| value(c, key)).collect(),
            value: c.val_accuracy,
            chosen: c.setting == choice.setting,
        };
        let all: Vec<Tried> = choice.candidates.iter().map(candidate).collect();
        Some((format!("choice of {}: validation accuracy, %", arm.arm), figure::tried::tried(&keys, &all)?))
    };
    found.arms.iter().filter_map(of).collect()
}

/// Reliability of each arm whose files are here, all seeds together.
fn calibrations(folder: &RunFolder, found: &CellResults) -> Vec<Value> {
    let of = |arm: &ArmResults| {
        let read = |seed: &u64| {
            let summary: StudentSummary =
                files::read_json(&folder.student(&arm.arm, *seed).join("summary.json")).ok()?;
            summary.calibration
        };
        let seeds: Option<Vec<Calibration>> = arm.seeds.iter().map(read).collect();
        let pooled = Calibration::pooled(&seeds?)?;
        let drawn = figure::reliability::reliability(&pooled);
        Some(context! { arm => arm.arm.clone(), figure => drawn })
    };
    found.arms.iter().filter_map(of).collect()
}

/// Means over the seeds whose files are here.
fn curves(folder: &RunFolder, found: &CellResults) -> Vec<(String, String)> {
    let histories: Vec<(String, Vec<Vec<EpochRecord>>)> = found
        .arms
        .iter()
        .map(|arm| {
            let read = |seed: &u64| {
                let text = files::read_text(&folder.student(&arm.arm, *seed).join(jsonl::NAME)).ok()?;
                text.lines().map(|line| serde_json::from_str(line).ok()).collect::<Option<Vec<EpochRecord>>>()
            };
            (arm.arm.clone(), arm.seeds.iter().filter_map(read).collect())
        })
        .collect();
    let lines = |pick: fn(&EpochRecord) -> Option<f64>| -> Vec<Line> {
        let line = |(series, (name, seeds)): (usize, &(String, Vec<Vec<EpochRecord>>))| {
            let epochs = seeds.iter().map(Vec::len).min().unwrap_or(0);
            let point = |e: usize| {
                let values: Option<Vec<f64>> = seeds.iter().map(|h| pick(&h[e])).collect();
                values.map(|v| (e as f64 + 1.0, v.iter().sum::<f64>() / v.len() as f64))
            };
            Line::new(name, series, (0..epochs).filter_map(point).collect())
        };
        histories.iter().enumerate().map(line).filter(|l| !l.points.is_empty()).collect()
    };
    let quantities = [
        ("validation accuracy, %", lines(|r| Some(r.val.accuracy))),
        ("W₂² to the teacher's features", lines(|r| r.w2_to_teacher)),
    ];
    let shown = quantities.into_iter().filter(|(_, lines)| !lines.is_empty());
    shown.map(|(title, lines)| (title.to_owned(), figure::lines(title, "epoch", &lines, figure::whole))).collect()
}

//! `report.html`: one self-contained page about a run, without network or scripts, light and dark, printable.
//! [`collect`] gathers the numbers from a run folder, [`figure`] draws them as SVG, `page.html` is the page.

pub mod collect;
pub mod embedding;
pub mod figure;

use std::path::{Path, PathBuf};

use minijinja::{Environment, context};

use crate::{Error, device::DeviceChoice, files, train::folder::RunFolder};
pub use collect::{Collected, collect};

/// The style sheet that all pages share.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Writes `report.html` of a finished run and returns its path; `data_root` in place of the configuration's.
///
/// # Errors
/// A folder that is no finished run, or files that cannot be read or written.
pub fn write(root: &Path, data_root: Option<&Path>, device: DeviceChoice, threads: usize) -> Result<PathBuf, Error> {
    let path = RunFolder::open(root)?.report();
    files::write(&path, page(&collect(root, data_root, device, threads)?)?.as_bytes())?;
    Ok(path)
}

/// The page of a run; every text is escaped by the template engine.
///
/// # Errors
/// None in practice: the template is part of the program and tested.
pub fn page(run: &Collected) -> Result<String, Error> {
    let mut environment = Environment::new();
    let broken = |e: minijinja::Error| Error::Config(format!("report: {e}"));
    environment.add_template("page.html", include_str!("page.html")).map_err(broken)?;
    let template = environment.get_template("page.html").map_err(broken)?;
    template
        .render(context! {
            style => STYLE,
            name => run.summary.name.clone(),
            dataset => run.summary.dataset.clone(),
            seeds => run.summary.seeds.iter().map(u64::to_string).collect::<Vec<_>>(),
            teacher_model => run.summary.teacher.model.clone(),
            teacher_accuracy => format!("{:.2}", run.summary.teacher.test_accuracy),
            rows => rows(run),
            few_seeds => run.summary.seeds.len() < 10,
            curves => curves(run),
            bounds => bounds(run),
            embeddings => run.embeddings.iter().map(|e| context! {
                arm => e.arm.clone(), figure => figure::scatter(e), w2 => format!("{:.4}", e.w2),
            }).collect::<Vec<_>>(),
            explained => run.explained.map(|share| format!("{:.0}", 100.0 * share)),
            classes => run.class_names.iter().enumerate().map(|(i, name)| context! {
                name => name.clone(), color => figure::color(i),
            }).collect::<Vec<_>>(),
            plans => run.plans.iter().map(|p| context! {
                arm => p.arm.clone(), figure => figure::plan(p), within => format!("{:.0}", (100.0 * p.within_class).max(0.0)),
            }).collect::<Vec<_>>(),
            config => run.config.clone(),
        })
        .map_err(broken)
}

/// One row of the table, as text.
fn rows(run: &Collected) -> Vec<minijinja::Value> {
    let none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let row = |arm: &crate::train::summary::ArmSummary| {
        let verdict = arm.versus_none.as_ref().map(|d| match d.mean {
            m if m > d.half_width => "better",
            m if -m > d.half_width => "worse",
            _ => "not told apart",
        });
        context! {
            arm => arm.arm.clone(),
            criterion => if arm.criterion == arm.arm { String::new() } else { arm.criterion.clone() },
            weight => none(arm.weight.map(|w| w.to_string())),
            accuracy => format!("{:.2} ± {:.2}", arm.test_accuracy_mean, arm.test_accuracy_std),
            best => format!("{:.2} ± {:.2}", arm.best_val.test_accuracy_mean, arm.best_val.test_accuracy_std),
            versus => none(arm.versus_none.as_ref().map(|d| format!("{:+.2} ± {:.2}", d.mean, d.half_width))),
            verdict => none(verdict.map(str::to_owned)),
            w2 => none(arm.w2_to_teacher.map(|w| format!("{w:.4}"))),
            speed => format!("{:.0}", arm.images_per_second),
        }
    };
    run.summary.students.iter().map(row).collect()
}

/// A quantity of an epoch.
type Pick = fn(&crate::train::EpochRecord) -> Option<f64>;

/// Learning curves.
fn curves(run: &Collected) -> Vec<minijinja::Value> {
    figures(
        run,
        &[
            ("validation accuracy, %", |r| Some(r.val.accuracy)),
            ("validation cross entropy", |r| Some(r.val.ce)),
            ("W₂² to the teacher's features", |r| r.w2_to_teacher),
        ],
    )
}

/// What the theory says of the student's risk, where `train.track_bounds` asked for it.
fn bounds(run: &Collected) -> Vec<minijinja::Value> {
    let quantities: [(&str, Pick); 4] = [
        ("risk gap: cross entropy of student − teacher", |r| r.bounds.get("ce_gap").copied()),
        ("what bounds the gap: transfer + mismatch", |r| Some(r.bounds.get("bound")? - r.bounds.get("ce_teacher")?)),
        ("wrong answers of the student, share", |r| r.bounds.get("wrong_student").copied()),
        ("what bounds the wrong answers", |r| r.bounds.get("wrong_bound").copied()),
    ];
    figures(run, &quantities)
}

/// One figure a quantity, one line an arm (mean over seeds).
fn figures(run: &Collected, quantities: &[(&str, Pick)]) -> Vec<minijinja::Value> {
    quantities
        .iter()
        .filter_map(|(title, pick)| {
            let lines: Vec<figure::Line> = run
                .histories
                .iter()
                .map(|arm| figure::Line { name: arm.arm.clone(), points: arm.mean_curve(*pick) })
                .filter(|line| line.points.iter().any(|(_, y)| y.is_finite()))
                .collect();
            (!lines.is_empty()).then(|| context! { title => *title, figure => figure::lines(title, "epoch", &lines) })
        })
        .collect()
}

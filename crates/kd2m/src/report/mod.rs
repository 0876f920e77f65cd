//! `report.html`: one self-contained page about a run, without network, light and dark, printable. `collect` gathers the
//! numbers from a run folder, `found` says what they come to, `picture` holds what is drawn of features, `figure` draws as SVG, `answers` is the
//! part about classes, `features` the part that a grid's page shares, `page.html` is the page.

pub(crate) mod answers;
pub(crate) mod collect;
pub(crate) mod embedding;
pub(crate) mod features;
pub(crate) mod figure;
pub(crate) mod found;
pub(crate) mod networks;
pub(crate) mod picture;
pub(crate) mod sweep;
pub(crate) mod table;
pub(crate) mod thumbnail;

use std::path::{Path, PathBuf};

use minijinja::{Environment, Value, context};

use crate::{
    Error,
    amount::duration,
    columns::Table,
    device::DeviceChoice,
    files,
    train::{folder::RunFolder, statistics::ENOUGH},
};
use collect::{Collected, collect};

/// The style sheet that all pages share.
pub(crate) const STYLE: &str = include_str!("style.css");
/// The only script: tables that sort, arms that are shown alone, parts that a link opens.
pub(crate) const SCRIPT: &str = concat!(include_str!("sort.js"), include_str!("page.js"));

/// Writes `report.html` of a finished run, and `pictures.json` beside it, and returns its path; `data_root` in place of the configuration's.
///
/// # Errors
/// A folder that is no finished run, or files that cannot be read or written.
pub fn write(root: &Path, data_root: Option<&Path>, device: DeviceChoice, threads: usize) -> Result<PathBuf, Error> {
    let folder = RunFolder::open(root)?;
    let (path, run) = (folder.report(), collect(root, data_root, device, threads)?);
    files::write_json(&folder.pictures(), &run.pictures)?;
    files::write(&path, page(&run)?.as_bytes())?;
    Ok(path)
}

/// The page of a run; every text is escaped by the template engine.
///
/// # Errors
/// None in practice: the template is part of the program and tested.
fn page(run: &Collected) -> Result<String, Error> {
    let mut environment = Environment::new();
    let broken = Error::from;
    environment.add_template("page.html", include_str!("page.html")).map_err(broken)?;
    let template = environment.get_template("page.html").map_err(broken)?;
    let table = table::table(Table::Run, &run.summary.rows()).map_err(broken)?;
    let features = features::features(&run.pictures, 0, "h2").map_err(broken)?;
    let answers = answers::answers(&run.answered, &run.dataset).map_err(broken)?;
    let (curves, bounds) = (curves(run), bounds(run));
    let sweeps = titled(sweep::figures(&sweep(run), "test accuracy, %"));
    let parts = [
        (true, "found", "What was found"),
        (!answers.is_empty(), "answers", "Class by class"),
        (!sweeps.is_empty(), "sweeps", "Against λ"),
        (!curves.is_empty(), "curves", "Learning curves"),
        (!bounds.is_empty(), "bounds", "Risk and its bounds"),
        (!run.pictures.maps.is_empty(), "maps-0", "Features"),
        (!run.pictures.heats.is_empty(), "heats-0", "Distances between classes"),
        (!run.pictures.plans.is_empty(), "plans-0", "A transport plan"),
        (!run.calibrations.is_empty(), "calibration", "Confidence"),
        (true, "configuration", "Configuration"),
    ];
    let omitted = omitted(run, answers.is_empty(), bounds.is_empty());
    template
        .render(context! {
            style => STYLE,
            script => SCRIPT,
            name => run.summary.name.clone(),
            dataset => run.summary.dataset.clone(),
            images => run.images.clone(),
            seeds => run.summary.seeds.iter().map(u64::to_string).collect::<Vec<_>>(),
            teacher => context! { model => run.summary.teacher.model.clone() },
            student => run.networks.iter().find(|n| n.role == "student").map(|n| n.model.clone()),
            about => run.about.as_ref().map(found::about),
            parts => parts.iter().filter(|(there, ..)| *there).map(|(_, id, title)| context! { id => *id, title => *title })
                .collect::<Vec<_>>(),
            finding => found::finding(run),
            next => found::next(run),
            differences => found::differences(run),
            networks => run.networks.iter().map(|n| context! { role => n.role }).collect::<Vec<_>>(),
            sizes => found::sizes(run),
            time => (run.seconds > 0.0).then(|| duration(run.seconds)),
            distant => run.summary.students.iter().any(|s| s.w2_to_teacher.is_some()),
            measured => run.summary.students.iter().any(|s| s.ece.is_some() || s.cka_to_teacher.is_some()),
            table => table,
            few_seeds => run.summary.seeds.len() < ENOUGH,
            answers => answers,
            curves => curves,
            bounds => bounds,
            sweeps => sweeps,
            features => features,
            calibrations => run.calibrations.iter().map(|(arm, found)| context! {
                arm => arm.clone(), figure => figure::reliability::reliability(found),
            }).collect::<Vec<_>>(),
            config => run.config.clone(),
            omitted => omitted,
        })
        .map_err(broken)
}

/// Parts that are not there, and why.
fn omitted(run: &Collected, no_answers: bool, no_bounds: bool) -> Vec<String> {
    let mut all = Vec::new();
    if no_answers {
        all.push(
            "Class by class: the run is of an older version, which kept no answers; kd2m eval shows them.".to_owned(),
        );
    }
    if let Some(why) = &run.unpictured {
        all.push(format!("Features of teacher and student: {why}."));
    }
    if no_bounds {
        all.push(
            "Bounds of the risk: train.track_bounds was off; kd2m bound computes them of the finished students."
                .to_owned(),
        );
    }
    if run.calibrations.is_empty() {
        all.push("Confidence: the run is of an older version, which did not measure it.".to_owned());
    }
    all
}

/// A quantity of an epoch.
type Pick = fn(&crate::train::EpochRecord) -> Option<f64>;

/// Learning curves.
fn curves(run: &Collected) -> Vec<Value> {
    figures(
        run,
        &[
            ("validation accuracy, %", |r| Some(r.val.accuracy)),
            ("validation cross entropy", |r| Some(r.val.ce)),
            ("W₂² to the teacher's features", |r| r.w2_to_teacher),
            ("share of the gradient that the criteria have, %", |r| {
                // Without criteria it is 0.
                let all = r.train.terms.values().map(|t| t.share_of_gradient).collect::<Option<Vec<f64>>>()?;
                Some(100.0 * all.iter().sum::<f64>())
            }),
        ],
    )
}

/// What the theory says of the student's risk, where `train.track_bounds` asked for it.
fn bounds(run: &Collected) -> Vec<Value> {
    let quantities: [(&str, Pick); 4] = [
        ("risk gap: cross entropy of student − teacher", |r| r.bounds.get("ce_gap").copied()),
        ("what bounds the gap: transfer + mismatch", |r| Some(r.bounds.get("bound")? - r.bounds.get("ce_teacher")?)),
        ("wrong answers of the student, share", |r| r.bounds.get("wrong_student").copied()),
        ("what bounds the wrong answers", |r| r.bounds.get("wrong_bound").copied()),
    ];
    figures(run, &quantities)
}

/// One figure a quantity, one line an arm (mean over seeds).
fn figures(run: &Collected, quantities: &[(&str, Pick)]) -> Vec<Value> {
    let figure = |(title, pick): &(&str, Pick)| {
        let line =
            |(series, arm): (usize, &collect::ArmHistory)| figure::Line::new(&arm.arm, series, arm.mean_curve(*pick));
        let lines = run.histories.iter().enumerate().map(line);
        let lines: Vec<figure::Line> = lines.filter(|l| l.points.iter().any(|(_, y)| y.is_finite())).collect();
        (!lines.is_empty()).then(|| ((*title).to_owned(), figure::lines(title, "epoch", &lines, figure::whole)))
    };
    titled(quantities.iter().filter_map(figure).collect())
}

/// Figures with their titles, for a template.
pub(crate) fn titled(figures: Vec<(String, String)>) -> Vec<Value> {
    figures.into_iter().map(|(title, figure)| context! { title => title, figure => figure }).collect()
}

/// The arms as points over λ.
fn sweep(run: &Collected) -> Vec<sweep::Point> {
    let point = |arm: &crate::train::summary::ArmSummary| {
        Some(sweep::Point {
            criterion: arm.criterion.clone(),
            weight: arm.weight?,
            accuracy: Some((arm.test_accuracy_mean, arm.test_accuracy_std)),
            w2_to_teacher: arm.w2_to_teacher,
            chosen: false,
        })
    };
    run.summary.students.iter().filter_map(point).collect()
}

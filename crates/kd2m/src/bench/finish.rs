//! What a grid leaves when its workers are done: whole run folders, tables, the page, summaries.

use super::{
    export,
    grid::Grid,
    options::BenchOptions,
    page,
    plan::Stage,
    progress::{Listener, Progress},
    record::Found,
    results::{self, CellResults},
    status::State,
    store::Store,
    summaries, table,
};
use crate::{
    Config, Error,
    config::ArmConfig,
    files, report,
    train::{
        folder::RunFolder,
        setup::Setup,
        summary::{ArmSummary, StudentSummary, Summary},
    },
};

/// Completes the run folders of cells that are whole: `summary.json` and `report.html`, as after `kd2m distill`.
///
/// # Errors
/// The disk, or data that is no longer there.
pub(super) fn complete(
    grid: &Grid,
    store: &Store,
    options: &BenchOptions,
    state: &State,
    listen: Listener,
) -> Result<(), Error> {
    for (index, cell) in grid.cells.iter().enumerate() {
        let Some(config) = results::reported(store, grid, cell, |_| true) else { continue };
        let Ok(folder) = RunFolder::open(&store.place(Stage::Runs, cell)) else { continue };
        let drawn = folder.pictures().is_file() && folder.report().is_file();
        if drawn && !state.touched.contains(&index) && is_of(&folder, &config) {
            continue;
        }
        let whole = |arm: &ArmConfig| {
            let found = config.train.seeds.iter().map(|seed| {
                let weights = folder.student(&arm.name, *seed).join("student.safetensors").is_file();
                match store.student(Stage::Runs, cell, arm, *seed) {
                    Some(Found::Finished(summary)) if weights => Some(*summary),
                    _ => None,
                }
            });
            found.collect::<Option<Vec<StudentSummary>>>()
        };
        let students: Option<Vec<_>> = config.arms.iter().map(|arm| Some((arm, whole(arm)?))).collect();
        let (Some(students), Some(teacher)) = (students, store.teacher(cell)) else { continue };
        let setup = Setup::new(&config, options.device, 1)?;
        let parameters = setup.student.parameter_count();
        let summary = Summary {
            name: config.name.clone(),
            dataset: config.data.dataset.clone(),
            seeds: config.train.seeds.clone(),
            teacher,
            students: students
                .iter()
                .map(|(arm, found)| ArmSummary::new(arm, &config.student.model, parameters, found))
                .collect(),
        };
        files::write_json(&folder.summary(), &summary.compare())?;
        if let Err(e) = report::write(folder.root(), None, options.device, 1) {
            listen(Progress::Note(format!("{}: no report: {e}", cell.name)));
        }
    }
    Ok(())
}

/// Whether a run folder's summary has these seeds and arms: a grid may have grown and been killed before this.
fn is_of(folder: &RunFolder, config: &Config) -> bool {
    let Ok(summary) = files::read_json::<Summary>(&folder.summary()) else { return false };
    let names = config.arms.iter().map(|arm| &arm.name);
    summary.seeds == config.train.seeds && summary.students.iter().map(|arm| &arm.arm).eq(names)
}

/// Writes tables, page and summaries of what is there.
///
/// # Errors
/// The disk.
pub(super) fn write_tables(grid: &Grid, store: &Store, cells: &[CellResults]) -> Result<(), Error> {
    let out = store.out();
    summaries::write(&out.join("summaries.json"), &results::records(grid, store))?;
    files::write(&out.join("table.md"), table::markdown(&grid.name, cells).as_bytes())?;
    files::write(&out.join("table.tex"), export::latex(cells).as_bytes())?;
    files::write(&out.join("table.csv"), export::csv(cells).as_bytes())?;
    files::write(&out.join("report.html"), page::page(grid, store, cells)?.as_bytes())
}

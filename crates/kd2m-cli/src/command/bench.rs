//! `kd2m bench`: a grid of runs, its plan, its tables.

use std::{path::Path, process::ExitCode};

use kd2m::{
    Error,
    bench::{self, BenchOptions, Grid, Protocol, Shard, estimate, table},
    config::Source,
    device::DeviceChoice,
    warning,
};

use crate::{
    arguments::BenchArguments,
    bench_progress::BenchProgress,
    output::show,
    say::say,
    signals::{GoOn, halt_on_signals},
};

/// Runs a grid, or says what it would run.
///
/// # Errors
/// Bad input; a run that fails is reported and gives exit code 1.
pub fn bench(arguments: &BenchArguments) -> Result<ExitCode, Error> {
    if arguments.strict {
        warning::be_strict();
    }
    let grid = grid(arguments)?;
    let options = BenchOptions {
        out: arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&grid.name)),
        jobs: arguments.jobs,
        threads: arguments.threads,
        side_by_side: arguments.side_by_side,
        device: DeviceChoice::parse(&arguments.device)?,
        shard: arguments.shard.as_deref().map_or(Ok(Shard::WHOLE), Shard::parse)?,
        reuse: arguments.reuse.clone(),
        tables_only: arguments.tables_only,
        allow_weak_teacher: arguments.allow_weak_teacher,
        tensorboard: !arguments.no_tensorboard,
        halt: halt_on_signals(GoOn::Again)?,
    };
    if arguments.dry_run {
        let found = estimate::estimate(&grid, &options)?;
        if arguments.json {
            show(&format!("{}\n", json(&found)?))?;
        } else {
            show(&found.text(options.shard))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let progress = BenchProgress::new(arguments.quiet);
    let outcome = bench::run(&grid, &options, &|event| progress.hear(&event));
    progress.end();
    let outcome = outcome.map_err(|error| GoOn::Again.tell(error))?;
    if arguments.json {
        show(&format!("{}\n", json(&outcome)?))?;
    } else {
        show(&table::markdown(&outcome.name, &outcome.cells))?;
    }
    if !outcome.failed.is_empty() {
        say!("{} unit(s) failed; each is named above with why", outcome.failed.len());
    }
    if outcome.failed.is_empty() && outcome.missing > 0 {
        let whose = if arguments.tables_only {
            "have no result yet"
        } else {
            "are left to other shards; the last one to end writes the whole table"
        };
        say!("{} run(s) {whose}", outcome.missing);
    }
    say!("tables, summaries and report: {}", options.out.display());
    Ok(if outcome.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map_err(Error::json("the grid"))
}

fn grid(arguments: &BenchArguments) -> Result<Grid, Error> {
    let mut source = Source::file(&arguments.grid)?;
    if let Some(name) = &arguments.protocol {
        Protocol::parse(name)?.overlay(&mut source)?;
    }
    if let Some(root) = &arguments.data_root {
        source.put_path("data.root", root)?;
    }
    if arguments.skip_bad {
        source.set("data.skip_bad=true")?;
    }
    if !arguments.seeds.is_empty() {
        source.set(&format!("train.seeds={:?}", arguments.seeds))?;
    }
    if let Some(epochs) = arguments.epochs {
        source.set(&format!("train.epochs={epochs}"))?;
    }
    arguments.sets.iter().try_for_each(|set| source.set(set))?;
    Grid::resolve(source)
}

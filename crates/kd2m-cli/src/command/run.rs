//! `kd2m train` and `kd2m distill`: the configuration from file and flags, the run, its table.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use kd2m::{
    Config, Error,
    config::Source,
    device::DeviceChoice,
    train::{self, RunOptions, distill::Finished, folder::Existing},
    warning,
};

use crate::{
    arguments::RunArguments,
    next, output,
    progress::Progress,
    ranks::{Crew, is_silent},
    say::say,
    signals::{GoOn, halt_on_signals},
    table,
};

/// Trains a teacher.
///
/// # Errors
/// Bad input, or a run that failed.
pub fn train(arguments: &RunArguments, crew: &Crew) -> Result<ExitCode, Error> {
    let config = configuration(arguments)?;
    if arguments.print_config {
        output::show(&config.to_toml()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut progress =
        Progress::new(arguments.quiet || is_silent(), &[(1, config.teacher.epochs.unwrap_or(config.train.epochs))]);
    let finished = train::train_teacher(&config, &options(arguments, crew)?, &mut progress);
    show(arguments, &finished.map_err(|error| GoOn::Resume.tell(error))?)
}

/// Distils students from a teacher.
///
/// # Errors
/// Bad input, or a run that failed.
pub fn distill(arguments: &RunArguments, crew: &Crew) -> Result<ExitCode, Error> {
    let config = configuration(arguments)?;
    if arguments.print_config {
        output::show(&config.to_toml()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let students = train::arms(&config, arguments.no_baseline).len() * config.train.seeds.len();
    let mut progress = Progress::new(arguments.quiet || is_silent(), &[(students, config.train.epochs)]);
    let started = Instant::now();
    let finished = train::distill(&config, &options(arguments, crew)?, &mut progress);
    let finished = finished.map_err(|error| GoOn::Resume.tell(error))?;
    let code = show(arguments, &finished)?;
    let spent = (!arguments.resume).then(|| started.elapsed());
    if let Some(line) =
        next::with_enough_seeds(arguments, &finished.summary, spent).filter(|_| !arguments.json && !arguments.quiet)
    {
        say!("{line}");
    }
    Ok(code)
}

fn show(arguments: &RunArguments, finished: &Finished) -> Result<ExitCode, Error> {
    if arguments.json {
        let text = serde_json::to_string_pretty(&finished.summary).map_err(Error::json("the summary"))?;
        output::show(&format!("{text}\n"))?;
    } else {
        output::show(&table::summary(&finished.summary))?;
        say!("run folder: {}", finished.folder.root().display());
    }
    Ok(ExitCode::SUCCESS)
}

fn configuration(arguments: &RunArguments) -> Result<Config, Error> {
    let mut source = match &arguments.config {
        Some(path) => Source::file(path)?,
        None => {
            let base = Source::without_file(&arguments.sets)?;
            if !arguments.quiet {
                say!("no --config: the run begins with {} (--print-config shows it whole)", base.label());
            }
            base
        }
    };
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
    if let Some(every) = arguments.track_bounds {
        source.set(&format!("train.track_bounds={every}"))?;
    }
    if !arguments.criteria.is_empty() {
        source.set_arms(&arguments.criteria, arguments.weight)?;
    }
    arguments.sets.iter().try_for_each(|set| source.set(set))?;
    source.resolve()
}

fn options(arguments: &RunArguments, crew: &Crew) -> Result<RunOptions, Error> {
    if arguments.strict {
        warning::be_strict();
    }
    Ok(RunOptions {
        out: arguments.out.clone(),
        device: DeviceChoice::parse(&arguments.device)?,
        threads: arguments.threads,
        existing: match (arguments.resume, arguments.overwrite) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Overwrite,
            _ => Existing::Refuse,
        },
        allow_weak_teacher: arguments.allow_weak_teacher,
        no_baseline: arguments.no_baseline,
        no_teacher_cache: arguments.no_teacher_cache,
        teacher_cache: None,
        side_by_side: arguments.side_by_side,
        tensorboard: !arguments.no_tensorboard,
        checkpoint_interval: Duration::from_secs(arguments.checkpoint_seconds),
        halt: halt_on_signals(GoOn::Resume)?,
        ranks: crew.ranks(),
        ..RunOptions::default()
    })
}

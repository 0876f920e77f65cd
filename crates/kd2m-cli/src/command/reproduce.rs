//! `kd2m reproduce paper`: the paper's rows, run by the benchmark, beside the published figures.

use std::process::ExitCode;

use kd2m::{
    Error,
    bench::{
        BenchOptions, Shard,
        paper::{self, Request, judge::Answer},
    },
    device::DeviceChoice,
};

use crate::{
    arguments::{ReproduceArguments, Reproduced},
    bench_progress::BenchProgress,
    output::show,
    say::say,
    signals::{GoOn, halt_on_signals},
};

/// Runs the rows and judges every figure; with `--dry-run` says what would run.
///
/// # Errors
/// Bad input; a run that fails is reported and gives exit code 1.
pub fn reproduce(arguments: &ReproduceArguments) -> Result<ExitCode, Error> {
    let Reproduced::Paper = arguments.what;
    let options = BenchOptions {
        out: arguments.out.clone(),
        jobs: arguments.jobs,
        threads: arguments.threads,
        side_by_side: arguments.side_by_side,
        device: DeviceChoice::parse(&arguments.device)?,
        shard: Shard::WHOLE,
        reuse: Vec::new(),
        tables_only: false,
        allow_weak_teacher: arguments.allow_weak_teacher,
        tensorboard: true,
        halt: halt_on_signals(GoOn::Again)?,
    };
    let parts = paper::parts(&request(arguments))?;
    if arguments.dry_run {
        let found = parts.iter().map(|part| part.estimate(&options)).collect::<Result<Vec<_>, Error>>()?;
        let text: String = found.iter().map(|estimate| estimate.text(Shard::WHOLE)).collect();
        show(&if arguments.json { json(&found)? } else { text })?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut judged, mut failed) = (Vec::new(), 0);
    for part in &parts {
        let progress = BenchProgress::new(arguments.quiet);
        let outcome = part.run(&options, &|event| progress.hear(&event));
        progress.end();
        // One data set that is missing does not stop the others.
        let outcome = match outcome {
            Err(stopped @ (Error::Stopped { .. } | Error::Halted)) => return Err(GoOn::Again.tell(stopped)),
            Err(why) if parts.len() > 1 => {
                say!("failed: {}: {why}", part.dataset);
                failed += 1;
                judged.extend(part.not_run(&why));
                continue;
            }
            outcome => outcome?,
        };
        failed += outcome.failed.len();
        judged.extend(outcome.cells.iter().flat_map(|cell| part.judge(cell)));
    }
    paper::write(&options.out, &judged)?;
    show(&if arguments.json { json(&judged)? } else { paper::markdown(&judged) })?;
    let outside = judged.iter().any(|j| j.answer == Answer::Outside);
    Ok(ExitCode::from(u8::from(failed > 0 || (arguments.strict && outside))))
}

fn request(arguments: &ReproduceArguments) -> Request {
    Request {
        rows: arguments.rows.clone(),
        data_root: arguments.data_root.clone(),
        seeds: arguments.seeds.clone(),
        epochs: arguments.epochs,
        teacher_init: arguments.teacher_init.clone(),
        student_init: arguments.student_init.clone(),
        weight: arguments.weight,
        sets: arguments.sets.clone(),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(Error::json("the figures"))
}

//! `kd2m distance`: two sets of features from files, one metric or all of them, with gradient and coupling on request.
//! Metrics are those of [`kd2m_ot::divergence::registry`]; nothing here knows any of them by name but for how values are shown.
//! `inputs.rs` reads, `sets.rs` compares what is not held, `metrics.rs` builds, `outputs.rs` writes files, `show.rs` prints.

mod answer;
mod apart;
mod inputs;
mod metrics;
mod outputs;
mod sets;
mod show;

use std::process::ExitCode;
use std::time::Instant;

use kd2m::Error;
use kd2m_data::features::Number;
use kd2m_ot::{
    Cloud, OtError, Real, Solution,
    divergence::{AnyDivergence, Divergence, Request, registry::Form},
};

use crate::{arguments::DistanceArguments, interrupt, ranks::Crew};
use answer::{Answer, doubt, fail, finite, verdict, verdict_of};
use inputs::{Pair, Sample};
use metrics::{Metric, Metrics};
use outputs::Outputs;

/// Compares two sets of features.
///
/// # Errors
/// Bad input. What `--strict` asks to know and went wrong is exit code 1.
pub fn distance(arguments: &DistanceArguments, crew: &Crew) -> Result<ExitCode, Error> {
    // Names, options and places are checked before large files are read.
    let metrics = Metrics::parse(arguments)?;
    let outputs = Outputs::parse(arguments)?;
    let stop = interrupt::stop_on_interrupt();
    if let Some(code) = sets::distance(arguments, &metrics, &outputs, outputs.request(&stop), crew.ranks())? {
        return Ok(code);
    }
    match inputs::read(arguments)? {
        Pair::F32(a, b) => compare(arguments, &metrics, outputs.request(&stop), &outputs, (&a, &b)),
        Pair::F64(a, b) => compare(arguments, &metrics, outputs.request(&stop), &outputs, (&a, &b)),
    }
}

fn compare<T>(
    arguments: &DistanceArguments,
    metrics: &Metrics,
    request: Request,
    outputs: &Outputs,
    (a, b): (&Sample<T>, &Sample<T>),
) -> Result<ExitCode, Error>
where
    T: Real + Number,
    dyn AnyDivergence: Divergence<T>,
{
    let (cloud_a, cloud_b) = (a.cloud()?, b.cloud()?);
    outputs.check_size(a.n, b.n)?;
    let sizes = show::Sizes { n: a.n, m: b.n, d: [a.d, b.d], precision: T::NAME };
    match metrics {
        Metrics::One(metric) => {
            let answer = match evaluate(metric, &cloud_a, &cloud_b, request) {
                // What is a note without --strict is a failure that the user asked to know.
                Err(error @ OtError::ClassOnOneSide { .. }) if arguments.strict => return Ok(fail(&error.to_string())),
                answer => answer.map_err(|e| metric.explain(e))?,
            };
            show::one(metric, &answer, &sizes, arguments.json)?;
            show::doubts(metric, &answer);
            show::classes(metric, &answer, a, b);
            outputs.write(metric, &answer.solution, &sizes)?;
            Ok(verdict_of(arguments, &answer.solution))
        }
        Metrics::All(metrics) => {
            let labelled = a.labels.is_some() && b.labels.is_some();
            let mut table = show::Table::new(metrics, labelled, &sizes, arguments.json);
            let mut first_doubt = None;
            let one = |metric: &Metric| {
                quick_enough(metric, a.n.max(b.n)).and_then(|()| evaluate(metric, &cloud_a, &cloud_b, request))
            };
            if let Some(only) = &arguments.only {
                // One row of a process whose memory is short.
                let metric = metrics.iter().find(|metric| metric.name == *only);
                let metric = metric.ok_or_else(|| Error::Config(format!("--only {only}: no such metric")))?;
                let answer = one(metric);
                let doubt = answer.as_ref().ok().and_then(|answer| doubt(&answer.solution));
                table.only(metric, answer)?;
                return Ok(verdict(arguments, doubt));
            }
            let apart = apart::memory_is_short((a.n * a.d + b.n * b.d) * size_of::<T>());
            for metric in metrics.iter().filter(|metric| labelled || !metric.needs_labels()) {
                if apart {
                    let row = apart::ask(metric)?;
                    request.stop.check().map_err(OtError::from)?;
                    if let apart::Row::Printed(_, true) = &row {
                        first_doubt = first_doubt.or(Some("not all of it can be trusted"));
                    }
                    table.add_row(metric, row)?;
                    continue;
                }
                let answer = one(metric);
                // The others would be interrupted, too.
                request.stop.check().map_err(OtError::from)?;
                first_doubt = first_doubt.or(answer.as_ref().ok().and_then(|answer| doubt(&answer.solution)));
                table.add(metric, answer)?;
            }
            table.finish()?;
            if labelled {
                show::one_sided(a, b);
            }
            Ok(verdict(arguments, first_doubt))
        }
    }
}

/// Among all metrics one must not keep the others waiting for hours.
///
/// # Errors
/// [`OtError::Numeric`], which says how to wait for it all the same.
fn quick_enough(metric: &Metric, samples: usize) -> Result<(), OtError> {
    match metric.entry.traits.comfortable {
        Some(most) if samples > most && metric.form == Form::Plain => Err(OtError::Numeric {
            metric: metric.name.clone(),
            message: format!("{samples} samples take long (cubic cost): to wait for it, give --metric {}", metric.name),
        }),
        _ => Ok(()),
    }
}

fn evaluate<T: Real>(metric: &Metric, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Answer<T>, OtError>
where
    dyn AnyDivergence: Divergence<T>,
{
    let start = Instant::now();
    let solution: Solution<T> = Divergence::<T>::evaluate(&*metric.divergence, a, b, request)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Answer { solution: finite(metric, solution)?, seconds })
}

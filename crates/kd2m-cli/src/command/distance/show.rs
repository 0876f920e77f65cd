//! What a person sees (a card for one metric, a table for all) and what a script reads (`--json`): results on stdout, notes on stderr.

use std::collections::BTreeSet;

use kd2m::Error;
use kd2m_ot::{OtError, Solution, Status, divergence::registry::Form, precision};
use serde_json::{Map, Value, json};

use super::{answer::Answer, apart::Row, inputs::Sample, metrics::Metric};
use crate::output::show as print;
use crate::say::say;

/// What was compared.
pub struct Sizes {
    pub n: usize,
    pub m: usize,
    /// Widths of A and B, equal but for `gw`.
    pub d: [usize; 2],
    pub precision: &'static str,
}

/// Prints one metric's answer.
///
/// # Errors
/// stdout is closed.
pub fn one<T>(metric: &Metric, answer: &Answer<T>, sizes: &Sizes, as_json: bool) -> Result<(), Error> {
    let text = match as_json {
        true => format!("{:#}\n", json_of(metric, answer, sizes)),
        false => card(metric, answer, sizes),
    };
    print(&text)
}

/// Says on stderr how far a value is to be trusted.
pub fn doubts<T>(metric: &Metric, answer: &Answer<T>) {
    if let Status::Stopped { error } = answer.solution.status {
        let name = &metric.name;
        say!("warning: {name} stopped at its cap before it converged (error {error:.1e}): the value is an estimate");
    }
    rounding(metric, &answer.solution);
    if answer.solution.diagnostic("saturated").unwrap_or(0.0) > 0.0 {
        say!(
            "warning: {} is saturated at its largest value, where its gradient is 0: it tells nothing more",
            metric.name
        );
    }
}

/// Says on stderr which classes are left out.
pub fn classes<T, U>(metric: &Metric, answer: &Answer<T>, a: &Sample<U>, b: &Sample<U>) {
    let diagnostic = |name: &str| answer.solution.diagnostic(name).unwrap_or(0.0);
    if metric.form != Form::WithinClasses {
        return;
    }
    let too_small = diagnostic("classes_too_small");
    if too_small > 0.0 {
        say!("note: {too_small} classes have too few samples for {} and are left out", metric.entry.name);
    }
    if diagnostic("classes_on_one_side") > 0.0 {
        one_sided(a, b);
    }
}

/// Says on stderr how little of a value rounding leaves, where that is told.
pub fn rounding<T>(metric: &Metric, solution: &Solution<T>) {
    let (Some(relative), Some(absolute)) =
        (solution.diagnostic(precision::ROUNDING), solution.diagnostic(precision::ROUNDING_ABSOLUTE))
    else {
        return;
    };
    let (name, value) = (&metric.name, number(solution.value));
    let size = if relative < 1.0 { format!("{:.1} %", 100.0 * relative) } else { "all of it".to_owned() };
    say!(
        "warning: {name}: {value} may be off by {} ({size}), since it is a small difference of numbers that rounding blurs: \
         centre both sets alike, and leave out samples far from all others",
        small(absolute)
    );
}

/// Names the classes that only one side has.
pub fn one_sided<U>(a: &Sample<U>, b: &Sample<U>) {
    let classes = |s: &Sample<U>| s.labels.iter().flatten().copied().collect::<BTreeSet<u32>>();
    let (of_a, of_b) = (classes(a), classes(b));
    for (side, only) in [("A", of_a.difference(&of_b)), ("B", of_b.difference(&of_a))] {
        let only: Vec<String> = only.map(u32::to_string).collect();
        if !only.is_empty() {
            say!("note: left out, as they occur in {side} only: classes {}", only.join(", "));
        }
    }
}

fn card<T>(metric: &Metric, Answer { solution, seconds }: &Answer<T>, sizes: &Sizes) -> String {
    let mut rows = vec![("metric".to_owned(), metric.name.clone()), ("value".to_owned(), number(solution.value))];
    let mut row = |name: &str, text: String| rows.push((name.to_owned(), text));
    if let Some(root) = root(metric, solution) {
        row("root", number(root));
    }
    row("status", status(&solution.status));
    if let Some(gap) = solution.gap {
        row("gap", small(gap));
    }
    if solution.iterations > 0 {
        row("iterations", solution.iterations.to_string());
    }
    for (name, value) in &solution.diagnostics {
        row(&name.replace('_', " "), number(*value));
    }
    row("time", duration(*seconds));
    row("A", format!("{} × {}, {}", sizes.n, sizes.d[0], sizes.precision));
    row("B", format!("{} × {}, {}", sizes.m, sizes.d[1], sizes.precision));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.into_iter().map(|(name, text)| format!("{name:<width$}  {text}\n")).collect()
}

fn status(status: &Status) -> String {
    match status {
        Status::Stopped { error } => format!("stopped at the cap, error {error:.1e}"),
        status => status.word().to_owned(),
    }
}

fn root<T>(metric: &Metric, solution: &Solution<T>) -> Option<f64> {
    (metric.entry.traits.squared && solution.value >= 0.0).then(|| solution.value.sqrt())
}

/// Two digits: of errors and gaps only the size matters.
fn small(x: f64) -> String {
    if x == 0.0 { "0".to_owned() } else { format!("{x:.1e}") }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// Nine digits, as many as a value from f32 features can be worth, without trailing zeros.
fn number(x: f64) -> String {
    if x == 0.0 || !(1e-4..1e9).contains(&x.abs()) {
        return if x == 0.0 { "0".into() } else { format!("{x:.8e}") };
    }
    let decimals = (8 - x.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{x:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn json_of<T>(metric: &Metric, Answer { solution, seconds }: &Answer<T>, sizes: &Sizes) -> Value {
    let mut object = json!({
        "metric": metric.name, "value": solution.value, "status": solution.status.word(),
        "iterations": solution.iterations, "seconds": seconds, "n": sizes.n, "m": sizes.m, "d": sizes.d[0],
        "precision": sizes.precision,
    });
    let diagnostics: Map<String, Value> =
        solution.diagnostics.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    object["diagnostics"] = Value::Object(diagnostics);
    if let Some(gap) = solution.gap {
        object["gap"] = json!(gap);
    }
    if let Status::Stopped { error } = solution.status {
        object["error"] = json!(error);
    }
    if sizes.d[0] != sizes.d[1] {
        object["d_b"] = json!(sizes.d[1]);
    }
    object
}

fn no_answer(metric: &Metric, why: &str) -> Value {
    json!({ "metric": metric.name, "value": null, "status": "not applicable", "reason": why })
}

/// The answers of all metrics: lines as they come, or one JSON array at the end.
pub struct Table<'s> {
    sizes: &'s Sizes,
    labelled: bool,
    width: usize,
    json: Option<Vec<Value>>,
    begun: bool,
}

impl<'s> Table<'s> {
    /// An empty table for these metrics.
    pub fn new(metrics: &[Metric], labelled: bool, sizes: &'s Sizes, as_json: bool) -> Self {
        let shown = metrics.iter().filter(|m| labelled || !m.needs_labels());
        let width = shown.map(|m| m.name.len()).max().unwrap_or(0);
        Self { sizes, labelled, width, json: as_json.then(Vec::new), begun: false }
    }

    /// Adds an answer, or why there is none.
    ///
    /// # Errors
    /// stdout is closed.
    pub fn add<T>(&mut self, metric: &Metric, answer: Result<Answer<T>, OtError>) -> Result<(), Error> {
        if let Ok(answer) = &answer {
            rounding(metric, &answer.solution);
        }
        if let Some(rows) = &mut self.json {
            rows.push(match answer {
                Ok(answer) => json_of(metric, &answer, self.sizes),
                Err(error) => no_answer(metric, &error.to_string()),
            });
            return Ok(());
        }
        self.begin()?;
        match answer {
            Ok(answer) => {
                let Answer { solution, seconds } = &answer;
                let dash = || "–".to_owned();
                let cells = [
                    number(solution.value),
                    root(metric, solution).map_or_else(dash, number),
                    solution.gap.map_or_else(dash, small),
                    duration(*seconds),
                ];
                self.line(&metric.name, cells, &status(&solution.status))
            }
            Err(error) => self.reason(metric, &error.to_string()),
        }
    }

    /// The heading, once.
    fn begin(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let Sizes { n, m, d, precision } = self.sizes;
        say!("A {n} × {}, B {m} × {}, {precision}", d[0], d[1]);
        self.line("metric", ["value", "root", "gap", "time"].map(str::to_owned), "status")
    }

    /// The line of a metric that has no answer.
    fn reason(&self, metric: &Metric, why: &str) -> Result<(), Error> {
        let width = self.width;
        print(&format!("{:<width$}  {:>16}  {why}\n", metric.name, "–"))
    }

    /// One row alone, without heading and end, for the process that asked for it.
    ///
    /// # Errors
    /// stdout is closed.
    pub fn only<T>(mut self, metric: &Metric, answer: Result<Answer<T>, OtError>) -> Result<(), Error> {
        self.begun = true;
        self.add(metric, answer)?;
        match self.json.as_deref() {
            Some([row]) => print(&row.to_string()),
            _ => Ok(()),
        }
    }

    /// Adds a row of another process.
    ///
    /// # Errors
    /// stdout is closed.
    pub fn add_row(&mut self, metric: &Metric, row: Row) -> Result<(), Error> {
        if let Some(rows) = &mut self.json {
            rows.push(match row {
                Row::Printed(text, _) => serde_json::from_str(&text).map_err(Error::json("a row of --metric all"))?,
                Row::Failed(why) => no_answer(metric, &why),
            });
            return Ok(());
        }
        self.begin()?;
        match row {
            Row::Printed(text, _) => print(&text),
            Row::Failed(why) => self.reason(metric, &why),
        }
    }

    fn line(&self, name: &str, [value, root, gap, seconds]: [String; 4], status: &str) -> Result<(), Error> {
        let width = self.width;
        print(&format!("{name:<width$}  {value:>16}  {root:>14}  {gap:>8}  {seconds:>9}  {status}\n"))
    }

    /// Ends the table.
    ///
    /// # Errors
    /// stdout is closed.
    pub fn finish(self) -> Result<(), Error> {
        if let Some(rows) = self.json {
            return print(&format!("{:#}\n", Value::Array(rows)));
        }
        if !self.labelled {
            say!("note: with --labels-a and --labels-b the table also holds each metric within classes (class-NAME)");
        }
        Ok(())
    }
}

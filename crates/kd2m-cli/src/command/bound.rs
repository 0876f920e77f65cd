//! `kd2m bound`: the chain of bounds of saved students, which inequality is tight and which loose.

use std::process::ExitCode;

use kd2m::{
    Error,
    device::DeviceChoice,
    theory::{
        Chain, Verdict,
        saved::{BoundOptions, Bounded, bound_saved},
    },
    train::inspect::On,
    warning,
};

use crate::say::say;
use crate::{
    arguments::{BoundArguments, SplitName},
    output::show,
    progress::Progress,
};

/// Computes and prints; 1 where a proved inequality does not hold.
///
/// # Errors
/// A folder that is no run, or files that cannot be read.
pub fn bound(arguments: &BoundArguments) -> Result<ExitCode, Error> {
    if arguments.strict {
        warning::be_strict();
    }
    let options = BoundOptions {
        on: match arguments.split {
            SplitName::Val => On::Validation,
            SplitName::Test => On::Test,
        },
        arm: arguments.arm.as_deref(),
        exact_limit: arguments.exact_limit,
        data_root: arguments.data_root.as_deref(),
        device: DeviceChoice::parse(&arguments.device)?,
        threads: arguments.threads,
    };
    let mut shown = 0;
    let mut each = |found: &Bounded, of: usize| {
        shown += 1;
        match (arguments.json, of == 1 || arguments.chains) {
            (true, _) => Ok(()),
            (_, true) => show(&card(found)),
            (_, false) => show(&[heading(shown == 1), line(found)].concat()),
        }
    };
    let all = bound_saved(&arguments.run, &options, &mut Progress::none(), &mut each)?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&all).map_err(Error::json("the bounds"))?;
        show(&format!("{text}\n"))?;
    }
    if shown > 0 && !arguments.json && all.len() > 1 && !arguments.chains {
        show(LEGEND)?;
    }
    let mut code = ExitCode::SUCCESS;
    for found in &all {
        for link in found.analysis.violations() {
            say!(
                "error: {} seed {}: {} ≤ {} does not hold (statement {} of docs/theory.md): this is a bug of kd2m, please report it",
                found.arm,
                found.seed,
                link.left,
                link.right,
                link.statement
            );
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// One student: risks, then each chain from its least to its largest term.
fn card(found: &Bounded) -> String {
    let Bounded { arm, seed, split, analysis, .. } = found;
    let [student_width, teacher_width] = analysis.widths;
    let mut out = format!(
        "{arm}, seed {seed}: {split} split, {} samples; features of student {student_width}, teacher {teacher_width}\n\n",
        analysis.samples
    );
    out += &format!("  {:<24} {:>12} {:>12}\n", "", "student", "teacher");
    let (s, t) = (&analysis.student, &analysis.teacher);
    let (ls, lt) = (&analysis.student_lipschitz, &analysis.teacher_lipschitz);
    for (name, x, y) in [
        ("wrong answers", s.zero_one, t.zero_one),
        ("cross entropy R", s.cross_entropy, t.cross_entropy),
        ("Gibbs risk G", s.gibbs, t.gibbs),
        ("Λ of the head", ls.largest, lt.largest),
        ("√2 ‖W‖", ls.from_operator_norm, lt.from_operator_norm),
    ] {
        out += &format!("  {name:<24} {:>12} {:>12}\n", number(x), number(y));
    }
    analysis.chains.iter().for_each(|chain| out += &chain_text(chain));
    out += &conclusion(found);
    out.push('\n');
    out
}

/// A chain as lines: each term with its share of the next.
fn chain_text(chain: &Chain) -> String {
    let mut out = format!("\n{} (statement {})\n", chain.title, chain.statement);
    let width = chain.terms.iter().map(|t| t.name.chars().count()).max().unwrap_or(0);
    let links = chain.links();
    for (i, term) in chain.terms.iter().enumerate() {
        let sign = if i == 0 { " " } else { "≤" };
        let value = match (term.upper - term.lower) > 1e-6 * term.upper.abs() {
            true => format!("{}…{}", number(term.lower), number(term.upper)),
            false => number(term.upper),
        };
        let verdict = links.get(i).map_or(String::new(), |link| {
            let word = match link.verdict {
                Verdict::Tight => "tight",
                Verdict::Holds => "",
                Verdict::Loose => "loose",
                Verdict::Violated => "VIOLATED",
            };
            format!("{:>7} {word}", format!("{:.2}", link.ratio))
        });
        let line = format!("{sign} {:<width$}  {value:>15}  {verdict:<16} {}", term.name, term.meaning);
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// The ways side by side, what the best is worth, and what a finite sample allows one to say.
fn conclusion(found: &Bounded) -> String {
    let analysis = &found.analysis;
    let or_dash = |x: Option<f64>| x.map_or("–".to_owned(), number);
    let columns = ["by", "transfer", "mismatch", "R(student) ≤", "wrong ≤"];
    let mut out = format!("\n{:<16}", columns[0]);
    columns[1..].iter().for_each(|title| out += &format!(" {title:>12}"));
    out.push('\n');
    for bound in &analysis.bounds {
        let cells = [bound.transfer, bound.mismatch, bound.bound, Some(bound.wrong)].map(or_dash);
        out += &format!("{:<16}", bound.by);
        cells.iter().for_each(|cell| out += &format!(" {cell:>12}"));
        out.push('\n');
    }
    let answers = analysis.best_for_answers();
    let worth = match analysis.is_vacuous() {
        true => "vacuous, a guess is within it",
        false => "a guess is not within it",
    };
    out += &format!("wrong answers ≤ {} by {}: {worth}\n", number(answers.wrong), answers.by);
    let confidence = &analysis.confidence;
    out += &format!(
        "on all images, {:.0} % sure each, if nothing was chosen on this split: wrong answers ≤ {}, G(student) ≤ G(teacher) + {}\n",
        100.0 * (1.0 - confidence.delta),
        number(confidence.zero_one),
        number(confidence.excess_gibbs)
    );
    analysis.refused.iter().for_each(|why| out += &format!("not computed: {why}\n"));
    out
}

/// The columns of a run's table.
const COLUMNS: [(&str, &str); 10] = [
    ("wrong", "wrong_student"),
    ("teacher's", "wrong_teacher"),
    ("R", "ce_student"),
    ("teacher's", "ce_teacher"),
    ("w2", "w2"),
    ("cw2", "cw2"),
    ("mse", "mse"),
    ("Λ", "lambda_student"),
    ("R ≤", "bound"),
    ("wrong ≤", "wrong_bound"),
];

/// What they are; docs/theory.md has the rest.
const LEGEND: &str = "
wrong: share of wrong answers on this split; R: cross entropy; w2, cw2, mse: squared distances of student's and teacher's features, of
all, within classes and of each sample; Λ: how much R can change for each unit that a feature moves; R ≤, wrong ≤: the best bounds
that follow from the teacher and the distances. vacuous: a guess is within the bound of wrong answers, so it says nothing. violated:
proved inequalities that do not hold, 0 but for a bug. One student: kd2m bound RUN/students/ARM/seed-K; all about it: docs/theory.md
";

fn heading(first: bool) -> String {
    let titles = COLUMNS.iter().map(|(title, _)| format!(" {title:>10}")).collect::<String>();
    if first { format!("{:<24} {:>5}{titles}  violated\n", "arm", "seed") } else { String::new() }
}

fn line(found: &Bounded) -> String {
    let cell = |name: &str| found.analysis.terms.get(name).map_or("–".to_owned(), |x| number(*x));
    let cells = COLUMNS.iter().map(|(_, name)| format!(" {:>10}", cell(name))).collect::<String>();
    let vacuous = if found.analysis.is_vacuous() { "vacuous" } else { "" };
    let line =
        format!("{:<24} {:>5}{cells}  {:>8}  {vacuous}", found.arm, found.seed, found.analysis.violations().len());
    format!("{}\n", line.trim_end())
}

/// Five digits that count.
fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".to_owned(),
        a if !(1e-3..1e6).contains(&a) => format!("{x:.3e}"),
        a => format!("{x:.*}", (4 - a.log10().floor() as i32).max(0) as usize),
    }
}

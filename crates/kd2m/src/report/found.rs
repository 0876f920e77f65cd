//! What a run comes to and what to do next, for the top of its page.

use minijinja::{Value, context};

use super::{
    collect::Collected,
    figure::{self, differences::Difference},
};
use crate::{
    amount::{bytes, count},
    shell::quoted,
    train::{about::About, finding, statistics::ENOUGH, summary::ArmSummary},
};

/// The paragraph: what was found, which arm to take, where its weights lie.
pub fn finding(run: &Collected) -> Value {
    let take = finding::to_take(&run.summary);
    let teacher = run.summary.teacher.test_accuracy;
    context! {
        said => finding::conclusion(&run.summary).map(|said| sentence(&said)),
        verdicts => finding::verdicts(&run.summary),
        take => take.map(|arm| arm.arm.clone()),
        unsure => take.is_some_and(|arm| arm.versus_none.as_ref().is_some_and(|d| d.verdict(run.summary.seeds.len()) != "better")),
        accuracy => take.map(accuracy),
        teacher => teacher.is_finite().then(|| format!("{teacher:.2} %")),
        file => take.and_then(|arm| Some(format!("students/{}/seed-{}/student.safetensors", arm.arm, best_seed(run, arm)?.0))),
        chosen => take.and_then(|arm| chosen(run, arm)),
    }
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn accuracy(arm: &ArmSummary) -> String {
    match arm.test_accuracy_std {
        Some(std) => format!("{:.2} ± {std:.2} %", arm.test_accuracy_mean),
        None => format!("{:.2} %", arm.test_accuracy_mean),
    }
}

/// The seed that was best on validation, and its place: chosen on test its accuracy would flatter.
fn best_seed(run: &Collected, arm: &ArmSummary) -> Option<(u64, usize)> {
    let both = run.summary.seeds.iter().zip(&arm.val_accuracy).enumerate();
    both.reduce(|best, one| if one.1.1 > best.1.1 { one } else { best }).map(|(at, (seed, _))| (*seed, at))
}

/// Why this seed's file, and how good it is by itself.
fn chosen(run: &Collected, arm: &ArmSummary) -> Option<String> {
    let (seed, at) = best_seed(run, arm)?;
    let (val, test) = (arm.val_accuracy.get(at)?, arm.test_accuracy.get(at)?);
    (run.summary.seeds.len() > 1)
        .then(|| format!("seed {seed}, best on validation ({val:.2} %) and by itself {test:.2} % on test"))
}

/// Commands that follow.
pub fn next(run: &Collected) -> Vec<Value> {
    let mut all = Vec::new();
    let root = run.root.display().to_string();
    let (config, root) = (quoted(&format!("{root}/config.toml")), quoted(&root));
    let mut add = |what: &str, command: String| all.push(context! { what => what, command => command });
    if let Some(seeds) = finding::enough_seeds(&run.summary) {
        let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
        let out = quoted(&format!("{}-{ENOUGH}-seeds", run.root.display()));
        let what = "Next, seeds enough for a claim";
        add(what, format!("kd2m distill --config {config} --seeds {} --out {out}", seeds.join(",")));
    }
    let take = finding::to_take(&run.summary);
    if let Some((arm, (seed, _))) = take.and_then(|arm| Some((&arm.arm, best_seed(run, arm)?))) {
        let command = format!("kd2m export {root} --arm {arm} --seed {seed} --format onnx --out student.onnx");
        add("The student as a file for other programs", command);
    }
    all
}

/// Differences to λ = 0, largest first.
pub fn differences(run: &Collected) -> Option<String> {
    let seeds = run.summary.seeds.len();
    let of = |arm: &'_ ArmSummary| {
        let found = arm.versus_none.as_ref()?;
        Some((found.mean, found.half_width, found.verdict(seeds)))
    };
    let arms = run.summary.students.iter();
    let mut all: Vec<Difference> = arms
        .filter_map(|arm| {
            of(arm).map(|(mean, half_width, verdict)| Difference { name: &arm.arm, mean, half_width, verdict })
        })
        .filter(|difference| difference.mean.is_finite() && difference.half_width.is_finite())
        .collect();
    all.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    figure::differences::differences(&all)
}

/// Lines of the table of networks.
pub fn sizes(run: &Collected) -> Vec<Value> {
    let line = |what: &str, cells: Vec<Option<String>>| {
        let cells: Vec<String> = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "–".to_owned())).collect();
        context! { what => what, cells => cells }
    };
    let all = &run.networks;
    vec![
        line("network", all.iter().map(|n| Some(n.model.clone())).collect()),
        line("parameters", all.iter().map(|n| n.parameters.map(|p| count(p as u64))).collect()),
        line("file", all.iter().map(|n| n.bytes.map(bytes)).collect()),
        line("multiply-adds an image", all.iter().map(|n| n.multiply_adds.map(count)).collect()),
        line("features", all.iter().map(|n| Some(n.features.to_string())).collect()),
    ]
}

/// How a run was begun.
pub fn about(about: &About) -> Value {
    context! {
        version => about.version.clone(),
        command => about.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        begun => about.begun.replace('T', " ").replace('Z', " UTC"),
        system => about.system.clone(),
        processor => about.processor.clone().unwrap_or_else(|| about.system.clone()),
        kernels => about.kernels.clone(),
        cores => about.cores,
        threads => about.threads,
        device => about.device.clone(),
    }
}

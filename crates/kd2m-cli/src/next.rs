//! The command that a person would type next, made from what was typed.

use std::time::Duration;

use kd2m::{
    shell::quoted,
    train::{finding, statistics::ENOUGH, summary::Summary},
};

use crate::arguments::RunArguments;

/// The same run over seeds that allow a claim, in a folder of its own, and how long where this one was begun and ended here; nothing where there are enough.
pub fn with_enough_seeds(arguments: &RunArguments, summary: &Summary, spent: Option<Duration>) -> Option<String> {
    let have = summary.seeds.len();
    let seeds: Vec<String> = finding::enough_seeds(summary)?.iter().map(u64::to_string).collect();
    let mut words = vec!["kd2m".to_owned(), "distill".to_owned()];
    let mut flag = |name: &str, value: &str| words.extend([name.to_owned(), quoted(value)]);
    if let Some(path) = &arguments.config {
        flag("--config", &path.display().to_string());
    }
    arguments.criteria.iter().for_each(|name| flag("--criterion", name));
    if let Some(weight) = arguments.weight {
        flag("--weight", &weight.to_string());
    }
    arguments.sets.iter().filter(|set| !set.starts_with("train.seeds=")).for_each(|set| flag("--set", set));
    if let Some(root) = &arguments.data_root {
        flag("--data-root", &root.display().to_string());
    }
    if let Some(epochs) = arguments.epochs {
        flag("--epochs", &epochs.to_string());
    }
    if arguments.device != "cpu" {
        flag("--device", &arguments.device);
    }
    if arguments.threads > 0 {
        flag("--threads", &arguments.threads.to_string());
    }
    flag("--seeds", &seeds.join(","));
    let own = arguments.out.as_ref().map_or_else(|| format!("runs/{}", summary.name), |out| out.display().to_string());
    flag("--out", &format!("{}-{ENOUGH}-seeds", own.trim_end_matches('/')));
    let time = spent.map(|spent| format!(" (about {})", about(spent.mul_f64(ENOUGH as f64 / have as f64))));
    Some(format!("{ENOUGH} seeds: {}{}", words.join(" "), time.unwrap_or_default()))
}

fn about(time: Duration) -> String {
    let of = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match time.as_secs() {
        seconds @ ..90 => of(seconds.max(1), "second"),
        seconds @ ..5400 => of((seconds + 30) / 60, "minute"),
        seconds => of((seconds + 1800) / 3600, "hour"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded() {
        let of = |seconds| about(Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 89, 90, 5399, 7300].map(of),
            ["1 second", "1 second", "89 seconds", "2 minutes", "90 minutes", "2 hours"]
        );
    }
}

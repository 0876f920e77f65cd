//! What the field's libraries print for the same features, turned into our values: `figures.json` and the page `docs/tables/peers.md`
//! are made by `scripts/golden/peers.py`.

use std::{collections::BTreeMap, fs, path::Path};

use kd2m::measure::cka;
use kd2m_ot::{
    Cloud, Options, Side,
    divergence::{Divergence, Request, registry},
};
use serde::Deserialize;

/// One line of the page.
#[derive(Deserialize)]
struct Line {
    package: String,
    call: String,
    a: Wave,
    b: Wave,
    figure: f64,
    /// What their value needs to be ours.
    conversion: String,
    metric: String,
    options: BTreeMap<String, String>,
    /// How near the two must be, as a share.
    within: f64,
}

/// x_ik = sin(0.7 + 1.3 i + 2.1 k + phase (i + 1)(k + 1)) + shift.
#[derive(Deserialize)]
struct Wave {
    n: usize,
    d: usize,
    phase: f64,
    shift: f64,
}

impl Wave {
    fn features(&self) -> Vec<f64> {
        let of = |i: usize, k: usize| {
            let (i, k) = (i as f64, k as f64);
            (0.7 + 1.3 * i + 2.1 * k + self.phase * (i + 1.0) * (k + 1.0)).sin() + self.shift
        };
        (0..self.n).flat_map(|i| (0..self.d).map(move |k| of(i, k))).collect()
    }
}

impl Line {
    fn ours(&self) -> f64 {
        let (x, y) = (self.a.features(), self.b.features());
        if self.metric == "cka_to_teacher" {
            let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<f32>>();
            let mut sums = cka::Sums::new(self.a.d, self.b.d);
            sums.add(&single(&x), &single(&y));
            return sums.value().unwrap();
        }
        let options = self.options.iter().fold(Options::new(&self.metric), |all, (key, value)| all.set(key, value));
        let a = Cloud::new(Side::A, &x, self.a.n, self.a.d).unwrap();
        let b = Cloud::new(Side::B, &y, self.b.n, self.b.d).unwrap();
        let divergence = registry::build(&options).unwrap();
        Divergence::<f64>::evaluate(&*divergence, &a, &b, Request::VALUE).unwrap().value
    }

    fn theirs(&self) -> f64 {
        match self.conversion.as_str() {
            "×1" | "no less: one start" => self.figure,
            "×2" => 2.0 * self.figure,
            "×d" => self.a.d as f64 * self.figure,
            "squared" => self.figure * self.figure,
            other => panic!("{other} is no conversion that this test knows"),
        }
    }
}

fn lines() -> Vec<Line> {
    serde_json::from_str(include_str!("figures.json")).unwrap()
}

#[test]
fn a_figure_of_another_library_becomes_ours_as_the_page_says() {
    let mut wrong = Vec::new();
    for line in lines() {
        let (ours, theirs) = (line.ours(), line.theirs());
        let share = (ours - theirs) / theirs.abs();
        let holds =
            if line.conversion.starts_with("no less") { share <= line.within } else { share.abs() <= line.within };
        if !holds {
            wrong.push(format!("{} {}: {theirs:e}, ours {ours:e}, off by {share:e}", line.package, line.call));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_has_these_lines() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tables/peers.md");
    let page = fs::read_to_string(page).unwrap();
    for Line { package, call, conversion, metric, .. } in lines() {
        let has = |line: &str| {
            line.contains(&package) && line.contains(&call) && line.contains(&format!("| {conversion} | `{metric}` |"))
        };
        assert!(page.lines().any(has), "{package}: {call}");
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| ")).count(), lines().len() + 1);
}

//! The results as Markdown, by the columns of [`crate::columns`]. Times stand apart, in tables of their own at the end: everything else is the same however often a
//! grid was killed or split.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    choice::{Candidate, Choice},
    results::{ArmResults, CellResults},
    select::Select,
    setting::FACTOR,
};
use crate::{
    columns::{self, Row, TEST_ACCURACY, Table, escape},
    train::summary::TeacherSummary,
};

/// `table.md`.
pub fn markdown(name: &str, cells: &[CellResults]) -> String {
    let mut out = format!("# {name}\n");
    if cells.len() > 1 {
        out += "\n## All cells\n\nTest accuracy, %, mean ± deviation over seeds.\n\n";
        out += &grid(&overview(cells, Table::Markdown));
    }
    for cell in cells {
        let _ = writeln!(out, "\n## {}\n\n{}\n", cell.cell, facts(cell));
        out += &grid(&columns::lines(Table::Markdown, &cell.rows()));
        let _ = write!(out, "\n{}", verdict(cell));
        if let Some(select) = &cell.select {
            if select.is_of_weights_alone() {
                out += "\n### Choice of λ\n\nMean validation accuracy, %, by multiple of the weight in the file; chosen in bold.\n\n";
                out += &grid(&multiples(select, cell));
            } else {
                out += "\n### Choice\n\nMean validation accuracy, %, of each combination; chosen in bold.\n\n";
                out += &grid(&combinations(cell));
            }
            out += &edges(cell).map_or_else(String::new, |text| format!("\n{text}\n"));
        }
    }
    out += "\n## Cost\n\nMeans over seeds of the median epoch; measured while the grid ran, so other runs shared the machine.\n";
    for cell in cells {
        let _ = writeln!(out, "\n### {}\n", cell.cell);
        let run: Vec<Row> = cell.rows().into_iter().filter(|row| row.seeds > 0).collect();
        out += &grid(&columns::lines(Table::Cost, &run));
    }
    out
}

fn grid(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        let _ = writeln!(out, "| {} |", row.join(" | "));
        if i == 0 {
            let _ = writeln!(out, "|---|{}", "--:|".repeat(row.len() - 1));
        }
    }
    out
}

/// Accuracy on test, arms × cells, teachers first, as a table writes it.
pub(super) fn overview(cells: &[CellResults], table: Table) -> Vec<Vec<String>> {
    let word = |text: &str| if table == Table::Latex { escape(text) } else { text.to_owned() };
    let none = if table == Table::Latex { "--" } else { "–" };
    let number = |row: Option<Row>| row.map_or(none.to_owned(), |row| columns::text(&TEST_ACCURACY, table, &row));
    let line = |first: &str, of: &dyn Fn(&CellResults) -> String| {
        std::iter::once(word(first)).chain(cells.iter().map(of)).collect::<Vec<String>>()
    };
    let head = if table == Table::Latex { "Arm" } else { "arm" };
    let mut rows = vec![line(head, &|cell| word(&cell.cell))];
    rows.push(line("teacher", &|cell| number(cell.teacher.as_ref().map(TeacherSummary::row))));
    for arm in cells.first().map_or(&[][..], |c| &c.arms) {
        let found = |cell: &CellResults| cell.arms.iter().find(|a| a.arm == arm.arm).map(|a| a.row(cell));
        rows.push(line(&arm.arm, &|cell| number(found(cell))));
    }
    rows
}

fn facts(cell: &CellResults) -> String {
    let teacher = cell.teacher.as_ref().map_or_else(
        || "Teacher: no result.".to_owned(),
        |t| match t.val_accuracy {
            score if score.is_nan() => format!("Teacher: {}.", t.described()),
            score => format!("Teacher {}, {score:.2} % on validation.", t.described()),
        },
    );
    let other = cell.other_teacher.as_ref().map_or_else(String::new, |t| {
        format!(
            " Reused runs learned from another teacher ({:.2} % on test), so not all arms here had the same.",
            t.test_accuracy
        )
    });
    format!("{teacher}{other} Student {}, {} seed(s). {}", cell.student, cell.seeds.len(), choice(cell))
}

/// How each λ, and what else was varied, came about.
pub(super) fn choice(cell: &CellResults) -> String {
    match &cell.select {
        Some(select) if select.is_of_weights_alone() => format!(
            "λ chosen on validation among {} candidates for each arm over {} other seed(s).",
            select.factors.len(),
            select.seeds.len()
        ),
        Some(select) => {
            let factor = (!select.factors.is_empty()).then_some("λ");
            let keys: Vec<&str> = factor.into_iter().chain(select.grid.keys().map(String::as_str)).collect();
            let tried = |arm: &ArmResults| Some(format!("{} {}", arm.arm, arm.choice.as_ref()?.candidates.len()));
            let tried: Vec<String> = cell.arms.iter().filter_map(tried).collect();
            format!(
                "{} chosen on validation over {} other seed(s); candidates: {}.",
                keys.join(", "),
                select.seeds.len(),
                tried.join(", ")
            )
        }
        None => "λ as in the grid file.".to_owned(),
    }
}

/// What the table allows one to say, in words.
fn verdict(cell: &CellResults) -> String {
    let mut out =
        "vs none: paired difference to λ = 0 in points ± half of its 95 % t interval; verdict at 5 % after Holm over \
                   the arms of this table.\n"
            .to_owned();
    for (verdict, what) in [
        ("better", "better than λ = 0"),
        ("worse", "worse than λ = 0"),
        ("too few seeds", "p below 5 %, with too few seeds to claim a difference to λ = 0"),
        ("not told apart", "not told apart from λ = 0"),
    ] {
        let arms = cell.arms.iter().filter(|a| a.versus_none.is_some_and(|v| v.verdict() == verdict));
        let names: Vec<&str> = arms.map(|a| a.arm.as_str()).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "\n- {what}: {}", names.join(", "));
        }
    }
    if cell.describes_only() {
        out += "\nFew seeds describe; a claim that one criterion beats another needs ten or more.\n";
    }
    let missing = cell.arms.iter().filter(|a| !a.missing.is_empty());
    for arm in missing {
        let seeds: Vec<String> = arm.missing.iter().map(u64::to_string).collect();
        let _ = writeln!(out, "\n- no result: {}, seed {}", arm.arm, seeds.join(", "));
    }
    out
}

/// A line an arm, a column a multiple of its weights.
fn multiples(select: &Select, cell: &CellResults) -> Vec<Vec<String>> {
    let mut head = vec!["arm".to_owned()];
    head.extend(select.factors.iter().map(|f| format!("× {f}")));
    let mut rows = vec![head];
    for (arm, choice) in chosen(cell) {
        let scores = choice.candidates.iter().map(|candidate| score(choice, candidate));
        rows.push(std::iter::once(arm.to_owned()).chain(scores).collect());
    }
    rows
}

/// A line a combination, a column a key.
fn combinations(cell: &CellResults) -> Vec<Vec<String>> {
    let keys: BTreeSet<&str> = chosen(cell).flat_map(|(_, choice)| choice.setting.keys()).collect();
    let words = |first: &str, last: &str, of: &dyn Fn(&str) -> String| {
        let middle = keys.iter().map(|key| of(key));
        std::iter::once(first.to_owned()).chain(middle).chain([last.to_owned()]).collect::<Vec<String>>()
    };
    let mut rows = vec![words("arm", "validation %", &|key| (if key == FACTOR { "λ ×" } else { key }).to_owned())];
    for (arm, choice) in chosen(cell) {
        for candidate in &choice.candidates {
            let value = |key: &str| candidate.setting.get(key).map_or("–".to_owned(), ToString::to_string);
            rows.push(words(arm, &score(choice, candidate), &value));
        }
    }
    rows
}

/// The arms of which something was chosen.
fn chosen(cell: &CellResults) -> impl Iterator<Item = (&str, &Choice)> {
    cell.arms.iter().filter_map(|arm| Some((arm.arm.as_str(), arm.choice.as_ref()?)))
}

fn score(choice: &Choice, candidate: &Candidate) -> String {
    match candidate.val_accuracy {
        None => "diverged".to_owned(),
        Some(score) if candidate.setting == choice.setting => format!("**{score:.2}**"),
        Some(score) => format!("{score:.2}"),
    }
}

/// Arms whose choice another candidate beyond might have bettered.
pub(super) fn edges(cell: &CellResults) -> Option<String> {
    let at_edge: Vec<(&str, Vec<&str>)> =
        chosen(cell).map(|(arm, choice)| (arm, choice.edges())).filter(|(_, keys)| !keys.is_empty()).collect();
    let weights_alone = at_edge.iter().flat_map(|(_, keys)| keys).all(|key| *key == FACTOR);
    let name = |(arm, keys): &(&str, Vec<&str>)| match weights_alone {
        true => (*arm).to_owned(),
        false => format!("{arm} ({})", keys.join(", ").replace(FACTOR, "λ")),
    };
    let names: Vec<String> = at_edge.iter().map(name).collect();
    let what = if weights_alone { "weight" } else { "value" };
    (!names.is_empty()).then(|| {
        format!("Chosen at the edge of the candidates, so another {what} may serve better: {}", names.join(", "))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        bench::{
            results::{Cost, Versus},
            setting::Setting,
        },
        train::statistics::{deviation, mean},
    };

    fn arm(name: &str, weight: Option<f64>, test: &[f64], versus: Option<(f64, f64, f64)>) -> ArmResults {
        let at = |factor: f64| Setting::default().with(FACTOR, &factor.into());
        let candidate = |factor, score| Candidate { setting: at(factor), val_accuracy: score, w2_to_teacher: None };
        let candidates = vec![candidate(0.1, Some(90.0)), candidate(1.0, Some(91.5)), candidate(10.0, None)];
        ArmResults {
            arm: name.to_owned(),
            criterion: name.to_owned(),
            weights: weight.into_iter().collect(),
            choice: weight.map(|_| Choice { setting: at(1.0), at_edge: false, candidates }),
            seeds: (1..=test.len() as u64).collect(),
            missing: (test.len() as u64 + 1..=3).collect(),
            test_accuracy: test.to_vec(),
            test_accuracy_mean: mean(test),
            test_accuracy_std: deviation(test),
            best_val_mean: mean(test),
            best_val_std: deviation(test),
            test_top5: Some(99.5),
            ece: None,
            cka_to_teacher: None,
            w2_to_teacher: None,
            share_of_gradient: None,
            versus_none: versus.map(|(mean, half_width, p_holm)| Versus {
                pairs: test.len(),
                mean,
                half_width,
                p: p_holm / 2.0,
                p_holm,
            }),
            cost: Cost {
                step_ms: 2.0,
                criterion_ms: 0.25,
                criterion_percent: 12.5,
                images_per_second: 16000.0,
                seconds: 1.5,
            },
        }
    }

    /// A made-up cell.
    pub fn cell() -> CellResults {
        let teacher = TeacherSummary {
            model: "big".to_owned(),
            parameters: 9,
            val_accuracy: 98.0,
            test_accuracy: 97.5,
            test_top5: None,
            calibration: None,
            normalisation: None,
        };
        CellResults {
            cell: "digits-big-small".to_owned(),
            dataset: "digits".to_owned(),
            teacher: Some(teacher),
            other_teacher: None,
            student: "small".to_owned(),
            seeds: vec![1, 2, 3],
            select: Some(Select { factors: vec![0.1, 1.0, 10.0], grid: BTreeMap::new(), seeds: vec![101] }),
            arms: vec![
                arm("none", None, &[90.0, 91.0, 92.0], None),
                arm("w2", Some(0.1), &[93.0, 94.0, 95.0], Some((3.0, 0.5, 0.00002))),
                arm("a_b", Some(0.03), &[90.0, 90.0], Some((-0.5, 6.35, 0.5))),
            ],
        }
    }

    /// A made-up cell of which the rate was chosen, the larger of two.
    pub fn of_grid() -> CellResults {
        let at = |rate: f64| Setting::default().with("optim.lr", &rate.into());
        let candidate = |rate, score| Candidate { setting: at(rate), val_accuracy: Some(score), w2_to_teacher: None };
        let candidates = vec![candidate(0.01, 90.0), candidate(0.05, 91.5)];
        let mut cell = cell();
        cell.arms.truncate(2);
        let choice = Choice { setting: at(0.05), at_edge: true, candidates };
        cell.arms.iter_mut().for_each(|arm| arm.choice = Some(choice.clone()));
        let grid = [("optim.lr".to_owned(), vec![0.01.into(), 0.05.into()])].into();
        CellResults { select: Some(Select { factors: Vec::new(), grid, seeds: vec![101] }), ..cell }
    }

    #[test]
    fn of_a_teacher_that_is_stored_outputs_no_score_is_told() {
        let text = facts(&CellResults { teacher: Some(TeacherSummary::of_outputs()), ..cell() });
        assert!(text.starts_with("Teacher: stored outputs. Student small"), "{text}");
    }

    #[test]
    fn markdown_says_what_is_there_what_is_missing_and_what_can_be_told() {
        let text = markdown("tiny", &[cell()]);
        let expected = "# tiny

## digits-big-small

Teacher big: 97.50 % on test, 98.00 % on validation. Student small, 3 seed(s). λ chosen on validation among 3 candidates for each arm over 1 other seed(s).

| arm | λ | test % | vs none | p (Holm) | verdict | best on val % | top-5 % | W₂² to teacher |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
| none | 0 | 91.00 ± 1.00 | – | – | – | 91.00 ± 1.00 | 99.50 | – |
| w2 | 0.1 | 94.00 ± 1.00 | +3.00 ± 0.50 | < 0.0001 | too few seeds | 94.00 ± 1.00 | 99.50 | – |
| a_b | 0.03 | 90.00 ± 0.00 (1 missing) | -0.50 ± 6.35 | 0.5000 | not told apart | 90.00 ± 0.00 | 99.50 | – |

vs none: paired difference to λ = 0 in points ± half of its 95 % t interval; verdict at 5 % after Holm over the arms of this table.

- p below 5 %, with too few seeds to claim a difference to λ = 0: w2

- not told apart from λ = 0: a_b

Few seeds describe; a claim that one criterion beats another needs ten or more.

- no result: a_b, seed 3

### Choice of λ

Mean validation accuracy, %, by multiple of the weight in the file; chosen in bold.

| arm | × 0.1 | × 1 | × 10 |
|---|--:|--:|--:|
| w2 | 90.00 | **91.50** | diverged |
| a_b | 90.00 | **91.50** | diverged |

## Cost

Means over seeds of the median epoch; measured while the grid ran, so other runs shared the machine.

### digits-big-small

| arm | ms a step | criterion, ms | % of the step | images/s | s a run |
|---|--:|--:|--:|--:|--:|
| none | 2.00 | 0.250 | 12.5 | 16000 | 1.5 |
| w2 | 2.00 | 0.250 | 12.5 | 16000 | 1.5 |
| a_b | 2.00 | 0.250 | 12.5 | 16000 | 1.5 |
";
        assert_eq!(text, expected);
        let mut ten = cell();
        ten.seeds = (1..=10).collect();
        ten.arms.iter_mut().filter_map(|a| a.versus_none.as_mut()).for_each(|v| v.pairs = 10);
        let text = markdown("ten", &[ten]);
        assert!(text.contains("- better than λ = 0: w2\n") && !text.contains("Few seeds"), "{text}");
        let text = markdown("grid", &[of_grid()]);
        for part in [
            "optim.lr chosen on validation over 1 other seed(s); candidates: none 2, w2 2.",
            "| arm | λ | chosen | test % |",
            "| w2 | 0.1 | optim.lr=0.05 | 94.00 ± 1.00 |",
            "### Choice\n\nMean validation accuracy, %, of each combination; chosen in bold.\n\n| arm | optim.lr | validation % |",
            "| w2 | 0.01 | 90.00 |\n| w2 | 0.05 | **91.50** |\n",
            "another value may serve better: none (optim.lr), w2 (optim.lr)",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let one = CellResults { arms: vec![arm("none", None, &[90.0], None)], ..cell() };
        assert!(markdown("one", &[one]).contains("| none | 0 | 90.00 (2 missing) | – |"), "one seed has no deviation");
        assert!(markdown("two", &[cell(), cell()]).contains("| teacher | 97.50 | 97.50 |\n| none |"));
        assert!(markdown("two", &[cell(), cell()]).contains("| w2 | 94.00 ± 1.00 | 94.00 ± 1.00 |"));
    }
}

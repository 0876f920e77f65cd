//! The part of a page about answers class by class: accuracies of teacher and arms, who is taken for whom by the arm to take, and its surest
//! mistakes as pictures. `answers.html` is its template.

use kd2m_data::Dataset;
use minijinja::{Environment, Value, context};

use super::{figure, thumbnail};
use crate::{
    Error, files,
    measure::{Answers, Confusion},
    train::{finding, folder::RunFolder, summary::Summary},
};

/// Classes up to which all are listed; of more, those that the arm to take knows worst.
const LISTED: usize = 20;
/// Confusions that are named where the matrix is not drawn.
const NAMED: usize = 12;

/// What the networks of a run answer to test images.
pub struct Answered {
    /// Teacher and arms, all seeds of an arm together, in the table's order.
    pub all: Vec<(String, Confusion)>,
    /// The arm that is looked at closely, and the answers of its first seed.
    pub close: Option<(String, Answers)>,
}

/// Reads what a run has; nothing of an older version's.
///
/// # Errors
/// Files that cannot be read.
pub fn read(folder: &RunFolder, summary: &Summary) -> Result<Answered, Error> {
    let one = |path: std::path::PathBuf| -> Result<Option<Answers>, Error> {
        path.is_file().then(|| files::read_json(&path)).transpose()
    };
    let mut all = Vec::new();
    all.extend(one(folder.teacher_answers())?.map(|found| ("teacher".to_owned(), found.confusion)));
    let take = finding::to_take(summary).map(|arm| arm.arm.as_str());
    let mut close = None;
    for arm in &summary.students {
        let seeds = summary.seeds.iter().map(|seed| one(folder.student_answers(&arm.arm, *seed)));
        let seeds: Option<Vec<Answers>> = seeds.collect::<Result<Option<_>, _>>()?;
        let Some(seeds) = seeds else { continue };
        all.extend(Confusion::pooled(seeds.iter().map(|s| &s.confusion)).map(|sum| (arm.arm.clone(), sum)));
        if take == Some(arm.arm.as_str()) {
            close = seeds.into_iter().next().map(|first| (arm.arm.clone(), first));
        }
    }
    Ok(Answered { all, close })
}

/// The part as HTML; empty where nothing is known.
///
/// # Errors
/// None in practice: the template is part of the program and tested.
pub fn answers(found: &Answered, dataset: &Dataset) -> Result<String, minijinja::Error> {
    let Some((arm, first)) = &found.close else { return Ok(String::new()) };
    let Some(pooled) = found.all.iter().find(|(name, _)| name == arm).map(|(_, sum)| sum) else {
        return Ok(String::new());
    };
    let name = |class: usize| dataset.class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let accuracy = |of: &Confusion| of.by_class().iter().map(|c| c.accuracy()).collect::<Vec<_>>();
    let of_arms: Vec<Vec<Option<f64>>> = found.all.iter().map(|(_, sum)| accuracy(sum)).collect();
    let own = accuracy(pooled);
    let mut listed: Vec<usize> = (0..pooled.classes()).collect();
    if listed.len() > LISTED {
        listed.sort_by(|a, b| own[*a].unwrap_or(101.0).total_cmp(&own[*b].unwrap_or(101.0)));
        listed.truncate(LISTED);
    }
    let precision = pooled.by_class();
    let percent = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.1}"));
    let row = |class: &usize| {
        let cells = of_arms.iter().map(|all| percent(all.get(*class).copied().flatten()));
        context! { class => name(*class), cells => cells.collect::<Vec<_>>(), precision => percent(precision[*class].precision()) }
    };
    let mistake = |m: &crate::measure::answers::Mistake| {
        Some(context! {
            picture => thumbnail::of_test(dataset, m.index as usize)?,
            index => m.index,
            label => name(m.label as usize),
            answer => name(m.answer as usize),
            confidence => format!("{:.0}", 100.0 * m.confidence),
        })
    };
    let confused = pooled.most_frequent(NAMED).into_iter();
    let confused: Vec<Value> =
        confused.map(|(n, of, to)| context! { n => n, of => name(of), to => name(to) }).collect();
    let mut environment = Environment::new();
    environment.add_template("answers.html", include_str!("answers.html"))?;
    environment.get_template("answers.html")?.render(context! {
        arm => arm.clone(),
        arms => found.all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        rows => listed.iter().map(row).collect::<Vec<_>>(),
        classes => pooled.classes(),
        matrix => figure::confusion::confusion(pooled, &dataset.class_names),
        confused => confused,
        mistakes => first.mistakes.iter().filter_map(mistake).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_mistakes_and_the_matrix_are_shown_and_escaped() {
        let digits = Dataset { class_names: vec!["<0>".to_owned(); 10], ..kd2m_data::load("digits", None).unwrap() };
        let mut first = Answers::new(10);
        first.add(&[0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], &[3], &[5]);
        let arm = |name: &str| (name.to_owned(), first.confusion.clone());
        let found = Answered { all: vec![arm("none"), arm("w2")], close: Some(("w2".to_owned(), first.clone())) };
        let html = answers(&found, &digits).unwrap();
        assert!(html.contains("&lt;0&gt;") && !html.contains("<0>"), "{html}");
        assert!(
            html.contains("data:image/png;base64,") && html.contains("<svg") && html.contains("100 % sure"),
            "{html}"
        );
        assert_eq!(answers(&Answered { all: Vec::new(), close: None }, &digits).unwrap(), "");
    }
}

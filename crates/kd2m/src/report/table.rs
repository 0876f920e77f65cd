//! The table of results on a page, the same on a run's and on a grid's: the columns of [`crate::columns`] that the page shows.

use minijinja::{Environment, Value, context};

use crate::columns::{self, Row, Shown, Table};

/// The table as HTML.
///
/// # Errors
/// None in practice: the template is part of the program and tested.
pub(crate) fn table(table: Table, rows: &[Row]) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("table.html", include_str!("table.html"))?;
    let shown = columns::shown(table, rows);
    environment.get_template("table.html")?.render(context! {
        headings => shown.iter().map(Shown::heading).collect::<Vec<_>>(),
        rows => rows.iter().map(|row| shown.iter().map(|s| cell(s, row)).collect::<Vec<_>>()).collect::<Vec<_>>(),
    })
}

fn cell(shown: &Shown, row: &Row) -> Value {
    let text = shown.text(row);
    match (shown.column.of)(row) {
        columns::Value::Name(_, aside) => context! { text => text, aside => aside },
        // Better and worse have colours.
        columns::Value::Verdict(_) => context! { class => text.clone(), text => text },
        _ => context! { text => text },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Versus;

    /// What the pages had when each wrote its own table.
    #[test]
    fn each_page_has_its_columns_and_all_text_is_escaped() {
        let teacher = Row {
            is_teacher: true,
            teacher: "big".to_owned(),
            arm: "teacher".to_owned(),
            criterion: "teacher".to_owned(),
            test_mean: Some(97.5),
            top5: Some(99.5),
            ..Row::default()
        };
        let none =
            Row { arm: "none".to_owned(), criterion: "none".to_owned(), weights: Some(vec![0.0]), ..teacher.clone() };
        let none = Row { is_teacher: false, test_std: Some(1.0), images_per_second: Some(1234.5), ..none };
        let versus = Versus { mean: -0.5, half_width: 1.25, p: 0.02, p_holm: 0.00002, verdict: "worse" };
        let sum = Row {
            arm: "<sum>".to_owned(),
            criterion: "w2+mse".to_owned(),
            weights: None,
            best_mean: Some(98.0),
            cka_to_teacher: Some(0.5),
            w2_to_teacher: Some(2.0),
            versus_none: Some(versus),
            ..none.clone()
        };
        let run = table(Table::Run, &[teacher, none.clone(), sum.clone()]).unwrap();
        let lines: Vec<&str> = run.lines().collect();
        assert_eq!(
            lines,
            [
                "<div class=\"wide\"><table>",
                "<thead><tr><th>arm</th><th>weight λ</th><th>test %</th><th>best on val %</th><th>vs none</th><th>p (Holm)</th><th>verdict</th>\
                 <th>top-5 %</th><th>calibration error %</th><th>CKA</th><th>W₂² to teacher</th><th>images/s</th></tr></thead>",
                "<tbody>",
                "<tr><td>teacher</td><td>–</td><td>97.50</td><td>–</td><td>–</td><td>–</td><td>–</td><td>99.50</td><td>–</td><td>1</td><td>0</td>\
                 <td>–</td></tr>",
                "<tr><td>none</td><td>0</td><td>97.50 ± 1.00</td><td>–</td><td>–</td><td>–</td><td class=\"–\">–</td><td>99.50</td><td>–</td><td>–</td>\
                 <td>–</td><td>1234</td></tr>",
                "<tr><td>&lt;sum&gt; <span class=\"soft\">w2+mse</span></td><td>–</td><td>97.50 ± 1.00</td><td>98.00</td><td>-0.50 ± 1.25</td>\
                 <td>&lt; 0.0001</td><td class=\"worse\">worse</td><td>99.50</td><td>–</td><td>0.500</td><td>2.0000</td><td>1234</td></tr>",
                "</tbody>",
                "</table></div>",
            ]
        );
        let row = Row { cell: "digits".to_owned(), missing: 2, cka_to_teacher: None, step_ms: Some(1.5), ..sum };
        let grid =
            table(Table::Grid, &[Row { criterion_percent: Some(f64::NAN), weights: Some(vec![0.1, 2.0]), ..row }])
                .unwrap();
        assert!(grid.contains(
            "<thead><tr><th>arm</th><th>λ</th><th>test %</th><th>± std</th><th>vs none</th><th>± 95 %</th><th>p (Holm)</th>\
             <th>verdict</th><th>best on val %</th><th>top-5 %</th><th>W₂²</th><th>ms a step</th><th>criterion %</th></tr></thead>\n\
             <tbody>\n<tr><td>&lt;sum&gt; <span class=\"soft\">(2 missing)</span></td><td>0.1 + 2</td><td>97.50</td><td>1.00</td>\
             <td>-0.50</td><td>1.25</td><td>0.0000</td><td class=\"worse\">worse</td><td>98.00</td><td>99.50</td><td>2.000</td>\
             <td>1.50</td><td>–</td></tr>\n</tbody>"
        ), "{grid}");
    }
}

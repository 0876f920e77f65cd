//! The results as LaTeX and CSV, by the columns of [`crate::columns`]. Times are the last columns, whose names begin with `time_`:
//! everything else is the same however often a grid was killed or split.

use std::fmt::Write;

use super::{results::CellResults, table::overview};
use crate::columns::{self, Row, Shown, Table, escape};

/// `table.tex`: one tabular a cell, its teacher first, for `booktabs`; of several cells first one with all of them.
pub fn latex(cells: &[CellResults]) -> String {
    let mut out = "% Needs \\usepackage{booktabs}.\n".to_owned();
    if cells.len() > 1 {
        out += &all_cells(cells);
    }
    for cell in cells {
        let rows = cell.rows();
        let shown = columns::shown(Table::Latex, &rows);
        let sides: String = shown.iter().map(|s| if s.column.words { 'l' } else { 'r' }).collect();
        let headings: Vec<String> = shown.iter().map(Shown::heading).collect();
        let _ = writeln!(out, "% {}\n\\begin{{tabular}}{{{sides}}}\n\\toprule", escape(&cell.cell));
        let _ = writeln!(out, "{} \\\\\n\\midrule", headings.join(" & "));
        let line = |row: &Row| shown.iter().map(|s| s.text(row)).collect::<Vec<String>>().join(" & ") + " \\\\\n";
        if let Some(teacher) = &cell.teacher {
            let row = Row { arm: format!("teacher {}", teacher.model), ..teacher.row() };
            let _ = writeln!(out, "{}\\midrule", line(&row));
        }
        rows.iter().for_each(|row| out += &line(row));
        out += "\\bottomrule\n";
        if cell.describes_only() {
            let _ = writeln!(
                out,
                "\\multicolumn{{{}}}{{l}}{{Few seeds describe; a claim needs ten or more.}} \\\\",
                shown.len()
            );
        }
        out += "\\end{tabular}\n";
    }
    out
}

/// Arms × cells, mean ± deviation of the accuracy on test.
fn all_cells(cells: &[CellResults]) -> String {
    let rows = overview(cells, Table::Latex);
    let line = |row: &Vec<String>| row.join(" & ") + " \\\\\n";
    let sides = "r".repeat(cells.len());
    let mut out = format!("% All cells: test accuracy, \\%.\n\\begin{{tabular}}{{l{sides}}}\n\\toprule\n");
    for (i, row) in rows.iter().enumerate() {
        out += &line(row);
        // Below the heading, and below the teachers.
        if i < 2 {
            out += "\\midrule\n";
        }
    }
    out + "\\bottomrule\n\\end{tabular}\n"
}

/// `table.csv`: one line an arm of a cell.
pub fn csv(cells: &[CellResults]) -> String {
    let rows: Vec<_> = cells.iter().flat_map(CellResults::rows).collect();
    columns::lines(Table::Csv, &rows).into_iter().map(|line| line.join(",") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::table::tests::{cell, of_grid};

    #[test]
    fn latex_and_csv_have_a_line_for_every_arm() {
        let tex = latex(&[cell()]);
        assert!(tex.contains(
            "w2 & 0.1 & $94.00 \\pm 1.00$ & $+3.00 \\pm 0.50$ & $<$ 0.0001 & $94.00 \\pm 1.00$ & too few seeds \\\\"
        ));
        assert!(tex.contains("a\\_b & 0.03 & $90.00 \\pm 0.00$ (1 missing) &") && tex.contains("Few seeds describe"));
        assert!(tex.contains("\\midrule\nteacher big & -- & $97.50$ &"), "{tex}");
        let both = latex(&[cell(), cell()]);
        assert!(both.contains("\\begin{tabular}{lrr}\n\\toprule\nArm & digits-big-small & digits-big-small \\\\\n\\midrule\nteacher & $97.50$ & $97.50$"), "{both}");
        assert!(both.contains("w2 & $94.00 \\pm 1.00$ & $94.00 \\pm 1.00$ \\\\\n"), "{both}");
        let csv = csv(&[cell()]);
        let lines: Vec<&str> = csv.lines().collect();
        let columns = |line: &str| line.split(',').count();
        assert!(lines.len() == 4 && lines.iter().all(|line| columns(line) == columns(lines[0])));
        assert!(
            lines[2].starts_with("digits-big-small,digits,big,small,97.500000,w2,w2,0.1,1,3,0,94.000000,1.000000,")
        );
        assert!(!lines[0].contains("chosen"), "only where a grid is asked for");
        let of_grid = super::csv(&[of_grid()]);
        assert!(
            of_grid.contains(",factor,chosen,seeds,") && of_grid.contains(",w2,w2,0.1,,optim.lr=0.05,3,"),
            "{of_grid}"
        );
        assert!(lines[0].ends_with("time_step_ms,time_criterion_ms,time_criterion_percent,time_images_per_second"));
    }
}

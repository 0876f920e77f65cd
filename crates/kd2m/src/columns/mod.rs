//! The columns of results. Each is declared once, in `list`: what it is called, what it is measured in, where its values come from and
//! which tables show it. Markdown, LaTeX, CSV, the two pages and the terminal walk that list ([`lines`], [`shown`]).

mod column;
mod list;
mod row;
mod table;
mod value;

pub use column::{Column, Place};
pub use list::{COLUMNS, TEST_ACCURACY};
pub use row::{Row, Versus};
pub use table::Table;
pub use value::{Value, escape};

/// A column in a table.
#[derive(Clone, Copy)]
pub struct Shown {
    /// What it shows.
    pub column: &'static Column,
    place: &'static Place,
}

impl Shown {
    /// What stands above it.
    pub fn heading(&self) -> String {
        let Column { key, title, unit, .. } = self.column;
        match (self.place.title, self.place.table) {
            (Some(title), _) => title.to_owned(),
            (None, Table::Csv) => (*key).to_owned(),
            (None, Table::Latex) => {
                let (first, rest) = title.split_at(title.chars().next().map_or(0, char::len_utf8));
                let unit = if unit.is_empty() { String::new() } else { format!(" ({})", escape(unit)) };
                format!("{}{rest}{unit}", first.to_uppercase())
            }
            (None, _) => format!("{title} {unit}").trim().to_owned(),
        }
    }

    /// What stands in it.
    pub fn text(&self, row: &Row) -> String {
        match self.place.teacher.filter(|_| row.is_teacher) {
            Some(text) => text.to_owned(),
            None => (self.column.of)(row).text(self.place.table, self.place.digits),
        }
    }
}

/// The columns of a table in their order.
pub fn shown(table: Table, rows: &[Row]) -> Vec<Shown> {
    let place = |column: &'static Column| column.places.iter().find(|p| p.table == table);
    let mut all: Vec<Shown> =
        COLUMNS.iter().filter_map(|column| Some(Shown { column, place: place(column)? })).collect();
    all.sort_by_key(|s| s.place.at);
    let measured = |s: &Shown| rows.iter().any(|row| !row.is_teacher && (s.column.of)(row).is_there());
    all.retain(|s| !s.column.asked || measured(s));
    // On a page they stand together, as its text speaks of them.
    let any = all.iter().any(|s| s.column.newer && measured(s));
    all.retain(|s| match table {
        Table::Grid | Table::Run => !s.column.newer || any,
        Table::Markdown | Table::Cost | Table::Terminal | Table::Compare => !s.column.newer || measured(s),
        Table::Latex | Table::Csv => true,
    });
    all
}

/// A table as text: the headings, then a line a row.
pub fn lines(table: Table, rows: &[Row]) -> Vec<Vec<String>> {
    let columns = shown(table, rows);
    let head = columns.iter().map(Shown::heading).collect();
    let line = |row: &Row| columns.iter().map(|column| column.text(row)).collect();
    std::iter::once(head).chain(rows.iter().map(line)).collect()
}

/// One value as a table writes it, outside of its columns.
pub fn text(column: &Column, table: Table, row: &Row) -> String {
    let digits = column.places.iter().find(|p| p.table == table).map_or(2, |p| p.digits);
    (column.of)(row).text(table, digits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_and_places_are_unique() {
        let keys: BTreeSet<&str> = COLUMNS.iter().map(|c| c.key).collect();
        assert_eq!(keys.len(), COLUMNS.len());
        let mut places = BTreeSet::new();
        for (column, place) in COLUMNS.iter().flat_map(|c| c.places.iter().map(move |p| (c, p))) {
            assert!(
                places.insert(format!("{:?} {}", place.table, place.at)),
                "{}: {:?} {}",
                column.key,
                place.table,
                place.at
            );
        }
    }

    #[test]
    fn a_newer_column_is_there_where_an_arm_has_a_value() {
        let headings = |table, rows: &[Row]| lines(table, rows).swap_remove(0);
        let old = Row { arm: "w2".to_owned(), ..Row::default() };
        let teacher = Row { is_teacher: true, ece: Some(1.0), ..Row::default() };
        let new = Row { cka_to_teacher: Some(0.5), ..old.clone() };
        let both = [teacher, old];
        assert!(!headings(Table::Run, &both).iter().any(|h| h == "CKA" || h == "calibration error %"));
        assert!(headings(Table::Csv, &both).iter().any(|h| h == "ece"));
        let rows = [both[0].clone(), both[1].clone(), new];
        assert!(headings(Table::Run, &rows).iter().filter(|h| *h == "CKA" || *h == "calibration error %").count() == 2);
        let markdown = lines(Table::Markdown, &rows[1..]);
        assert_eq!(
            markdown.iter().map(|line| line[line.len() - 1].as_str()).collect::<Vec<_>>(),
            ["CKA to teacher", "–", "0.5000"]
        );
    }

    #[test]
    fn each_table_writes_a_value_its_own_way() {
        let all = [Table::Markdown, Table::Latex, Table::Csv, Table::Grid];
        let of = |value: Value| all.map(|table| value.text(table, 3));
        assert_eq!(of(Value::Nothing), ["–", "--", "", "–"]);
        assert_eq!(of(Value::Number(0.5)), ["0.500", "0.500", "0.500000", "0.500"]);
        assert_eq!(of(Value::Number(f64::NAN)), ["NaN", "NaN", "", "–"]);
        assert_eq!(of(Value::Change(0.5)), ["+0.50", "+0.50", "0.500000", "+0.50"]);
        assert_eq!(of(Value::P(2e-5)), ["< 0.0001", "$<$ 0.0001", "2.000e-5", "0.0000"]);
        assert_eq!(of(Value::Weights(vec![0.1, 2.0])), ["0.1 + 2", "0.1 + 2", "0.1 2", "0.1 + 2"]);
        assert_eq!(of(Value::Text("a_b".to_owned())), ["a_b", "a\\_b", "a_b", "a_b"]);
        let spread = Value::Spread(90.0, Some(1.0), 2);
        assert_eq!(spread.text(Table::Latex, 0), "$90.00 \\pm 1.00$ (2 missing)");
        assert_eq!(spread.text(Table::Markdown, 0), "90.00 ± 1.00 (2 missing)");
    }
}

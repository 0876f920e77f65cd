//! What a column of results is: where its values come from, and its places in tables.

use super::{row::Row, table::Table, value::Value};

/// A column of results.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its name in CSV, and the only one of it.
    pub key: &'static str,
    /// What stands above it.
    pub title: &'static str,
    /// What its numbers are measured in; follows the title.
    pub unit: &'static str,
    /// Where its value comes from.
    pub of: fn(&Row) -> Value,
    /// The tables that show it.
    pub places: &'static [Place],
    /// Words stand at the left.
    pub words: bool,
    /// Summaries of an older version lack it: the column is there only where an arm has a value.
    pub newer: bool,
    /// Of grids that ask for it: no table has it where no arm has a value.
    pub asked: bool,
}

/// Where a table shows a column, and how.
#[derive(Clone, Copy)]
pub struct Place {
    pub(super) table: Table,
    /// Columns stand in ascending order.
    pub(super) at: u16,
    pub(super) title: Option<&'static str>,
    pub(super) digits: usize,
    pub(super) teacher: Option<&'static str>,
}

impl Place {
    /// In a table, behind the columns that have a smaller number, with two digits behind the point.
    pub const fn new(table: Table, at: u16) -> Self {
        Self { table, at, title: None, digits: 2, teacher: None }
    }

    /// With another number of digits.
    pub const fn digits(self, digits: usize) -> Self {
        Self { digits, ..self }
    }

    /// Under another heading than the column's title and unit.
    pub const fn titled(self, title: &'static str) -> Self {
        Self { title: Some(title), ..self }
    }

    /// With this in the teacher's row, which is so without being measured.
    pub const fn teacher(self, text: &'static str) -> Self {
        Self { teacher: Some(text), ..self }
    }
}

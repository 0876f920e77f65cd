//! The tables that show results.

/// Who shows results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `table.md` of a grid: what its arms reach.
    Markdown,
    /// The same file: what they cost.
    Cost,
    /// `table.tex` of a grid.
    Latex,
    /// `table.csv` of a grid.
    Csv,
    /// `report.html` of a grid.
    Grid,
    /// `report.html` of a run.
    Run,
    /// The end of a run, on the terminal.
    Terminal,
    /// Several runs side by side, on the terminal.
    Compare,
}

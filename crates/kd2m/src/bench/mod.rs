//! The benchmark: data sets × networks × arms × seeds, many workers on one folder, one table at the end.
//! [`grid`] reads the file, [`plan`] lists the work, [`work`] does it under [`claim`]s, [`results`] counts, [`table`] and [`page`] show.

mod board;
pub mod claim;
pub mod estimate;
mod export;
mod finish;
pub mod grid;
pub mod page;
pub mod paper;
pub mod plan;
pub mod protocol;
pub mod results;
pub mod select;
pub mod store;
mod summaries;
pub mod table;
pub mod work;

pub use grid::Grid;
pub use plan::{Plan, Shard};
pub use protocol::Protocol;
pub use results::CellResults;
pub use work::{BenchOptions, Outcome, Progress, run};

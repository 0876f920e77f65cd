//! The benchmark: data sets × networks × arms × seeds, many workers on one folder, one table at the end.
//! [`grid`] reads the file, [`plan`] lists the work, [`work`] does it under [`claim`]s, [`results`] counts, [`table`] and [`page`] show.

mod board;
pub mod claim;
pub mod estimate;
mod export;
mod finish;
pub mod grid;
mod options;
pub mod page;
pub mod paper;
pub mod plan;
mod progress;
pub mod protocol;
mod record;
pub mod results;
pub mod select;
pub mod store;
mod summaries;
pub mod table;
pub mod work;

pub use grid::Grid;
pub use options::BenchOptions;
pub use plan::{Plan, Shard};
pub use progress::{Listener, Progress};
pub use protocol::Protocol;
pub use record::{Found, Record};
pub use results::CellResults;
pub use work::{Outcome, run};

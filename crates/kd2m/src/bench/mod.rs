//! The benchmark: data sets × networks × arms × seeds, many workers on one folder, one table at the end.
//! `grid` reads the file, `plan` lists the work, `work` has `worker`s do it under `claim`s, `results` counts, [`table`] and `page` show.

mod choice;
pub mod estimate;
mod export;
mod finish;
pub(crate) mod grid;
mod heard;
mod litter;
mod options;
pub(crate) mod page;
pub mod paper;
pub(crate) mod plan;
mod progress;
pub(crate) mod protocol;
mod record;
pub(crate) mod results;
pub(crate) mod select;
mod setting;
mod status;
pub(crate) mod store;
mod summaries;
pub mod table;
mod timing;
mod varied;
pub(crate) mod work;
mod worker;

pub use grid::Grid;
pub use options::BenchOptions;
pub use plan::Shard;
pub use progress::{Listener, Progress};
pub use protocol::Protocol;
pub use results::CellResults;
pub use work::{Outcome, run};

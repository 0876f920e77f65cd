//! Training: one loop for teachers and students (`fit`), the run that compares arms over seeds ([`distill`](mod@distill)), and what both
//! leave on disk ([`folder`], [`checkpoint`], [`summary`]). What happens goes to [`observer`]s, who write the metrics among other things.

pub mod about;
pub mod checkpoint;
pub mod compare;
pub(crate) mod crew;
pub mod distill;
pub(crate) mod drawn;
pub(crate) mod evaluate;
pub mod finding;
pub(crate) mod fit;
pub mod folder;
pub mod halt;
pub(crate) mod inputs;
pub mod inspect;
pub(crate) mod networks;
pub mod observer;
pub(crate) mod outlook;
pub(crate) mod owner;
pub mod record;
pub(crate) mod room;
pub mod run;
pub(crate) mod schedule;
pub mod setup;
pub(crate) mod side;
pub(crate) mod sides;
pub(crate) mod source;
pub mod statistics;
pub(crate) mod student;
pub mod summary;
pub(crate) mod teach;
pub(crate) mod together;

pub use distill::{distill, train_teacher};
pub use halt::Halt;
pub use observer::{Event, Observer, Silent};
pub use record::{EpochRecord, SplitRecord, TermRecord};
pub use run::{Run, RunOptions, arms};

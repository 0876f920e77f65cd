//! Training: one loop for teachers and students ([`fit`]), the run that compares arms over seeds ([`distill`]), and what both
//! leave on disk ([`folder`], [`checkpoint`], [`summary`]). What happens goes to [`observer`]s, who write the metrics among other things.

pub mod checkpoint;
pub mod distill;
pub mod drawn;
pub mod evaluate;
pub mod fit;
pub mod folder;
pub mod halt;
pub mod inspect;
pub mod networks;
pub mod observer;
pub mod record;
pub mod run;
pub mod schedule;
pub mod setup;
pub mod side;
pub mod sides;
pub mod source;
pub mod statistics;
pub mod student;
pub mod summary;
pub mod teach;

pub use distill::{distill, train_teacher};
pub use halt::Halt;
pub use observer::{Event, Observer, Silent};
pub use record::{EpochRecord, SplitRecord, TermRecord};
pub use run::{Run, RunOptions, arms};

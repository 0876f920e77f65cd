//! Training: one loop for teachers and students ([`fit`]), the run that compares arms over seeds ([`distill`]), and what both
//! leave on disk ([`folder`], [`checkpoint`], [`summary`]). Progress goes to an [`Observer`].

pub mod checkpoint;
pub mod distill;
pub mod evaluate;
pub mod fit;
pub mod folder;
pub mod inspect;
pub mod networks;
pub mod observer;
pub mod record;
pub mod schedule;
pub mod setup;
pub mod statistics;
pub mod student;
pub mod summary;
pub mod teach;
pub mod tensorboard;

pub use distill::{Run, RunOptions, distill, train_teacher};
pub use observer::{Event, Observer, Silent};
pub use record::{EpochRecord, SplitRecord, TermRecord};

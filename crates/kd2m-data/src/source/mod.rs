//! One file a data set: where it lies on disk, how its files are read, what it is called and credited.

pub(crate) mod digits;

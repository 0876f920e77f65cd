//! One file a data set (where it lies on disk, what it is called and credited) and the readers that they share.
//! `files.rs` finds and opens, `archive.rs` reads folder or .tar.gz, `idx.rs` and `mat5.rs` are formats.

mod archive;
pub(crate) mod cifar;
pub(crate) mod digits;
pub(crate) mod files;
pub(crate) mod folder;
mod idx;
mod mat5;
pub(crate) mod mnist;
pub(crate) mod svhn;

/// All data sets, in the order of their listing.
pub(crate) const ENTRIES: &[crate::Entry] =
    &[digits::ENTRY, mnist::MNIST, mnist::FASHION_MNIST, cifar::CIFAR10, cifar::CIFAR100, svhn::ENTRY, folder::ENTRY];

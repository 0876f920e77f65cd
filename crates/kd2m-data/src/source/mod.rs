//! One file a data set (where it lies on disk, what it is called and credited) and the readers that they share.
//! `files.rs` finds and opens, `archive.rs` reads folder or .tar.gz, `idx.rs` and `mat5.rs` are formats, `pairs.rs` two IDX files that belong together. The list below is all that
//! another data set is added to.

mod archive;
pub(crate) mod files;
mod idx;
mod mat5;
mod pairs;

/// Makes a file of each name a module, and its entries lines of the list.
macro_rules! sources {
    ($($file:ident: $($entry:ident),+;)*) => {
        $(pub(crate) mod $file;)*

        /// All data sets, in the order of their listing.
        pub(crate) const ENTRIES: &[crate::Entry] = &[$($($file::$entry),+),*];
    };
}

sources! {
    digits: ENTRY;
    mnist: MNIST, FASHION_MNIST, KMNIST;
    emnist: BALANCED, BY_CLASS, BY_MERGE, OF_LETTERS, OF_DIGITS, LIKE_MNIST;
    cifar: CIFAR10, CIFAR100;
    svhn: ENTRY, EXTRA;
    stl10: ENTRY;
    tiny_imagenet: ENTRY;
    folder: ENTRY;
    parquet: ENTRY;
}

//! The field's methods, one file each, with the weights and options of their authors' CIFAR-100 recipes: RepDistiller's where
//! it has the method. A file holds the entry, formula, source, cost, the code and its tests; the list at the foot of this page names them.

/// Makes a file of each name a module, and its `ENTRY` a line of the table.
macro_rules! baselines {
    ($($file:ident),* $(,)?) => {
        $(pub mod $file;)*

        /// All of them, in the order in which tables show them.
        pub const BASELINES: &[crate::entry::Entry] = &[$($file::ENTRY),*];
    };
}

baselines! {
    hinton,
    hinton_std,
    dkd,
    dist,
    fitnet,
    at,
    sp,
    cc,
    rkd,
    pkt,
    nst,
    vid,
    crd,
    ickd,
    wkd_l,
    wkd_f,
    sinkd,
    review,
    skd,
    mlkd,
    cosine,
    queue,
    nkd,
    sdd,
}

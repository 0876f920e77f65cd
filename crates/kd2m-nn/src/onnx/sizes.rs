//! Sizes of values while a model is read, where the number of images stays open.

/// A size: a number, or that of the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Size {
    Known(i64),
    Batch,
}

/// A list of sizes, or one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sizes {
    pub all: Vec<Size>,
    pub scalar: bool,
}

impl Sizes {
    pub fn list(all: Vec<Size>) -> Self {
        Self { all, scalar: false }
    }

    /// Their numbers, if none depends on the batch.
    pub fn known(&self) -> Option<Vec<i64>> {
        self.all.iter().map(|size| number(size).ok()).collect()
    }
}

/// The number, if it does not depend on the batch.
pub(crate) fn number(size: &Size) -> Result<i64, String> {
    match size {
        Size::Known(value) => Ok(*value),
        Size::Batch => Err("depends on the number of images".to_owned()),
    }
}

//! Kinds of labels, and what both layouts know of an image.

use crate::DataError;

/// Values of an image.
pub(super) const PIXELS: usize = 3 * 32 * 32;

/// One kind of label.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// What messages call it.
    pub name: &'static str,
    /// Its key in the Python layout.
    pub key: &'static str,
    /// How many values it takes, from 0.
    pub values: u32,
}

pub(super) const LABEL: Kind = Kind { name: "label", key: "labels", values: 10 };
pub(super) const COARSE: Kind = Kind { name: "coarse label", key: "coarse_labels", values: 20 };
pub(super) const FINE: Kind = Kind { name: "fine label", key: "fine_labels", values: 100 };

impl Kind {
    /// The label, if it is one of this kind.
    pub fn check(&self, place: &str, record: usize, label: i128) -> Result<u32, DataError> {
        u32::try_from(label).ok().filter(|label| *label < self.values).ok_or_else(|| DataError::Label {
            place: place.to_owned(),
            record,
            kind: self.name,
            label: label as f64,
            expected: format!("0 to {}", self.values - 1),
        })
    }
}

//! Numbers of classes, and their names: from the description that `datasets` leaves in the file, from the words that are there, or none.

use std::{collections::BTreeSet, path::Path};

use super::table::{Labels, Table};
use crate::DataError;

/// More are row numbers or the like.
const MOST: i64 = 1 << 20;

/// The classes of a set.
pub(super) struct Classes {
    /// In the order of their numbers.
    pub names: Vec<String>,
}

impl Classes {
    /// Those of the training images.
    pub fn of(place: &Path, train: &Table) -> Result<Self, DataError> {
        let wrong = |problem: &str| DataError::format(&place.display().to_string(), problem);
        let names = match (&train.names, &train.labels) {
            (Some(names), Labels::Numbers(_)) => names.clone(),
            (_, Labels::Words(words)) => words.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect(),
            (None, Labels::Numbers(numbers)) => {
                let largest = numbers.iter().max().copied().unwrap_or(-1);
                if largest >= MOST {
                    return Err(wrong("has classes of more than a million: is it the column of classes?"));
                }
                (0..=largest).map(|number| number.to_string()).collect()
            }
        };
        if names.is_empty() { Err(wrong("holds no image")) } else { Ok(Self { names }) }
    }

    /// The numbers of a part's images.
    pub fn numbers(&self, table: &Table) -> Result<Vec<u32>, DataError> {
        let number = |i: usize| {
            let place = || table.place(i);
            match &table.labels {
                Labels::Numbers(numbers) => u32::try_from(numbers[i])
                    .ok()
                    .filter(|number| (*number as usize) < self.names.len())
                    .ok_or_else(|| DataError::Label {
                        place: table.file(i).display().to_string(),
                        record: table.row(i),
                        kind: "label",
                        label: numbers[i] as f64,
                        expected: format!("0 to {}", self.names.len() - 1),
                    }),
                Labels::Words(words) => match self.names.binary_search(&words[i]) {
                    Ok(number) => Ok(number as u32),
                    Err(_) => Err(DataError::format(
                        &place(),
                        format!(
                            "has class `{}`, which no training image has: a network cannot have learned it",
                            words[i]
                        ),
                    )),
                },
            }
        };
        (0..table.pictures.len()).map(number).collect()
    }
}

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

    /// Refuses a class all of whose training images were left out; `labels` are those of the others.
    pub fn keep_all(&self, train: &Table, labels: &[u32]) -> Result<(), DataError> {
        let number = |word: &String| self.names.binary_search(word).ok();
        let left: Vec<(Option<usize>, String)> = match &train.left_labels {
            Labels::Words(words) => words.iter().map(|word| (number(word), word.clone())).collect(),
            Labels::Numbers(numbers) => {
                numbers.iter().map(|number| (usize::try_from(*number).ok(), number.to_string())).collect()
            }
        };
        let is_lost = |(number, _): &&(Option<usize>, String)| {
            number.is_none_or(|number| !labels.iter().any(|label| *label as usize == number))
        };
        match left.iter().find(is_lost) {
            None => Ok(()),
            Some((number, said)) => {
                let name = number.and_then(|number| self.names.get(number)).unwrap_or(said);
                let problem = format!("has no training image of class {name} that can be decoded");
                Err(DataError::format(&train.shown(), problem))
            }
        }
    }
}

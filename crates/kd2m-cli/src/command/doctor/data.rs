//! Which data sets are there, each read as a run reads it.

use std::path::Path;

use kd2m_data::{DataError, Entry, load, registry};
use serde_json::json;

use super::finding::{Finding, State};

/// One finding for each data set that has a name of its own.
pub fn sets(root: Option<&Path>) -> Vec<Finding> {
    registry().iter().filter(|entry| !entry.takes_path).map(|entry| set(entry, root)).collect()
}

fn set(entry: &Entry, root: Option<&Path>) -> Finding {
    let facts = |train: Option<usize>, test: Option<usize>| json!({ "train_images": train, "test_images": test });
    match load(entry.name, root) {
        Ok(data) => {
            let (train, test) = (data.train.len(), data.test.len());
            let says = format!("{train} training and {test} test images, read whole");
            Finding::new(entry.name, State::Fine, says, facts(Some(train), Some(test)))
        }
        Err(DataError::NoRoot { expected, .. }) => {
            let says = format!("not looked for: --data-root DIR, where DIR holds {expected}");
            Finding::new(entry.name, State::Absent, says, facts(None, None))
        }
        // Most people have few of them: where each was looked for is what loading it says.
        Err(DataError::Missing { file, help, .. }) => {
            Finding::new(entry.name, State::Absent, format!("{file} is not there: {help}"), facts(None, None))
        }
        Err(error) => Finding::new(entry.name, State::Wrong, error.to_string(), facts(None, None)),
    }
}

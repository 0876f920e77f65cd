//! `summaries.json`: every finished run's summary on a line of its own, so that a grid that grew by an arm differs by that arm's lines
//! and a thousand runs stay readable. To JSON readers it is an ordinary array.

use std::{io, path::Path};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use super::record::Record;
use crate::{Error, files};

/// Writes the summaries of a grid.
///
/// # Errors
/// The folder cannot be written, or the disk is full.
pub(super) fn write(path: &Path, records: &[Record]) -> Result<(), Error> {
    files::write(path, &text(records).map_err(Error::json("summaries.json"))?)
}

/// Reads the summaries of a grid, whatever their line breaks.
///
/// # Errors
/// A missing file, or one that holds no summaries.
pub(super) fn read(path: &Path) -> Result<Vec<Record>, Error> {
    files::read_json(path)
}

fn text(records: &[Record]) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    records.serialize(&mut Serializer::with_formatter(&mut bytes, OneRunALine { depth: 0, empty: true }))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Breaks lines around what stands in the file, in a record, and in a record's lists; all that lies deeper is on one line.
struct OneRunALine {
    /// Arrays and objects that are open: 1 in the file, 2 in a record, 3 in one of its lists.
    depth: usize,
    /// Nothing stands yet in the innermost of them.
    empty: bool,
}

impl OneRunALine {
    const RECORD: usize = 2;
    const LIST: usize = 3;

    fn open<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.empty = true;
        writer.write_all(bracket)
    }

    fn separate<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool, deepest: usize) -> io::Result<()> {
        self.empty = false;
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth <= deepest { writer.write_all(b"\n") } else { Ok(()) }
    }

    fn close<W: ?Sized + io::Write>(&mut self, writer: &mut W, bracket: &[u8], deepest: usize) -> io::Result<()> {
        if self.depth <= deepest && !self.empty {
            writer.write_all(b"\n")?;
        }
        self.depth -= 1;
        self.empty = false;
        writer.write_all(bracket)
    }
}

impl Formatter for OneRunALine {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first, Self::LIST)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]", Self::LIST)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first, Self::RECORD)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}", Self::RECORD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Source, train::summary::StudentSummary};

    fn record(students: usize) -> Record {
        let student = |seed| StudentSummary {
            weights: vec![0.5],
            share_of_gradient: Some(0.25),
            arm: "w2, or a name with ] and \"quotes\"".to_owned(),
            seed,
            test_accuracy: 90.0 + 0.1 * seed as f64,
            test_top5: None,
            val_accuracy: 90.0,
            best_val_test_accuracy: 91.0,
            best_val_accuracy: 91.0,
            best_val_epoch: 3,
            w2_to_teacher: Some(1.0 / 3.0),
            cka_to_teacher: None,
            calibration: None,
            images_per_second: 1e3,
            seconds: 1.5,
            step_ms: 2.5,
            criteria_ms: [("w2".to_owned(), 0.25)].into(),
            normalisation: None,
        };
        Record {
            stage: "runs".to_owned(),
            cell: "digits".to_owned(),
            config: Source::demo().unwrap().resolve().unwrap(),
            teacher: None,
            students: (0..students as u64).map(student).collect(),
            diverged: vec![("w2-x10".to_owned(), 101), ("w2-x10".to_owned(), 102)],
        }
    }

    #[test]
    fn each_run_is_a_line_and_reads_back_as_it_was() {
        let records = [record(3), record(0)];
        let text = String::from_utf8(text(&records).unwrap()).unwrap();
        let runs: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"arm\":")).collect();
        assert_eq!(runs.len(), 3, "{text}");
        for (run, student) in runs.iter().zip(&records[0].students) {
            assert_eq!(&serde_json::from_str::<StudentSummary>(run.trim_end_matches(',')).unwrap(), student);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summaries.json");
        write(&path, &records).unwrap();
        let back = serde_json::to_value(read(&path).unwrap()).unwrap();
        assert_eq!(back, serde_json::to_value(&records).unwrap());
    }

    #[test]
    fn any_number_of_a_result_may_be_null() {
        use crate::train::summary::tests;
        let full = Record { teacher: Some(tests::teacher()), students: vec![tests::student("w2", 1)], ..record(0) };
        // The configuration is checked before it is run: what is not finite never comes to stand in one.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summaries.json");
        let text = serde_json::to_string(&vec![full]).unwrap();
        std::fs::write(&path, text.replace("90.5", "null").replace("97.5", "null")).unwrap();
        let back = read(&path).unwrap();
        assert!(back[0].students[0].test_accuracy.is_nan() && back[0].teacher.as_ref().unwrap().test_accuracy.is_nan());
    }

    #[test]
    fn another_run_adds_a_line_and_changes_none_but_the_comma_before_it() {
        let lines = |n| {
            let text = String::from_utf8(text(&[record(n)]).unwrap()).unwrap();
            text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect::<Vec<_>>()
        };
        let (two, mut three) = (lines(2), lines(3));
        let added = three.iter().position(|line| line.contains("\"seed\":2,")).unwrap();
        three.remove(added);
        assert_eq!(two, three);
    }
}

//! The images and classes of Parquet files, row by row; images are decoded on all threads, some hundred at once.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData},
        reader::{FileReader, SerializedFileReader},
    },
    record::{Field, Row},
    schema::types::Type,
};
use rayon::prelude::*;
use serde_json::Value;

use super::{
    super::folder::decode::{Picture, decode_bytes},
    pages,
};
use crate::{DataError, Frame, Orientation, Undecoded};

/// What is said of a row whose image is null.
const NO_IMAGE: &str = "has no image";
/// Rows that are read before they are decoded together.
const AT_ONCE: usize = 256;
/// Names of columns of classes, the likeliest first.
const LABELS: [&str; 3] = ["label", "labels", "fine_label"];
/// Names of columns of images.
const IMAGES: [&str; 2] = ["image", "img"];

/// How images are made pixels.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub frame: Option<&'a Frame>,
    pub orientation: Orientation,
    /// Rows without an image that can be decoded are left out, where they are an error otherwise.
    pub skip_bad: bool,
}

/// One part of a set.
pub(super) struct Table {
    pub pictures: Vec<Picture>,
    pub labels: Labels,
    /// The place of each image in its file, counted from 0.
    rows: Vec<usize>,
    /// Rows that are left out, and their classes.
    pub left: Vec<Undecoded>,
    pub left_labels: Labels,
    /// Of the classes, where a file says them.
    pub names: Option<Vec<String>>,
    /// Each file, and how many images there are up to its end.
    files: Vec<(PathBuf, usize)>,
}

/// What a column of classes holds.
pub(super) enum Labels {
    Numbers(Vec<i64>),
    Words(Vec<String>),
}

impl Labels {
    /// Whether they are none: sets whose test part is a contest's have −1 throughout.
    pub fn are_secret(&self) -> bool {
        matches!(self, Self::Numbers(numbers) if !numbers.is_empty() && numbers.iter().all(|number| *number == -1))
    }

    /// Another label of the same kind; a word beside numbers is none.
    fn push(&mut self, field: &Field) -> Result<(), String> {
        let number = match field {
            Field::Str(word) => {
                return match self {
                    Self::Words(words) => {
                        words.push(word.clone());
                        Ok(())
                    }
                    Self::Numbers(numbers) if numbers.is_empty() => {
                        *self = Self::Words(vec![word.clone()]);
                        Ok(())
                    }
                    Self::Numbers(_) => Err("has a word for its class, others have numbers".to_owned()),
                };
            }
            Field::Bool(x) => i64::from(*x),
            Field::Byte(x) => i64::from(*x),
            Field::Short(x) => i64::from(*x),
            Field::Int(x) => i64::from(*x),
            Field::Long(x) => *x,
            Field::UByte(x) => i64::from(*x),
            Field::UShort(x) => i64::from(*x),
            Field::UInt(x) => i64::from(*x),
            Field::ULong(x) => i64::try_from(*x).map_err(|_| format!("has class {x}"))?,
            Field::Null => return Err("has no class".to_owned()),
            _ => return Err("has a class that is neither a whole number nor a word".to_owned()),
        };
        match self {
            Self::Numbers(numbers) => {
                numbers.push(number);
                Ok(())
            }
            Self::Words(_) => Err("has a number for its class, others have words".to_owned()),
        }
    }
}

/// Pixels that would take more memory than there should be for them.
pub(super) fn too_large(bytes: u64) -> String {
    format!(
        "has {:.1} GiB of pixels, which are held in memory: write its images into a folder, whose images are streamed, or give a smaller size",
        bytes as f64 / (1_u64 << 30) as f64
    )
}

/// Where a column begins and ends.
fn place(chunk: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let from = u64::try_from(chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset())).ok()?;
    Some((from, from.checked_add(u64::try_from(chunk.compressed_size()).ok()?)?))
}

/// Whether every column lies within a file of this length: the reader takes what a file says of that for granted.
fn columns_lie_within(about: &ParquetMetaData, length: u64) -> bool {
    let chunks = about.row_groups().iter().flat_map(RowGroupMetaData::columns);
    chunks.into_iter().all(|chunk| {
        place(chunk).is_some_and(|(_, end)| end <= length) && chunk.data_page_offset() >= 0 && chunk.num_values() >= 0
    })
}

impl Table {
    /// The rows of some files, one behind the other.
    pub fn read(paths: &[PathBuf], how: How, most: u64) -> Result<Self, DataError> {
        let mut table = Self {
            pictures: Vec::new(),
            labels: Labels::Numbers(Vec::new()),
            rows: Vec::new(),
            left: Vec::new(),
            left_labels: Labels::Numbers(Vec::new()),
            names: None,
            files: Vec::new(),
        };
        for path in paths {
            table.add(path, how, most)?;
        }
        Ok(table)
    }

    /// Its files, the first of several.
    pub fn shown(&self) -> String {
        let first = self.files.first().map(|(path, _)| path.display().to_string()).unwrap_or_default();
        match self.files.len() {
            0 | 1 => first,
            all => format!("{first} and {} more", all - 1),
        }
    }

    /// What messages call an image.
    pub fn place(&self, i: usize) -> String {
        format!("{}, row {}", self.file(i).display(), self.row(i))
    }

    /// The file that an image is in.
    pub fn file(&self, i: usize) -> &Path {
        self.files.iter().find(|(_, end)| i < *end).map_or(Path::new(""), |(path, _)| path)
    }

    /// The place of an image in its file, counted from 0.
    pub fn row(&self, i: usize) -> usize {
        self.rows[i]
    }

    fn add(&mut self, path: &Path, how: How, most: u64) -> Result<(), DataError> {
        // The crate panics at some files whose parts contradict each other. What was read of such a one is not used.
        let added = catch_unwind(AssertUnwindSafe(|| self.add_rows(path, how, most)));
        added.unwrap_or_else(|_| {
            let why = "cannot be read as Parquet (its parts contradict each other): get it again";
            Err(DataError::format(&path.display().to_string(), why))
        })
    }

    fn add_rows(&mut self, path: &Path, how: How, most: u64) -> Result<(), DataError> {
        let place = path.display().to_string();
        let damaged = |error: parquet::errors::ParquetError| {
            DataError::format(
                &place,
                format!(
                    "cannot be read as Parquet ({error}): get it again, or write it with compression none, snappy or gzip"
                ),
            )
        };
        let file = File::open(path).map_err(|source| DataError::Io { place: place.clone(), source })?;
        let length = file.metadata().map_err(|source| DataError::Io { place: place.clone(), source })?.len();
        let own = file.try_clone().map_err(|source| DataError::Io { place: place.clone(), source })?;
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        if !columns_lie_within(reader.metadata(), length) {
            return Err(DataError::format(&place, "says of a column that it lies outside of the file: get it again"));
        }
        let about = reader.metadata().file_metadata();
        let rows = u64::try_from(about.num_rows()).unwrap_or(0);
        let columns = Columns::of(
            about.schema(),
            about
                .key_value_metadata()
                .into_iter()
                .flatten()
                .find_map(|pair| (pair.key == "huggingface").then(|| pair.value.clone()).flatten()),
        )
        .map_err(|problem| DataError::format(&place, problem))?;
        if self.names.is_none() {
            self.names.clone_from(&columns.names);
        }
        let chunks = reader.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
        let wanted = chunks.filter(|chunk| chunk.column_path().parts().first().is_some_and(|name| columns.has(name)));
        if !pages::can_be(&own, wanted.filter_map(self::place))
            .map_err(|source| DataError::Io { place: place.clone(), source })?
        {
            return Err(DataError::format(&place, "has a page that claims more than can be in it: get it again"));
        }
        let mut waiting: Vec<Waiting> = Vec::with_capacity(AT_ONCE);
        for (row, found) in reader.get_row_iter(Some(columns.projection.clone())).map_err(damaged)?.enumerate() {
            let found = found.map_err(damaged)?;
            let field = |name: &str| {
                found.get_column_iter().find(|(own, _)| *own == name).map_or(&Field::Null, |(_, field)| field)
            };
            waiting.push(Waiting { row, image: bytes(field(&columns.image)), label: field(&columns.label).clone() });
            if waiting.len() == AT_ONCE {
                self.decode(path, &mut waiting, how)?;
                let each = self.pictures.first().map_or(0, |picture| picture.planes.len() as u64);
                if each * rows > 3 * most {
                    return Err(DataError::format(&place, too_large(each * rows)));
                }
            }
        }
        self.decode(path, &mut waiting, how)?;
        self.files.push((path.to_owned(), self.pictures.len()));
        Ok(())
    }

    /// All that wait, of one file. The first that is broken is told, or left out as all others are.
    fn decode(&mut self, path: &Path, waiting: &mut Vec<Waiting>, how: How) -> Result<(), DataError> {
        let place = |row: usize| format!("{}, row {row}", path.display());
        let decoded = std::mem::take(waiting).into_par_iter().map(|Waiting { row, image, label }| {
            let image = image.map_err(|problem| DataError::format(&place(row), problem));
            (row, label, image.and_then(|bytes| decode_bytes(&place(row), bytes, how.frame, how.orientation)))
        });
        for (row, label, picture) in decoded.collect::<Vec<(usize, Field, Result<Picture, DataError>)>>() {
            let labels = match (picture, how.skip_bad) {
                (Ok(picture), _) => {
                    self.pictures.push(picture);
                    self.rows.push(row);
                    &mut self.labels
                }
                (Err(DataError::Undecodable { why, .. }), true) => {
                    self.left.push(undecoded(path, row, why));
                    &mut self.left_labels
                }
                (Err(DataError::Format { problem, .. }), true) if problem == NO_IMAGE => {
                    self.left.push(undecoded(path, row, problem));
                    &mut self.left_labels
                }
                (Err(error), _) => return Err(error),
            };
            labels.push(&label).map_err(|problem| DataError::format(&place(row), problem))?;
        }
        Ok(())
    }
}

/// A row that is read and not decoded yet.
struct Waiting {
    row: usize,
    image: Result<Vec<u8>, &'static str>,
    label: Field,
}

fn undecoded(path: &Path, row: usize, kind: String) -> Undecoded {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    Undecoded { name: format!("{file}, row {row}"), kind }
}

/// The columns that are read.
struct Columns {
    image: String,
    label: String,
    names: Option<Vec<String>>,
    projection: Type,
}

impl Columns {
    /// Whether a column is read.
    fn has(&self, name: &str) -> bool {
        name == self.image || name == self.label
    }

    /// Those of a schema; `described` is what `datasets` says of it.
    fn of(schema: &Type, described: Option<String>) -> Result<Self, String> {
        let features = described.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let features = features.as_ref().map_or(&Value::Null, |all| &all["info"]["features"]);
        let fields: Vec<&Arc<Type>> = schema.get_fields().iter().collect();
        let own = || fields.iter().map(|field| field.name());
        let of_kind = |kind: &str| own().find(|name| features[*name]["_type"] == kind);
        let among = |names: &[&str]| names.iter().find_map(|name| own().find(|own| own == name));
        let lacks = |what: &str| format!("has no column of {what}, only {}", own().collect::<Vec<_>>().join(", "));
        let image = of_kind("Image").or_else(|| among(&IMAGES)).ok_or_else(|| lacks("images (image, img)"))?.to_owned();
        let label = among(&LABELS).or_else(|| of_kind("ClassLabel"));
        let label = label.ok_or_else(|| lacks("classes (label, labels, fine_label)"))?.to_owned();
        let list = features[&label]["names"].as_array();
        let names = list.map(|list| list.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect());
        let wanted = fields.iter().filter(|field| field.name() == image || field.name() == label);
        let projection =
            Type::group_type_builder(schema.name()).with_fields(wanted.map(|field| Arc::clone(field)).collect());
        let projection = projection.build().map_err(|error| error.to_string())?;
        Ok(Self { image, label, names, projection })
    }
}

/// The bytes of an image: a column of bytes, or of bytes with the path that they had.
fn bytes(field: &Field) -> Result<Vec<u8>, &'static str> {
    let inner = |row: &Row| row.get_column_iter().find(|(name, _)| *name == "bytes").map(|(_, field)| field.clone());
    match field {
        Field::Bytes(bytes) => Ok(bytes.data().to_vec()),
        Field::Group(row) => match inner(row) {
            Some(Field::Bytes(bytes)) => Ok(bytes.data().to_vec()),
            _ => Err(
                "has the path of an image without its bytes: write the set with them (`datasets` does with `embed_external_files`)",
            ),
        },
        _ => Err(NO_IMAGE),
    }
}

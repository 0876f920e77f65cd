//! A folder of files with the SHA-256 of each in `SHA256SUMS`, as `sha256sum -c` reads it: what is cut, flipped or missing is noticed.

use std::{collections::BTreeMap, fs::File, io::Write, path::Path};

use kd2m_nn::{Weights, weights};

use crate::{Error, files, sums};

/// The list of sums.
pub const SUMS: &str = "SHA256SUMS";

/// Writes a folder file by file; the list of sums, written last, marks it whole.
pub struct Writer<'a> {
    folder: &'a Path,
    sums: String,
}

impl<'a> Writer<'a> {
    /// In a folder that is there.
    pub fn new(folder: &'a Path) -> Self {
        Self { folder, sums: String::new() }
    }

    /// Tensors, as `NAME.safetensors`.
    ///
    /// # Errors
    /// The disk.
    pub fn tensors(&mut self, name: &str, tensors: &Weights) -> Result<(), Error> {
        let name = format!("{name}.safetensors");
        let bytes = weights::to_bytes(tensors, None);
        let bytes = bytes.map_err(|source| Error::io("write", &self.folder.join(&name), source))?;
        self.file(&name, &bytes)
    }

    /// A value as JSON.
    ///
    /// # Errors
    /// The disk.
    pub fn json(&mut self, name: &str, value: &impl serde::Serialize) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(value).map_err(Error::json("a checkpoint"))?;
        self.file(name, &bytes)
    }

    /// The list of sums, and everything on the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn finish(self) -> Result<(), Error> {
        self.put(SUMS, self.sums.as_bytes())?;
        files::sync_folder(self.folder)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.put(name, bytes)?;
        self.sums += &format!("{}  {name}\n", sums::of_bytes(bytes));
        Ok(())
    }

    /// At its place at once: the folder has another name until it is whole.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.folder.join(name);
        let written = File::create(&path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.map_err(|source| Error::io("write", &path, source))
    }
}

/// That the files of a folder are those that were written, these among them.
///
/// # Errors
/// [`Error::Damaged`] with the first file that is not.
pub fn verify(folder: &Path, needed: &[String]) -> Result<(), Error> {
    let list = folder.join(SUMS);
    let damaged = |why: &str| Error::Damaged { path: list.clone(), why: why.to_owned() };
    if !list.is_file() {
        return Err(damaged("is missing"));
    }
    let text = files::read_text(&list)?;
    let split = |line| str::split_once(line, "  ").map(|(sum, name)| (name, sum));
    let sums: Option<BTreeMap<&str, &str>> =
        text.strip_suffix('\n').and_then(|text| text.split('\n').map(split).collect());
    let sums = sums.ok_or_else(|| damaged("is no list of checksums"))?;
    if let Some(name) = needed.iter().find(|name| !sums.contains_key(name.as_str())) {
        return Err(damaged(&format!("does not name {name}")));
    }
    for (name, sum) in sums {
        let path = folder.join(name);
        if !path.is_file() {
            return Err(Error::Damaged { path, why: "is missing".to_owned() });
        }
        if sums::of_file(&path)? != sum {
            return Err(Error::Damaged { path, why: "is not what was written (its SHA-256 is another)".to_owned() });
        }
    }
    Ok(())
}

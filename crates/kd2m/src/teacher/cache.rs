//! Outputs of a frozen network by sample: in memory up to a bound, the rest on disk, where other runs find them too.
//! A cache never ends a run: what cannot be read is computed, what cannot be written is forgotten, and both are noted.

use std::{collections::HashMap, path::Path};

use kd2m_data::Part;

use super::{
    key::Key,
    layout::Layout,
    rows::{Found, RowFile},
};

/// Bounds in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of rows in memory.
    pub memory: usize,
    /// Of a whole folder.
    pub disk: u64,
}

impl Default for Limits {
    /// ResNet-34's features and logits of 120,000 images in memory; its maps for 32×32 of all of CIFAR-10 on disk.
    fn default() -> Self {
        Self { memory: 256 << 20, disk: 4 << 30 }
    }
}

/// Rows of one teacher on one data set.
pub struct Cache {
    layout: Layout,
    /// Samples of the training part, after whose places those of the test part come.
    train: u32,
    memory: HashMap<u32, Box<[f32]>>,
    /// Rows that fit the memory.
    most: usize,
    file: Option<RowFile>,
    damaged: usize,
    notes: Vec<String>,
}

impl Cache {
    /// A cache in memory alone, for a data set of so many training samples.
    pub fn in_memory(layout: Layout, train: usize, limits: Limits) -> Self {
        let most = limits.memory / (layout.width() * size_of::<f32>()).max(1);
        let train = u32::try_from(train).unwrap_or(u32::MAX);
        Self { layout, train, memory: HashMap::new(), most, file: None, damaged: 0, notes: Vec::new() }
    }

    /// The same with a file in `folder` behind it, for so many training and test samples.
    pub fn on_disk(layout: Layout, [train, test]: [usize; 2], limits: Limits, folder: &Path, key: &Key) -> Self {
        let (width, rows) = (layout.width(), train + test);
        let mut cache = Self::in_memory(layout, train, limits);
        if (rows * (width + 4) * size_of::<f32>()) as u64 > limits.disk {
            // Rows that come and go with every epoch would only cost.
            return cache;
        }
        match RowFile::open(folder, key, width, rows, limits.disk) {
            Ok((file, note)) => {
                cache.file = Some(file);
                cache.notes.extend(note);
            }
            Err(why) => cache.notes.push(format!("no teacher cache on disk: {why}")),
        }
        cache
    }

    /// What each of its rows holds.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The place of a sample.
    fn slot(&self, part: Part, index: u32) -> u32 {
        match part {
            Part::Train => index,
            Part::Test => self.train.saturating_add(index),
        }
    }

    /// The rows of these samples one after another, if all are known.
    pub fn recall(&mut self, part: Part, indices: &[u32]) -> Option<Vec<f32>> {
        let mut rows = Vec::with_capacity(indices.len() * self.layout.width());
        for index in indices {
            let slot = self.slot(part, *index);
            match self.memory.get(&slot) {
                Some(row) => rows.extend_from_slice(row),
                None => {
                    let row = self.read(slot)?;
                    rows.extend_from_slice(&row);
                    self.keep(slot, row);
                }
            }
        }
        Some(rows)
    }

    fn read(&mut self, slot: u32) -> Option<Vec<f32>> {
        match self.file.as_mut()?.read(slot) {
            Ok(Found::Row(row)) => Some(row),
            Ok(Found::Nothing) => None,
            Ok(Found::Damaged) => {
                self.damaged += 1;
                None
            }
            Err(why) => {
                self.give_up_file(&why);
                None
            }
        }
    }

    /// Takes in outputs: the blocks of the layout, each `[n, width]`.
    pub fn remember(&mut self, part: Part, indices: &[u32], blocks: &[Vec<f32>]) {
        let n = indices.len();
        if blocks.iter().map(Vec::len).sum::<usize>() != n * self.layout.width() {
            return;
        }
        for (i, index) in indices.iter().enumerate() {
            let slot = self.slot(part, *index);
            let row: Vec<f32> = Layout::row(blocks, n, i).collect();
            if let Some(Err(why)) = self.file.as_mut().map(|file| file.write(slot, &row)) {
                self.give_up_file(&why);
            }
            self.keep(slot, row);
        }
    }

    fn keep(&mut self, slot: u32, row: Vec<f32>) {
        if self.memory.len() < self.most {
            self.memory.insert(slot, row.into_boxed_slice());
        }
    }

    fn give_up_file(&mut self, why: &std::io::Error) {
        self.file = None;
        self.notes.push(format!("the teacher cache on disk is left aside: {why}"));
    }

    /// Bytes of the rows in memory.
    pub fn bytes(&self) -> usize {
        self.memory.len() * self.layout.width() * size_of::<f32>()
    }

    /// What a person should know since the last call.
    pub fn notes(&mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        match std::mem::take(&mut self.damaged) {
            0 => {}
            n => notes.push(format!("{n} damaged rows of the teacher cache were computed anew")),
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::key::tests::some_key, *};

    fn layout() -> Layout {
        Layout { features: 3, logits: 2, maps: vec![(Arc::from("a"), [1, 2, 2])] }
    }

    /// Blocks whose numbers tell the sample.
    fn blocks(indices: &[u32]) -> Vec<Vec<f32>> {
        [3, 2, 4].map(|width| indices.iter().flat_map(|i| vec![*i as f32; width]).collect()).to_vec()
    }

    fn rows(indices: &[u32]) -> Option<Vec<f32>> {
        Some(indices.iter().flat_map(|i| vec![*i as f32; 9]).collect())
    }

    #[test]
    fn memory_keeps_to_its_bound_and_the_disk_has_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { memory: 5 * 9 * 4 + 3, ..Limits::default() };
        let all: Vec<u32> = (0..20).collect();
        let mut alone = Cache::in_memory(layout(), 20, limits);
        alone.remember(Part::Train, &all, &blocks(&all));
        assert_eq!((alone.bytes(), alone.recall(Part::Train, &all)), (5 * 9 * 4, None));
        assert_eq!(alone.recall(Part::Train, &all[..5]), rows(&all[..5]));
        assert_eq!(alone.recall(Part::Test, &all[..5]), None, "the parts do not share places");

        let mut cache = Cache::on_disk(layout(), [20, 4], limits, folder.path(), &some_key("a"));
        cache.remember(Part::Train, &all, &blocks(&all));
        for picked in [&[17, 3, 19, 0][..], &all] {
            assert_eq!(cache.recall(Part::Train, picked), rows(picked));
            assert!(cache.bytes() <= limits.memory);
        }
        // Another run.
        let mut next = Cache::on_disk(layout(), [20, 4], limits, folder.path(), &some_key("a"));
        assert_eq!(next.recall(Part::Train, &[11, 2]), rows(&[11, 2]));
        assert_eq!(next.recall(Part::Test, &[0]), None);
        assert_eq!(
            Cache::on_disk(layout(), [20, 4], limits, folder.path(), &some_key("b")).recall(Part::Train, &[2]),
            None
        );
    }

    #[test]
    fn a_disk_that_is_too_small_or_not_there_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let small = Limits { disk: 24 * 9 * 4, ..Limits::default() };
        let mut cache = Cache::on_disk(layout(), [20, 4], small, folder.path(), &some_key("a"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        cache.remember(Part::Train, &[1], &blocks(&[1]));
        assert_eq!(cache.recall(Part::Train, &[1]), rows(&[1]));
        let file = folder.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let mut cache = Cache::on_disk(layout(), [20, 4], Limits::default(), &file, &some_key("a"));
        cache.remember(Part::Train, &[1], &blocks(&[1]));
        assert_eq!(cache.recall(Part::Train, &[1]), rows(&[1]));
        assert!(cache.notes()[0].contains("no teacher cache on disk"));
    }
}

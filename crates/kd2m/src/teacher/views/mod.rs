//! `teacher.cache = "views"`: what a teacher says to views that are drawn, stored by (seed, epoch, sample) in half precision. Whoever sees such a
//! view for the first time already gets what is stored, so that a run that reads it ends with the same bits as the one that wrote it; where nothing
//! may be stored, outputs are rounded alike.
//!
//! `file.rs` is an epoch on the disk, `error.rs` what may be wrong with it.

mod error;
mod file;

use std::path::{Path, PathBuf};

pub use error::ViewsError;
use file::ViewFile;
pub(crate) use file::size;
use half::f16;

use super::{key::Key, layout::Layout};

/// Rows of one teacher on the views of one data set.
pub struct Views {
    layout: Layout,
    store: Option<Store>,
}

/// Where they lie: a file for each seed and epoch, of which one is open.
struct Store {
    folder: PathBuf,
    key: Key,
    open: Option<([u64; 2], ViewFile)>,
}

impl Views {
    /// Outputs are rounded as if they were stored.
    pub fn rounded(layout: Layout) -> Self {
        Self { layout, store: None }
    }

    /// They are stored below `folder`, in a folder of this key's own.
    ///
    /// # Errors
    /// A folder that cannot be made.
    pub fn stored(layout: Layout, folder: &Path, key: Key) -> Result<Self, ViewsError> {
        let folder = folder.join(format!("views-{}", key.short()));
        std::fs::create_dir_all(&folder).map_err(ViewsError::io("create", &folder))?;
        Ok(Self { layout, store: Some(Store { folder, key, open: None }) })
    }

    /// What each row holds.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The rows of these samples in an epoch of a seed, one after another, if all are stored.
    ///
    /// # Errors
    /// A damaged file; the disk.
    pub fn recall(&mut self, indices: &[u32], at: [u64; 2]) -> Result<Option<Vec<f32>>, ViewsError> {
        let Some(store) = &mut self.store else { return Ok(None) };
        let file = store.file(at, self.layout.width())?;
        let mut rows = Vec::with_capacity(indices.len() * self.layout.width());
        for index in indices {
            match file.read(*index)? {
                Some(row) => rows.extend(row),
                None => return Ok(None),
            }
        }
        Ok(Some(rows))
    }

    /// Takes in what the teacher said to these samples, the blocks of the layout, each `[n, width]`: their rows as they are remembered from now
    /// on. What is stored already stays.
    ///
    /// # Errors
    /// As [`recall`](Self::recall); numbers too large for half precision.
    pub fn settle(&mut self, indices: &[u32], at: [u64; 2], blocks: &[Vec<f32>]) -> Result<Vec<f32>, ViewsError> {
        let (n, width) = (indices.len(), self.layout.width());
        let mut file = self.store.as_mut().map(|store| store.file(at, width)).transpose()?;
        let mut rows = Vec::with_capacity(n * width);
        for (i, index) in indices.iter().enumerate() {
            if let Some(stored) = file.as_mut().map(|file| file.read(*index)).transpose()?.flatten() {
                rows.extend(stored);
                continue;
            }
            let row = Layout::row(blocks, n, i).map(rounded).collect::<Result<Vec<f16>, ViewsError>>()?;
            if let Some(file) = &mut file {
                file.write(*index, &row)?;
            }
            rows.extend(row.into_iter().map(f16::to_f32));
        }
        Ok(rows)
    }
}

impl Store {
    /// The file of an epoch of a seed.
    fn file(&mut self, at: [u64; 2], width: usize) -> Result<&mut ViewFile, ViewsError> {
        let open = match self.open.take() {
            Some((own, file)) if own == at => file,
            _ => {
                let name = format!("seed-{}-epoch-{}.views", at[0], at[1] + 1);
                ViewFile::open(self.folder.join(name), &self.key, at, width)?
            }
        };
        Ok(&mut self.open.insert((at, open)).1)
    }
}

/// What is infinite or no number stays so: it is told where it is found without a store.
fn rounded(value: f32) -> Result<f16, ViewsError> {
    let half = f16::from_f32(value);
    if half.is_infinite() && value.is_finite() { Err(ViewsError::TooLarge { value }) } else { Ok(half) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{super::key::tests::some_key, *};

    fn layout() -> Layout {
        Layout { features: 3, logits: 2, maps: vec![(Arc::from("a"), [1, 2, 2])] }
    }

    /// Blocks whose numbers tell sample and teller.
    fn blocks(indices: &[u32], by: f32) -> Vec<Vec<f32>> {
        [3, 2, 4].map(|width| indices.iter().flat_map(|i| vec![*i as f32 + by; width]).collect()).to_vec()
    }

    #[test]
    fn the_first_to_see_a_view_gets_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let views = || Views::stored(layout(), folder.path(), some_key("a")).unwrap();
        let (mut first, at) = (views(), [5, 0]);
        assert_eq!(first.recall(&[8, 3], at).unwrap(), None);
        let told = first.settle(&[8, 3], at, &blocks(&[8, 3], 0.1)).unwrap();
        // 8.1 and 3.1 in half precision.
        assert_eq!(told[..9], [8.101_562_5; 9]);
        assert_eq!(told[9..], [3.099_609_4; 9]);
        assert_eq!(Views::rounded(layout()).settle(&[8, 3], at, &blocks(&[8, 3], 0.1)).unwrap(), told);
        // Another process, other batches: what is stored wins over what it would say.
        let mut second = views();
        assert_eq!(second.recall(&[3, 8], at).unwrap(), Some([&told[9..], &told[..9]].concat()));
        assert_eq!(second.recall(&[3, 1], at).unwrap(), None);
        let mixed = second.settle(&[3, 1], at, &blocks(&[3, 1], 0.25)).unwrap();
        assert_eq!(mixed, [&told[9..], &[1.25; 9]].concat());
        // Of another epoch, another seed, another teacher nothing is known.
        for other in [[5, 1], [6, 0]] {
            assert_eq!(first.recall(&[8], other).unwrap(), None);
        }
        assert_eq!(Views::stored(layout(), folder.path(), some_key("b")).unwrap().recall(&[8], at).unwrap(), None);
        assert_eq!(first.recall(&[8], at).unwrap(), Some(told[..9].to_vec()), "back at the first epoch");
    }

    #[test]
    fn what_half_precision_cannot_hold_is_said() {
        let why = |x: f32| Views::rounded(layout()).settle(&[0], [0, 0], &[vec![x; 3], vec![x; 2], vec![x; 4]]);
        assert!(why(7e4).unwrap_err().to_string().contains("up to 65504, and the teacher says 7e4"));
        assert!(why(65_504.0).is_ok() && why(f32::INFINITY).unwrap()[0].is_infinite());
    }
}

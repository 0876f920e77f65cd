//! A teacher: a frozen network in evaluation mode, whose outputs are remembered where the view of a sample is not random; or outputs
//! that were stored elsewhere, of the same images ([`Listed`]) or of others ([`Bank`]).
//! Read next: `cache.rs` (memory, then disk), `rows.rs` (the file), `key.rs` (when two teachers are the same), `stored.rs`.

mod bank;
mod cache;
mod features_as;
mod gather;
pub(crate) mod key;
mod layout;
mod listed;
mod rows;
pub mod several;
mod stored;
pub(crate) mod views;

pub use bank::Bank;
use burn::tensor::{Tensor, TensorData};
pub use cache::{Cache, Limits};
pub use features_as::{Standardisation, Standardised};
pub use gather::{Source, answers};
use kd2m_data::Part;
pub use key::Key;
pub use layout::Layout;
pub use listed::Listed;
pub use stored::{Head, StoredOutputs};
pub use views::{Views, ViewsError};

use crate::{
    batch::{Outputs, host},
    engine::{Engine, EngineError, Images, Mode},
};

/// Which view of the samples a batch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The part of the data set.
    pub part: Part,
    /// True when no augmentation is random: the same sample always gives the same pixels.
    pub fixed: bool,
}

/// Which samples a batch shows.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Their places in the data set.
    pub indices: &'a [u32],
    /// Classes of the first samples, those that have one.
    pub labels: &'a [u32],
    /// The part of the data set they are from, and whether it looks the same every time.
    pub view: View,
    /// What a random draw is a function of: the run's seed and two counts, e.g. of epochs and batches.
    pub draw: [u64; 3],
}

/// What a teacher says to a batch.
#[derive(Debug, Clone)]
pub struct Answer {
    /// To all of its samples.
    pub all: Outputs,
    /// To the labelled ones, with the classes of what is shown; `None` where these are the first rows of `all` and of the same images.
    pub labelled: Option<(Outputs, Vec<u32>)>,
}

/// Gives outputs for batches; never trained.
pub trait Teacher: Send {
    /// What a batch of images is compared with.
    ///
    /// # Errors
    /// What the network below cannot do.
    fn answer(&mut self, images: Images, query: &Query) -> Result<Answer, EngineError>;

    /// Whether row i of an answer is of the batch's image i.
    fn is_paired(&self) -> bool {
        true
    }

    /// How many batches so far were answered without running the network.
    fn recalled(&self) -> usize;

    /// What a person should know since the last call, e.g. of a damaged cache.
    fn notes(&mut self) -> Vec<String>;
}

/// A network as a teacher.
pub struct NetworkTeacher {
    engine: Box<dyn Engine>,
    cache: Option<Cache>,
    views: Option<Views>,
    recalled: usize,
}

impl NetworkTeacher {
    /// Freezes a network; with a cache, outputs of fixed views are computed once.
    pub fn new(engine: Box<dyn Engine>, cache: Option<Cache>) -> Self {
        Self { engine, cache, views: None, recalled: 0 }
    }

    /// The same, whose outputs of views that are drawn are stored, or rounded as if they were.
    #[must_use]
    pub fn with_views(self, views: Option<Views>) -> Self {
        Self { views, ..self }
    }

    /// Rows of the cache as outputs on the engine's device.
    fn assemble(&self, layout: &Layout, rows: &[f32], n: usize) -> Outputs {
        let device = self.engine.device();
        let block = |start: usize, width: usize| {
            let cells = rows.chunks_exact(layout.width()).flat_map(|row| &row[start..start + width]);
            cells.copied().collect::<Vec<f32>>()
        };
        let matrix = |start, width| Tensor::<2>::from_data(TensorData::new(block(start, width), [n, width]), &device);
        let mut start = layout.features + layout.logits;
        let maps = layout.maps.iter().map(|(name, [c, h, w])| {
            let data = TensorData::new(block(start, c * h * w), [n, *c, *h, *w]);
            start += c * h * w;
            (name.clone(), Tensor::<4>::from_data(data, &device))
        });
        Outputs {
            maps: maps.collect(),
            features: matrix(0, layout.features),
            logits: matrix(layout.features, layout.logits),
        }
    }
}

impl NetworkTeacher {
    fn outputs(&mut self, images: Images, query: &Query) -> Result<Outputs, EngineError> {
        let (indices, view) = (query.indices, query.view);
        if self.views.is_some() && !view.fixed && !indices.is_empty() {
            return self.of_drawn_view(images, query);
        }
        let Some(cache) = self.cache.as_mut().filter(|_| view.fixed && !indices.is_empty()) else {
            return self.engine.forward(images, Mode::Evaluate);
        };
        let layout = cache.layout().clone();
        if let Some(rows) = cache.recall(view.part, indices) {
            self.recalled += 1;
            return Ok(self.assemble(&layout, &rows, indices.len()));
        }
        let outputs = self.engine.forward(images, Mode::Evaluate)?;
        cache.remember(view.part, indices, &blocks(&layout, &outputs)?);
        Ok(outputs)
    }

    /// Outputs as they are stored, whether they were before or are now.
    fn of_drawn_view(&mut self, images: Images, query: &Query) -> Result<Outputs, EngineError> {
        let [seed, epoch, _] = query.draw;
        let (indices, at) = (query.indices, [seed, epoch]);
        let Some(views) = &mut self.views else { return self.engine.forward(images, Mode::Evaluate) };
        let layout = views.layout().clone();
        let rows = match views.recall(indices, at)? {
            Some(rows) => {
                self.recalled += 1;
                rows
            }
            None => {
                let outputs = self.engine.forward(images, Mode::Evaluate)?;
                views.settle(indices, at, &blocks(&layout, &outputs)?)?
            }
        };
        Ok(self.assemble(&layout, &rows, indices.len()))
    }
}

/// What a layout keeps of outputs, a block `[n, width]` each.
fn blocks(layout: &Layout, outputs: &Outputs) -> Result<Vec<Vec<f32>>, EngineError> {
    let mut blocks = vec![host(&outputs.features)?, host(&outputs.logits)?];
    for map in layout.maps.iter().filter_map(|(name, _)| outputs.map(name)) {
        blocks.push(host(map)?);
    }
    Ok(blocks)
}

impl Teacher for NetworkTeacher {
    fn answer(&mut self, images: Images, query: &Query) -> Result<Answer, EngineError> {
        Ok(Answer { all: self.outputs(images, query)?, labelled: None })
    }

    fn recalled(&self) -> usize {
        self.recalled
    }

    fn notes(&mut self) -> Vec<String> {
        self.cache.as_mut().map(Cache::notes).unwrap_or_default()
    }
}

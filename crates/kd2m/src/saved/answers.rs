//! What a saved network says to images: of a data set, batch by batch, or to a few files.

use std::{path::PathBuf, sync::Arc};

use kd2m_data::{DataError, Dataset, Loader, Part, Reframe, Undecoded, read_each_image};

use super::network::Saved;
use crate::{
    Error,
    batch::host,
    classes::Agreement,
    device::DeviceChoice,
    engine::{self, Engine, Mode},
    frozen::Network,
    teacher::{Head, Source, StoredOutputs, answers},
};

/// Images at once: as many as there are maps for in a last-level cache, at least so many that a product's weights serve several.
const FEWEST: usize = 8;
const MOST: usize = 64;

/// Bytes of maps between layers beyond which images wait for memory.
const MAPS: usize = 96 << 20;

/// How many images an engine is asked about at once, a power of two.
fn at_once(engine: &dyn Engine) -> usize {
    let Some((none, most)) = engine.bytes(0).zip(engine.bytes(MOST)) else { return MOST };
    let each = most.saturating_sub(none) / MOST;
    let fitting = (MAPS / each.max(1)).clamp(FEWEST, MOST);
    1 << fitting.ilog2()
}

/// Which images of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// The whole training part; validation is carved from it.
    Train,
    /// Carved from the training part.
    Validation,
    /// The test part.
    Test,
}

impl Split {
    /// As it stands in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
        }
    }
}

/// The images that a network is asked about.
pub struct Images {
    /// The data set.
    pub dataset: Arc<Dataset>,
    /// The part that they are of.
    pub part: Part,
    /// Their places in it.
    pub indices: Vec<u32>,
    /// Which of them were asked for.
    pub split: Split,
}

impl Images {
    /// Those of a data set; the share and the seed of validation are the run's that the network is of, or the data set's own.
    pub fn of(dataset: Arc<Dataset>, split: Split, saved: &Saved) -> Self {
        let own = saved.origin.as_ref().map(|o| &o.config.data).filter(|data| data.dataset == dataset.name);
        let share = own.and_then(|data| data.val_fraction);
        let seed = own.map_or(0, |data| data.split_seed);
        let all = |count: usize| (0..count as u32).collect::<Vec<u32>>();
        let (part, indices) = match split {
            Split::Train => (Part::Train, all(dataset.labelled())),
            Split::Test => (Part::Test, all(dataset.test.len())),
            Split::Validation => (Part::Train, dataset.split(share, seed).val),
        };
        Self { dataset, part, indices, split }
    }

    fn loader(&self, engine: &dyn Engine) -> Result<Loader, Error> {
        Ok(Loader::evaluation(&self.dataset, self.part, &self.indices, at_once(engine))?)
    }
}

impl Saved {
    /// An engine that runs it.
    ///
    /// # Errors
    /// A device that is not there.
    pub fn engine(&self, device: DeviceChoice, threads: usize) -> Result<Box<dyn Engine>, Error> {
        self.network.engine(device, threads)
    }

    /// Puts its classes in the order of a data set that calls them the same; says how they go together.
    pub fn in_order_of(&mut self, data: &Dataset) -> Agreement {
        let found = Agreement::of(&self.description.class_names, &data.class_names);
        if let (Agreement::Order(_), Network::Graph(graph, weights)) = (&found, &mut self.network) {
            found.arrange(graph, weights);
            self.description.class_names = data.class_names.clone();
        }
        found
    }

    /// How images of a data set come to the size that it sees; none where they have it.
    ///
    /// # Errors
    /// Both shapes, and what to do.
    pub fn reframe(&self, data: &Dataset) -> Result<Option<Reframe>, Error> {
        let ([c, h, w], shape) = (self.description.input, [data.channels, data.height, data.width]);
        let frame = self.description.frame.and_then(|frame| Reframe::new(&frame, shape).ok());
        if [c, h, w] == frame.as_ref().map_or(shape, Reframe::to) {
            return Ok(frame);
        }
        let way = if data.name.starts_with("folder:") {
            format!("; folder:PATH@{h}x{w} resizes them")
        } else {
            String::new()
        };
        Err(Error::Config(format!(
            "{} sees images of {c}×{h}×{w}, those of {} are {}×{}×{}{way}",
            self.whose, data.name, shape[0], shape[1], shape[2]
        )))
    }

    /// Its outputs on images, batch by batch: features, logits, labels.
    ///
    /// # Errors
    /// Images of another shape than it sees; what engine or data cannot do.
    pub fn answer(
        &self,
        images: &Images,
        engine: &mut dyn Engine,
        take: impl FnMut(&[f32], &[f32], &[u32]),
    ) -> Result<(), Error> {
        let frame = self.reframe(&images.dataset)?;
        let loader = images.loader(engine)?;
        answers(engine, loader, frame.as_ref(), take)
    }

    /// All of them, as a file of `teacher.outputs` holds them.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn outputs(&self, images: &Images, engine: &mut dyn Engine) -> Result<StoredOutputs, Error> {
        let head = self.network.graph().ok().and_then(|(graph, weights)| Head::of(graph, weights));
        let (width, classes) = (self.network.feature_width(), self.network.classes());
        // Labels are the data's and logits the network's: names are those of both, or of neither.
        let both = Agreement::of(&self.description.class_names, &images.dataset.class_names);
        let known = both == Agreement::Same && self.description.class_names.len() == classes;
        let class_names =
            if known && classes == images.dataset.classes { self.description.class_names.clone() } else { Vec::new() };
        let whose = Source { width, classes, head, class_names };
        let frame = self.reframe(&images.dataset)?;
        let loader = images.loader(engine)?;
        StoredOutputs::gather(engine, whose, loader, frame.as_ref(), &images.indices)
    }
}

/// What became of image files.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// The probabilities of all classes for each file, in their order; none for one that is left out.
    pub answers: Vec<Option<Vec<f64>>>,
    /// Files that are left out.
    pub left: Vec<Undecoded>,
}

/// Asks a network about image files; those that cannot be decoded are an error, or, with `skip_bad`, left out.
///
/// # Errors
/// A file that cannot be read or is no image; what the engine cannot do.
pub fn predict(saved: &Saved, files: &[PathBuf], engine: &mut dyn Engine, skip_bad: bool) -> Result<Predicted, Error> {
    let mut predicted = Predicted { answers: Vec::with_capacity(files.len()), left: Vec::new() };
    let orientation = saved.origin.as_ref().map(|origin| origin.config.data.orientation).unwrap_or_default();
    let (input, frame) = (saved.description.input, saved.description.frame.as_ref());
    for some in files.chunks(at_once(engine)) {
        let (mut pixels, mut sound) = (Vec::<f32>::new(), Vec::new());
        for (file, read) in some.iter().zip(read_each_image(some, input, frame, orientation)) {
            match read {
                Ok(image) => {
                    pixels.extend(image.iter().map(|byte| f32::from(*byte) / 255.0));
                    sound.push(true);
                }
                Err(DataError::Undecodable { why, .. }) if skip_bad => {
                    predicted.left.push(Undecoded { name: file.display().to_string(), kind: why });
                    sound.push(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let n = sound.iter().filter(|sound| **sound).count();
        let logits = match n {
            0 => Vec::new(),
            n => host(&engine.forward(engine::Images { pixels: &pixels, n }, Mode::Evaluate)?.logits)?,
        };
        let mut rows = logits.chunks_exact(saved.network.classes().max(1)).map(softmax);
        predicted.answers.extend(sound.into_iter().map(|sound| if sound { rows.next() } else { None }));
    }
    Ok(predicted)
}

/// Probabilities of one row of logits.
pub(super) fn softmax(logits: &[f32]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|x| f64::from(x - top).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

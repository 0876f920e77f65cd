//! What a student learns from: the teacher itself, run or remembered, or a bank of its outputs on other images.

use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
};

use kd2m_data::{Loader, Part};
use kd2m_nn::Weights;

use super::{drawn::Drawn, inputs, run::Run, setup::Setup, side::TeacherSide};
use crate::{
    Error,
    batch::host,
    config::Config,
    engine::{EngineError, Images},
    teacher::{
        Bank, Cache, Key, Layout, Limits, Listed, NetworkTeacher, Query, Source, Standardisation, Standardised,
        StoredOutputs, Teacher, View, Views,
        key::{self, Whose},
    },
};

impl Setup {
    /// A teacher that is a file, for these images of the training part.
    ///
    /// # Errors
    /// A file that lacks rows of some of them.
    pub fn stored_teacher(
        &self,
        config: &Config,
        stored: StoredOutputs,
        images: impl Iterator<Item = u32>,
    ) -> Result<Box<dyn Teacher>, Error> {
        let device = self.device.burn()?;
        if !config.teacher.paired {
            return Ok(Box::new(Bank::new(stored, device)));
        }
        let listed = Listed::new(stored, device);
        let all: Vec<u32> = images.collect();
        match (listed.missing(&all), &config.teacher.outputs) {
            (missing, Some(path)) if missing > 0 => Err(Error::Outputs {
                path: path.clone(),
                why: format!(
                    "has no row for {missing} of the {} images that are trained or validated on: give outputs of all of them, their places \
                     as `ids`, or set teacher.paired = false where they are of other images",
                    all.len()
                ),
            }),
            _ => Ok(Box::new(listed)),
        }
    }
}

impl Run<'_> {
    /// The teacher of these weights as students meet it, with the maps of these stages.
    ///
    /// # Errors
    /// Weights that do not fit, or a bank that cannot be made, read or written.
    pub fn source(&self, weights: &Weights, stages: &[String], drawn: &Drawn) -> Result<Box<dyn Teacher>, Error> {
        let how = self.config.teacher.features_as;
        let mut teacher = self.raw_source(weights, stages, drawn)?;
        if how.is_raw() {
            return Ok(teacher);
        }
        let width = self.setup.teacher.feature_width();
        let features = match &self.setup.teacher {
            TeacherSide::Outputs(stored) => stored.features.clone(),
            _ if !self.config.teacher.paired => self.bank(weights)?.features,
            TeacherSide::Network(_) | TeacherSide::Frozen(_) => self.seen_in_training(teacher.as_mut(), drawn)?,
        };
        let map = Standardisation::fit(&features, width, how)?;
        Ok(Box::new(Standardised::new(teacher, &map, &self.setup.device.burn()?)))
    }

    /// A teacher's features of the images that the student trains on, without augmentation.
    fn seen_in_training(&self, teacher: &mut dyn Teacher, drawn: &Drawn) -> Result<Vec<f32>, Error> {
        let Run { config, setup, options, .. } = self;
        let mut ids: Vec<u32> = drawn.all().collect();
        ids.sort_unstable();
        ids.dedup();
        let view = View { part: Part::Train, fixed: true };
        let mut loader = Loader::evaluation(&setup.dataset, Part::Train, &ids, config.train.batch_size)?;
        let mut features = Vec::new();
        while let Some(batch) = loader.next().transpose()? {
            if options.halt.is_asked() {
                return Err(Error::Halted);
            }
            let query = Query { indices: &batch.indices, labels: &batch.labels, view, draw: [0; 3] };
            let images = Images { pixels: &batch.images, n: batch.len() };
            features.extend(host(&teacher.answer(images, &query)?.all.features)?);
            loader.recycle(batch);
        }
        Ok(features)
    }

    fn raw_source(&self, weights: &Weights, stages: &[String], drawn: &Drawn) -> Result<Box<dyn Teacher>, Error> {
        let Run { config, setup, .. } = self;
        if let TeacherSide::Outputs(stored) = &setup.teacher {
            return setup.stored_teacher(config, stored.as_ref().clone(), drawn.all().chain(setup.val.iter().copied()));
        }
        if !config.teacher.paired {
            return Ok(Box::new(Bank::new(self.bank(weights)?, setup.device.burn()?)));
        }
        let engine = setup.teacher_engine(weights, stages)?;
        let known = Known { weights, stages, arithmetic: &engine.arithmetic(), data: OnceCell::new() };
        let (cache, views) = (self.teacher_cache(&known), self.views(&known, drawn)?);
        Ok(Box::new(NetworkTeacher::new(engine, cache).with_views(views)))
    }

    /// The teacher's outputs on the images that it was trained on, once a run: the file can be given to others as `teacher.outputs`.
    fn bank(&self, weights: &Weights) -> Result<StoredOutputs, Error> {
        let Run { config, setup, folder, .. } = self;
        let (file, data) = (folder.teacher_bank(), &setup.dataset);
        if file.is_file() {
            inputs::check(folder, &file)?;
            return StoredOutputs::read(&file, data.classes);
        }
        let ids = &setup.teacher_train;
        let mut engine = setup.teacher_engine(weights, &[])?;
        let loader = Loader::evaluation(data, Part::Train, ids, config.train.batch_size)?;
        let head = setup.teacher.head(weights);
        let class_names = data.class_names.clone();
        let whose = Source { width: setup.teacher.feature_width(), classes: data.classes, head, class_names };
        let bank = StoredOutputs::gather(engine.as_mut(), whose, loader, None, ids)?;
        bank.write(&file)?;
        inputs::note(folder, std::slice::from_ref(&file))?;
        Ok(bank)
    }

    /// Where the outputs of this teacher are remembered, if they are to be.
    fn teacher_cache(&self, known: &Known) -> Option<Cache> {
        let Run { config, setup, options, .. } = self;
        if options.no_teacher_cache || !config.teacher.cache.is_on() {
            return None;
        }
        let data = &setup.dataset;
        let (layout, key) = self.key(known, None)?;
        Some(Cache::on_disk(
            layout,
            [data.train.len(), data.test.len()],
            Limits::default(),
            &self.remembered_in(),
            &key,
        ))
    }

    /// Where its outputs of views that are drawn are stored. Where nothing may be, or no other process could know of it, they are rounded all the
    /// same: what is found does not depend on that.
    fn views(&self, known: &Known, drawn: &Drawn) -> Result<Option<Views>, Error> {
        let Run { config, setup, options, .. } = self;
        let (augment, mix, batch) = (&setup.augment, config.train.mix(), config.train.batch_size);
        if !config.teacher.cache.has_views() {
            return Ok(None);
        }
        let mut how = augment.to_string();
        if !mix.is_none() {
            // Which images meet depends on the batches.
            how += &format!(", {mix:?} in batches of {batch} of {:?}", drawn.train);
        }
        let Some((layout, key)) = self.key(known, Some(&how)) else { return Ok(None) };
        Ok(Some(match options.no_teacher_cache {
            true => Views::rounded(layout),
            false => Views::stored(layout, &self.remembered_in(), key).map_err(EngineError::from)?,
        }))
    }

    /// The folder in which the teacher's outputs are remembered.
    pub(super) fn remembered_in(&self) -> PathBuf {
        let Run { config, folder, options, .. } = self;
        let named = config.teacher.cache.folder().map(Path::to_owned);
        named.or_else(|| options.teacher_cache.clone()).unwrap_or_else(|| folder.teacher_cache())
    }

    /// What is remembered of a sample, and all that decides a bit of it; nothing where there is no network.
    fn key(&self, known: &Known, views: Option<&str>) -> Option<(Layout, Key)> {
        let Run { config, setup, .. } = self;
        let layout = setup.teacher.layout(known.stages)?;
        let files;
        let whose = match &setup.teacher {
            TeacherSide::Network(graph) => Whose::Graph(graph, known.weights),
            TeacherSide::Frozen(frozen) => {
                files = frozen.identity();
                Whose::Files(&files)
            }
            TeacherSide::Outputs(_) => return None,
        };
        let key = Key::new(&key::Parts {
            whose,
            data: known.data.get_or_init(|| setup.dataset.checksum()),
            split: &setup.val,
            layout: &layout,
            arithmetic: &format!("{:?} {}", config.train.precision, known.arithmetic),
            views,
        });
        Some((layout, key))
    }
}

/// A teacher whose outputs are asked for.
struct Known<'a> {
    weights: &'a Weights,
    /// Whose maps are handed out.
    stages: &'a [String],
    /// [`crate::engine::Engine::arithmetic`].
    arithmetic: &'a str,
    /// [`kd2m_data::Dataset::checksum`], where it is asked for.
    data: OnceCell<String>,
}

//! What a student learns from: the teacher itself, run or remembered, or a bank of its outputs on other images.

use kd2m_data::{Loader, Part};
use kd2m_nn::Weights;

use super::{drawn::Drawn, inputs, run::Run, setup::Setup, side::TeacherSide};
use crate::{
    Error,
    batch::host,
    config::{Config, TeacherCache},
    engine::Images,
    teacher::{
        Bank, Cache, Key, Limits, Listed, NetworkTeacher, Query, Source, Standardisation, Standardised, StoredOutputs,
        Teacher, View,
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
        let cache = self.teacher_cache(weights, stages, &engine.arithmetic());
        Ok(Box::new(NetworkTeacher::new(engine, cache)))
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
        let whose = Source { width: setup.teacher.feature_width(), classes: data.classes, head };
        let bank = StoredOutputs::gather(engine.as_mut(), whose, loader, None, ids)?;
        bank.write(&file)?;
        inputs::note(folder, std::slice::from_ref(&file))?;
        Ok(bank)
    }

    /// Where the outputs of this teacher are remembered, if they are to be.
    fn teacher_cache(&self, weights: &Weights, stages: &[String], arithmetic: &str) -> Option<Cache> {
        let Run { config, setup, folder, options } = self;
        if options.no_teacher_cache || !config.teacher.cache.is_on() {
            return None;
        }
        let place = match (&config.teacher.cache, &options.teacher_cache) {
            (TeacherCache::Folder(place), _) | (_, Some(place)) => place.clone(),
            _ => folder.teacher_cache(),
        };
        let (data, layout) = (&setup.dataset, setup.teacher.layout(stages)?);
        let files;
        let whose = match &setup.teacher {
            TeacherSide::Network(graph) => Whose::Graph(graph, weights),
            TeacherSide::Frozen(frozen) => {
                files = frozen.identity();
                Whose::Files(&files)
            }
            TeacherSide::Outputs(_) => return None,
        };
        let key = Key::new(&key::Parts {
            whose,
            data: &data.checksum(),
            split: &setup.val,
            layout: &layout,
            arithmetic: &format!("{:?} {arithmetic}", config.train.precision),
        });
        Some(Cache::on_disk(layout, [data.train.len(), data.test.len()], Limits::default(), &place, &key))
    }
}

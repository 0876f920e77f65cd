//! From a checked configuration to data, graphs and engines.

use std::{
    borrow::Cow,
    path::Path,
    sync::{Arc, OnceLock},
};

use kd2m_cpu::Options;
use kd2m_data::{Augment, Dataset, Portion, Reframe};
use kd2m_nn::{
    Dropped, Graph, Weights, onnx,
    step::Reduce,
    weights::{self, Owner, Source},
    zoo::{self, Stem, ZooOptions},
};

use super::{drawn::Drawn, side::TeacherSide};
use crate::{
    Error,
    classes::{self, Agreement},
    config::{ArmConfig, Config, Head, TeacherConfig},
    criterion::{NetworkShapes, Shapes},
    device::DeviceChoice,
    engine::{
        self, Engine,
        average::Average,
        head::{FrozenHead, LipschitzHead},
        seeing::Seeing,
        spread::{Norms, Spread, Synchronised},
    },
    frozen::{Frozen, Member, Network},
    hub,
    imported::{self, Imported, Named},
    preprocess::Normalisation,
    ranks::{Ranks, Share},
    sums,
    teacher::StoredOutputs,
    warning,
};

/// The network of a name over the images of a data set, seen through these eyes.
///
/// # Errors
/// An unknown model, images that it cannot take.
pub(super) fn build(
    model: &str,
    stem: Stem,
    eyes: &Normalisation,
    dataset: &Dataset,
    classes: usize,
) -> Result<Graph, Error> {
    let [channels, height, width] = eyes.shape([dataset.channels, dataset.height, dataset.width]);
    let options = ZooOptions { classes, stem, channels, height, width, mean: eyes.mean.clone(), std: eyes.std.clone() };
    Ok(zoo::build(model, &options)?)
}

/// An ONNX teacher.
enum Import {
    Graph(Imported),
    #[cfg(feature = "runtime")]
    Frozen(Member),
}

/// A graph, or, where it is none and is not to be trained, a model that the runtime runs.
fn import(file: &Path, teacher: &TeacherConfig, dataset: &Dataset) -> Result<Import, Error> {
    let (features, keys) = (teacher.features.as_deref(), teacher.preprocessing());
    match imported::open(file, &Named { features, stages: &teacher.stages }, &keys, dataset) {
        Ok(imported) => Ok(Import::Graph(imported)),
        #[cfg(feature = "runtime")]
        Err(Error::Onnx(why)) if why.is_operator() && teacher.init.is_none() => {
            Ok(Import::Frozen(imported::open_frozen(file, features, &keys, dataset, &why)?))
        }
        Err(why) => Err(why),
    }
}

/// One of several teachers.
fn member(teacher: &TeacherConfig, dataset: &Dataset) -> Result<Member, Error> {
    let name = teacher.name();
    if let Some(file) = imported::file(&teacher.model) {
        let Imported { graph, mut weights, eyes, mut notes, class_names } = match import(file, teacher, dataset)? {
            Import::Graph(imported) => imported,
            #[cfg(feature = "runtime")]
            Import::Frozen(member) => return Ok(member),
        };
        let sum = sums::of_files(&onnx::files(file)?)?;
        let agreement = Agreement::of(&class_names, &dataset.class_names);
        agreement.arrange(&graph, &mut weights);
        notes.extend(agreement.said(&dataset.name));
        return Ok(Member { name, eyes, sum, notes, network: Network::Graph(graph, weights) });
    }
    let eyes = Normalisation::resolve(&teacher.preprocessing(), teacher.given(), dataset)?;
    let path = teacher.weights.as_deref().unwrap_or(Path::new(""));
    let source = Source::parse(path);
    let graph = fitting(teacher, &eyes, dataset)?;
    let mut weights = weights::load(&source, &graph, Owner::Teacher)?.weights;
    let sum = sums::of_files(&weights::files(&source)?)?;
    let agreement = Agreement::of(&classes::named_in(&source), &dataset.class_names);
    agreement.arrange(&graph, &mut weights);
    let notes = agreement.said(&dataset.name).into_iter().collect();
    Ok(Member { name, eyes, sum, notes, network: Network::Graph(graph, weights) })
}

/// The network of a teacher of the zoo, of the classes that its weights have.
fn fitting(teacher: &TeacherConfig, eyes: &Normalisation, dataset: &Dataset) -> Result<Graph, Error> {
    let of = |classes| build(&teacher.model, teacher.stem, eyes, dataset, classes);
    let graph = of(dataset.classes)?;
    let others = match &teacher.weights {
        Some(file) => weights::other_classes(&Source::parse(file), &graph, Owner::Teacher)?,
        None => None,
    };
    others.map_or(Ok(graph), of)
}

/// Who compares students with the mean of several teachers: the first loss that names none of them.
fn reads_the_mean(config: &Config) -> Option<String> {
    let mut losses = config.arms.iter().flat_map(|arm| arm.losses.iter().map(move |loss| (arm, loss)));
    let (arm, loss) = losses.find(|(_, loss)| loss.teacher.is_none())?;
    Some(format!("{} of arm {}", loss.criterion.name(), arm.name))
}

/// Data and networks of a run.
pub struct Setup {
    /// In memory.
    pub dataset: Arc<Dataset>,
    /// Samples that students draw theirs from.
    pub portion: Vec<u32>,
    /// Samples that the teacher learns from when it is trained here.
    pub teacher_train: Vec<u32>,
    /// Samples that both validate on: no student validates on images that its teacher was trained on.
    pub val: Vec<u32>,
    /// How training images are changed.
    pub augment: Augment,
    /// Its network, or its outputs.
    pub teacher: TeacherSide,
    /// Where the teacher is a file of another program: what was read of it.
    pub imported: Option<Imported>,
    /// How its classes go together with the data's.
    pub teacher_classes: Agreement,
    /// Its network.
    pub student: Graph,
    /// What each graph begins with.
    pub teacher_eyes: Normalisation,
    /// The same of the student.
    pub student_eyes: Normalisation,
    /// Where networks run.
    pub device: DeviceChoice,
    /// Of the CPU engine; 0: one a core.
    pub threads: usize,
    /// Where several processes train together, and whether their batch norms are one.
    together: Option<(Arc<dyn Ranks>, bool)>,
    data_sum: OnceLock<String>,
}

impl Setup {
    /// Loads the data and builds both graphs.
    ///
    /// # Errors
    /// Data that is not there or broken, an unknown model, images that a model cannot take.
    pub fn new(config: &Config, device: DeviceChoice, threads: usize) -> Result<Self, Error> {
        Self::with_data(config, config.data.load(config.data.root.as_deref())?, device, threads)
    }

    /// The same of data that are loaded.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn with_data(
        config: &Config,
        dataset: Dataset,
        device: DeviceChoice,
        threads: usize,
    ) -> Result<Self, Error> {
        hub::provide_all(config)?;
        let data = &config.data;
        dataset.notes.iter().try_for_each(|note| warning::warn(note))?;
        let labels = &dataset.train.labels;
        let split = dataset.split(data.val_fraction, data.split_seed);
        let portion = |text: &str| -> Result<Vec<u32>, Error> {
            Ok(text.parse::<Portion>()?.of(&split.train, labels, dataset.classes, data.split_seed))
        };
        let limited = |of: &[u32], limit| kd2m_data::limit(of, labels, dataset.classes, limit, data.split_seed);
        let shares = &data.class_shares;
        if !shares.is_empty() && shares.len() != dataset.classes {
            let why = format!(
                "has {} shares, {} has {} classes: give one for each",
                shares.len(),
                dataset.name,
                dataset.classes
            );
            return Err(Error::Key { key: "data.class_shares".to_owned(), why });
        }
        let students = kd2m_data::thin(&portion(&data.portion)?, labels, shares, data.split_seed);
        let train = Drawn::new(config, &dataset, &students, 0)?.train;
        let teacher_limit = config.teacher.train_limit.unwrap_or(data.train_limit);
        let teacher_train = limited(&portion(config.teacher_portion())?, teacher_limit);
        if train.len() < 2 || teacher_train.len() < 2 || split.val.is_empty() {
            // Without limits there is none to raise.
            let limited = data.train_limit > 0 || teacher_limit > 0;
            let more = if limited { "raise data.train_limit" } else { "give more images" };
            return Err(Error::Config(format!(
                "{} training and {} validation images are left: {more} or change data.val_fraction",
                train.len(),
                split.val.len()
            )));
        }
        let augment = match data.augment.as_str() {
            "default" => dataset.augment.clone(),
            text => text.parse()?,
        };
        let (own, start) = (&config.teacher, &config.student);
        let (mut imported, frozen) = match imported::file(&own.model) {
            _ if !own.others.is_empty() => {
                let members = own.all().map(|teacher| member(teacher, &dataset));
                (
                    None,
                    Some(Frozen::new(
                        members.collect::<Result<_, Error>>()?,
                        reads_the_mean(config).as_deref(),
                        dataset.classes,
                    )?),
                )
            }
            Some(file) => match import(file, own, &dataset)? {
                Import::Graph(imported) => (Some(imported), None),
                #[cfg(feature = "runtime")]
                Import::Frozen(member) => (None, Some(Frozen::new(vec![member], None, dataset.classes)?)),
            },
            None => (None, None),
        };
        if let (Some(imported), Some(_)) = (&imported, &own.init)
            && imported.graph.classes() != dataset.classes
        {
            let why = format!(
                "trains a network that tells {} classes apart, {} has {}: leave it out to take its features as they are, or export it with a \
                 classifier of {}",
                imported.graph.classes(),
                dataset.name,
                dataset.classes,
                dataset.classes
            );
            return Err(Error::Key { key: "teacher.init".to_owned(), why });
        }
        let teacher_eyes = match (&imported, frozen.as_ref().and_then(|frozen| frozen.members().first())) {
            (Some(imported), _) => imported.eyes.clone(),
            (None, Some(member)) => member.eyes.clone(),
            (None, None) => Normalisation::resolve(&own.preprocessing(), own.given(), &dataset)?,
        };
        let student_eyes = Normalisation::resolve(&start.preprocessing(), start.weights.as_deref(), &dataset)?;
        let names = &dataset.class_names;
        let mut teacher_classes = match (&mut imported, own.given()) {
            (Some(imported), _) => {
                let agreement = Agreement::of(&imported.class_names, names);
                agreement.arrange(&imported.graph, &mut imported.weights);
                agreement
            }
            // Each of several has its own.
            (None, Some(file)) if frozen.is_none() => Agreement::of(&classes::named_in(&Source::parse(file)), names),
            (None, _) => Agreement::default(),
        };
        let teacher = match (&own.outputs, &imported, frozen) {
            (Some(file), ..) => {
                let (stored, agreement) = StoredOutputs::read(file, dataset.classes)?.by_name(names);
                teacher_classes = agreement;
                TeacherSide::Outputs(Arc::new(stored))
            }
            (None, Some(imported), _) => TeacherSide::Network(imported.graph.clone()),
            (None, None, Some(frozen)) => TeacherSide::Frozen(frozen),
            (None, None, None) => TeacherSide::Network(fitting(own, &teacher_eyes, &dataset)?),
        };
        if let (Head::Lift, TeacherSide::Frozen(frozen)) = (start.head, &teacher)
            && frozen.together().beside
        {
            let why =
                "= \"lift\" goes to the width of the teacher's features, and these teachers have several: leave it out";
            return Err(Error::Key { key: "student.head".to_owned(), why: why.to_owned() });
        }
        let model = match start.head {
            Head::Lift => format!("{}+lift{}", start.model, teacher.feature_width()),
            Head::Own | Head::Teacher => start.model.clone(),
        };
        let student = build(&model, start.stem, &student_eyes, &dataset, dataset.classes)?;
        let shares = |arm: &ArmConfig| arm.head.is_some_and(|head| !head.is_own());
        let shared = !config.student.head.is_own() || config.arms.iter().any(shares);
        if shared && let Some(own) = teacher.other_classes(dataset.classes) {
            return Err(Error::TeacherClasses { own, data: dataset.classes });
        }
        if shared && student.feature_width() != teacher.feature_width() {
            let (wanted, name) = (teacher.feature_width(), &student.name);
            return Err(Error::Config(format!(
                "head = \"teacher\": the teacher's classifier takes {wanted} features, {name} has {}: choose a student of that width, or put a \
                 linear layer between that is kept: student.model = \"{name}+lift{wanted}\"",
                student.feature_width()
            )));
        }
        Ok(Self {
            teacher,
            imported,
            teacher_classes,
            student,
            teacher_eyes,
            student_eyes,
            portion: students,
            teacher_train,
            val: split.val,
            augment,
            dataset: Arc::new(dataset),
            device,
            threads,
            together: None,
            data_sum: OnceLock::new(),
        })
    }

    /// [`Dataset::sum`], made once.
    pub(crate) fn data_sum(&self) -> String {
        self.data_sum.get_or_init(|| self.dataset.sum()).clone()
    }

    /// What the student of a seed learns from.
    ///
    /// # Errors
    /// Unlabelled images asked for where there are none.
    pub fn drawn(&self, config: &Config, seed: u64) -> Result<Drawn, Error> {
        Drawn::new(config, &self.dataset, &self.portion, seed)
    }

    /// Sizes that the criteria of a student of these images are prepared for.
    pub fn shapes(&self, drawn: &Drawn) -> Shapes {
        Shapes {
            student: NetworkShapes::of(&self.student),
            teacher: self.teacher.shapes(),
            classes: self.dataset.classes,
            train: drawn.train.clone(),
        }
    }

    /// An engine that runs (and, when `trainable`, trains) a graph on the run's device, with these maps handed out.
    ///
    /// # Errors
    /// Weights that do not fit, a stage that is not there, or a device that was not compiled in.
    pub fn engine(
        &self,
        graph: &Graph,
        weights: &Weights,
        stages: &[String],
        trainable: bool,
    ) -> Result<Box<dyn Engine>, Error> {
        engine::choose::engine(self.device, self.threads, graph, weights, stages, trainable)
    }

    /// The same setup for one of several processes that train together.
    pub fn among(mut self, ranks: Option<&Arc<dyn Ranks>>, config: &Config) -> Self {
        self.together = ranks.map(|ranks| (ranks.clone(), config.train.sync_batch_norm));
        self
    }

    /// Which rows of a batch the engines of this process run.
    pub fn share(&self) -> Share {
        self.together.as_ref().map_or(Share::WHOLE, |(ranks, _)| Share::new(ranks.as_ref()))
    }

    /// The engine that trains a network, of which ranks have a share each.
    ///
    /// # Errors
    /// As [`engine`](Setup::engine).
    pub fn learning_engine(
        &self,
        eyes: &Normalisation,
        graph: &Graph,
        weights: &Weights,
        stages: &[String],
    ) -> Result<Box<dyn Engine>, Error> {
        let Some((ranks, synchronised)) = &self.together else {
            return self.engine_seeing(eyes, graph, weights, stages, true);
        };
        let (others, norms) = match synchronised {
            true => {
                let norms = Synchronised::new(ranks.clone());
                (Some(norms.clone() as Arc<dyn Reduce>), Norms::Synchronised(norms))
            }
            false => (None, Norms::local(graph)),
        };
        let engine = match self.device {
            DeviceChoice::Cpu => {
                let (threads, stages) = (self.threads, stages.to_vec());
                engine::choose::on_processor(graph, weights, Options { threads, stages, others, ..Options::default() })?
            }
            // What it cannot do it says at the first step.
            _ => self.engine(graph, weights, stages, true)?,
        };
        Ok(Box::new(Spread::new(self.seeing(eyes, engine)?, ranks.clone(), norms)))
    }

    /// An engine that only answers, of which ranks have a share each.
    fn spread(&self, engine: Box<dyn Engine>) -> Box<dyn Engine> {
        match &self.together {
            Some((ranks, _)) => Box::new(Spread::new(engine, ranks.clone(), Norms::Local(Vec::new()))),
            None => engine,
        }
    }

    /// The same for images of the data set, which the network sees through its eyes.
    ///
    /// # Errors
    /// As [`engine`](Setup::engine).
    pub fn engine_seeing(
        &self,
        eyes: &Normalisation,
        graph: &Graph,
        weights: &Weights,
        stages: &[String],
        trainable: bool,
    ) -> Result<Box<dyn Engine>, Error> {
        self.seeing(eyes, self.engine(graph, weights, stages, trainable)?)
    }

    fn seeing(&self, eyes: &Normalisation, engine: Box<dyn Engine>) -> Result<Box<dyn Engine>, Error> {
        let Some(frame) = &eyes.frame else { return Ok(engine) };
        let shape = [self.dataset.channels, self.dataset.height, self.dataset.width];
        Ok(Box::new(Seeing::new(engine, Reframe::new(frame, shape).map_err(Error::Config)?)))
    }

    /// What runs the teacher as it is, with these maps handed out; `weights` are its network's.
    ///
    /// # Errors
    /// As [`engine`](Setup::engine); [`Error::NoTeacherNetwork`] where only outputs are there.
    pub fn teacher_engine(&self, weights: &Weights, stages: &[String]) -> Result<Box<dyn Engine>, Error> {
        let engine = match &self.teacher {
            TeacherSide::Frozen(frozen) => self.frozen_engine(frozen, stages)?,
            side => self.engine_seeing(&self.teacher_eyes, side.graph()?, weights, stages, false)?,
        };
        Ok(self.spread(engine))
    }

    /// What runs a teacher that only answers; of several with these outputs of single ones.
    ///
    /// # Errors
    /// As [`engine`](Setup::engine).
    pub fn frozen_engine(&self, frozen: &Frozen, singles: &[String]) -> Result<Box<dyn Engine>, Error> {
        let engine = |member: &Member| self.seeing(&member.eyes, member.network.engine(self.device, self.threads)?);
        let mut engines: Vec<_> = frozen.members().iter().map(engine).collect::<Result<_, Error>>()?;
        match engines.len() {
            1 => Ok(engines.remove(0)),
            _ => Ok(Box::new(Average::new(engines, frozen.together().clone(), singles, self.device.burn()?))),
        }
    }

    /// The student with these stages, as it is trained: with what it leaves out at random then.
    fn learning_student(&self, config: &Config, stages: &[String]) -> Result<Cow<'_, Graph>, Error> {
        let (graph, dropped) = (engine::choose::mapped(&self.student, stages), config.student.dropped());
        match dropped == Dropped::default() {
            true => Ok(graph),
            false => Ok(Cow::Owned(graph.dropping(dropped)?)),
        }
    }

    /// The engine that trains a student of an arm from these weights.
    ///
    /// # Errors
    /// As [`engine`](Setup::engine).
    pub fn student_engine(
        &self,
        config: &Config,
        arm: &ArmConfig,
        start: &Weights,
        stages: &[String],
    ) -> Result<Box<dyn Engine>, Error> {
        let graph = self.learning_student(config, stages)?;
        let mut engine = self.learning_engine(&self.student_eyes, &graph, start, stages)?;
        engine.scale_rates(&self.student.rates(config.optim.layer_decay));
        Ok(match config.student.head {
            Head::Own | Head::Lift if arm.head_lipschitz > 0.0 => {
                Box::new(LipschitzHead::new(engine, &self.student, arm.head_lipschitz))
            }
            Head::Own | Head::Lift => engine,
            Head::Teacher => Box::new(FrozenHead::new(engine, &self.student, start)?),
        })
    }
}

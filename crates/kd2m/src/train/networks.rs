//! The networks of a run from files: which graph, which weights, through which eyes. What a person should hear of given weights (the
//! normalisation they get, what was taken out of several) is told once, before anything is trained.

use std::path::Path;

use kd2m_nn::{
    Graph, Weights, init,
    weights::{self, Loaded, Owner, Source},
};

use super::{
    folder::RunFolder,
    inputs,
    observer::{Event, Observer},
    setup::{self, Setup},
    side::TeacherSide,
    summary::TeacherSummary,
};
use crate::{
    Config, Error, classes, files,
    preprocess::{Keys, Normalisation, SizeKeys},
    warning,
};

/// A network as it was saved.
pub struct Network {
    pub graph: Graph,
    pub weights: Weights,
    pub eyes: Normalisation,
}

impl Setup {
    /// The weights of `teacher.weights`, where it names some.
    ///
    /// # Errors
    /// A file that cannot be read, does not fit, or holds numbers that are not finite.
    pub fn given_teacher(&self, config: &Config) -> Result<Option<Loaded>, Error> {
        if let (Some(imported), None) = (&self.imported, &config.teacher.init) {
            return Ok(Some(Loaded { weights: imported.weights.clone(), ..Loaded::default() }));
        }
        let Some(path) = &config.teacher.weights else { return Ok(None) };
        let graph = self.teacher.graph()?;
        let mut loaded = weights::load(&Source::parse(path), graph, Owner::Teacher)?;
        self.teacher_classes.arrange(graph, &mut loaded.weights);
        Ok(Some(loaded))
    }

    /// The weights that a teacher which is trained here starts from.
    ///
    /// # Errors
    /// A file of `teacher.init` that cannot be read or does not fit.
    pub fn teacher_start(&self, config: &Config) -> Result<Loaded, Error> {
        if let Some(imported) = &self.imported {
            return Ok(Loaded { weights: imported.weights.clone(), ..Loaded::default() });
        }
        self.start(config.teacher.init.as_deref(), self.teacher.graph()?, Owner::Teacher, config.teacher.seed)
    }

    /// The weights that every arm of a seed starts from; with `student.head = "teacher"` their classifier is the teacher's.
    ///
    /// # Errors
    /// A file of `student.weights` that cannot be read or does not fit.
    pub fn student_start(&self, config: &Config, seed: u64, teacher: &Weights) -> Result<Weights, Error> {
        let mut initial = self.given_student(config, seed)?.weights;
        if !config.student.head.is_own() {
            let name = &self.student.node(self.student.logits()).name;
            let head = self.teacher.head(teacher).ok_or(Error::NoTeacherHead)?;
            for (part, values) in [("weight", head.weight), ("bias", head.bias)] {
                // A student's classifier without a bias stays without.
                if let Some(tensor) = initial.get_mut(&format!("{name}.{part}")) {
                    tensor.values = values;
                }
            }
        }
        Ok(initial)
    }

    fn given_student(&self, config: &Config, seed: u64) -> Result<Loaded, Error> {
        self.start(config.student.weights.as_deref(), &self.student, Owner::Student, seed)
    }

    /// A file's weights, where one is named, with classes by their names; a classifier of other classes, as ImageNet's, gives way to a random one.
    fn start(&self, path: Option<&Path>, graph: &Graph, owner: Owner, seed: u64) -> Result<Loaded, Error> {
        let initial = init::initialise(graph, seed);
        let Some(path) = path else { return Ok(Loaded { weights: initial, ..Loaded::default() }) };
        let source = Source::parse(path);
        let mut loaded = weights::load_start(&source, graph, owner, &initial)?;
        classes::arrange_start(&mut loaded, &source, graph, &self.dataset.class_names);
        Ok(loaded)
    }

    /// Reads the teacher's weights that a configuration names and tells what a person should know of them.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit.
    pub fn check_teacher(&self, config: &Config, observer: &mut dyn Observer) -> Result<(), Error> {
        self.tell_classes(config, observer)?;
        if config.teacher.outputs.is_some() {
            return Ok(());
        }
        if let Some(own) = self.teacher.other_classes(self.dataset.classes) {
            observer.event(&mut Event::Notice(self.other_classes("teacher", own)))?;
        }
        if let Some(imported) = &self.imported {
            let whose = format!("teacher ({})", config.teacher.name());
            for note in &imported.notes {
                observer.event(&mut Event::Notice(format!("{whose}: {note}")))?;
            }
            return self.tell_eyes(&whose, &self.teacher_eyes, observer);
        }
        if let TeacherSide::Frozen(frozen) = &self.teacher {
            for member in frozen.members() {
                let whose = format!("teacher ({})", member.name);
                for note in &member.notes {
                    observer.event(&mut Event::Notice(format!("{whose}: {note}")))?;
                }
                let [_, own] = member.network.sizes();
                if own != self.dataset.classes && self.teacher.other_classes(self.dataset.classes).is_none() {
                    observer.event(&mut Event::Notice(self.other_classes(&whose, own)))?;
                }
                self.tell_eyes(&whose, &member.eyes, observer)?;
            }
            return Ok(());
        }
        let loaded = match self.given_teacher(config)? {
            Some(loaded) => loaded,
            None => self.teacher_start(config)?,
        };
        let keys = config.teacher.preprocessing();
        self.tell(config.teacher.given(), &keys, &self.teacher_eyes, &loaded, observer)
    }

    /// Tells where the teacher's classes are not the data's one after another.
    fn tell_classes(&self, config: &Config, observer: &mut dyn Observer) -> Result<(), Error> {
        let file = config.teacher.outputs.as_deref().or(config.teacher.given());
        let whose = file.map_or_else(|| config.teacher.name(), |file| file.display().to_string());
        let Some(said) = self.teacher_classes.said(&self.dataset.name) else { return Ok(()) };
        let said = format!("teacher ({whose}): {said}");
        // One that is trained further learns the data's own.
        if !self.teacher_classes.is_doubtful() {
            return observer.event(&mut Event::Notice(said));
        }
        if config.teacher.init.is_some() { Ok(()) } else { warning::tell(observer, said) }
    }

    fn other_classes(&self, whose: &str, own: usize) -> String {
        let (name, classes) = (&self.dataset.name, self.dataset.classes);
        format!(
            "{whose}: it tells {own} classes apart, {name} has {classes}: its logits are not used, its features are"
        )
    }

    /// The same of the student's.
    ///
    /// # Errors
    /// As [`check_teacher`](Self::check_teacher).
    pub fn check_student(&self, config: &Config, observer: &mut dyn Observer) -> Result<(), Error> {
        let loaded = self.given_student(config, 0)?;
        let keys = config.student.preprocessing();
        self.tell(config.student.weights.as_deref(), &keys, &self.student_eyes, &loaded, observer)
    }

    fn tell(
        &self,
        given: Option<&Path>,
        keys: &Keys,
        eyes: &Normalisation,
        loaded: &Loaded,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let whose = match given.map(Source::parse) {
            Some(source) => {
                if let Some(taken) = taken(&source, loaded) {
                    observer.event(&mut Event::Notice(taken))?;
                }
                format!("{} ({source})", keys.section)
            }
            None if keys.say_something() => keys.section.to_owned(),
            // Made here for this data: nothing is given, nothing was chosen.
            None => return Ok(()),
        };
        let (mut line, warning) = eyes.said(&whose, &self.dataset);
        if eyes.is_of_data() && !keys.say_something() {
            line += &format!(", as nothing says otherwise; {}.preset names another", keys.section);
        }
        tell_both(line, warning, observer)
    }

    /// Tells through which eyes weights see this data.
    ///
    /// # Errors
    /// The observer's.
    pub fn tell_eyes(&self, whose: &str, eyes: &Normalisation, observer: &mut dyn Observer) -> Result<(), Error> {
        let (line, warning) = eyes.said(whose, &self.dataset);
        tell_both(line, warning, observer)
    }

    /// The teacher of a run folder: given to the run or trained in it, through the eyes that the run recorded.
    ///
    /// # Errors
    /// Files that cannot be read or do not fit.
    pub fn saved_teacher(&self, config: &Config, folder: &RunFolder) -> Result<Network, Error> {
        let classes = self.teacher.graph()?.classes();
        let own = folder.teacher_weights();
        inputs::check(folder, &own)?;
        let recorded = files::read_json::<TeacherSummary>(&folder.teacher_summary()).ok().and_then(|s| s.normalisation);
        if let Some(imported) = &self.imported {
            let eyes = recorded.unwrap_or_else(|| self.teacher_eyes.clone());
            let graph = imported.graph.clone().with_normalisation(&eyes.mean, &eyes.std);
            let weights = match own.is_file() {
                true => weights::load(&Source { path: own, key: None }, &graph, Owner::Teacher)?.weights,
                false => imported.weights.clone(),
            };
            return Ok(Network { graph, weights, eyes });
        }
        let eyes = match (recorded, &config.teacher.weights) {
            (Some(eyes), _) => eyes,
            (None, Some(_)) => self.teacher_eyes.clone(),
            (None, None) => self.saved_eyes("teacher", &own)?,
        };
        let graph = setup::build(&config.teacher.model, config.teacher.stem, &eyes, &self.dataset, classes)?;
        let source = Source::parse(config.teacher.weights.as_ref().unwrap_or(&own));
        let mut weights = weights::load(&source, &graph, Owner::Teacher)?.weights;
        // What a run has trained itself has the data's classes already.
        if config.teacher.weights.is_some() {
            self.teacher_classes.arrange(&graph, &mut weights);
        }
        Ok(Network { weights, graph, eyes })
    }

    /// A student of a run folder after its last epoch, through the eyes that its file names.
    ///
    /// # Errors
    /// A file that is not what was written, cannot be read or does not fit.
    pub fn saved_student(&self, config: &Config, folder: &RunFolder, arm: &str, seed: u64) -> Result<Network, Error> {
        let file = &folder.student_weights(arm, seed);
        inputs::check(folder, file)?;
        let eyes = self.saved_eyes("student", file)?;
        let graph = setup::build(&self.student.name, config.student.stem, &eyes, &self.dataset, self.dataset.classes)?;
        let source = Source { path: file.to_owned(), key: None };
        Ok(Network { weights: weights::load(&source, &graph, Owner::Student)?.weights, graph, eyes })
    }

    fn saved_eyes(&self, section: &'static str, file: &Path) -> Result<Normalisation, Error> {
        let open = Keys { section, preset: None, mean: None, std: None, size: SizeKeys::default() };
        Normalisation::resolve(&open, Some(file), &self.dataset)
    }
}

/// What was taken out of a file that holds more than one network, and what was interpolated; nothing where it holds that network alone.
fn taken(source: &Source, loaded: &Loaded) -> Option<String> {
    const SHOWN: usize = 3;
    let name = |key: &str| if key.is_empty() { "its root".to_owned() } else { format!("`{key}`") };
    let list = |names: &[String], shown: &dyn Fn(&str) -> String| {
        let more = names.len().saturating_sub(SHOWN);
        let names: Vec<String> = names.iter().take(SHOWN).map(|n| shown(n)).collect();
        names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    };
    let path = source.path.display();
    let begun = format!("{path}: {} is taken", name(&loaded.place));
    let of_several = match &loaded.choice {
        Some(choice) => {
            Some(format!("{begun}; {} would fit too ({path}#KEY takes another)", list(&choice.others, &name)))
        }
        None if !loaded.beside.is_empty() => {
            Some(format!("{begun}; what lies beside it is not read ({})", list(&loaded.beside, &str::to_owned)))
        }
        None => None,
    };
    let resized = (!loaded.resized.is_empty()).then(|| {
        let names = list(&loaded.resized, &str::to_owned);
        format!("{path}: {names}, of another number of patches, are interpolated to this one")
    });
    let parts: Vec<String> = of_several.into_iter().chain(resized).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A warning that is no fault: `--strict` does not end with it.
fn tell_both(line: String, warning: Option<String>, observer: &mut dyn Observer) -> Result<(), Error> {
    observer.event(&mut Event::Notice(line))?;
    warning.map_or(Ok(()), |warning| observer.event(&mut Event::Warning(warning)))
}

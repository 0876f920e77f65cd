//! What a student may learn from: which teachers, portions and mixtures go together. Found before anything is trained.

use kd2m_data::Portion;

use super::{ArmConfig, Config, Head, REST};
use crate::{Error, criterion::registry, imported};

impl Config {
    /// Portions, the share of labels, and that the criteria of an unpaired teacher compare distributions.
    ///
    /// # Errors
    /// The first key or criterion that does not go with the others, and what to do.
    pub(super) fn check_source(&self) -> Result<(), Error> {
        let key = |key: &str, why: String| Error::Key { key: key.to_owned(), why };
        for (name, text) in [("data.portion", &self.data.portion[..]), ("teacher.portion", self.teacher_portion())] {
            text.parse::<Portion>().map_err(|error| key(name, format!("is wrong: {error}")))?;
        }
        if let Some(share) = self.data.class_shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            return Err(key("data.class_shares", format!("has {share}: each is a share from 0 to 1")));
        }
        let share = self.data.labelled_share;
        if !(share > 0.0 && share < 1.0) {
            return Err(key("data.labelled_share", format!("is {share}: above 0 and below 1")));
        }
        let known = |unlabelled: &str| unlabelled == REST || unlabelled.starts_with("folder:");
        if self.data.unlabelled.as_deref().is_some_and(|unlabelled| !known(unlabelled)) {
            let why = "is unknown: write \"rest\" for the training images that data.train_limit leaves out, or \"folder:PATH@SIZE\" for those of a \
                       folder"
                .to_owned();
            return Err(key("data.unlabelled", why));
        }
        let teacher = &self.teacher;
        let network = [
            ("teacher.model", !teacher.model.is_empty()),
            ("teacher.weights", teacher.weights.is_some()),
            ("teacher.init", teacher.init.is_some()),
            ("teacher.portion", teacher.portion.is_some()),
        ];
        match (&teacher.outputs, network.iter().find(|(_, given)| *given)) {
            (Some(_), Some((name, _))) => {
                let why = "goes with a network, and teacher.outputs is a file of one's outputs: leave one of them out"
                    .to_owned();
                return Err(key(name, why));
            }
            (Some(_), None) if self.train.track_bounds > 0 => {
                let why = "needs a teacher that can be run, not teacher.outputs: leave it out".to_owned();
                return Err(key("train.track_bounds", why));
            }
            (None, _) if teacher.model.is_empty() => {
                let why = "is missing: name a network of kd2m list models, or give teacher.outputs".to_owned();
                return Err(key("teacher.model", why));
            }
            _ => {}
        }
        self.check_features_as()?;
        self.check_imported()?;
        self.check_several()?;
        self.arms.iter().try_for_each(|arm| self.check_pairs(arm))
    }

    /// The teacher's classifier and the bounds read its features as they are.
    fn check_features_as(&self) -> Result<(), Error> {
        if self.teacher.features_as.is_raw() {
            return Ok(());
        }
        let shared = |head: &Head| *head == Head::Teacher;
        let why = match () {
            () if shared(&self.student.head) || self.arms.iter().filter_map(|arm| arm.head.as_ref()).any(shared) => {
                "changes the features that the teacher's classifier reads: leave it out, or let students keep their own head"
            }
            () if self.train.track_bounds > 0 => "changes what train.track_bounds compares: leave one of them out",
            () => return Ok(()),
        };
        Err(Error::Key { key: "teacher.features_as".to_owned(), why: why.to_owned() })
    }

    /// What goes with a teacher that is an ONNX file, and what goes with no other.
    fn check_imported(&self) -> Result<(), Error> {
        let teacher = &self.teacher;
        let key = |key: &str, why: &str| Err(Error::Key { key: key.to_owned(), why: why.to_owned() });
        if imported::file(&teacher.model).is_none() {
            let given =
                [("teacher.features", teacher.features.is_some()), ("teacher.stages", !teacher.stages.is_empty())];
            return match given.iter().find(|(_, given)| *given) {
                Some((name, _)) => {
                    key(name, "names a value of an ONNX file: it goes with teacher.model = \"onnx:FILE\"")
                }
                None => Ok(()),
            };
        }
        if teacher.weights.is_some() {
            return key("teacher.weights", "goes with a network of the zoo: an ONNX file has its weights in it");
        }
        match &teacher.init {
            Some(start) if start.as_os_str() != teacher.model.as_str() => key(
                "teacher.init",
                "is another file than teacher.model: to train an ONNX file further, name it in both; leave it out to take it as it is",
            ),
            _ => Ok(()),
        }
    }

    /// Several teachers answer as they are: each has its weights, and nothing is trained.
    fn check_several(&self) -> Result<(), Error> {
        let mut named = false;
        for (arm, loss) in self.arms.iter().flat_map(|arm| arm.losses.iter().map(move |loss| (arm, loss))) {
            let place = self.teacher.of_loss(loss.teacher.as_ref());
            named |= place.map_err(|why| Error::ArmKey { arm: arm.name.clone(), why })?.is_some();
        }
        if self.teacher.others.is_empty() {
            return Ok(());
        }
        for (i, teacher) in self.teacher.all().enumerate() {
            let key =
                |name: &str, why: &str| Err(Error::Key { key: format!("teacher.{i}.{name}"), why: why.to_owned() });
            let beside = i > 0;
            let given = [
                ("outputs", teacher.outputs.is_some()),
                ("init", teacher.init.is_some()),
                ("epochs", teacher.epochs.is_some()),
                ("paired", !teacher.paired),
                ("portion", beside && teacher.portion.is_some()),
                ("train_limit", beside && teacher.train_limit.is_some()),
            ];
            if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
                return key(name, "does not go with several teachers, which answer as they are: leave it out");
            }
            if !teacher.features_as.is_raw() && (beside || named) {
                return key(
                    "features_as",
                    "holds for the mean of several teachers: leave it out, or leave `teacher` of the losses out",
                );
            }
            if teacher.weights.is_none() && imported::file(&teacher.model).is_none() {
                return key("weights", "is missing: of several teachers each has weights, or is \"onnx:FILE\"");
            }
            teacher.preprocessing().check()?;
        }
        Ok(())
    }

    fn check_pairs(&self, arm: &ArmConfig) -> Result<(), Error> {
        if self.teacher.paired {
            return Ok(());
        }
        for loss in &arm.losses {
            let needs = registry::check(&loss.criterion)?.needs();
            let name = loss.criterion.name();
            let why = match () {
                () if !needs.unpaired => format!(
                    "{name} compares the teacher's outputs image by image, which teacher.paired = false has of other images: use a \
                     criterion that compares distributions, as w2, cw2, sinkhorn or mmd-rbf"
                ),
                () if !needs.teacher_maps.is_empty() => {
                    format!("{name} reads maps of stages, an unpaired teacher has features and logits: leave `on` out")
                }
                () => continue,
            };
            return Err(Error::ArmKey { arm: arm.name.clone(), why });
        }
        Ok(())
    }
}

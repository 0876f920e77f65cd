//! `train.mixup` and `train.cutmix`: what they cannot go with. An image of two classes has no class, so criteria that read labels have
//! nothing to read; a teacher whose outputs were stored has seen whole images alone.

use kd2m_data::Mix;

use super::{Config, TrainConfig};
use crate::{Error, criterion::registry};

/// Beyond, every share is a half.
const LARGEST: f64 = 1000.0;

impl TrainConfig {
    /// How the images of a batch are mixed.
    pub(crate) fn mix(&self) -> Mix {
        Mix { mixup: self.mixup, cutmix: self.cutmix }
    }
}

impl Config {
    /// Ranges, and that everything that sees the images can be told what they are.
    pub(super) fn check_mixing(&self) -> Result<(), Error> {
        let keys = [("train.mixup", self.train.mixup), ("train.cutmix", self.train.cutmix)];
        let wrong = |key: &str, why: String| Err(Error::Key { key: key.to_owned(), why });
        if let Some((key, alpha)) = keys.iter().find(|(_, alpha)| !(0.0..=LARGEST).contains(alpha)) {
            return wrong(key, format!("is {alpha}: from 0 to {LARGEST}"));
        }
        let Some((key, _)) = keys.into_iter().find(|(_, alpha)| *alpha > 0.0) else { return Ok(()) };
        if self.data.unlabelled.is_some() {
            return wrong(
                key,
                "mixes labels, and data.unlabelled has images without: leave one of them out".to_owned(),
            );
        }
        if self.teacher.outputs.is_some() {
            return wrong(
                key,
                "shows mixed images, and teacher.outputs has answers to whole ones: leave one of them out, or give the teacher's network"
                    .to_owned(),
            );
        }
        if !self.teacher.paired {
            return wrong(
                key,
                "shows mixed images, and teacher.paired = false compares with whole ones: leave one of them out"
                    .to_owned(),
            );
        }
        for (arm, loss) in self.arms.iter().flat_map(|arm| arm.losses.iter().map(move |loss| (arm, loss))) {
            if registry::check(&loss.criterion)?.needs().labels {
                let why = format!(
                    "{} reads one label of each image, and {key} makes images of two: leave {key} out, or choose a criterion that reads none",
                    loss.criterion.name()
                );
                return Err(Error::ArmKey { arm: arm.name.clone(), why });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{ArmConfig, Config, Source};

    fn why(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Source::demo().unwrap().resolve().unwrap();
        (config.train.mixup, config.arms) = (0.2, vec![ArmConfig::single("w2", None)]);
        config.check().unwrap();
        change(&mut config);
        config.check_mixing().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_see_mixed_images_is_refused_by_name() {
        let said = why(|config| config.train.cutmix = -1.0);
        assert!(said.contains("train.cutmix is -1: from 0 to 1000"), "{said}");
        assert!(why(|config| config.train.mixup = f64::NAN).contains("train.mixup is NaN"));
        assert!(
            why(|config| config.data.unlabelled = Some("rest".to_owned()))
                .contains("data.unlabelled has images without")
        );
        assert!(
            why(|config| config.teacher.outputs = Some("x.npz".into()))
                .contains("teacher.outputs has answers to whole ones")
        );
        assert!(
            why(|config| config.teacher.paired = false).contains("teacher.paired = false compares with whole ones")
        );
        let said = why(|config| config.arms = vec![ArmConfig::single("hinton+cw2", None)]);
        assert!(said.contains("cw2 reads one label of each image, and train.mixup makes images of two"), "{said}");
    }
}

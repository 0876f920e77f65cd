//! Training protocols by name: what a grid file gets where it does not say a key itself.
//! Sources: the KD²M paper (Montesuma, 2025) and its reference code; RepDistiller (Tian et al., 2020).

use kd2m_ot::error::nearest_names;
use toml::Table;

use crate::{
    Error,
    config::{ArmConfig, ScheduleKind, Source},
};

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// 15 epochs of batches of 128, SGD 0.01 with momentum 0.9, cosine to 1e-4.
    Paper,
    /// The same with mistakes of the reference code, each an arm of its own.
    PaperCode,
    /// 240 epochs of batches of 64, SGD 0.05, divided by ten after 150, 180 and 210, weight decay 5e-4.
    RepDistiller,
}

const PAPER: &str = r#"
train = { epochs = 15, batch_size = 128 }
[optim]
algorithm = "sgd"
lr = 0.01
momentum = 0.9
nesterov = false
weight_decay = 0.0
schedule = "cosine"
min_lr = 1e-4
warmup_epochs = 0.0
"#;

const REPDISTILLER: &str = r#"
train = { epochs = 240, batch_size = 64 }
[optim]
algorithm = "sgd"
lr = 0.05
momentum = 0.9
nesterov = false
weight_decay = 5e-4
schedule = "multistep"
milestones = [150, 180, 210]
min_lr = 0.0
warmup_epochs = 0.0
"#;

/// The mistake that is switched on by `paper-code`: the reference code anneals every student but the one without distillation,
/// because its scheduler is given another optimizer.
pub const CONSTANT_LR: &str = "baseline-constant-lr";

const NAMES: [(&str, Protocol); 3] =
    [("paper", Protocol::Paper), ("paper-code", Protocol::PaperCode), ("repdistiller", Protocol::RepDistiller)];

impl Protocol {
    /// Reads `paper | paper-code | repdistiller`.
    ///
    /// # Errors
    /// An unknown name; the nearest ones are named.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let all = NAMES;
        all.iter().find(|(known, _)| *known == name).map(|(_, protocol)| *protocol).ok_or_else(|| {
            let near = nearest_names(name, all.iter().map(|(known, _)| *known));
            let hint = near
                .first()
                .map_or("choose paper, paper-code or repdistiller".to_owned(), |n| format!("did you mean {n}?"));
            Error::Config(format!("unknown protocol `{name}`; {hint}"))
        })
    }

    /// The keys that it decides.
    ///
    /// # Errors
    /// None: the text is part of the program and tested.
    pub fn keys(self) -> Result<Table, Error> {
        let text = match self {
            Self::Paper | Self::PaperCode => PAPER,
            Self::RepDistiller => REPDISTILLER,
        };
        text.parse().map_err(|e| Error::Config(format!("protocol: {e}")))
    }

    /// Puts it in place of a grid file's: its keys replace the file's, keys set later replace its.
    ///
    /// # Errors
    /// None: the text is part of the program and tested.
    pub fn overlay(self, source: &mut Source) -> Result<(), Error> {
        source.merge(self.keys()?, false);
        let name = NAMES.iter().find(|(_, protocol)| *protocol == self).map_or("", |(name, _)| name);
        source.put("protocol", name)
    }

    /// Arms that show the mistakes which are switched on; all of them where the grid does not say which.
    ///
    /// # Errors
    /// An unknown mistake, or mistakes with another protocol than `paper-code`.
    pub fn mistakes(this: Option<Self>, wanted: Option<Vec<String>>) -> Result<Vec<ArmConfig>, Error> {
        let wanted = match (this, wanted) {
            (Some(Self::PaperCode), None) => vec![CONSTANT_LR.to_owned()],
            (Some(Self::PaperCode), Some(wanted)) => wanted,
            (_, None) => Vec::new(),
            (_, Some(_)) => {
                return Err(Error::Config("`mistakes` belongs to protocol = \"paper-code\"".to_owned()));
            }
        };
        let arm = |name: &String| match name.as_str() {
            CONSTANT_LR => Ok(ArmConfig {
                name: "none-constant-lr".to_owned(),
                schedule: Some(ScheduleKind::Constant),
                ..ArmConfig::none()
            }),
            other => Err(Error::Config(format!("unknown mistake `{other}`; there is {CONSTANT_LR}"))),
        };
        wanted.iter().map(arm).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_texts_are_toml() {
        for name in ["paper", "paper-code", "repdistiller"] {
            assert!(Protocol::parse(name).unwrap().keys().unwrap().contains_key("optim"));
        }
        assert!(Protocol::parse("papper").unwrap_err().to_string().contains("did you mean paper?"));
    }

    #[test]
    fn only_the_papers_code_has_mistakes() {
        let arms = Protocol::mistakes(Some(Protocol::PaperCode), None).unwrap();
        assert_eq!((arms.len(), arms[0].schedule), (1, Some(ScheduleKind::Constant)));
        assert!(Protocol::mistakes(Some(Protocol::PaperCode), Some(Vec::new())).unwrap().is_empty());
        assert!(Protocol::mistakes(Some(Protocol::Paper), Some(Vec::new())).is_err());
    }
}

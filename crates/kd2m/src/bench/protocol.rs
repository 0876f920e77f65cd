//! Training protocols by name: what a grid file gets where it does not say a key itself.
//! Sources: the KD²M paper (Montesuma, 2025) and its reference code; RepDistiller (Tian et al., 2020).

use kd2m_ot::error::nearest_names;
use toml::Table;

use super::paper::mistaken;
use crate::{
    Error,
    config::{ArmConfig, LossConfig, ScheduleKind, Source},
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

/// A mistake of the reference code, shown by arms beside those that are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Every student is annealed but the one without distillation: its scheduler is given another optimizer.
    BaselineConstantLr,
    /// Hinton's divergence with teacher and student exchanged: KL(student ‖ teacher).
    ReverseKl,
    /// Class-conditional distances are summed over the classes of a batch where the paper has their mean.
    ClassSum,
    /// The joint plan's feature cost lies between the student and itself.
    Jw2SelfCost,
    /// The joint plan's feature cost carries no gradient.
    Jw2DetachedCost,
    /// The joint plan's label cost compares logits, not probabilities.
    Jw2RawLogits,
    /// All three of the joint plan, as the code runs.
    Jw2AsCoded,
}

const MISTAKES: [(&str, Mistake); 7] = [
    ("baseline-constant-lr", Mistake::BaselineConstantLr),
    ("reverse-kl", Mistake::ReverseKl),
    ("class-sum", Mistake::ClassSum),
    ("jw2-self-cost", Mistake::Jw2SelfCost),
    ("jw2-detached-cost", Mistake::Jw2DetachedCost),
    ("jw2-raw-logits", Mistake::Jw2RawLogits),
    ("jw2-as-coded", Mistake::Jw2AsCoded),
];

impl Mistake {
    /// The arms of a grid with those that show the mistake, each behind the right one; an arm that it does not
    /// concern has none.
    pub fn add_arms(self, arms: Vec<ArmConfig>) -> Vec<ArmConfig> {
        arms.into_iter()
            .flat_map(|arm| {
                let deviating = self.deviating(&arm);
                [Some(arm), deviating]
            })
            .flatten()
            .collect()
    }

    fn deviating(self, arm: &ArmConfig) -> Option<ArmConfig> {
        if self == Self::BaselineConstantLr {
            let schedule = Some(ScheduleKind::Constant);
            let constant = || ArmConfig { name: "none-constant-lr".to_owned(), schedule, ..ArmConfig::none() };
            return arm.is_none().then(constant);
        }
        let (ending, switches): (_, &[&str]) = match self {
            Self::BaselineConstantLr => return None,
            Self::ReverseKl => ("reverse-kl", &["reverse"]),
            Self::ClassSum => ("class-sum", &["sum"]),
            Self::Jw2SelfCost => ("self-cost", &["self_cost"]),
            Self::Jw2DetachedCost => ("detached-cost", &["detached_cost"]),
            Self::Jw2RawLogits => ("raw-logits", &["raw_logits"]),
            Self::Jw2AsCoded => ("as-coded", &["self_cost", "detached_cost", "raw_logits"]),
        };
        let mut deviating = ArmConfig { name: format!("{}-{ending}", arm.name), ..arm.clone() };
        let mut concerned: Vec<&mut LossConfig> = deviating.losses.iter_mut().filter(|l| self.concerns(l)).collect();
        for loss in &mut concerned {
            let jw2 = loss.criterion.name() == "jw2";
            let own = if jw2 { loss.criterion.clone().renamed(mistaken::ENTRY.name) } else { loss.criterion.clone() };
            loss.criterion = switches.iter().fold(own, |own, switch| own.set(switch, true));
        }
        (!concerned.is_empty()).then_some(deviating)
    }

    /// Whether a term of an arm can show it.
    fn concerns(self, loss: &LossConfig) -> bool {
        let (name, options) = (loss.criterion.name(), loss.criterion.options());
        match self {
            Self::BaselineConstantLr => false,
            Self::ReverseKl => matches!(name, "hinton" | "kd") && !options.contains_key("reverse"),
            // Weights by priors sum to one: such an arm has no sum to show.
            Self::ClassSum => {
                (name == "cw2" || name.starts_with("class-"))
                    && !["sum", "priors"].iter().any(|key| options.contains_key(*key))
            }
            // The code knows one β and one label cost, on features, and no memory.
            Self::Jw2SelfCost | Self::Jw2DetachedCost | Self::Jw2RawLogits | Self::Jw2AsCoded => {
                name == "jw2"
                    && options.is_empty()
                    && loss.criterion.is_on_features()
                    && loss.criterion.remembered() == 0
            }
        }
    }
}

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

    /// The mistakes that are switched on; all of them where the grid does not say which.
    ///
    /// # Errors
    /// An unknown mistake, or mistakes with another protocol than `paper-code`.
    pub fn mistakes(this: Option<Self>, wanted: Option<Vec<String>>) -> Result<Vec<Mistake>, Error> {
        let wanted = match (this, wanted) {
            (Some(Self::PaperCode), None) => return Ok(MISTAKES.iter().map(|(_, mistake)| *mistake).collect()),
            (Some(Self::PaperCode), Some(wanted)) => wanted,
            (_, None) => Vec::new(),
            (_, Some(_)) => {
                return Err(Error::Config("`mistakes` belongs to protocol = \"paper-code\"".to_owned()));
            }
        };
        let find = |name: &String| {
            let plain = name.replace('_', "-");
            let found = MISTAKES.iter().find(|(known, _)| *known == plain).map(|(_, mistake)| *mistake);
            let known = MISTAKES.map(|(known, _)| known).join(", ");
            found.ok_or_else(|| Error::Config(format!("unknown mistake `{name}`; there are {known}")))
        };
        wanted.iter().map(find).collect()
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
        assert_eq!(Protocol::mistakes(Some(Protocol::PaperCode), None).unwrap().len(), MISTAKES.len());
        assert!(Protocol::mistakes(Some(Protocol::PaperCode), Some(Vec::new())).unwrap().is_empty());
        assert!(Protocol::mistakes(Some(Protocol::Paper), Some(Vec::new())).is_err());
        let named = |name: &str| Protocol::mistakes(Some(Protocol::PaperCode), Some(vec![name.to_owned()]));
        assert_eq!(named("class_sum").unwrap(), [Mistake::ClassSum]);
        assert!(named("class-some").unwrap_err().to_string().contains("reverse-kl"));
    }

    #[test]
    fn each_mistake_is_an_arm_beside_the_right_one() {
        let arms = ["w2", "cw2", "jw2", "hinton"].map(|name| ArmConfig::single(name, Some(0.5.into())));
        let all: Vec<ArmConfig> = std::iter::once(ArmConfig::none()).chain(arms).collect();
        let deviating = MISTAKES.iter().fold(all, |arms, (_, mistake)| mistake.add_arms(arms));
        let names: Vec<&str> = deviating.iter().map(|a| a.name.as_str()).collect();
        let joint = ["jw2", "jw2-as-coded", "jw2-raw-logits", "jw2-detached-cost", "jw2-self-cost"];
        let others = [&["none", "none-constant-lr", "w2", "cw2", "cw2-class-sum"], &joint[..]].concat();
        assert_eq!(names, [&others[..], &["hinton", "hinton-reverse-kl"]].concat());
        let (sum, reverse) = (&deviating[4].losses[0], &deviating[11].losses[0]);
        let (coded, own) = (&deviating[6].losses[0], &deviating[9].losses[0]);
        assert_eq!((coded.criterion.name(), coded.criterion.options().len()), ("jw2-mistaken", 3));
        assert_eq!(own.criterion.options().keys().collect::<Vec<_>>(), ["self_cost"]);
        assert_eq!((sum.weight, sum.criterion.options().get("sum")), (Some(0.5.into()), Some(&true.into())));
        assert_eq!(
            (reverse.weight, reverse.criterion.options().get("reverse")),
            (Some(0.5.into()), Some(&true.into()))
        );
    }
}

//! Which stages' maps a criterion compares, by names that both networks use or by pairs.
//! Maps of unequal height × width are averaged to the smaller of each (adaptive average pooling), as RepDistiller does.

use burn::tensor::{Tensor, module::adaptive_avg_pool2d};
use kd2m_nn::{CLASS_MAP, is_second_look};
use kd2m_ot::{Options, options::OptionSpec};

use crate::{
    batch::{Batch, Outputs},
    error::{CriterionError, UnknownOutput},
    shapes::{Needs, NetworkShapes, Shapes},
};

/// Which of the common stages are compared when no names are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The deepest.
    Last,
    /// The second block, or the only one: the usual hint layer.
    Second,
    /// All blocks.
    All,
}

impl Choice {
    /// The option `stages` with this default.
    pub const fn option(self) -> OptionSpec {
        let default = match self {
            Choice::Last => "last",
            Choice::Second => "second",
            Choice::All => "all",
        };
        OptionSpec { name: "stages", default, help: "last | second | all, or names: layer2,layer3 or student:teacher" }
    }
}

/// A student's stage and the teacher's stage it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The student's stage.
    pub student: String,
    /// The teacher's stage.
    pub teacher: String,
}

/// Sizes of a pair once both maps have the same height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairShape {
    /// Channels of the student's map.
    pub student_channels: usize,
    /// Channels of the teacher's map.
    pub teacher_channels: usize,
    /// The smaller of both.
    pub height: usize,
    /// The smaller of both.
    pub width: usize,
}

/// What a criterion's option `stages` says.
#[derive(Debug, Clone)]
pub struct StageChoice {
    criterion: String,
    wanted: Wanted,
}

#[derive(Debug, Clone)]
enum Wanted {
    Common(Choice),
    Named(Vec<Pair>),
}

impl StageChoice {
    /// Reads the option `stages`.
    ///
    /// # Errors
    /// An empty name.
    pub fn parse(options: &Options, default: Choice) -> Result<Self, CriterionError> {
        let criterion = options.metric().to_owned();
        // A TOML list arrives as `["a", "b"]`.
        let text = options.text("stages").unwrap_or_default().trim_matches(['[', ']']);
        let choice = match text {
            "" => Some(default),
            "last" => Some(Choice::Last),
            "second" => Some(Choice::Second),
            "all" => Some(Choice::All),
            _ => None,
        };
        if let Some(choice) = choice {
            return Ok(Self { criterion, wanted: Wanted::Common(choice) });
        }
        let pairs = text.split(',').map(|name| {
            let name = name.trim().trim_matches('"');
            let (student, teacher) = name.split_once(':').unwrap_or((name, name));
            match student.is_empty() || teacher.is_empty() {
                true => Err(options.bad("stages", text, "stage names as in layer2,layer3 or student:teacher").into()),
                false => Ok(Pair { student: student.to_owned(), teacher: teacher.to_owned() }),
            }
        });
        Ok(Self { wanted: Wanted::Named(pairs.collect::<Result<_, CriterionError>>()?), criterion })
    }

    /// The maps of stages that are named; a default is known once it is [resolved](StageChoice::resolve).
    pub fn needs(&self) -> Needs {
        match &self.wanted {
            Wanted::Common(_) => Needs::default(),
            Wanted::Named(pairs) => needs(pairs),
        }
    }

    /// The pairs, with sizes.
    ///
    /// # Errors
    /// Networks without a common stage, or a name that a network lacks; its stages are named.
    pub fn resolve(&self, shapes: &Shapes) -> Result<Stages, CriterionError> {
        let pairs = match &self.wanted {
            Wanted::Common(choice) => common(&self.criterion, shapes, *choice)?,
            Wanted::Named(pairs) => pairs.clone(),
        };
        let find = |network: &NetworkShapes, stage: &str, who| {
            network.map(stage).ok_or_else(|| CriterionError::UnknownOutput {
                criterion: self.criterion.clone(),
                unknown: Box::new(UnknownOutput::new(stage, who, network, &[])),
            })
        };
        let sizes = pairs.iter().map(|pair| {
            let [student_channels, h, w] = find(&shapes.student, &pair.student, "student")?;
            let [teacher_channels, height, width] = find(&shapes.teacher, &pair.teacher, "teacher")?;
            Ok(PairShape { student_channels, teacher_channels, height: h.min(height), width: w.min(width) })
        });
        let sizes = sizes.collect::<Result<_, CriterionError>>()?;
        Ok(Stages { criterion: self.criterion.clone(), pairs, sizes })
    }
}

fn needs(pairs: &[Pair]) -> Needs {
    Needs {
        student_maps: pairs.iter().map(|p| p.student.clone()).collect(),
        teacher_maps: pairs.iter().map(|p| p.teacher.clone()).collect(),
        ..Needs::default()
    }
}

/// The stages that a criterion compares between two networks.
#[derive(Debug, Clone)]
pub struct Stages {
    criterion: String,
    pairs: Vec<Pair>,
    sizes: Vec<PairShape>,
}

impl Stages {
    /// Maps to hand out.
    pub fn needs(&self) -> Needs {
        needs(&self.pairs)
    }

    /// The compared pairs with their sizes.
    pub fn pairs(&self) -> impl Iterator<Item = (&Pair, PairShape)> {
        self.pairs.iter().zip(self.sizes.iter().copied())
    }

    /// The maps of every pair as they are, student's first.
    ///
    /// # Errors
    /// Outputs that lack a map.
    pub fn maps(&self, batch: &Batch) -> Result<Vec<[Tensor<4>; 2]>, CriterionError> {
        let find = |outputs: &Outputs, stage: &str, who: &str| {
            outputs.map(stage).cloned().ok_or_else(|| {
                let why = format!("the {who} gave no map `{stage}`");
                CriterionError::Batch { criterion: self.criterion.clone(), why }
            })
        };
        let pairs = self.pairs.iter();
        pairs
            .map(|p| Ok([find(batch.student, &p.student, "student")?, find(batch.teacher, &p.teacher, "teacher")?]))
            .collect()
    }

    /// The maps of every pair at the same height and width, student's first.
    ///
    /// # Errors
    /// Outputs that lack a map.
    pub fn pooled(&self, batch: &Batch) -> Result<Vec<[Tensor<4>; 2]>, CriterionError> {
        Ok(self.maps(batch)?.into_iter().map(|[student, teacher]| same_size(student, teacher)).collect())
    }
}

fn same_size(student: Tensor<4>, teacher: Tensor<4>) -> [Tensor<4>; 2] {
    let ([_, _, h, w], [_, _, height, width]) = (student.dims(), teacher.dims());
    let size = [h.min(height), w.min(width)];
    let pool = |map: Tensor<4>| {
        let [_, _, h, w] = map.dims();
        if [h, w] == size { map } else { adaptive_avg_pool2d(map, size) }
    };
    [pool(student), pool(teacher)]
}

/// Blocks that both networks name alike, in the student's order. The stem is before the first block and left out, and so are the logits of
/// each place behind the last, and second looks at the tokens of one block.
fn common(criterion: &str, shapes: &Shapes, choice: Choice) -> Result<Vec<Pair>, CriterionError> {
    let shared = shapes.student.maps.iter().map(|(name, _)| name).filter(|name| shapes.teacher.map(name).is_some());
    let is_block = |name: &&String| !["stem", CLASS_MAP].contains(&name.as_str()) && !is_second_look(name);
    let blocks: Vec<&String> = shared.filter(is_block).collect();
    let chosen = match (choice, blocks.as_slice()) {
        (_, []) => {
            let why = format!(
                " compares maps, but student and teacher share no stage with a map: the student has \
                 {}, the teacher {}. Pair two by hand with stages = \"student:teacher\", or choose a criterion on \
                 features or logits",
                names(&shapes.student),
                names(&shapes.teacher)
            );
            return Err(CriterionError::Sizes { criterion: criterion.to_owned(), why });
        }
        (Choice::All, all) => all,
        (Choice::Second, [_, second, ..]) => std::slice::from_ref(second),
        (_, [.., last]) => std::slice::from_ref(last),
    };
    Ok(chosen.iter().map(|name| Pair { student: (*name).clone(), teacher: (*name).clone() }).collect())
}

fn names(network: &NetworkShapes) -> String {
    let all: Vec<String> = network.seen_once().map(|(name, [c, h, w])| format!("{name} {c}×{h}×{w}")).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(maps: &[(&str, [usize; 3])]) -> NetworkShapes {
        NetworkShapes { features: 4, maps: maps.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect() }
    }

    fn shapes() -> Shapes {
        Shapes {
            student: network(&[
                ("stem", [2, 8, 8]),
                ("layer1", [3, 8, 8]),
                ("layer2", [4, 4, 4]),
                ("layer3", [5, 2, 2]),
                (CLASS_MAP, [2, 2, 2]),
            ]),
            teacher: network(&[
                ("stem", [4, 8, 8]),
                ("layer1", [6, 4, 8]),
                ("layer2", [7, 4, 4]),
                ("last", [8, 1, 1]),
                (CLASS_MAP, [2, 1, 1]),
            ]),
            classes: 2,
            train: (0..8).collect(),
        }
    }

    fn chosen(text: &str, default: Choice) -> Result<Vec<(String, String)>, String> {
        let mut options = Options::new("at");
        if !text.is_empty() {
            options = options.set("stages", text);
        }
        let choice = StageChoice::parse(&options, default).map_err(|e| e.to_string())?;
        let stages = choice.resolve(&shapes()).map_err(|e| e.to_string())?;
        Ok(stages.pairs().map(|(p, _)| (p.student.clone(), p.teacher.clone())).collect())
    }

    fn same(names: &[&str]) -> Result<Vec<(String, String)>, String> {
        Ok(names.iter().map(|n| ((*n).to_owned(), (*n).to_owned())).collect())
    }

    #[test]
    fn defaults_are_common_blocks_without_the_stem() {
        assert_eq!(chosen("", Choice::All), same(&["layer1", "layer2"]));
        assert_eq!(chosen("", Choice::Last), same(&["layer2"]));
        assert_eq!(chosen("second", Choice::All), same(&["layer2"]));
    }

    #[test]
    fn names_and_pairs_are_taken_as_given() {
        assert_eq!(chosen("stem", Choice::Last), same(&["stem"]));
        assert_eq!(chosen("[\"layer1\", \"layer2\"]", Choice::Last), same(&["layer1", "layer2"]));
        assert_eq!(chosen("layer3:last", Choice::Last), Ok(vec![("layer3".to_owned(), "last".to_owned())]));
    }

    #[test]
    fn errors_name_what_there_is() {
        let missing = chosen("layer3", Choice::Last).unwrap_err();
        assert!(missing.contains("the teacher has no stage `layer3`; did you mean layer1 or layer2?"), "{missing}");
        assert!(
            missing.ends_with("It has stem 4×8×8, layer1 6×4×8, layer2 7×4×4, last 8×1×1, class-map 2×1×1"),
            "{missing}"
        );
        let empty = chosen("layer1,,layer2", Choice::Last).unwrap_err();
        assert!(empty.contains("student:teacher"), "{empty}");
        let vectors = Shapes { student: network(&[]), ..shapes() };
        let none = common("at", &vectors, Choice::All).unwrap_err().to_string();
        assert!(none.contains("the student has none") && none.contains("features or logits"), "{none}");
    }

    #[test]
    fn sizes_are_the_smaller_of_each() {
        let choice = StageChoice::parse(&Options::new("at"), Choice::All).unwrap();
        assert_eq!(choice.needs(), Needs::default());
        let stages = choice.resolve(&shapes()).unwrap();
        assert_eq!(
            stages.pairs().next().unwrap().1,
            PairShape { student_channels: 3, teacher_channels: 6, height: 4, width: 8 }
        );
        assert_eq!(stages.needs().teacher_maps, ["layer1", "layer2"]);
    }
}

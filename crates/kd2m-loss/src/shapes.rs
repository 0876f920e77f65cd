//! What a criterion reads of two networks, and the sizes that it is made for.

use kd2m_nn::{CLASS_MAP, Graph, Shape, is_second_look};

/// What a criterion reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Student's stages whose maps it reads.
    pub student_maps: Vec<String>,
    /// Teacher's stages whose maps it reads.
    pub teacher_maps: Vec<String>,
    /// Ground-truth classes.
    pub labels: bool,
    /// The teacher's logits.
    pub logits: bool,
    /// Penultimate activations, of both networks or of the teacher alone.
    pub features: bool,
    /// It does without pairs: sample i of the student and sample i of the teacher may be different images.
    pub unpaired: bool,
}

impl Needs {
    /// Features and no maps.
    pub fn features() -> Self {
        Self { features: true, ..Self::default() }
    }

    /// The logits of both networks and no maps.
    pub fn logits() -> Self {
        Self { logits: true, ..Self::default() }
    }

    /// These and ground-truth classes.
    pub fn logits_and_labels() -> Self {
        Self { labels: true, ..Self::logits() }
    }
}

/// Sizes that criteria are made for.
#[derive(Debug, Clone)]
pub struct Shapes {
    /// The student's outputs.
    pub student: NetworkShapes,
    /// The teacher's outputs.
    pub teacher: NetworkShapes,
    /// Number of classes.
    pub classes: usize,
    /// The images that are trained on, by their place in the data set, for memories by sample.
    pub train: Vec<u32>,
}

impl Shapes {
    /// Of two networks without maps, whose samples have no place in a data set.
    pub fn vectors([student, teacher]: [usize; 2], classes: usize) -> Self {
        let network = |features| NetworkShapes { features, maps: Vec::new() };
        Self { student: network(student), teacher: network(teacher), classes, train: Vec::new() }
    }
}

/// Sizes of one network's outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkShapes {
    /// Feature width d.
    pub features: usize,
    /// Stages as (name, `[channels, height, width]`); among them, where the network can give them, looks at its tokens and [`CLASS_MAP`].
    pub maps: Vec<(String, [usize; 3])>,
}

impl NetworkShapes {
    /// Read off a graph.
    pub fn of(graph: &Graph) -> Self {
        let maps = graph.stages().iter().filter_map(|(name, id)| match graph.node(*id).shape {
            Shape::Map { channels, height, width } => Some((name.clone(), [channels, height, width])),
            Shape::Vector(_) | Shape::Tokens { .. } => None,
        });
        let class_map = graph.class_map().map(|shape| (CLASS_MAP.to_owned(), shape));
        let maps = maps.chain(graph.token_stages()).chain(class_map);
        Self { features: graph.feature_width(), maps: maps.collect() }
    }

    /// The stages without second looks at the tokens of one.
    pub(crate) fn seen_once(&self) -> impl Iterator<Item = &(String, [usize; 3])> {
        self.maps.iter().filter(|(name, _)| !is_second_look(name))
    }

    /// The `[channels, height, width]` of a stage.
    pub fn map(&self, stage: &str) -> Option<[usize; 3]> {
        self.maps.iter().find(|(name, _)| name == stage).map(|(_, shape)| *shape)
    }
}

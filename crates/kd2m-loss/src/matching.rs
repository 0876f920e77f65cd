//! Any divergence of `kd2m-ot` as a criterion: the paper's D(g_S#P, g_T#P).
//! Features are read to the host once; the solution's value and gradient come back as one surrogate on the tape:
//! Σ x·g − sg(Σ x·g) + v has value v and gradient g, on every device. Optimal plans are constants (envelope theorem).

use std::{fmt, sync::Arc};

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use kd2m_nn::{Weights, step::Mode};
use kd2m_ot::{
    Options, Side,
    divergence::{
        AnyDivergence, Divergence, Request,
        registry::{self, Form},
    },
    solution::Potentials,
};

use crate::{
    batch::{Batch, CopyError, Outputs, host},
    criterion::{Criterion, Diagnostics, Recipe, Term},
    error::{CriterionError, UnknownOutput},
    memory::{ClassMemory, HostCloud},
    parameters::ParameterSet,
    projector::Projector,
    shapes::{Needs, NetworkShapes, Shapes},
    start,
};

/// The output that is compared when none is named.
pub const FEATURES: &str = "features";
/// What every network gives; any other name is a stage's.
pub const OUTPUTS: &[&str] = &[FEATURES, "logits", "probabilities"];

/// Which outputs are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// Penultimate activations.
    Features,
    /// Outputs of the classifier.
    Logits,
    /// Softmax of the logits.
    Probabilities,
    /// Stages' maps, averaged over positions: the student's and the teacher's.
    Stage([String; 2]),
}

impl On {
    /// Reads one of [`OUTPUTS`], or else the name of a stage, or of the student's and the teacher's as `layer3:block-6`; whether both networks have it [`MatchingConfig`] finds when it is
    /// made for them.
    pub fn parse(text: &str) -> Self {
        match text {
            FEATURES => On::Features,
            "logits" => On::Logits,
            "probabilities" => On::Probabilities,
            stages => {
                let (student, teacher) = stages.split_once(':').unwrap_or((stages, stages));
                On::Stage([student, teacher].map(str::to_owned))
            }
        }
    }

    fn of(&self, criterion: &str, outputs: &Outputs, student: bool) -> Result<Tensor<2>, CriterionError> {
        match self {
            On::Features => Ok(outputs.features.clone()),
            On::Logits => Ok(outputs.logits.clone()),
            On::Probabilities => Ok(softmax(outputs.logits.clone(), 1)),
            On::Stage([of_student, of_teacher]) => {
                let stage = if student { of_student } else { of_teacher };
                let none =
                    || CriterionError::Batch { criterion: criterion.to_owned(), why: format!("no map `{stage}`") };
                let map = outputs.map(stage).ok_or_else(none)?;
                let [n, c, h, w] = map.dims();
                Ok(map.clone().reshape([n, c, h * w]).mean_dim(2).reshape([n, c]))
            }
        }
    }
}

/// What a divergence reads beside the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LabelUse {
    None,
    /// Ground-truth classes (`class-…`).
    Hard,
    /// What each network answers, of its own samples (`class-…` with `classes = "answers"`).
    Answers,
    /// Softmax outputs of both networks (joint forms).
    Soft,
}

/// The option of class-conditional forms that says where classes are from, its default first.
const CLASSES: (&str, [&str; 2]) = ("classes", ["labels", "answers"]);
/// The option of all other forms for a memory that asks for no class.
const QUEUE: &str = "queue";
/// Samples that it holds at most.
const LONGEST_QUEUE: usize = 1_000_000;

/// Samples with which a memory is rehearsed at most: one exact plan of so many is a matter of a tenth of a second.
const REHEARSED: usize = 8_192;

/// A divergence with its options, and what of two networks it compares.
#[derive(Clone)]
pub struct MatchingConfig {
    name: String,
    divergence: Arc<dyn AnyDivergence>,
    on: On,
    labels: LabelUse,
    any_widths: bool,
    /// Sample i against sample i.
    paired: bool,
    /// Samples a class to remember; 0: none.
    remembered: usize,
    /// Samples to remember whatever their class; 0: none.
    queue: usize,
}

impl fmt::Debug for MatchingConfig {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, on, remembered, .. } = self;
        f.debug_struct("MatchingConfig")
            .field("name", name)
            .field("on", on)
            .field("remembered", remembered)
            .finish_non_exhaustive()
    }
}

impl MatchingConfig {
    /// Builds the divergence that the options name.
    ///
    /// # Errors
    /// An unknown metric or option; the nearest names are given.
    pub fn new(options: &Options, on: On) -> Result<Self, CriterionError> {
        let (entry, form) = registry::resolve(options.metric())?;
        let mut options = options.clone();
        let mut queue = 0;
        if form != Form::WithinClasses {
            let expected = format!("a whole number from 0 to {LONGEST_QUEUE}");
            queue = options.parsed(QUEUE, 0, &expected, |n| *n <= LONGEST_QUEUE)?;
            options.take(QUEUE);
        }
        let labels = match form {
            Form::WithinClasses => {
                let (option, [labels, answers]) = CLASSES;
                let said = options.choice(option, &[labels, answers])? == answers;
                options.take(option);
                if said { LabelUse::Answers } else { LabelUse::Hard }
            }
            Form::Joint => LabelUse::Soft,
            Form::Plain if entry.traits.labels => LabelUse::Soft,
            Form::Plain => LabelUse::None,
        };
        let paired = entry.traits.paired;
        if queue > 0 && paired {
            return Err(constant(options.metric(), QUEUE));
        }
        Ok(Self {
            name: options.metric().to_owned(),
            divergence: Arc::from(registry::build(&options)?),
            on,
            labels,
            any_widths: entry.traits.any_widths && form != Form::Joint,
            paired,
            remembered: 0,
            queue,
        })
    }

    /// Enlarges the clouds in training by the last `per_class` samples of each class; 0: by none. Values are then those of the
    /// enlarged clouds, and a batch's share of the gradient shrinks with its share of the samples.
    ///
    /// # Errors
    /// A divergence that compares sample by sample: a memory would add a constant.
    pub fn with_memory(mut self, per_class: usize) -> Result<Self, CriterionError> {
        if per_class > 0 && self.paired {
            return Err(constant(&self.name, "memory"));
        }
        if per_class > 0 && self.queue > 0 {
            let why = "remembers samples by class (memory) or whatever their class (queue): leave one of them at 0";
            return Err(CriterionError::Unused { criterion: self.name, why: why.to_owned() });
        }
        if per_class > 0 && self.labels == LabelUse::Answers {
            let why = "remembers samples by their labels, and classes = \"answers\" reads none: leave `memory` at 0";
            return Err(CriterionError::Unused { criterion: self.name, why: why.to_owned() });
        }
        self.remembered = per_class;
        Ok(self)
    }

    fn reads(&self) -> Needs {
        let [student_maps, teacher_maps] = match &self.on {
            On::Stage(stages) => stages.clone().map(|stage| vec![stage]),
            _ => [vec![], vec![]],
        };
        Needs {
            student_maps,
            teacher_maps,
            labels: self.labels == LabelUse::Hard || self.remembered > 0,
            features: self.on == On::Features,
            logits: matches!(self.on, On::Logits | On::Probabilities)
                || matches!(self.labels, LabelUse::Soft | LabelUse::Answers),
            // A memory keeps both sides of a sample under one class.
            unpaired: !self.paired && self.remembered == 0,
        }
    }
}

/// That a comparison sample by sample has no use for a memory.
fn constant(criterion: &str, key: &str) -> CriterionError {
    let why = format!("compares sample by sample, so a memory would only add a constant: leave `{key}` at 0");
    CriterionError::Unused { criterion: criterion.to_owned(), why }
}

impl Recipe for MatchingConfig {
    fn needs(&self) -> Needs {
        self.reads()
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let width = |network: &NetworkShapes, who: &'static str, side: usize| match &self.on {
            On::Features => Ok(network.features),
            On::Logits | On::Probabilities => Ok(shapes.classes),
            On::Stage(stages) => {
                network.map(&stages[side]).map(|[c, ..]| c).ok_or_else(|| CriterionError::UnknownOutput {
                    criterion: self.name.clone(),
                    unknown: Box::new(UnknownOutput::new(&stages[side], who, network, OUTPUTS)),
                })
            }
        };
        let (student, teacher) = (width(&shapes.student, "student", 0)?, width(&shapes.teacher, "teacher", 1)?);
        let projected = student != teacher && !self.any_widths;
        Ok(Box::new(Matching {
            projector: projected.then(|| Projector::new(student, teacher, device, seed)),
            memory: match (self.remembered, self.queue) {
                (0, 0) => None,
                // A queue is a memory of one class.
                (0, queue) => Some(ClassMemory::new(queue, 1)),
                (per_class, _) => Some(ClassMemory::new(per_class, shapes.classes)),
            },
            rehearsed: 0,
            start: None,
            config: self.clone(),
        }))
    }
}

/// A divergence between the student's and the teacher's outputs on one batch.
struct Matching {
    config: MatchingConfig,
    projector: Option<Projector>,
    memory: Option<ClassMemory>,
    /// Samples with which the next step fills it.
    rehearsed: usize,
    /// Potentials of the last step, a good start for the next.
    start: Option<Potentials>,
}

impl Matching {
    fn on_host(&self, x: &Tensor<2>, soft: &Tensor<2>, labels: &[u32]) -> Result<HostCloud, CopyError> {
        let mut cloud = HostCloud { features: host(x)?, width: x.dims()[1], ..HostCloud::default() };
        match self.config.labels {
            LabelUse::None => {}
            LabelUse::Hard => cloud.labels = labels.to_vec(),
            LabelUse::Answers => cloud.labels = host(soft)?.chunks(soft.dims()[1]).map(first_best).collect(),
            LabelUse::Soft => (cloud.soft, cloud.classes) = (host(soft)?, soft.dims()[1]),
        }
        Ok(cloud)
    }

    fn compared(&self, outputs: &Outputs, student: bool) -> Result<Tensor<2>, CriterionError> {
        let x = self.config.on.of(&self.config.name, outputs, student)?;
        Ok(match &self.projector {
            Some(projector) if student => projector.forward(&x),
            _ => x,
        })
    }
}

/// The first of the largest values.
pub(crate) fn first_best(row: &[f32]) -> u32 {
    row.iter().enumerate().fold(0, |best, (at, value)| if *value > row[best] { at } else { best }) as u32
}

/// A scalar of value 0 whose gradient with respect to `x` is `gradient`; rows of the gradient beyond those of `x` belong to a
/// memory, which is constant.
fn surrogate(x: &Tensor<2>, mut gradient: Vec<f32>) -> Tensor<1> {
    let shape = x.dims();
    gradient.truncate(shape[0] * shape[1]);
    let g = Tensor::<2>::from_data(TensorData::new(gradient, shape), &x.device().without_autodiff());
    let s = (x.clone() * g).sum();
    s.clone() - s.inner()
}

impl Criterion for Matching {
    fn needs(&self) -> Needs {
        self.config.reads()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let x = self.compared(batch.student, true)?;
        let y = self.compared(batch.teacher, false)?;
        let soft = |outputs: &Outputs| match self.config.labels {
            LabelUse::Soft => softmax(outputs.logits.clone(), 1),
            LabelUse::None | LabelUse::Hard | LabelUse::Answers => outputs.logits.clone(),
        };
        let (soft, soft_teacher) = (soft(batch.student), soft(batch.teacher));
        let mut a = self.on_host(&x, &soft, batch.labels)?;
        let mut b = self.on_host(&y, &soft_teacher, batch.labels_of_teacher())?;
        let train = batch.mode == Mode::Train;
        if let Some(memory) = self.memory.as_mut().filter(|_| train) {
            let alone = [a.clone(), b.clone()];
            memory.enlarge([&mut a, &mut b], self.config.labels == LabelUse::Hard);
            let one_class = vec![0; x.dims()[0].min(y.dims()[0])];
            let classes = if self.config.queue > 0 { &one_class[..] } else { batch.labels };
            memory.remember(classes, &alone[0], &alone[1])?;
            memory.vary(std::mem::take(&mut self.rehearsed));
        }
        let request = Request { start: self.start.as_ref(), ..Request::GRADIENT };
        let (cloud_a, cloud_b) = (a.cloud(Side::A)?, b.cloud(Side::B)?);
        let solution = Divergence::<f32>::evaluate(self.config.divergence.as_ref(), &cloud_a, &cloud_b, request)?;
        let device = x.device().without_autodiff();
        let mut loss = Tensor::<1>::from_data(TensorData::new(vec![solution.value as f32], [1]), &device);
        if let Some(gradient) = solution.gradient {
            loss = surrogate(&x, gradient.features) + loss;
            if let Some(values) = gradient.soft_labels {
                loss = loss + surrogate(&soft, values);
            }
        }
        let mut diagnostics: Diagnostics = solution.diagnostics.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
        if let kd2m_ot::Status::Stopped { error } = solution.status {
            diagnostics.push(("stopped_error".to_owned(), error));
        }
        if let Some(gap) = solution.gap {
            diagnostics.push(("gap".to_owned(), gap));
        }
        if train {
            self.start = solution.potentials;
        }
        Ok(Term { loss, diagnostics })
    }

    /// Plans and kernels cost what grows with the square of the samples.
    fn rehearse(&mut self, samples: usize) -> f64 {
        let held = self.memory.as_ref().map_or(0, ClassMemory::capacity).min(samples);
        self.rehearsed = held.min(REHEARSED);
        (held.max(1) as f64 / self.rehearsed.max(1) as f64).powi(2)
    }

    fn state(&self) -> Result<Weights, CopyError> {
        let mut state = self.memory.as_ref().map(ClassMemory::state).unwrap_or_default();
        state.extend(start::state(self.start.as_ref()));
        Ok(state)
    }

    fn load_state(&mut self, state: &Weights) -> Result<(), CriterionError> {
        let wrong = |why| CriterionError::SavedMemory { criterion: self.config.name.clone(), why };
        self.start = start::load(state).map_err(wrong)?;
        self.memory.as_mut().map_or(Ok(()), |memory| memory.load_state(state).map_err(wrong))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        self.projector.as_mut().map(Projector::parameters)
    }

    fn project(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        match (&self.config.on, &self.projector) {
            (On::Features, Some(projector)) => Some(projector.forward(features)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unlabelled samples within the classes that the networks answer: as with labels that say the same.
    #[test]
    fn answers_stand_in_for_labels() {
        let device = Device::flex();
        let matrix = |values: &[f32], width: usize| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [values.len() / width, width]), &device)
        };
        let student = Outputs::new(
            matrix(&[0.0, 1.0, 2.0, 0.5, -1.0, 0.0, 3.0, 3.0], 2),
            matrix(&[1.0, 0.0, 0.0, 2.0, 0.5, -1.0, 0.0, 0.1], 2),
        );
        let teacher =
            Outputs::new(matrix(&[1.0, 1.0, 0.0, 2.0, 5.0, -1.0], 2), matrix(&[3.0, 1.0, 0.0, 4.0, 0.0, 0.0], 2));
        let found = |options: Options, labels: &[u32], others: &[u32]| {
            let student = student.leaves();
            let batch = Batch::new(&student, &teacher).labels(labels).teacher_labels(others);
            let config = MatchingConfig::new(&options, On::Features).unwrap();
            let needs = config.needs();
            let mut criterion = config.init(&Shapes::vectors([2, 2], 2), &device, 0).unwrap();
            let loss = criterion.evaluate(&batch).unwrap().loss;
            let mut gradients = loss.backward();
            let gradient = host(&student.features.grad_remove(&mut gradients).unwrap()).unwrap();
            (needs, host(&loss).unwrap(), gradient)
        };
        let (needs, value, gradient) = found(Options::new("cw2").set("classes", "answers"), &[], &[]);
        assert!(!needs.labels && needs.logits && needs.unpaired);
        // By hand: the largest logit of each row, of two the first.
        let (labelled, expected, slope) = found(Options::new("cw2"), &[0, 1, 0, 1], &[0, 1, 0]);
        assert!(labelled.labels && !labelled.logits);
        assert!(value[0] > 0.1 && value == expected && gradient == slope, "{value:?} {expected:?}");
        let wrong = |options: Options| MatchingConfig::new(&options, On::Features).unwrap_err().to_string();
        assert!(wrong(Options::new("cw2").set("classes", "guesses")).contains("labels | answers"));
        assert!(wrong(Options::new("w2").set("classes", "answers")).contains("classes"));
        let memory = MatchingConfig::new(&Options::new("cw2").set("classes", "answers"), On::Features).unwrap();
        assert!(memory.with_memory(3).unwrap_err().to_string().contains("leave `memory` at 0"));
    }

    /// The student's stage and the teacher's, of other names, sizes and channels: means over places, the student's projected to the teacher's width.
    #[test]
    fn stages_of_two_names_are_compared() {
        let device = Device::flex();
        let vector = Tensor::<2>::zeros([2, 3], &device);
        let of = |name: &str, shape: [usize; 4]| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32 * 0.7).sin()).collect();
            let map = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
            Outputs { maps: vec![(Arc::from(name), map)], ..Outputs::new(vector.clone(), vector.clone()) }
        };
        let (student, teacher) = (of("layer3", [2, 3, 2, 2]).leaves(), of("block-6", [2, 5, 4, 1]));
        let config = MatchingConfig::new(&Options::new("mse"), On::parse("layer3:block-6")).unwrap();
        let needs = config.needs();
        assert_eq!((needs.student_maps, needs.teacher_maps), (vec!["layer3".to_owned()], vec!["block-6".to_owned()]));
        let network = |name: &str, shape| NetworkShapes { features: 3, maps: vec![(name.to_owned(), shape)] };
        let shapes = Shapes {
            student: network("layer3", [3, 2, 2]),
            teacher: network("block-6", [5, 4, 1]),
            classes: 3,
            train: Vec::new(),
        };
        let mut criterion = config.init(&shapes, &device, 4).unwrap();
        let loss = host(&criterion.evaluate(&Batch::new(&student, &teacher)).unwrap().loss).unwrap()[0];
        let learned = criterion.learned().unwrap().values().unwrap();
        let means = |outputs: &Outputs, name: &str| -> Vec<Vec<f64>> {
            let (map, places) = (outputs.map(name).unwrap(), 4);
            let (values, [_, c, ..]) = (host(map).unwrap(), map.dims());
            let mean = |plane: &[f32]| plane.iter().map(|x| f64::from(*x)).sum::<f64>() / places as f64;
            values.chunks(places * c).map(|sample| sample.chunks(places).map(mean).collect()).collect()
        };
        let (weight, bias) = (&learned["projector.weight"].values, &learned["projector.bias"].values);
        let mut right = 0.0;
        for (x, y) in means(&student, "layer3").iter().zip(means(&teacher, "block-6")) {
            for (row, y) in y.iter().enumerate() {
                let product: f64 = x.iter().zip(&weight[row * 3..]).map(|(x, w)| x * f64::from(*w)).sum();
                right += 0.5 * (product + f64::from(bias[row]) - y).powi(2);
            }
        }
        assert!((f64::from(loss) - right).abs() < 1e-5, "{loss} {right}");
        let error = config.init(&Shapes { teacher: network("block-7", [5, 4, 1]), ..shapes }, &device, 4);
        let error = error.err().unwrap().to_string();
        assert!(error.contains("the teacher has no stage `block-6`; did you mean block-7?"), "{error}");
    }

    /// mse on probabilities: (1/n) Σ ‖p − q‖², and ∂/∂u_k = (2/n) p_k ((p − q)_k − Σ_c p_c (p − q)_c).
    #[test]
    fn probabilities_are_compared_behind_their_softmax() {
        let matrix = |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [2, 3]), &Device::flex());
        let outputs = |logits: Tensor<2>| Outputs { features: logits.clone(), logits, maps: Vec::new() };
        let (own, given) = (vec![0.5, -1.0, 2.0, 0.0, 0.3, 0.1], vec![1.0, 1.0, -1.0, 0.2, 0.0, 3.0]);
        let student = outputs(matrix(own.clone())).leaves();
        let teacher = outputs(matrix(given.clone()));
        let batch = Batch::new(&student, &teacher);
        let config = MatchingConfig::new(&Options::new("mse"), On::parse("probabilities")).unwrap();
        let mut criterion = config.init(&Shapes::vectors([3, 3], 3), &Device::flex(), 0).unwrap();
        let loss = criterion.evaluate(&batch).unwrap().loss;
        let soft = |u: &[f32]| {
            let row = |u: &[f32]| {
                let all: Vec<f64> = u.iter().map(|x| f64::from(*x).exp()).collect();
                let sum: f64 = all.iter().sum();
                all.into_iter().map(|x| x / sum).collect::<Vec<f64>>()
            };
            u.chunks(3).map(row).collect::<Vec<_>>()
        };
        let mut value = 0.0;
        let mut gradient = Vec::new();
        for (p, q) in soft(&own).iter().zip(soft(&given)) {
            let delta: Vec<f64> = p.iter().zip(&q).map(|(p, q)| p - q).collect();
            value += 0.5 * delta.iter().map(|d| d * d).sum::<f64>();
            let mean: f64 = p.iter().zip(&delta).map(|(p, d)| p * d).sum();
            gradient.extend(p.iter().zip(&delta).map(|(p, d)| p * (d - mean)));
        }
        assert!((f64::from(host(&loss).unwrap()[0]) - value).abs() < 1e-6);
        let found = student.logits.grad_remove(&mut loss.backward()).map(|g| host(&g).unwrap()).unwrap();
        for (found, expected) in found.iter().zip(gradient) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}

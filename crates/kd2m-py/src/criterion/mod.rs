//! Criteria of `kd2m-loss` on arrays: made for the sizes of two networks, evaluated on batches. What a criterion learns is handed in
//! with every batch and its gradient handed out, so that the optimizer may live in Python.

mod made;

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use kd2m_loss::{CriterionConfig, CriterionError, Mode, Needs, NetworkShapes, Registry, Shapes};
use kd2m_nn::{NamedTensor, Weights};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::{prelude::*, sync::MutexExt, types::PyDict};

use self::made::{FEATURES, Inputs, LOGITS, Made};
use crate::{
    array::values,
    error::{Kd2mError, wrong},
};

/// Names of outputs, or of learned tensors and memories, with their arrays.
type Arrays<'py> = Vec<(String, PyReadonlyArrayDyn<'py, f32>)>;
/// The same on their way out: name, shape, values row by row.
type Flat<'py> = Vec<(String, Vec<usize>, Bound<'py, PyArray1<f32>>)>;
/// Names with sizes: of features and logits their width, of a map channels, height and width.
type Sizes = Vec<(String, Vec<usize>)>;
/// What a criterion reads: features, logits, classes, any pairing, the student's maps, the teacher's.
type Reads = (bool, bool, bool, bool, Vec<String>, Vec<String>);
/// One row of `criteria`: name, aliases, formula, source, cost, when to choose it, weight of its authors, options with defaults.
type Row = (String, Vec<String>, String, String, String, String, Option<f64>, Vec<[String; 3]>);

fn refused(error: CriterionError) -> PyErr {
    Kd2mError::new_err(error.to_string())
}

/// What there is to choose from.
#[pyfunction]
pub fn criteria() -> Vec<Row> {
    let option = |o: &kd2m_ot::options::OptionSpec| [o.name.to_owned(), o.default.to_owned(), o.help.to_owned()];
    let row = |c: kd2m_loss::Card| {
        (c.name, c.aliases, c.formula, c.source, c.cost, c.when, c.weight, c.options.iter().map(option).collect())
    };
    Registry::default().cards().into_iter().map(row).collect()
}

/// A criterion as it is written, and once its sizes are known the criterion itself.
#[pyclass(frozen, module = "kd2m._kd2m")]
pub struct Criterion {
    config: CriterionConfig,
    made: Mutex<Option<Made>>,
}

#[pymethods]
impl Criterion {
    /// Reads the options; builds nothing.
    #[new]
    fn new(name: &str, options: Vec<(String, String)>, on: &str, memory: usize) -> PyResult<Self> {
        let config = CriterionConfig::new(name).on(on).memory(memory);
        let config = options.iter().fold(config, |all, (name, value)| all.set(name, value.as_str()));
        config.check(&Registry::default()).map_err(refused)?;
        Ok(Self { config, made: Mutex::new(None) })
    }

    /// What it reads of both networks. Maps that it chooses by itself are known once it is made.
    fn reads(&self, py: Python<'_>) -> PyResult<Reads> {
        let needs = match &*self.lock(py) {
            Some(made) => made.criterion.needs(),
            None => self.config.check(&Registry::default()).map_err(refused)?.needs(),
        };
        let Needs { student_maps, teacher_maps, labels, logits, features, unpaired } = needs;
        Ok((features, logits, labels, unpaired, student_maps, teacher_maps))
    }

    /// Makes it for networks with outputs of these sizes and gives what it learns, as it was drawn from `seed`.
    #[pyo3(signature = (student, teacher, classes, train, seed))]
    fn init<'py>(
        &self,
        py: Python<'py>,
        student: Sizes,
        teacher: Sizes,
        classes: Option<usize>,
        train: Vec<u32>,
        seed: u64,
    ) -> PyResult<Flat<'py>> {
        let ((student, of_student), (teacher, of_teacher)) = (network(student)?, network(teacher)?);
        if let (Some(a), Some(b)) = (of_student, of_teacher)
            && a != b
        {
            return Err(wrong(format!(
                "the student's logits have {a} classes and the teacher's {b}: choose a criterion on features"
            )));
        }
        let classes = classes.or(of_student).or(of_teacher).unwrap_or(0);
        let shapes = Shapes { student, teacher, classes, train };
        self.complete(&shapes)?;
        let mut criterion = self.config.init(&shapes, &Device::flex(), seed).map_err(refused)?;
        let learned = match criterion.learned() {
            Some(learned) => learned.values().map_err(CriterionError::from).map_err(refused)?,
            None => Weights::new(),
        };
        *self.lock(py) = Some(Made { criterion, shapes });
        Ok(flat(py, learned))
    }

    /// The loss on a batch, with gradients to the student's outputs and to what is learned where they are asked for.
    #[pyo3(signature = (student, teacher, labels, labels_teacher, indices, learned, step, seed, train, gradient))]
    #[expect(clippy::too_many_arguments, reason = "one call across the border costs less than several")]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        student: Arrays<'py>,
        teacher: Arrays<'py>,
        labels: Option<PyReadonlyArray1<'py, u32>>,
        labels_teacher: Option<PyReadonlyArray1<'py, u32>>,
        indices: Option<PyReadonlyArray1<'py, u32>>,
        learned: Arrays<'py>,
        step: usize,
        seed: u64,
        train: bool,
        gradient: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut guard = self.lock(py);
        let Some(made) = guard.as_mut() else {
            return Err(wrong("the criterion is not made yet: it needs the sizes of both networks' outputs"));
        };
        let whole = |numbers: &Option<PyReadonlyArray1<'py, u32>>| numbers.as_ref().map(|n| values(n).into_owned());
        let inputs = Inputs {
            student: named(&student),
            teacher: named(&teacher),
            labels: whole(&labels),
            labels_teacher: whole(&labels_teacher),
            indices: whole(&indices).unwrap_or_default(),
            learned: named(&learned).into_iter().collect(),
            step,
            seed,
            mode: if train { Mode::Train } else { Mode::Evaluate },
            gradient,
        };
        let name = self.config.name();
        let found = py.detach(|| made.evaluate(name, inputs))?;
        let out = PyDict::new(py);
        out.set_item("value", found.value)?;
        out.set_item("diagnostics", found.diagnostics)?;
        out.set_item("gradients", flat(py, found.gradients))?;
        out.set_item("learned", flat(py, found.learned))?;
        Ok(out)
    }

    /// Memories, for exact resume.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Flat<'py>> {
        match &*self.lock(py) {
            Some(made) => Ok(flat(py, made.criterion.state().map_err(CriterionError::from).map_err(refused)?)),
            None => Ok(Vec::new()),
        }
    }

    /// Puts saved memories back.
    fn load_state(&self, py: Python<'_>, state: Arrays<'_>) -> PyResult<()> {
        let state = named(&state).into_iter().collect();
        match self.lock(py).as_mut() {
            Some(made) => made.criterion.load_state(&state).map_err(refused),
            None => Err(wrong("the criterion is not made yet: it has no memory to put back")),
        }
    }
}

impl Criterion {
    /// Without the interpreter's lock while another thread works here: that one needs it to end.
    fn lock<'a>(&'a self, py: Python<'_>) -> MutexGuard<'a, Option<Made>> {
        // A panic leaves a criterion whose memory is as it was.
        self.made.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails where an output that is read has no size.
    fn complete(&self, shapes: &Shapes) -> PyResult<()> {
        let needs = self.config.check(&Registry::default()).map_err(refused)?.needs();
        let lacks = |what: &str, whose: &str| {
            let name = self.config.name();
            Err(wrong(format!("criterion {name} reads {what} of {whose}: give them, as {{\"{what}\": tensor}}")))
        };
        for (network, whose) in [(&shapes.student, "the student"), (&shapes.teacher, "the teacher")] {
            if needs.features && network.features == 0 {
                return lacks(FEATURES, whose);
            }
        }
        match shapes.classes {
            0 if needs.logits => lacks(LOGITS, "both networks"),
            _ => Ok(()),
        }
    }
}

/// The sizes of one network, and its classes where there are logits.
fn network(sizes: Sizes) -> PyResult<(NetworkShapes, Option<usize>)> {
    let (mut network, mut classes) = (NetworkShapes::default(), None);
    for (name, size) in sizes {
        match (name.as_str(), size.as_slice()) {
            (FEATURES, [width]) => network.features = *width,
            (LOGITS, [width]) => classes = Some(*width),
            (FEATURES | LOGITS, _) => {
                return Err(wrong(format!(
                    "{name} have {} dimensions beside the samples: one row a sample",
                    size.len()
                )));
            }
            (_, [channels, height, width]) => network.maps.push((name, [*channels, *height, *width])),
            _ => {
                let found = size.len() + 1;
                return Err(wrong(format!(
                    "output {name} has {found} dimensions: a map is n × channels × height × width"
                )));
            }
        }
    }
    Ok((network, classes))
}

/// Arrays by name, copied: a criterion works on tensors of its own.
fn named(arrays: &Arrays<'_>) -> Vec<(String, NamedTensor)> {
    let tensor = |array: &PyReadonlyArrayDyn<'_, f32>| NamedTensor {
        shape: array.shape().to_vec(),
        values: values(array).into_owned(),
    };
    arrays.iter().map(|(name, array)| (name.clone(), tensor(array))).collect()
}

fn flat<'py>(py: Python<'py>, weights: impl IntoIterator<Item = (String, NamedTensor)>) -> Flat<'py> {
    weights.into_iter().map(|(name, tensor)| (name, tensor.shape, tensor.values.into_pyarray(py))).collect()
}

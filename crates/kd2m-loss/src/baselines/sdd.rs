//! Scale decoupled distillation: a logit loss on what the classifier says of parts of the last map. The map is averaged to cells at several
//! scales (1×1, 2×2, 4×4), the classifier is read at each cell, and each cell of each sample is a sample of its own to the loss. A cell where the
//! teacher is right and of the whole wrong, or wrong and of the whole right (*complementary*), counts twice; the others (*consistent*) once. The
//! mean is over cells and samples. Wei, Luo and Luo 2024, "Scale decoupled distillation", whose SD-KD, SD-DKD and SD-NKD these are.
//!
//! A linear classifier of a mean is the mean of the classifier, so cells are means of the logits of every place ([`CLASS_MAP`]). Every scale is taken
//! from the map itself, as the paper says; the authors' code takes 1×1 and 2×2 from the 4×4 means, which is the same where 4 divides
//! height and width. Where a map is smaller than a scale, places repeat, there as here.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData, module::adaptive_avg_pool2d};
use kd2m_nn::CLASS_MAP;
use kd2m_ot::Options;

use super::{
    dkd::{self, Dkd},
    hinton::{self, Hinton},
    nkd::{self, Nkd},
};
use crate::{
    batch::{Batch, host},
    class_map,
    criterion::{Criterion, Recipe, Term},
    each_sample::EachSample,
    entry::{Entry, Number, PART, number, option},
    error::CriterionError,
    matching::first_best,
    shapes::{Needs, Shapes},
};

const COMPLEMENTARY: Number = number!(
    complementary = 2 in PART,
    "weight of cells where the teacher is right in the cell alone or in the whole alone, at least 0; 1 for the others"
);
/// Losses, the first by default, and which of them reads an option that not all do.
const LOSSES: &[&str] = &["hinton", "dkd", "nkd"];
const OWN: [(&Number, &str); 3] = [(&dkd::ALPHA, "dkd"), (&dkd::BETA, "dkd"), (&nkd::GAMMA, "nkd")];

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "sdd",
    aliases: &["scale-decoupled"],
    formula: "mean over cells of the last map and samples of w·loss(s, t), s and t the classifier's logits of the cell, w = 2 where the teacher is right in the cell or in the whole alone, else 1",
    source: "Wei, Luo, Luo 2024, Scale decoupled distillation",
    cost: "O(n·classes·(h·w + cells)), and the classifier at every place",
    when: "images that hold more than their class: what the teacher says of parts of them beside what it says of the whole",
    weight: 0.9,
    options: &[
        option("loss", "hinton", "hinton | dkd | nkd: the loss of each cell"),
        option("scales", "1,2,4", "the map is averaged to k × k cells for each k; from 1 to 16, 8 at most"),
        COMPLEMENTARY.spec(),
        option("temperature", "4", "of the loss, as there: 1 with nkd"),
        dkd::ALPHA.spec(),
        dkd::BETA.spec(),
        nkd::GAMMA.spec(),
    ],
    build: |o| Ok(Box::new(SddOptions::read(o)?)),
};

const SCALES: [usize; 3] = [1, 2, 4];

/// Checked options.
#[derive(Debug, Clone)]
struct SddOptions {
    loss: Arc<dyn EachSample>,
    scales: Vec<usize>,
    complementary: f64,
}

impl SddOptions {
    fn read(options: &Options) -> Result<Self, CriterionError> {
        let word = options.choice("loss", LOSSES)?;
        let foreign = |(number, of): &&(&Number, &str)| {
            *of != word && options.text(number.name).is_some_and(|text| text != number.text)
        };
        if let Some((number, of)) = OWN.iter().find(foreign) {
            let why = format!("has no use for {} with loss = \"{word}\": it is of {of}", number.name);
            return Err(CriterionError::Unused { criterion: options.metric().to_owned(), why });
        }
        let loss: Arc<dyn EachSample> = match word {
            "dkd" => Arc::new(Dkd::read(options)?),
            "nkd" => Arc::new(Nkd::read(options)?),
            _ => {
                let temperature = hinton::TEMPERATURE.read(options)?;
                Arc::new(Hinton { temperature, standardise: false, reverse: false })
            }
        };
        Ok(Self { loss, scales: scales(options)?, complementary: COMPLEMENTARY.read(options)? })
    }
}

fn scales(options: &Options) -> Result<Vec<usize>, CriterionError> {
    // A TOML list arrives as `[1, 2, 4]`.
    let text = options.text("scales").unwrap_or_default().trim_matches(['[', ']']);
    if text.is_empty() || text == "auto" {
        return Ok(SCALES.to_vec());
    }
    let number = |word: &str| word.trim().parse().ok().filter(|k| (1..=16).contains(k));
    let all: Option<Vec<usize>> = text.split(',').map(number).collect();
    let expected = "whole numbers from 1 to 16 as in 1,2,4, at most 8 of them";
    all.filter(|all| all.len() <= 8).ok_or_else(|| options.bad("scales", text, expected).into())
}

fn reads() -> Needs {
    let maps = || vec![CLASS_MAP.to_owned()];
    Needs { labels: true, student_maps: maps(), teacher_maps: maps(), ..Needs::default() }
}

impl Recipe for SddOptions {
    fn needs(&self) -> Needs {
        reads()
    }

    fn init(&self, shapes: &Shapes, _: &Device, _: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let [own, ..] = class_map::shape(&shapes.student, "student", ENTRY.name)?;
        let [given, ..] = class_map::shape(&shapes.teacher, "teacher", ENTRY.name)?;
        if own != given {
            let why = format!(
                ": the student tells {own} classes apart and the teacher {given}; choose a criterion on features"
            );
            return Err(CriterionError::Sizes { criterion: ENTRY.name.to_owned(), why });
        }
        Ok(Box::new(Sdd { options: self.clone() }))
    }
}

/// Cost O(n · classes · (h · w + cells)). Choose it for images that hold more than their class. Its authors warm `dkd` and `nkd` up
/// (`warmup_epochs`), with a weight of 1.
struct Sdd {
    options: SddOptions,
}

impl Sdd {
    /// Logits of each cell, cell by cell and in each all samples: `[cells · n, classes]`.
    fn cells(&self, map: &Tensor<4>) -> Tensor<2> {
        let [n, classes, h, w] = map.dims();
        let at = |scale: &usize| {
            let k = *scale;
            let cells = if [h, w] == [k, k] { map.clone() } else { adaptive_avg_pool2d(map.clone(), [k, k]) };
            cells.reshape([n, classes, k * k]).permute([2, 0, 1]).reshape([k * k * n, classes])
        };
        Tensor::cat(self.options.scales.iter().map(at).collect(), 0)
    }

    /// The weight of each cell's loss `[cells · n, 1]`, from what the teacher says of the cells and of the whole.
    fn weights(&self, cells: &Tensor<2>, map: &Tensor<4>, labels: &[u32]) -> Result<Tensor<2>, CriterionError> {
        let right = |logits: &Tensor<2>| -> Result<Vec<bool>, CriterionError> {
            let classes = logits.dims()[1];
            let rows = host(logits)?;
            Ok(rows.chunks(classes).zip(labels.iter().cycle()).map(|(row, y)| first_best(row) == *y).collect())
        };
        let [n, classes, ..] = map.dims();
        let whole = right(&map.clone().mean_dim(2).mean_dim(3).reshape([n, classes]))?;
        let one = |(cell, whole): (bool, &bool)| if cell == *whole { 1.0 } else { self.options.complementary as f32 };
        let weights: Vec<f32> = right(cells)?.into_iter().zip(whole.iter().cycle()).map(one).collect();
        let rows = weights.len();
        Ok(Tensor::from_data(TensorData::new(weights, [rows, 1]), &cells.device().without_autodiff()))
    }
}

impl Criterion for Sdd {
    fn needs(&self) -> Needs {
        reads()
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let student = class_map::of(batch.student, "student", ENTRY.name)?;
        let teacher = class_map::of(batch.teacher, "teacher", ENTRY.name)?;
        if batch.labels.len() != student.dims()[0] {
            let why = format!("{} labels of {} samples: one for each is needed", batch.labels.len(), student.dims()[0]);
            return Err(CriterionError::Batch { criterion: ENTRY.name.to_owned(), why });
        }
        let (own, given) = (self.cells(student), self.cells(teacher));
        let (rows, weights) = (own.dims()[0], self.weights(&given, teacher, batch.labels)?);
        let labels: Vec<u32> = batch.labels.iter().copied().cycle().take(rows).collect();
        let losses = self.options.loss.of_samples(own, given, &labels);
        Ok(Term::new((losses * weights).mean()))
    }
}

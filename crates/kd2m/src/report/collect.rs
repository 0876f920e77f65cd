//! Gathers what the page shows from a run folder: summary, histories, features of a few validation images, one coupling.

use std::path::Path;

use kd2m_data::{Loader, Part};
use kd2m_nn::weights;
use kd2m_ot::{
    Cloud, Options, Side,
    divergence::{Divergence, Request, registry},
};

use super::embedding::Plane;
use crate::{
    Config, Error,
    batch::{Outputs, host},
    device::DeviceChoice,
    engine::{Images, Mode},
    files,
    train::{
        EpochRecord,
        folder::RunFolder,
        inspect::{read_config, teacher_file},
        setup::Setup,
        summary::Summary,
    },
};

/// Validation images in the embedding: enough to see ten clusters, few enough to draw.
const SHOWN: usize = 300;
/// Images of the batch whose coupling is drawn.
const BATCH: usize = 64;

/// Everything on the page.
pub struct Collected {
    pub summary: Summary,
    pub config: String,
    pub histories: Vec<ArmHistory>,
    pub embeddings: Vec<Embedding>,
    /// Share of the variance that the plane shows.
    pub explained: Option<f64>,
    pub plans: Vec<PlanPicture>,
    pub class_names: Vec<String>,
}

/// The epochs of an arm, one list a seed.
pub struct ArmHistory {
    pub arm: String,
    pub seeds: Vec<Vec<EpochRecord>>,
}

impl ArmHistory {
    /// (epoch, mean over seeds) of a quantity.
    pub fn mean_curve(&self, pick: fn(&EpochRecord) -> Option<f64>) -> Vec<(f64, f64)> {
        let epochs = self.seeds.iter().map(Vec::len).min().unwrap_or(0);
        let point = |e: usize| {
            let values: Option<Vec<f64>> = self.seeds.iter().map(|h| pick(&h[e])).collect();
            let mean = values.map_or(f64::NAN, |v| v.iter().sum::<f64>() / v.len() as f64);
            (e as f64 + 1.0, mean)
        };
        (0..epochs).map(point).collect()
    }
}

/// Features of both networks in the page's plane.
pub struct Embedding {
    pub arm: String,
    pub teacher: Vec<[f64; 2]>,
    pub student: Vec<[f64; 2]>,
    pub labels: Vec<u32>,
    /// W₂² between the two clouds in all their dimensions.
    pub w2: f64,
}

/// A coupling with samples sorted by class.
pub struct PlanPicture {
    pub arm: String,
    pub labels: Vec<u32>,
    /// Rows: student's samples; columns: teacher's.
    pub entries: Vec<(usize, usize, f64)>,
    /// Share of the mass that stays within its class.
    pub within_class: f64,
}

/// Reads a finished run and runs its networks on a few validation images.
///
/// # Errors
/// A folder that is no finished run, or files that cannot be read.
pub fn collect(
    root: &Path,
    data_root: Option<&Path>,
    device: DeviceChoice,
    threads: usize,
) -> Result<Collected, Error> {
    let folder = RunFolder::open(root)?;
    let text = files::read_text(&folder.config())?;
    let mut config = read_config(&folder)?;
    if let Some(root) = data_root {
        config.data.root = Some(root.to_owned());
    }
    let summary: Summary = files::read_json(&folder.summary())?;
    let setup = Setup::new(&config, device, threads)?;
    let histories = histories(&folder, &summary)?;
    let mut page = Collected {
        class_names: setup.dataset.class_names.clone(),
        summary,
        config: text,
        histories,
        embeddings: Vec::new(),
        explained: None,
        plans: Vec::new(),
    };
    picture(&mut page, &folder, &config, &setup)?;
    Ok(page)
}

fn histories(folder: &RunFolder, summary: &Summary) -> Result<Vec<ArmHistory>, Error> {
    let read = |arm: &str, seed: u64| {
        let path = folder.student(arm, seed).join("metrics.jsonl");
        let lines = files::read_text(&path)?;
        let parse =
            |line: &str| serde_json::from_str(line).map_err(|e| Error::Config(format!("{}: {e}", path.display())));
        lines.lines().map(parse).collect::<Result<Vec<EpochRecord>, Error>>()
    };
    summary
        .students
        .iter()
        .map(|arm| {
            let seeds = summary.seeds.iter().map(|seed| read(&arm.arm, *seed)).collect::<Result<_, _>>()?;
            Ok(ArmHistory { arm: arm.arm.clone(), seeds })
        })
        .collect()
}

/// Embeddings and plans of every arm's first seed, where feature widths are equal.
fn picture(page: &mut Collected, folder: &RunFolder, config: &Config, setup: &Setup) -> Result<(), Error> {
    let width = setup.teacher.feature_width();
    if width != setup.student.feature_width() {
        return Ok(());
    }
    let shown: Vec<u32> = setup.val.iter().copied().take(SHOWN).collect();
    let labels: Vec<u32> = shown.iter().map(|i| setup.dataset.train.labels[*i as usize]).collect();
    let teacher = features(setup, &setup.teacher, &teacher_file(config, folder), &shown)?;
    let mut students = Vec::new();
    let Some(seed) = page.summary.seeds.first() else { return Ok(()) };
    for arm in &page.summary.students {
        let file = folder.student(&arm.arm, *seed).join("student.safetensors");
        students.push((arm.arm.clone(), features(setup, &setup.student, &file, &shown)?));
    }
    let mut everything = teacher.clone();
    students.iter().for_each(|(_, x)| everything.extend_from_slice(x));
    let Some(plane) = Plane::fit(&everything, width) else { return Ok(()) };
    page.explained = Some(plane.explained);
    for (arm, student) in &students {
        let (w2, _) = transport(student, &teacher, width)?;
        page.embeddings.push(Embedding {
            arm: arm.clone(),
            teacher: plane.project(&teacher),
            student: plane.project(student),
            labels: labels.clone(),
            w2,
        });
        page.plans.push(plan_picture(arm, student, &teacher, width, &labels)?);
    }
    Ok(())
}

fn features(setup: &Setup, graph: &kd2m_nn::Graph, file: &Path, shown: &[u32]) -> Result<Vec<f32>, Error> {
    let mut engine = setup.engine(graph, &weights::read(file, graph)?, &[], false)?;
    let mut loader = Loader::evaluation(&setup.dataset, Part::Train, shown, 128)?;
    let mut all = Vec::new();
    while let Some(data) = loader.next() {
        let images = Images { pixels: &data.images, n: data.len() };
        let Outputs { features, .. } = engine.forward(images, Mode::Evaluate)?;
        all.extend(host(&features));
        loader.recycle(data);
    }
    Ok(all)
}

/// (i, j, mass) of a coupling.
type Entries = Vec<(usize, usize, f64)>;

/// W₂² between two row-major clouds of width d, and the optimal coupling.
fn transport(a: &[f32], b: &[f32], d: usize) -> Result<(f64, Entries), Error> {
    let w2 = registry::build(&Options::new("w2"))?;
    let (a, b) = (Cloud::new(Side::A, a, a.len() / d, d)?, Cloud::new(Side::B, b, b.len() / d, d)?);
    let request = Request { plan: true, ..Request::VALUE };
    let solution = Divergence::<f32>::evaluate(w2.as_ref(), &a, &b, request)?;
    Ok((solution.value, solution.plan.map_or_else(Vec::new, |p| p.entries())))
}

fn plan_picture(arm: &str, student: &[f32], teacher: &[f32], d: usize, labels: &[u32]) -> Result<PlanPicture, Error> {
    let mut order: Vec<usize> = (0..labels.len().min(BATCH)).collect();
    order.sort_by_key(|i| labels[*i]);
    let pick = |x: &[f32]| order.iter().flat_map(|i| x[i * d..(i + 1) * d].to_vec()).collect::<Vec<f32>>();
    let (_, entries) = transport(&pick(student), &pick(teacher), d)?;
    let labels: Vec<u32> = order.iter().map(|i| labels[*i]).collect();
    let within_class = entries.iter().filter(|(i, j, _)| labels[*i] == labels[*j]).map(|e| e.2).sum();
    Ok(PlanPicture { arm: arm.to_owned(), labels, entries, within_class })
}

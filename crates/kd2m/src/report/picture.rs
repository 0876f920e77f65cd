//! What the pages show of features: both networks run on some validation images, the two clouds drawn in two dimensions three
//! ways, one batch coupled, every class of the teacher compared with every class of the student. Kept as `pictures.json` in the run
//! folder, where the page of a grid finds it. Next: [`super::features`] draws it.

use kd2m_data::{Loader, Part};
use kd2m_ot::{
    Cloud, Options, Side,
    divergence::{Divergence, Request, registry},
};

use serde::{Deserialize, Serialize};

use super::{
    embedding::{Plane, tsne, umap},
    figure::scatter::CLASSES,
};
use crate::{
    Config, Error,
    batch::{Outputs, host},
    engine::{Images, Mode},
    train::{folder::RunFolder, networks::Network, setup::Setup},
};

/// Validation images that features are computed of: some dozens a class.
const SHOWN: usize = 640;
/// Images in a map: enough to see clusters, few enough for exact t-SNE while a page is written.
const MAPPED: usize = 120;
/// Images of the batch whose coupling is drawn.
const BATCH: usize = 64;
/// Images of a class that are compared with those of another.
const OF_A_CLASS: usize = 32;

/// Everything that is drawn of features, of each arm's first seed.
#[derive(Default, Serialize, Deserialize)]
pub struct Pictures {
    pub maps: Vec<Maps>,
    pub plans: Vec<PlanPicture>,
    pub heats: Vec<Heat>,
    /// Share of the variance that the principal plane shows.
    pub explained: Option<f64>,
    /// Names of the classes that appear in them; those beyond could not be told apart.
    pub classes: Vec<String>,
    /// Classes of the data set.
    pub all_classes: usize,
}

/// Features of both networks in the plane, by several methods.
#[derive(Serialize, Deserialize)]
pub struct Maps {
    pub arm: String,
    pub labels: Vec<u32>,
    /// The principal plane is the same for all arms, the other maps are their own.
    pub methods: Vec<Map>,
    /// W₂² between the two clouds in all their dimensions.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub w2: f64,
}

/// Both clouds by one method.
#[derive(Serialize, Deserialize)]
pub struct Map {
    /// `pca`, `tsne` or `umap`.
    pub method: String,
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub teacher: Points,
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub student: Points,
}

type Points = Vec<[f32; 2]>;

/// A coupling with samples sorted by class.
#[derive(Serialize, Deserialize)]
pub struct PlanPicture {
    pub arm: String,
    pub labels: Vec<u32>,
    /// Rows: student's samples; columns: teacher's.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub entries: Vec<(usize, usize, f64)>,
    /// Share of the mass that stays within its class.
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub within_class: f64,
}

/// W₂² between the teacher's class i and the student's class j, `[classes, classes]`; none where one has no sample.
#[derive(Serialize, Deserialize)]
pub struct Heat {
    pub arm: String,
    pub distances: Vec<Option<f64>>,
}

/// Why nothing can be drawn of features, if so: such clouds have no common space, or the teacher cannot be run.
pub fn impossible(setup: &Setup) -> Option<String> {
    let (teacher, student) = (setup.teacher.feature_width(), setup.student.feature_width());
    if setup.teacher.graph().is_err() {
        return Some("the teacher cannot be run here".to_owned());
    }
    (teacher != student).then(|| {
        format!("the student's are {student} wide, the teacher's {teacher}, and clouds of different widths lie in no common space")
    })
}

/// Draws nothing where it is [`impossible`].
///
/// # Errors
/// Weights that cannot be read.
pub fn pictures(folder: &RunFolder, config: &Config, setup: &Setup, arms: &[&str]) -> Result<Pictures, Error> {
    let d = setup.teacher.feature_width();
    let (Some(seed), None) = (config.train.seeds.first(), impossible(setup)) else {
        return Ok(Pictures::default());
    };
    let label = |i: &u32| setup.dataset.train.labels[*i as usize];
    let few = |i: &u32| (label(i) as usize) < CLASSES;
    let shown: Vec<u32> = setup.val.iter().copied().filter(few).take(SHOWN).collect();
    let labels: Vec<u32> = shown.iter().map(label).collect();
    let teacher = features(setup, &setup.saved_teacher(config, folder)?, &shown)?;
    let mut students = Vec::new();
    for arm in arms {
        let student = setup.saved_student(config, folder, arm, *seed)?;
        students.push(features(setup, &student, &shown)?);
    }
    let mapped = labels.len().min(MAPPED);
    let head = |x: &[f32]| x[..mapped * d].to_vec();
    let everything: Vec<f32> = students.iter().fold(head(&teacher), |mut all, x| {
        all.extend(head(x));
        all
    });
    let classes = setup.dataset.classes.min(CLASSES);
    let names = setup.dataset.class_names.iter().take(classes).cloned().collect();
    let mut found = Pictures { classes: names, all_classes: setup.dataset.classes, ..Pictures::default() };
    let Some(plane) = Plane::fit(&everything, d) else { return Ok(found) };
    found.explained = Some(plane.explained);
    for (arm, student) in arms.iter().zip(&students) {
        let own = [head(&teacher), head(student)].concat();
        let method = |name: &str, points: Vec<[f64; 2]>| {
            let points: Points = points.iter().map(|p| p.map(|x| x as f32)).collect();
            let (teacher, student) = points.split_at(mapped);
            Map { method: name.to_owned(), teacher: teacher.to_vec(), student: student.to_vec() }
        };
        found.maps.push(Maps {
            arm: (*arm).to_owned(),
            labels: labels[..mapped].to_vec(),
            methods: vec![
                method("pca", plane.project(&own)),
                method("tsne", tsne::embed(&own, d)),
                method("umap", umap::embed(&own, d)),
            ],
            w2: transport(student, &teacher, d)?.0,
        });
        found.plans.push(coupling(arm, student, &teacher, d, &labels)?);
        found
            .heats
            .push(Heat { arm: (*arm).to_owned(), distances: between_classes(student, &teacher, d, &labels, classes)? });
    }
    Ok(found)
}

fn features(setup: &Setup, network: &Network, shown: &[u32]) -> Result<Vec<f32>, Error> {
    let mut engine = setup.engine_seeing(&network.eyes, &network.graph, &network.weights, &[], false)?;
    let mut loader = Loader::evaluation(&setup.dataset, Part::Train, shown, 128)?;
    let mut all = Vec::new();
    while let Some(data) = loader.next().transpose()? {
        let images = Images { pixels: &data.images, n: data.len() };
        let Outputs { features, .. } = engine.forward(images, Mode::Evaluate)?;
        all.extend(host(&features)?);
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

fn rows(x: &[f32], d: usize, which: &[usize]) -> Vec<f32> {
    which.iter().flat_map(|i| x[i * d..(i + 1) * d].iter().copied()).collect()
}

fn coupling(arm: &str, student: &[f32], teacher: &[f32], d: usize, labels: &[u32]) -> Result<PlanPicture, Error> {
    let mut order: Vec<usize> = (0..labels.len().min(BATCH)).collect();
    order.sort_by_key(|i| labels[*i]);
    let (_, entries) = transport(&rows(student, d, &order), &rows(teacher, d, &order), d)?;
    let labels: Vec<u32> = order.iter().map(|i| labels[*i]).collect();
    let within_class = entries.iter().filter(|(i, j, _)| labels[*i] == labels[*j]).map(|e| e.2).sum();
    Ok(PlanPicture { arm: arm.to_owned(), labels, entries, within_class })
}

fn between_classes(
    student: &[f32],
    teacher: &[f32],
    d: usize,
    labels: &[u32],
    classes: usize,
) -> Result<Vec<Option<f64>>, Error> {
    let of = |class: usize| {
        let own = (0..labels.len()).filter(|i| labels[*i] as usize == class);
        own.take(OF_A_CLASS).collect::<Vec<usize>>()
    };
    let members: Vec<Vec<usize>> = (0..classes).map(of).collect();
    let mut all = Vec::with_capacity(classes * classes);
    for i in &members {
        for j in &members {
            let empty = i.is_empty() || j.is_empty();
            all.push(if empty { None } else { Some(transport(&rows(student, d, j), &rows(teacher, d, i), d)?.0) });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_the_pictures_may_be_null() {
        let arm = || "w2".to_owned();
        let map = Map { method: "pca".to_owned(), teacher: vec![[0.5, 1.5]], student: vec![[2.5, 3.5]] };
        let filled = Pictures {
            maps: vec![Maps { arm: arm(), labels: vec![1], methods: vec![map], w2: 0.5 }],
            plans: vec![PlanPicture { arm: arm(), labels: vec![1], entries: vec![(0, 0, 0.5)], within_class: 0.75 }],
            heats: vec![Heat { arm: arm(), distances: vec![Some(0.5), None] }],
            explained: Some(0.5),
            classes: vec![arm()],
            all_classes: 2,
        };
        crate::number::tests::every_float_may_be_null(&filled);
    }

    #[test]
    fn classes_are_compared_with_their_own_and_others() {
        // Teacher: class 0 at 0, class 1 at 3. Student: class 0 at 1, class 1 at 3. Class 2 has no sample.
        let (teacher, student) = ([0.0, 3.0, 0.0, 3.0], [1.0, 3.0, 1.0, 3.0]);
        let found = between_classes(&student, &teacher, 1, &[0, 1, 0, 1], 3).unwrap();
        for (at, expected) in [(0, 1.0), (1, 9.0), (3, 4.0), (4, 0.0)] {
            assert!((found[at].unwrap() - expected).abs() < 1e-6, "{found:?}");
        }
        assert!([2, 5, 6, 7, 8].iter().all(|at| found[*at].is_none()));
    }
}

//! What lies ahead, said before the first step: data, networks, memory and time. Memory and time are known of the CPU engine; they are
//! estimates from sizes and from a few images that are run through both networks.

use std::time::Instant;

use kd2m_data::{Loader, Part};
use kd2m_nn::{Graph, init};
use kd2m_simd::memory;

use super::{
    observer::{Event, Observer},
    setup::Setup,
    side::TeacherSide,
    together::{self, Asked, copies},
};
use crate::{
    Config, Error,
    amount::{bytes, clock, count},
    engine::{Engine, Images, Mode},
};

/// Multiply-adds by which the time of a network is estimated: a fraction of a second.
const TRIAL: u64 = 2_000_000_000;
/// Images of that, at least.
const FEW: usize = 2;
/// A step beside a forward pass: the backward pass computes gradients of outputs and of weights.
const STEP: f64 = 3.0;
/// Classes that are named; of more the first and the last.
const NAMED: usize = 4;

/// What a run is about to do.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    /// Students of a seed; 0: the teacher alone.
    pub arms: usize,
    /// Of these, how many are trained at once.
    pub at_once: usize,
    /// How often the teacher is run on an image.
    pub teacher: Asked,
}

/// Tells data, networks, memory and time; that memory is short even where progress is not shown.
///
/// # Errors
/// What data or engine cannot do; the observer's.
pub fn tell(config: &Config, setup: &Setup, ahead: Ahead, observer: &mut dyn Observer) -> Result<(), Error> {
    for line in networks(config, setup, ahead)? {
        observer.event(&mut Event::Note(line))?;
    }
    let Some(mut cost) = Cost::new(config, setup, ahead)? else { return Ok(()) };
    let (need, free) = (cost.memory(config.train.batch_size), memory::available());
    let beside = free.map_or_else(String::new, |free| format!(" of {} that are free", bytes(free)));
    let (teacher, students) = cost.seconds()?;
    let parts = match (teacher > 0.0, ahead.arms) {
        (true, 1..) => format!(" (teacher {}, students {})", clock(teacher), clock(students)),
        _ => String::new(),
    };
    let without = match (&setup.teacher, ahead.arms) {
        (_, 0) => "",
        (TeacherSide::Frozen(_), _) => ", what teacher and criteria take not counted",
        _ => ", what criteria take not counted",
    };
    let line = format!(
        "memory: about {}{beside}; time: about {}{parts}{without}",
        bytes(need as u64),
        clock(teacher + students)
    );
    observer.event(&mut Event::Note(line))?;
    let batches = [config.train.batch_size, config.train.accumulate];
    let short = free.and_then(|free| short(|size| cost.memory(size), free as f64, batches));
    short.map_or(Ok(()), |text| observer.event(&mut Event::Notice(text)))
}

/// Data and networks, a line each.
///
/// # Errors
/// Unlabelled images asked for where there are none.
pub fn networks(config: &Config, setup: &Setup, ahead: Ahead) -> Result<Vec<String>, Error> {
    let mut lines = vec![data(config, setup, ahead)?, teacher(config, setup)];
    if ahead.arms > 0 {
        let (graph, train) = (&setup.student, &config.train);
        let batches = match train.accumulate {
            1 => format!("batches of {}", train.batch_size),
            several => format!("{several} batches of {} a step", train.batch_size),
        };
        lines.push(format!(
            "student: {}; {} × {} × {}, {batches}",
            size(&graph.name, graph.parameter_count(), Some(graph)),
            many(ahead.arms, "arm"),
            many(train.seeds.len(), "seed"),
            many(train.epochs, "epoch")
        ));
    }
    Ok(lines)
}

fn data(config: &Config, setup: &Setup, ahead: Ahead) -> Result<String, Error> {
    let data = &setup.dataset;
    let names = match data.class_names.as_slice() {
        all @ ([] | [_] | [_, _] | [_, _, _] | [_, _, _, _]) => all.join(", "),
        all => format!("{}, … {}", all[..NAMED - 1].join(", "), all[all.len() - 1]),
    };
    let [channels, height, width] = [data.channels, data.height, data.width];
    let (name, classes, images) = (&data.name, many(data.classes, "class"), images(config, setup, ahead.arms)?);
    Ok(format!("data: {name}, {classes} ({names}), images of {channels} × {height} × {width}; {images}"))
}

/// How many images are trained, validated and tested on.
///
/// # Errors
/// A draw that the data do not allow.
pub fn images(config: &Config, setup: &Setup, arms: usize) -> Result<String, Error> {
    let teacher = setup.teacher_train.len();
    let learns = if arms == 0 {
        format!("{teacher} to train on")
    } else {
        let drawn = setup.drawn(config, config.train.seeds.first().copied().unwrap_or_default())?;
        let unlabelled =
            drawn.mixture.as_ref().map(|mixture| format!(" and {} without labels", mixture.unlabelled.len()));
        let apart = is_trained(config, setup) && teacher != drawn.train.len();
        let teacher = apart.then(|| format!(" (the teacher on {teacher})"));
        format!("{}{} to train on{}", drawn.train.len(), unlabelled.unwrap_or_default(), teacher.unwrap_or_default())
    };
    Ok(format!("{learns}, {} to validate on, {} to test on", setup.val.len(), setup.dataset.test.len()))
}

fn teacher(config: &Config, setup: &Setup) -> String {
    let own = &config.teacher;
    let name = own.name();
    let side = match &setup.teacher {
        TeacherSide::Outputs(stored) => {
            let file = own.outputs.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
            return format!("teacher: outputs in {file}, {} features", stored.width);
        }
        TeacherSide::Network(graph) => size(&name, graph.parameter_count(), Some(graph)),
        TeacherSide::Frozen(frozen) => size(&name, frozen.parameters(), None),
    };
    match is_trained(config, setup) {
        true => format!("teacher: {side}; trained here, {}", many(own.epochs.unwrap_or(config.train.epochs), "epoch")),
        false => format!("teacher: {side}; as it is"),
    }
}

/// Whether the teacher learns in this run.
fn is_trained(config: &Config, setup: &Setup) -> bool {
    let own = &config.teacher;
    matches!(setup.teacher, TeacherSide::Network(_))
        && own.weights.is_none()
        && (setup.imported.is_none() || own.init.is_some())
}

fn size(name: &str, parameters: usize, graph: Option<&Graph>) -> String {
    let parameters = parameters as u64;
    let numbers = match parameters {
        0 => String::new(),
        n => format!(", {} parameters ({})", count(n), bytes(n * size_of::<f32>() as u64)),
    };
    let work = graph.map(|graph| format!(", {} multiply-adds an image", count(graph.multiply_adds())));
    format!("{name}{numbers}{}", work.unwrap_or_default())
}

fn many(n: usize, what: &str) -> String {
    match (n, what) {
        (1, _) => format!("1 {what}"),
        (_, "class") => format!("{n} classes"),
        _ => format!("{n} {what}s"),
    }
}

/// What a run takes of the machine.
struct Cost<'a> {
    config: &'a Config,
    setup: &'a Setup,
    ahead: Ahead,
    student: Option<Box<dyn Engine>>,
    /// As it answers.
    teacher: Option<Box<dyn Engine>>,
    /// As it is trained, where it is.
    learning: Option<Box<dyn Engine>>,
}

impl<'a> Cost<'a> {
    /// None where the engine does not say what it takes.
    fn new(config: &'a Config, setup: &'a Setup, ahead: Ahead) -> Result<Option<Self>, Error> {
        let student = match ahead.arms {
            0 => None,
            _ => Some(together::student(setup)?),
        };
        let engine = |graph, trainable| {
            let start = init::initialise(graph, 0);
            setup.engine_seeing(&setup.teacher_eyes, graph, &start, &[], trainable)
        };
        let (teacher, learning) = match &setup.teacher {
            TeacherSide::Network(graph) => {
                let learning = is_trained(config, setup).then(|| engine(graph, true)).transpose()?;
                (Some(engine(graph, false)?), learning)
            }
            // Its runtime says nothing, and what is stored takes none.
            TeacherSide::Frozen(_) | TeacherSide::Outputs(_) => (None, None),
        };
        let mut all = student.iter().chain(&teacher).chain(&learning).peekable();
        let known = all.peek().is_some() && all.all(|engine| engine.bytes(FEW).is_some());
        Ok(known.then_some(Self { config, setup, ahead, student, teacher, learning }))
    }

    /// About how many bytes are held at the most in steps of so many images.
    fn memory(&self, batch: usize) -> f64 {
        let of = |engine: &Option<Box<dyn Engine>>, graph: Option<&Graph>| {
            let both = engine.as_ref().and_then(|engine| engine.bytes(batch)).zip(graph);
            both.map_or(0.0, |(bytes, graph)| (bytes + copies(graph)) as f64)
        };
        let (data, graph) = (&self.setup.dataset, self.setup.teacher.graph().ok());
        let pixels = (data.train.memory() + data.test.memory()) as f64;
        let students = self.ahead.at_once as f64 * of(&self.student, Some(&self.setup.student));
        // A teacher that was trained is done before students come.
        pixels + of(&self.learning, graph).max(students + of(&self.teacher, graph))
    }

    /// Seconds of training the teacher, and of all students.
    fn seconds(&mut self) -> Result<(f64, f64), Error> {
        let (config, setup, ahead) = (self.config, self.setup, self.ahead);
        let (val, test) = (setup.val.len() as f64, setup.dataset.test.len() as f64);
        let teacher = match (&mut self.teacher, setup.teacher.graph()) {
            (Some(engine), Ok(graph)) => trial(setup, engine.as_mut(), graph, config.train.batch_size)?,
            _ => 0.0,
        };
        let fit = |images: f64, epochs: usize, each: f64| epochs as f64 * each * (STEP * images + val);
        let mut of_teacher = teacher * (val + test);
        if self.learning.is_some() {
            let epochs = config.teacher.epochs.unwrap_or(config.train.epochs);
            of_teacher += fit(setup.teacher_train.len() as f64, epochs, teacher);
        }
        let Some(engine) = &mut self.student else { return Ok((of_teacher, 0.0)) };
        let student = trial(setup, engine.as_mut(), &setup.student, config.train.batch_size)?;
        let drawn = setup.drawn(config, config.train.seeds.first().copied().unwrap_or_default())?;
        let images = (drawn.batches(config.train.batch_size) * config.train.batch_size) as f64;
        let images = if drawn.mixture.is_some() { images } else { drawn.train.len() as f64 };
        let (seeds, epochs) = (config.train.seeds.len() as f64, config.train.epochs);
        let each = fit(images, epochs, student) + 2.0 * test * student;
        let passes = match ahead.teacher {
            Asked::Once => 1.0,
            Asked::InEachEpoch => epochs as f64 * seeds,
            Asked::ByEachGroup => epochs as f64 * seeds * ahead.arms.div_ceil(ahead.at_once) as f64,
        };
        Ok((of_teacher, seeds * ahead.arms as f64 * each + teacher * (passes * images + val)))
    }
}

/// Seconds of a forward pass, an image.
fn trial(setup: &Setup, engine: &mut dyn Engine, graph: &Graph, batch: usize) -> Result<f64, Error> {
    let n = (TRIAL / graph.multiply_adds().max(1)) as usize;
    let n = n.clamp(FEW, batch.max(FEW)).min(setup.val.len());
    seconds_an_image(setup, engine, &setup.val[..n])
}

/// Seconds in which an engine answers an image of these, by the quicker of two batches.
///
/// # Errors
/// What data or engine cannot do.
pub fn seconds_an_image(setup: &Setup, engine: &mut dyn Engine, few: &[u32]) -> Result<f64, Error> {
    let mut batch = f64::INFINITY;
    for _ in 0..2 {
        let mut loader = Loader::evaluation(&setup.dataset, Part::Train, few, few.len())?;
        if let Some(data) = loader.next().transpose()? {
            let begun = Instant::now();
            engine.forward(Images { pixels: &data.images, n: data.len() }, Mode::Evaluate)?;
            batch = batch.min(begun.elapsed().as_secs_f64());
        }
    }
    Ok(batch / few.len().max(1) as f64)
}

/// That memory is short, with the way out: steps of as many images in smaller batches. `need` is what batches of a size take.
fn short(need: impl Fn(usize) -> f64, free: f64, [batch, accumulate]: [usize; 2]) -> Option<String> {
    let whole = need(batch);
    if whole <= free {
        return None;
    }
    let said = |bytes_: f64| bytes(bytes_ as u64);
    let smaller = std::iter::successors(Some(2), |parts| Some(parts * 2)).take_while(|parts| batch / parts >= FEW);
    let way = match smaller.map(|parts| (parts, need(batch / parts))).find(|(_, bytes)| *bytes <= free) {
        Some((parts, bytes)) => format!(
            "train.batch_size={} with train.accumulate={} takes steps of as many images in about {} (a distance then compares clouds of {})",
            batch / parts,
            accumulate * parts,
            said(bytes),
            batch / parts
        ),
        None => "take smaller images or networks, or fewer arms at once (--side-by-side 1)".to_owned(),
    };
    Some(format!("memory may not do: about {} are needed, {} are free: {way}", said(whole), said(free)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Source, device::DeviceChoice};

    #[test]
    fn memory_that_is_short_is_said_with_batches_that_fit() {
        let need = |batch: usize| 1e9 + 0.1e9 * batch as f64;
        assert_eq!(short(need, 20e9, [128, 1]), None);
        let said = short(need, 6e9, [128, 2]).unwrap();
        assert!(said.contains("about 13.80 GB are needed, 6.00 GB are free"), "{said}");
        assert!(
            said.contains("train.batch_size=32 with train.accumulate=8 takes steps of as many images in about 4.20 GB"),
            "{said}"
        );
        assert!(short(need, 0.5e9, [128, 1]).unwrap().ends_with("fewer arms at once (--side-by-side 1)"));
    }

    struct Heard(Vec<String>);

    impl Observer for Heard {
        fn event(&mut self, event: &mut Event) -> Result<(), Error> {
            if let Event::Note(text) = event {
                self.0.push(text.clone());
            }
            Ok(())
        }
    }

    #[test]
    fn data_networks_memory_and_time_are_told() {
        let config = Source::demo().unwrap().resolve().unwrap();
        let setup = Setup::new(&config, DeviceChoice::Cpu, 1).unwrap();
        let mut heard = Heard(Vec::new());
        tell(&config, &setup, Ahead { arms: 7, at_once: 1, teacher: Asked::ByEachGroup }, &mut heard).unwrap();
        let [data, teacher, student, cost] = &heard.0[..] else { panic!("{:?}", heard.0) };
        assert!(
            data.starts_with(
                "data: digits, 10 classes (0, 1, 2, … 9), images of 1 × 8 × 8; 200 to train on (the teacher on "
            ),
            "{data}"
        );
        assert!(data.ends_with(" to validate on, 359 to test on"), "{data}");
        assert!(
            teacher.contains("digits-cnn-teacher, 65.8 k parameters (263.3 kB), ")
                && teacher.contains("; trained here, "),
            "{teacher}"
        );
        assert!(
            student.contains("digits-cnn-student, 1369 parameters (5.5 kB), ")
                && student.contains("; 7 arms × 3 seeds × "),
            "{student}"
        );
        assert!(
            cost.starts_with("memory: about ") && cost.contains("; time: about ") && cost.contains(" (teacher "),
            "{cost}"
        );
        let mut alone = Heard(Vec::new());
        tell(&config, &setup, Ahead { arms: 0, at_once: 0, teacher: Asked::ByEachGroup }, &mut alone).unwrap();
        assert!(alone.0.len() == 3 && !alone.0[2].contains("criteria"), "{:?}", alone.0);
    }
}

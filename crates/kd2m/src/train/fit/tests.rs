use std::time::Duration;

use kd2m_data::{Augment, Mix};
use kd2m_nn::{Role, init};

use super::*;
use crate::{
    Error,
    config::{ArmConfig, Decay, Source},
    device::DeviceChoice,
    engine::{EngineError, Images},
    objective::Objective,
    ranks::Share,
    teacher::{Answer, NetworkTeacher, Query, Teacher},
    train::{Halt, Silent, checkpoint::Checkpoints, setup::Setup},
};

/// Counts how often it is asked about pictures that may look otherwise the next time.
struct Counting {
    inner: NetworkTeacher,
    asked: usize,
    /// Pixels of the last batch.
    seen: Vec<f32>,
}

impl Teacher for Counting {
    fn answer(&mut self, images: Images, query: &Query) -> Result<Answer, EngineError> {
        self.asked += usize::from(!query.view.fixed);
        if !query.view.fixed {
            self.seen = images.pixels.to_vec();
        }
        self.inner.answer(images, query)
    }

    fn recalled(&self) -> usize {
        self.inner.recalled()
    }

    fn notes(&mut self) -> Vec<String> {
        self.inner.notes()
    }
}

/// One pass of the teacher, however many learn from it; those who fail are not waited for, and the time of a pass is shared out.
#[test]
fn the_teacher_is_asked_once_about_each_batch() {
    let config = Source::demo().unwrap().resolve().unwrap();
    let setup = Setup::new(&config, DeviceChoice::Cpu, 1).unwrap();
    let drawn = setup.drawn(&config, 1).unwrap();
    let train: Vec<u32> = drawn.train.iter().copied().take(70).collect();
    let views = Views {
        dataset: &setup.dataset,
        train: &train,
        mixture: None,
        val: &setup.val[..20],
        augment: &setup.augment,
        mix: config.train.mix(),
        epochs: 2,
        batch_size: 16,
        accumulate: 1,
        seed: 1,
        halt: Halt::default(),
        share: Share::WHOLE,
    };
    let graph = setup.teacher.graph().unwrap();
    let engine = setup.teacher_engine(&init::initialise(graph, 0), &[]).unwrap();
    let mut teacher = Counting { inner: NetworkTeacher::new(engine, None), asked: 0, seen: Vec::new() };
    let start = init::initialise(&setup.student, 1);
    let scratch = tempfile::tempdir().unwrap();
    let arms = [ArmConfig::none(), ArmConfig::single("hinton", None), ArmConfig::single("w2", Some(1e30.into()))];
    let learners = arms.iter().map(|arm| {
        let place = scratch.path().join(&arm.name);
        std::fs::create_dir_all(&place).unwrap();
        Ok(Learner {
            config: &config,
            name: &arm.name,
            engine: setup.engine_seeing(&setup.student_eyes, &setup.student, &start, &[], true)?,
            head: None,
            objective: Objective::new(&config, arm, &setup.shapes(&drawn), &setup.device.burn()?, 1)?,
            checkpoints: Checkpoints::new(&place, Duration::MAX),
            observer: Box::new(Silent),
        })
    });
    let ends = fit(&views, Some(&mut teacher), learners.collect()).unwrap();
    assert_eq!(teacher.asked, 2 * views.batches());
    assert!(matches!(&ends[2], Err(Error::NotFinite { arm, .. }) if arm == "w2"));
    assert!(ends[..2].iter().all(|end| end.as_ref().is_ok_and(|one| one.history.len() == 2)));
}

/// Mixed images are other images each time, and the teacher sees them as the student does.
#[test]
fn teacher_and_student_see_the_same_mixed_images() {
    let config = Source::demo().unwrap().resolve().unwrap();
    let setup = Setup::new(&config, DeviceChoice::Cpu, 1).unwrap();
    let drawn = setup.drawn(&config, 1).unwrap();
    let train: Vec<u32> = drawn.train.iter().copied().take(48).collect();
    let views = Views {
        dataset: &setup.dataset,
        train: &train,
        mixture: None,
        val: &setup.val[..20],
        augment: &Augment::none(),
        mix: Mix { mixup: 1.0, cutmix: 1.0 },
        epochs: 2,
        batch_size: 16,
        accumulate: 1,
        seed: 1,
        halt: Halt::default(),
        share: Share::WHOLE,
    };
    let graph = setup.teacher.graph().unwrap();
    let engine = setup.teacher_engine(&init::initialise(graph, 0), &[]).unwrap();
    let mut teacher = Counting { inner: NetworkTeacher::new(engine, None), asked: 0, seen: Vec::new() };
    let start = init::initialise(&setup.student, 1);
    let scratch = tempfile::tempdir().unwrap();
    let arm = ArmConfig::single("hinton", None);
    let learner = Learner {
        config: &config,
        name: &arm.name,
        engine: setup.engine_seeing(&setup.student_eyes, &setup.student, &start, &[], true).unwrap(),
        head: None,
        objective: Objective::new(&config, &arm, &setup.shapes(&drawn), &setup.device.burn().unwrap(), 1).unwrap(),
        checkpoints: Checkpoints::new(scratch.path(), Duration::MAX),
        observer: Box::new(Silent),
    };
    let end = one(&views, Some(&mut teacher), learner).unwrap();
    assert_eq!((teacher.asked, end.history.len()), (2 * views.batches(), 2));
    assert!(end.history[1].train.ce.is_finite());
    // The last batch, mixed anew.
    let number = views.batches() - 1;
    let mut batch = views.loader(1, number).unwrap().next().unwrap().unwrap();
    let whole = batch.images.clone();
    let mixed = views.mix(&mut batch, 1, number).unwrap();
    assert_eq!(teacher.seen, batch.images);
    assert!(whole != batch.images || mixed.share == 1.0);
}

/// `optim.decay` reaches the engine: after one step weights are as with decay of all, and scales and shifts are not.
#[test]
fn decay_of_weights_alone_spares_the_rest() {
    let mut config = Source::demo().unwrap().resolve().unwrap();
    config.optim.weight_decay = 0.3;
    let setup = Setup::new(&config, DeviceChoice::Cpu, 1).unwrap();
    let drawn = setup.drawn(&config, 1).unwrap();
    let train: Vec<u32> = drawn.train.iter().copied().take(16).collect();
    let views = Views {
        dataset: &setup.dataset,
        train: &train,
        mixture: None,
        val: &setup.val[..20],
        augment: &Augment::none(),
        mix: Mix::default(),
        epochs: 1,
        batch_size: 16,
        accumulate: 1,
        seed: 1,
        halt: Halt::default(),
        share: Share::WHOLE,
    };
    let start = init::initialise(&setup.student, 1);
    let arm = ArmConfig::none();
    let [all, alone] = [Decay::All, Decay::Weights].map(|decay| {
        config.optim.decay = decay;
        let scratch = tempfile::tempdir().unwrap();
        let learner = Learner {
            config: &config,
            name: &arm.name,
            engine: setup.engine_seeing(&setup.student_eyes, &setup.student, &start, &[], true).unwrap(),
            head: None,
            objective: Objective::new(&config, &arm, &setup.shapes(&drawn), &setup.device.burn().unwrap(), 1).unwrap(),
            checkpoints: Checkpoints::new(scratch.path(), Duration::MAX),
            observer: Box::new(Silent),
        };
        one(&views, None, learner).unwrap().last
    });
    for spec in setup.student.parameters() {
        let same = all[&spec.key] == alone[&spec.key];
        // Shifts begin at 0, which decay does not move.
        let spared = matches!(spec.role, Role::Scale | Role::Bias);
        assert_eq!(same, !spared, "{}", spec.key);
    }
}

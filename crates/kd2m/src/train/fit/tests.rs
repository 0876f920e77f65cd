use std::time::Duration;

use kd2m_nn::init;

use super::*;
use crate::{
    Error,
    config::{ArmConfig, Source},
    device::DeviceChoice,
    engine::{EngineError, Images},
    objective::Objective,
    teacher::{Answer, NetworkTeacher, Query, Teacher},
    train::{Halt, Silent, checkpoint::Checkpoints, setup::Setup},
};

/// Counts how often it is asked about pictures that may look otherwise the next time.
struct Counting {
    inner: NetworkTeacher,
    asked: usize,
}

impl Teacher for Counting {
    fn answer(&mut self, images: Images, query: &Query) -> Result<Answer, EngineError> {
        self.asked += usize::from(!query.view.fixed);
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
        augment: setup.augment,
        epochs: 2,
        batch_size: 16,
        accumulate: 1,
        seed: 1,
        halt: Halt::default(),
    };
    let graph = setup.teacher.graph().unwrap();
    let engine = setup.teacher_engine(&init::initialise(graph, 0), &[]).unwrap();
    let mut teacher = Counting { inner: NetworkTeacher::new(engine, None), asked: 0 };
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

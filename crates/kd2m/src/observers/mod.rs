//! Who follows every network of a run, one file each; the list below is all that another one is added to. They stand above
//! [`crate::train`], which hears of none of them.

/// Makes a file of each name a module, and its `observe` a line of the list.
macro_rules! observers {
    ($($(#[$condition:meta])* $file:ident),* $(,)?) => {
        $($(#[$condition])* pub mod $file;)*

        /// In the order in which they hear of an event.
        pub const OBSERVERS: &[Observe] = &[$($(#[$condition])* $file::observe),*];
    };
}

observers! {
    #[cfg(feature = "theory")]
    bounds,
    jsonl,
    tensorboard,
}

use crate::{
    device::DeviceChoice,
    train::{
        checkpoint,
        folder::Existing,
        halt::Halt,
        run::{Observe, RunOptions},
    },
};

/// Here rather than beside the options, because it names everyone.
impl Default for RunOptions {
    fn default() -> Self {
        Self {
            out: None,
            device: DeviceChoice::default(),
            threads: 0,
            existing: Existing::default(),
            allow_weak_teacher: false,
            no_baseline: false,
            no_teacher_cache: false,
            teacher_cache: None,
            side_by_side: 0,
            tensorboard: true,
            checkpoint_interval: checkpoint::INTERVAL,
            halt: Halt::default(),
            ranks: None,
            observers: OBSERVERS.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
        time::Duration,
    };

    use super::*;
    use crate::{
        Config, Error,
        config::Source,
        train::{
            Event, Observer, Silent, distill,
            run::{Run, Training},
        },
    };

    /// What an observer that somebody adds may be: a file and a line of a list.
    struct Told {
        file: PathBuf,
        /// Ends the run after so many epochs.
        until: usize,
        epochs: usize,
    }

    impl Observer for Told {
        fn event(&mut self, event: &mut Event) -> Result<(), Error> {
            match event {
                Event::Started { what, images, .. } => self.tell(format!("{what}: {images} images")),
                Event::Evaluated { epoch, bounds, .. } => bounds.extend([("own".to_owned(), *epoch as f64)]),
                Event::Epoch { record, history, .. } => {
                    let epochs: Vec<usize> = history.iter().map(|r| r.epoch).collect();
                    self.tell(format!("{} of {epochs:?}", record.epoch));
                    self.epochs += 1;
                    if self.epochs == self.until {
                        return Err(Error::io("write", &self.file, std::io::ErrorKind::StorageFull.into()));
                    }
                }
                Event::Finished { .. } => self.tell("finished".to_owned()),
                _ => {}
            }
            Ok(())
        }
    }

    impl Told {
        fn tell(&self, line: String) {
            let before = fs::read_to_string(&self.file).unwrap_or_default();
            fs::write(&self.file, format!("{before}{line}\n")).unwrap();
        }
    }

    fn told<'a>(training: Training<'a>, until: usize) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
        let Training { run: Run { config, .. }, place, student } = training;
        assert_eq!(config.train.epochs, 3);
        let file = place.join("told.txt");
        Ok(student.map(|_| Box::new(Told { file, until, epochs: 0 }) as Box<dyn Observer>))
    }

    fn to_the_end<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
        told(training, usize::MAX)
    }

    fn until_the_second<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
        told(training, 2)
    }

    /// Stands where the metrics are to be written.
    fn in_the_way<'a>(training: Training<'a>) -> Result<Option<Box<dyn Observer + 'a>>, Error> {
        fs::create_dir_all(training.place.join(jsonl::NAME).join("full")).unwrap();
        Ok(None)
    }

    fn config() -> Config {
        let mut source = Source::demo().unwrap();
        source.set_arms(&["mse".into()], None).unwrap();
        for set in ["teacher.epochs=1", "train.epochs=3", "train.seeds=[1]", "data.train_limit=100"] {
            source.set(set).unwrap();
        }
        source.resolve().unwrap()
    }

    fn run(out: &Path, existing: Existing, first: Observe) -> Result<(), Error> {
        let mut options = RunOptions {
            out: Some(out.to_owned()),
            threads: 1,
            existing,
            allow_weak_teacher: true,
            no_baseline: true,
            checkpoint_interval: Duration::ZERO,
            ..RunOptions::default()
        };
        options.observers.insert(0, first);
        distill(&config(), &options, &mut Silent).map(|_| ())
    }

    #[test]
    fn one_that_is_added_hears_all_adds_to_the_record_and_can_end_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let place = out.join("students/mse/seed-1");
        let read = |name: &str| fs::read_to_string(place.join(name)).unwrap();
        let epochs = || {
            let own = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
            read(jsonl::NAME)
                .lines()
                .map(own)
                .map(|v| (v["epoch"].as_u64(), v["bounds"]["own"].as_f64()))
                .collect::<Vec<_>>()
        };

        let ended = run(&out, Existing::Refuse, until_the_second).unwrap_err();
        assert!(matches!(&ended, Error::Io { path, .. } if path.ends_with("told.txt")), "{ended}");
        assert_eq!(read("told.txt"), "mse, seed 1: 300 images\n1 of [1]\n2 of [1, 2]\n");
        assert_eq!(epochs(), [(Some(1), Some(1.0))], "who heard before has written, who stands behind has not");

        // From the checkpoint after the first epoch: each epoch stands once in the metrics, and once in the event file.
        run(&out, Existing::Resume, to_the_end).unwrap();
        assert!(read("told.txt").ends_with("mse, seed 1: 200 images\n2 of [1, 2]\n3 of [1, 2, 3]\nfinished\n"));
        assert_eq!(epochs(), [1, 2, 3].map(|e| (Some(e), Some(e as f64))));
        let events = fs::read(place.join(tensorboard::NAME)).unwrap();
        let tags = events.windows(10).filter(|w| w == b"bounds/own").count();
        assert_eq!(tags, 3);
    }

    #[test]
    fn metrics_that_cannot_be_written_end_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let ended = run(&folder.path().join("run"), Existing::Refuse, in_the_way).unwrap_err();
        assert!(matches!(&ended, Error::Io { doing: "write", path, .. } if path.ends_with(jsonl::NAME)), "{ended}");
    }
}

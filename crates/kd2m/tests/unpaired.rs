//! Students whose teacher is a bank of its outputs on other images, with few labels among many images.

use std::{fs, path::Path};

use kd2m::{
    Config,
    config::Source,
    teacher::StoredOutputs,
    train::{RunOptions, Silent, distill},
};

const FILE: &str = r#"
    name = "unpaired"
    [data]
    dataset = "digits"
    portion = "1/2"
    train_limit = 40
    unlabelled = "rest"
    [teacher]
    model = "digits-cnn-teacher"
    portion = "2/2"
    train_limit = 0
    paired = false
    epochs = 6
    [student]
    model = "digits-cnn-middle"
    [train]
    epochs = 4
    batch_size = 64
    seeds = [1]
    [optim]
    lr = 0.05
    [[arm]]
    name = "w2"
    head = "teacher"
    loss = [{ criterion = "w2", weight = 0.1 }]
    [[arm]]
    name = "cw2"
    loss = [{ criterion = "cw2", weight = 0.1 }]
"#;

fn config(sets: &[&str]) -> Result<Config, kd2m::Error> {
    let mut source = Source::parse("test", FILE)?;
    sets.iter().try_for_each(|set| source.set(set))?;
    source.resolve()
}

fn run(out: &Path, config: &Config) -> kd2m::train::distill::Finished {
    let options = RunOptions { out: Some(out.to_owned()), threads: 1, ..RunOptions::default() };
    distill(config, &options, &mut Silent).unwrap()
}

fn weights(out: &Path, arm: &str) -> Vec<u8> {
    fs::read(out.join("students").join(arm).join("seed-1/student.safetensors")).unwrap()
}

#[test]
fn the_bank_holds_the_teachers_portion_and_students_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let config = config(&[]).unwrap();
    let finished = run(&first, &config);
    let bank = StoredOutputs::read(&first.join("teacher/bank.safetensors"), 10).unwrap();
    // Half of 1,438 − 360 training images, by class; a feature of 64.
    let ids = bank.ids.as_ref().unwrap();
    assert!((535..=543).contains(&bank.rows()) && bank.width == 64, "{}", bank.rows());
    // Logits are the classifier's of the features.
    let (head, logits) = (bank.head.as_ref().unwrap(), bank.logits.as_ref().unwrap());
    for (row, logit) in bank.features.chunks(64).zip(logits.chunks(10)) {
        for ((weight, bias), logit) in head.weight.chunks(64).zip(&head.bias).zip(logit) {
            let products = row.iter().zip(weight).map(|(x, w)| x * w);
            assert!((products.sum::<f32>() + bias - logit).abs() < 1e-3);
        }
    }
    // The classifier of the arm with the teacher's head is the teacher's, to the bit.
    let of = |bytes: &[u8], key: &str| {
        safetensors::SafeTensors::deserialize(bytes).unwrap().tensor(key).unwrap().data().to_vec()
    };
    let teacher = fs::read(first.join("teacher/teacher.safetensors")).unwrap();
    let own = |arm: &str| of(&weights(&first, arm), "fc.weight");
    assert!(own("w2") == of(&teacher, "fc.weight") && own("cw2") != own("w2"));
    // No image is on both sides.
    let setup = kd2m::train::setup::Setup::new(&config, kd2m::device::DeviceChoice::Cpu, 1).unwrap();
    let drawn = setup.drawn(&config, 1).unwrap();
    let mixture = drawn.mixture.as_ref().unwrap();
    assert_eq!(mixture.labelled.len(), 40);
    assert!((495..=503).contains(&mixture.unlabelled.len()));
    assert!(ids.iter().all(|id| !mixture.labelled.contains(id) && !mixture.unlabelled.contains(id)));
    // Labels of another seed are of other images only where that is asked for.
    assert_eq!(setup.drawn(&config, 2).unwrap(), drawn);
    let mut by_seed = config.clone();
    by_seed.data.limit_by_seed = true;
    let [one, two] = [1, 2].map(|seed| setup.drawn(&by_seed, seed).unwrap());
    assert!(one.train != two.train && one.train.len() == two.train.len());
    // What pairs would be needed for is not said.
    let arm = &finished.summary.students[1];
    assert_eq!(arm.cka_to_teacher, None);
    run(&second, &config);
    for arm in ["none", "w2", "cw2"] {
        assert!(weights(&first, arm) == weights(&second, arm), "{arm}");
    }
}

#[test]
fn what_needs_pairs_or_does_not_exist_is_refused_by_name() {
    for (set, expected) in [
        ("arm.0.loss.0.criterion=hinton", "arm w2: hinton compares the teacher's outputs image by image"),
        ("arm.0.loss.0.criterion=mse", "arm w2: mse compares the teacher's outputs image by image"),
        ("arm.0.loss.0.criterion=class-mse", "image by image"),
        ("arm.0.loss.0.memory=4", "image by image"),
        ("arm.0.loss.0.on=layer1", "reads maps of stages"),
        ("data.portion=3/2", "data.portion is wrong: \"3/2\" is no portion: write NUMBER/OF"),
        ("data.labelled_share=1", "data.labelled_share is 1: above 0 and below 1"),
        (
            "data.unlabelled=others",
            "data.unlabelled is unknown: write \"rest\" for the training images that data.train_limit leaves out, or \"folder:PATH@SIZE\"",
        ),
        ("data.class_shares=[1, 2]", "data.class_shares has 2: each is a share from 0 to 1"),
        ("arm.1.loss.0.classes=guesses", "labels | answers"),
    ] {
        let error = config(&[set]).unwrap_err().to_string();
        assert!(error.contains(expected), "{set}: {error}");
    }
    let all = config(&["data.train_limit=0"]).unwrap();
    let options = RunOptions { out: Some(tempfile::tempdir().unwrap().path().join("run")), ..RunOptions::default() };
    let error = distill(&all, &options, &mut Silent).err().unwrap().to_string();
    assert!(error.contains("every training image has a label"), "{error}");
    let two = config(&["data.class_shares=[1, 0.5]"]).unwrap();
    let error = distill(&two, &options, &mut Silent).err().unwrap().to_string();
    assert!(error.contains("data.class_shares has 2 shares, digits has 10 classes"), "{error}");
}

/// Classes of the student's images are thinned, the bank's are not; pseudo labels and a queue need no labels, and everything repeats.
#[test]
fn a_student_of_other_class_proportions_learns_from_the_whole_bank() {
    let folder = tempfile::tempdir().unwrap();
    let shares = "data.class_shares=[1, 1, 1, 1, 1, 0.2, 0.2, 0.2, 0.2, 0]";
    let sets = [shares, "arm.0.loss.0.queue=100", "arm.1.loss.0.classes=answers", "train.epochs=1", "teacher.epochs=2"];
    let config = config(&sets).unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    run(&first, &config);
    let setup = kd2m::train::setup::Setup::new(&config, kd2m::device::DeviceChoice::Cpu, 1).unwrap();
    let count = |ids: &mut dyn Iterator<Item = u32>| {
        let mut counts = [0usize; 10];
        ids.for_each(|id| counts[setup.dataset.train.labels[id as usize] as usize] += 1);
        counts
    };
    let own = count(&mut setup.drawn(&config, 1).unwrap().all());
    let bank = StoredOutputs::read(&first.join("teacher/bank.safetensors"), 10).unwrap();
    let theirs = count(&mut bank.ids.unwrap().into_iter());
    assert!(own[..5].iter().all(|n| (48..=60).contains(n)) && own[9] == 0, "{own:?}");
    assert!(own[5..9].iter().all(|n| (9..=12).contains(n)) && theirs.iter().all(|n| *n > 45), "{own:?} {theirs:?}");
    run(&second, &config);
    for arm in ["none", "w2", "cw2"] {
        assert!(weights(&first, arm) == weights(&second, arm), "{arm}");
    }
}

/// The bank of one run as the teacher of another, which has no network on that side: the same students to the bit.
#[test]
fn a_file_of_outputs_is_a_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    run(&place("network"), &config(&[]).unwrap());
    let file = place("network").join("teacher/bank.safetensors");
    let with = |outputs: &Path, more: &str| {
        let text: String = FILE.split("[teacher]").next().unwrap().to_owned()
            + &format!("[teacher]\noutputs = {:?}\n{more}\n[student]", outputs.display().to_string())
            + FILE.split("[student]").nth(1).unwrap();
        Source::parse("test", &text)?.resolve()
    };
    let outputs = with(&file, "paired = false").unwrap();
    let finished = run(&place("outputs"), &outputs);
    for arm in ["none", "w2", "cw2"] {
        assert!(weights(&place("network"), arm) == weights(&place("outputs"), arm), "{arm}");
    }
    assert!(finished.summary.teacher.test_accuracy.is_nan());
    // The same rows do not cover the student's half.
    let options = |name: &str| RunOptions { out: Some(place(name)), threads: 1, ..RunOptions::default() };
    let paired = with(&file, "").unwrap();
    let error = distill(&paired, &options("paired"), &mut Silent).err().unwrap().to_string();
    assert!(error.contains("has no row for") && error.contains("teacher.paired = false"), "{error}");
    // Features alone, without a classifier to share.
    let bank = StoredOutputs { head: None, logits: None, ..StoredOutputs::read(&file, 10).unwrap() };
    bank.write(&place("bare.safetensors")).unwrap();
    let bare = with(&place("bare.safetensors"), "paired = false").unwrap();
    let error = distill(&bare, &options("bare"), &mut Silent).err().unwrap().to_string();
    assert!(error.contains("store head.weight and head.bias beside its outputs"), "{error}");
    let mut logits = with(&place("bare.safetensors"), "paired = false").unwrap();
    let of = |name: &str| kd2m::config::ArmConfig::single(name, None);
    logits.arms = vec![of("joint-w2")];
    let error = distill(&logits, &options("logits"), &mut Silent).err().unwrap().to_string();
    assert!(error.contains("joint-w2 reads the teacher's logits, which teacher.outputs does not hold"), "{error}");
    // Students that see their images at another size than the network behind the bank saw its own.
    let mut larger = with(&file, "paired = false").unwrap();
    (larger.student.size, larger.train.epochs) = (Some(12), 1);
    run(&place("larger"), &larger);
    let tensor = |bytes: &[u8], key: &str| {
        safetensors::SafeTensors::deserialize(bytes).unwrap().tensor(key).unwrap().data().to_vec()
    };
    let head = tensor(&fs::read(&file).unwrap(), "head.weight");
    assert!(tensor(&weights(&place("larger"), "w2"), "fc.weight") == head);
    for (more, expected) in [
        ("model = \"resnet18\"", "teacher.model goes with a network"),
        ("paired = false\nweights = \"a.pth\"", "teacher.weights goes with a network"),
    ] {
        let error = with(&file, more).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

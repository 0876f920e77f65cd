//! A teacher's features seen on a common scale, and a student that is lifted to the teacher's width: whole runs.

use std::{fs, path::Path};

use kd2m::{
    config::Source,
    train::{RunOptions, Silent, distill, folder::Existing, summary::Summary},
};

const CONFIG: &str = r#"
    name = "scale"
    data = { dataset = "digits", train_limit = 60 }
    teacher = { model = "digits-cnn-teacher", epochs = 2 }
    student = { model = "mlp-3" }
    train = { epochs = 2, batch_size = 16, seeds = [1] }
    optim = { lr = 0.01 }
    [[arm]]
    name = "w2"
    loss = [{ criterion = "w2" }]
"#;

fn resolved(sets: &[&str]) -> Result<kd2m::Config, String> {
    let mut source = Source::parse("test", CONFIG).unwrap();
    sets.iter().for_each(|set| source.set(set).unwrap());
    source.resolve().map_err(|error| error.to_string())
}

fn run(out: &Path, sets: &[&str]) -> Summary {
    let options = RunOptions {
        out: Some(out.to_owned()),
        threads: 1,
        existing: Existing::Refuse,
        allow_weak_teacher: true,
        no_baseline: true,
        tensorboard: false,
        ..RunOptions::default()
    };
    distill(&resolved(sets).unwrap(), &options, &mut Silent).unwrap().summary
}

#[test]
fn a_lifted_student_has_the_teacher_s_width_and_keeps_its_lift() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let summary = run(&out, &["student.head=lift"]);
    let arm = &summary.students[0];
    assert_eq!(arm.model, "mlp-3+lift64");
    assert!(arm.w2_to_teacher.is_some(), "of equal widths, without a projector");
    assert!(arm.weight.is_some_and(|weight| weight > 0.0));
    let place = out.join("students/w2/seed-1");
    let saved = kd2m_nn::weights::read_any(&place.join("student.safetensors")).unwrap();
    assert_eq!(
        (saved["lift.weight"].shape.as_slice(), saved["fc.weight"].shape.as_slice()),
        (&[64, 128][..], &[10, 64][..])
    );
    assert!(!place.join("learned.safetensors").exists());
    assert!(resolved(&["arm.0.head=lift"]).unwrap_err().contains("set student.head"));
}

#[test]
fn a_teacher_s_classifier_of_another_width_is_reached_through_a_lift() {
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions { out: Some(folder.path().join("refused")), threads: 1, ..RunOptions::default() };
    let refused = distill(&resolved(&["student.head=teacher"]).unwrap(), &options, &mut Silent);
    let why = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(why.ends_with("that is kept: student.model = \"mlp-3+lift64\""), "{why}");
    // As the message says.
    let out = folder.path().join("run");
    let sets = ["student.head=teacher", "student.model=mlp-3+lift64", "teacher.paired=false", "data.portion=1/2"];
    let summary = run(&out, &[&sets[..], &["teacher.portion=2/2"]].concat());
    assert_eq!(summary.students[0].model, "mlp-3+lift64");
    let read = |place: &str| kd2m_nn::weights::read_any(&out.join(place)).unwrap();
    let (student, bank) = (read("students/w2/seed-1/student.safetensors"), read("teacher/bank.safetensors"));
    assert_eq!(student["fc.weight"].values, bank["head.weight"].values);
    assert_eq!(student["lift.weight"].shape, [64, 128]);
}

#[test]
fn features_on_a_common_scale_have_variance_one_whatever_the_teacher_s_units() {
    let folder = tempfile::tempdir().unwrap();
    let distance = |how: &str| {
        let out = folder.path().join(how);
        let sets = ["student.head=lift", "train.epochs=1", "optim.lr=1e-6", "optim.min_lr=0"];
        let summary = run(&out, &[&sets[..], &[&format!("teacher.features_as={how}")]].concat());
        let config = fs::read_to_string(out.join("config.toml")).unwrap();
        assert_eq!(config.contains("features_as"), how != "raw");
        summary.students[0].w2_to_teacher.unwrap()
    };
    // A student that has hardly moved lies near 0: W₂² is about Σ of the teacher's variances, 64 where each is 1.
    for how in ["standard", "phi-s"] {
        let found = distance(how);
        assert!(found > 20.0 && found < 130.0, "{how}: {found}");
    }
    for set in ["student.head=teacher", "train.track_bounds=1"] {
        let why = resolved(&["teacher.features_as=whiten", set]).unwrap_err();
        assert!(why.contains("teacher.features_as changes"), "{why}");
    }
}

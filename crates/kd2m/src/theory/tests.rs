//! Every inequality of `docs/theory.md` on random networks and data, and broken cases that must be caught.

use super::{
    analysis::{Analysis, Settings, Subject},
    chain::{Chain, Verdict},
    head::Affine,
    sample::Features,
    testing::{Random, normal},
};

/// A random student and teacher: features after a ReLU, as far apart as `noise`, heads as far apart as `heads`.
struct Case {
    student: Features,
    teacher: Features,
    labels: Vec<u32>,
    student_head: Affine,
    teacher_head: Affine,
    projector: Option<Affine>,
}

struct Shape {
    n: usize,
    student: usize,
    teacher: usize,
    classes: usize,
    noise: f64,
    heads: f64,
    projector: bool,
}

fn affine(random: &mut Random, outputs: usize, inputs: usize) -> Affine {
    let weight = normal(random, outputs * inputs).into_iter().map(|x| x / (inputs as f64).sqrt()).collect();
    Affine { weight, bias: normal(random, outputs), inputs }
}

impl Case {
    fn new(seed: u64, shape: &Shape) -> Self {
        let mut random = Random::new(seed);
        let Shape { n, student, teacher, classes, noise, heads, projector } = *shape;
        let labels: Vec<u32> = (0..n).map(|_| (random.uniform().powi(2) * classes as f64) as u32).collect();
        let centres = normal(&mut random, classes * teacher);
        let own = normal(&mut random, n * teacher);
        let centre = |i: usize| centres[labels[i / teacher] as usize * teacher + i % teacher];
        let t: Vec<f64> = own.iter().enumerate().map(|(i, x)| (x + 2.0 * centre(i)).max(0.0)).collect();
        let offsets = normal(&mut random, n * student);
        let base = |i: usize| if student == teacher { t[i] } else { 0.0 };
        let s = offsets.iter().enumerate().map(|(i, x)| (base(i) + noise * x).max(0.0)).collect();
        let teacher_head = affine(&mut random, classes, teacher);
        let mut student_head = affine(&mut random, classes, student);
        if student == teacher {
            let mix = |a: &mut Vec<f64>, b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a = b + heads * *a);
            mix(&mut student_head.weight, &teacher_head.weight);
            mix(&mut student_head.bias, &teacher_head.bias);
        }
        Self {
            student: Features { values: s, width: student },
            teacher: Features { values: t, width: teacher },
            labels,
            student_head,
            teacher_head,
            projector: projector.then(|| affine(&mut random, teacher, student)),
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            student: &self.student,
            teacher: &self.teacher,
            labels: &self.labels,
            student_head: &self.student_head,
            teacher_head: &self.teacher_head,
            projector: self.projector.as_ref(),
        }
    }

    fn analyse(&self, settings: Settings) -> Analysis {
        Analysis::of(&self.subject(), settings).unwrap()
    }
}

fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    for (n, width, classes) in [(1, 3, 2), (2, 1, 2), (40, 5, 3), (90, 12, 10), (64, 70, 4)] {
        for (noise, heads) in [(0.0, 0.0), (0.1, 0.0), (0.0, 1.0), (0.3, 0.2), (3.0, 2.0)] {
            all.push(Shape { n, student: width, teacher: width, classes, noise, heads, projector: false });
        }
        let wider = Shape { n, student: width + 2, teacher: width, classes, noise: 1.0, heads: 1.0, projector: true };
        all.push(wider);
    }
    all
}

/// Statements 1 to 8 of `docs/theory.md`, exact couplings and certified bounds.
#[test]
fn every_inequality_holds_on_random_networks() {
    for (i, shape) in shapes().iter().enumerate() {
        for seed in 0..6 {
            let case = Case::new(100 * i as u64 + seed, shape);
            for settings in [Settings::new(16), Settings { exact_limit: 10, batch_size: 7 }] {
                let found = case.analyse(settings);
                assert!(found.violations().is_empty(), "shape {i}, seed {seed}: {:#?}", found.violations());
                assert_eq!(found.ways.len(), if shape.projector { 3 } else { 4 });
                assert!(found.best().bound.unwrap() >= found.student.cross_entropy * (1.0 - 1e-9));
                assert!(found.best_for_answers().wrong >= found.student.zero_one);
            }
        }
    }
}

/// Statement 4: with one network in place of both, every term between them is zero.
#[test]
fn a_student_that_is_its_teacher_loses_nothing() {
    let shape = Shape { n: 50, student: 6, teacher: 6, classes: 3, noise: 0.0, heads: 0.0, projector: false };
    let found = Case::new(1, &shape).analyse(Settings::new(16));
    for name in ["ce_gap", "w1", "w2", "cw1", "cw2", "mse", "transfer", "mismatch"] {
        assert!(found.terms[name].abs() < 1e-9, "{name}: {}", found.terms[name]);
    }
    assert!((found.terms["bound"] - found.student.cross_entropy).abs() < 1e-9);
}

/// The chains catch what is not true: the broken forms that the page warns of.
#[test]
fn broken_forms_are_caught() {
    let shape = Shape { n: 80, student: 6, teacher: 6, classes: 3, noise: 1.0, heads: 0.5, projector: false };
    let found = Case::new(2, &shape).analyse(Settings::new(16));
    assert!(found.violations().is_empty());
    // Every pair of neighbours that differ, exchanged.
    let exchanged = |chain: &Chain| {
        (1..chain.terms.len()).filter(|i| chain.terms[i - 1].upper < chain.terms[*i].lower * 0.999).all(|i| {
            let mut broken = chain.clone();
            broken.terms.swap(i - 1, i);
            broken.links().iter().any(|link| link.verdict == Verdict::Violated)
        })
    };
    assert!(found.chains.iter().all(exchanged));
    // Λ left out, as in the paper's statement: a head thirty times as steep breaks the bound.
    let mut steep = Case::new(3, &Shape { noise: 0.2, heads: 0.0, ..shape });
    for head in [&mut steep.student_head, &mut steep.teacher_head] {
        head.weight.iter_mut().for_each(|w| *w *= 30.0);
    }
    let found = steep.analyse(Settings::new(16));
    assert!(found.violations().is_empty() && found.terms["ce_gap"].abs() > found.terms["mse"].sqrt());
}

/// Statement 9: features that are exchanged between classes have W₂ = 0 and lose everything; the class-conditional form sees it.
#[test]
fn the_marginal_distance_does_not_bound_the_risk() {
    let head = Affine { weight: vec![-10.0, 10.0], bias: vec![5.0, -5.0], inputs: 1 };
    let case = Case {
        student: Features { values: vec![1.0, 0.0], width: 1 },
        teacher: Features { values: vec![0.0, 1.0], width: 1 },
        labels: vec![0, 1],
        student_head: head.clone(),
        teacher_head: head,
        projector: None,
    };
    let found = case.analyse(Settings::new(2));
    assert!(found.violations().is_empty());
    assert_eq!((found.student.zero_one, found.teacher.zero_one), (1.0, 0.0));
    assert!(found.terms["w2"] == 0.0 && found.terms["ce_gap"] > 4.0);
    assert!((found.terms["cw2"] - 1.0).abs() < 1e-12 && found.terms["bound"] >= found.student.cross_entropy);
}

/// Widths that differ without a projector: the outputs' ways remain, the rest is refused with a reason.
#[test]
fn widths_that_differ_are_refused_or_projected() {
    let shape = Shape { n: 30, student: 4, teacher: 6, classes: 3, noise: 1.0, heads: 1.0, projector: false };
    let found = Case::new(4, &shape).analyse(Settings::new(8));
    let names = |found: &Analysis| found.ways.iter().map(|way| way.by).collect::<Vec<_>>();
    assert!(names(&found) == ["logits", "probabilities"] && found.refused.len() == 1);
    assert!(found.refused[0].contains("learned no projector") && !found.terms.contains_key("w2"));
    let found = Case::new(4, &Shape { projector: true, ..shape }).analyse(Settings::new(8));
    assert!(names(&found) == ["teacher's head", "logits", "probabilities"] && found.refused.len() == 1);
    assert!(found.terms.contains_key("w2"));
}

//! Every inequality of `docs/theory.md` on random networks and data, and broken cases that must be caught.

use kd2m_ot::Options;

use super::{
    analysis::{Analysis, Settings, Subject},
    chain::{Chain, Verdict},
    distance::Pair,
    head::Affine,
    lipschitz::Lipschitz,
    risk::{cross_entropy, softmax},
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

/// Statements 1 to 8 and 11 of `docs/theory.md`, exact couplings and certified bounds.
#[test]
fn every_inequality_holds_on_random_networks() {
    for (i, shape) in shapes().iter().enumerate() {
        for seed in 0..6 {
            let case = Case::new(100 * i as u64 + seed, shape);
            for settings in [Settings::new(16), Settings { exact_limit: 10, batch_size: 7 }] {
                let found = case.analyse(settings);
                assert!(found.violations().is_empty(), "shape {i}, seed {seed}: {:#?}", found.violations());
                assert_eq!(found.bounds.len(), if shape.projector { 3 } else { 4 });
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
    let names = |found: &Analysis| found.bounds.iter().map(|way| way.by).collect::<Vec<_>>();
    assert!(names(&found) == ["logits", "probabilities"] && found.refused.len() == 1);
    assert!(found.refused[0].contains("learned no projector") && !found.terms.contains_key("w2"));
    let found = Case::new(4, &Shape { projector: true, ..shape }).analyse(Settings::new(8));
    assert!(names(&found) == ["teacher's head", "logits", "probabilities"] && found.refused.len() == 1);
    assert!(found.terms.contains_key("w2"));
}

/// Statement 1: cross entropy and 1 − p_y along random pairs; and Λ is reached, so no smaller constant will do.
#[test]
fn losses_are_lipschitz_in_the_features() {
    let mut random = Random::new(8);
    for (classes, width, scale) in [(2, 1, 1.0), (3, 5, 0.1), (10, 4, 3.0), (7, 20, 30.0)] {
        let head = affine(&mut random, classes, width);
        let lipschitz = Lipschitz::of(&head);
        for _ in 0..200 {
            let (z, step) = (normal(&mut random, width), normal(&mut random, width));
            let moved: Vec<f64> = z.iter().zip(&step).map(|(z, s)| z + scale * s).collect();
            let length = scale * step.iter().map(|s| s * s).sum::<f64>().sqrt();
            let (u, v) = (head.apply(&z), head.apply(&moved));
            for y in 0..classes {
                let most = lipschitz.by_class[y] * length * (1.0 + 1e-9);
                assert!((cross_entropy(&u, y) - cross_entropy(&v, y)).abs() <= most);
                assert!((softmax(&u)[y] - softmax(&v)[y]).abs() <= most / 4.0);
                // Statement 3: to second order, from the slope at u.
                let mut p = softmax(&u);
                p[y] -= 1.0;
                let slope: f64 = (0..width)
                    .map(|k| (0..classes).map(|c| p[c] * head.row(c)[k]).sum::<f64>().powi(2))
                    .sum::<f64>()
                    .sqrt();
                let second = slope * length + (lipschitz.largest * length).powi(2) / 8.0;
                assert!(cross_entropy(&v, y) <= (cross_entropy(&u, y) + second) * (1.0 + 1e-9));
            }
        }
    }
    // Far on the wrong side the slope is Λ itself; half-way 1 − p_y has a quarter of it.
    let head = Affine { weight: vec![1.0, 2.0, -2.0, -2.0], bias: vec![0.0; 2], inputs: 2 };
    let (largest, at) = (Lipschitz::of(&head).largest, |t: f64| head.apply(&[0.6 * t, 0.8 * t]));
    assert!((largest - 5.0).abs() < 1e-12);
    assert!(((cross_entropy(&at(-11.0), 0) - cross_entropy(&at(-10.0), 0)) - largest).abs() < 1e-9);
    let slope = (softmax(&at(1e-4))[0] - softmax(&at(-1e-4))[0]) / 2e-4;
    assert!((slope - largest / 4.0).abs() < 1e-6);
}

/// (A, B) as a pair of clouds.
fn pair<'a>(a: &'a [f64], b: &'a [f64], width: usize) -> Pair<'a> {
    Pair { a, b, width, exact_limit: 1000 }
}

/// Statement 6: L directions in orthonormal blocks sum to at most ⌈L/d⌉ W₂²; directions drawn one by one do not.
#[test]
fn slices_along_orthonormal_blocks_stay_below() {
    let mut random = Random::new(9);
    for (n, d) in [(1, 1), (1, 24), (30, 5), (25, 40)] {
        for directions in [1, 3, d, 2 * d, 2 * d + 1] {
            let (a, b) = (normal(&mut random, n * d), normal(&mut random, n * d));
            let pair = pair(&a, &b, d);
            let sliced = pair.closed(&Options::new("sw2").set("directions", directions)).unwrap();
            let blocks = directions.div_ceil(d) as f64;
            assert!(
                directions as f64 * sliced <= blocks * pair.w2().unwrap()[1] * (1.0 + 1e-9),
                "{n} {d} {directions}"
            );
        }
    }
    // Two Diracs: W₂² = ‖x − y‖² = 1. Independent directions overshoot about every other time.
    let (d, directions) = (32, 8);
    let overshoots = |random: &mut Random| {
        let squares = (0..directions).map(|_| {
            let v = normal(random, d);
            v[0] * v[0] / v.iter().map(|x| x * x).sum::<f64>()
        });
        squares.sum::<f64>() / directions as f64 > 1.0 / d as f64
    };
    assert!((0..60).filter(|_| overshoots(&mut random)).count() > 5);
}

/// Statement 7: over all batches of n of a set, mean W₂² falls with n, from the paired error at 1 to the set's own at the end.
#[test]
fn batches_fall_from_the_paired_error_to_the_whole() {
    let (size, d, mut random) = (7usize, 2, Random::new(10));
    for noise in [1.5, 4.0] {
        let a = normal(&mut random, size * d);
        let b: Vec<f64> = normal(&mut random, size * d).iter().zip(&a).map(|(x, a)| a + noise * x).collect();
        let mut means = vec![(0.0, 0.0); size + 1];
        for subset in 1usize..1 << size {
            let chosen = |x: &[f64]| -> Vec<f64> {
                (0..size).filter(|i| subset >> i & 1 == 1).flat_map(|i| x[i * d..(i + 1) * d].to_vec()).collect()
            };
            let (x, y) = (chosen(&a), chosen(&b));
            let mean = &mut means[subset.count_ones() as usize];
            *mean = (mean.0 + pair(&x, &y, d).w2().unwrap()[1], mean.1 + 1.0);
        }
        let means: Vec<f64> = means[1..].iter().map(|(sum, count)| sum / count).collect();
        assert!(means.windows(2).all(|m| m[1] <= m[0] * (1.0 + 1e-12)), "{means:?}");
        let whole = pair(&a, &b, d);
        assert!((means[0] - whole.closed(&Options::new("mse")).unwrap()).abs() < 1e-12);
        assert!((means[size - 1] - whole.w2().unwrap()[1]).abs() < 1e-12 && means[size - 1] < means[0]);
    }
}

/// Statement 10: two independent samples of one distribution are apart by no less than nearest neighbours are, n^(−2/d).
#[test]
fn independent_samples_of_one_distribution_are_apart() {
    let mut random = Random::new(11);
    // Volume of the unit ball, by its recursion over dimensions.
    let ball = |d: usize| (1..=d).fold([1.0, 2.0], |[v, w], k| [w, v * std::f64::consts::TAU / (k + 1) as f64])[0];
    assert!(
        (ball(2) - std::f64::consts::PI).abs() < 1e-12 && (ball(3) - 4.0 / 3.0 * std::f64::consts::PI).abs() < 1e-12
    );
    for d in [1, 2, 5, 20] {
        let mut last = f64::INFINITY;
        for n in [8, 64, 512] {
            let trials = if n < 100 { 20 } else { 4 };
            let mut mean = 0.0;
            for _ in 0..trials {
                // Uniform in the unit cube: the density is 1.
                let mut cloud = || (0..n * d).map(|_| random.uniform()).collect::<Vec<f64>>();
                let (a, b) = (cloud(), cloud());
                mean += pair(&a, &b, d).w2().unwrap()[1] / trials as f64;
            }
            let least = 0.5 * (2.0 * n as f64 * ball(d)).powf(-2.0 / d as f64);
            assert!(mean >= least && mean < last, "d = {d}, n = {n}: {mean} {least} {last}");
            last = mean;
        }
    }
}

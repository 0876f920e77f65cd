//! Joint forms through the registry: what they equal, their gradients to features and labels, and what they refuse.

use kd2m_ot::{
    Cloud, Options, OtError, Side, Solution,
    divergence::{Divergence, Request, registry},
};

const N: usize = 9;
const M: usize = 7;
const D: usize = 2;
const CLASSES: usize = 3;

/// Numbers in (−1, 1) without structure.
fn numbers(count: usize, phase: f64) -> Vec<f64> {
    (0..count).map(|k| (phase + 1.7 * k as f64 + 0.13 * (k * k % 101) as f64).sin()).collect()
}

fn softmax(n: usize, phase: f64) -> Vec<f64> {
    let exp: Vec<f64> = numbers(n * CLASSES, phase).iter().map(|x| x.exp()).collect();
    exp.chunks_exact(CLASSES).flat_map(|row| row.iter().map(|e| e / row.iter().sum::<f64>())).collect()
}

struct Pair {
    x: Vec<f64>,
    s: Vec<f64>,
    y: Vec<f64>,
    t: Vec<f64>,
}

impl Pair {
    fn new(seed: f64) -> Self {
        let (x, y) = (numbers(N * D, seed), numbers(M * D, seed + 0.5));
        Self { x, s: softmax(N, seed + 1.0), y, t: softmax(M, seed + 2.0) }
    }

    fn evaluate(&self, options: &Options) -> Solution<f64> {
        let a = Cloud::new(Side::A, &self.x, N, D).unwrap().with_soft_labels(&self.s, CLASSES).unwrap();
        let b = Cloud::new(Side::B, &self.y, M, D).unwrap().with_soft_labels(&self.t, CLASSES).unwrap();
        Divergence::<f64>::evaluate(&*registry::build(options).unwrap(), &a, &b, Request::GRADIENT).unwrap()
    }
}

#[test]
fn joint_w2_is_jw2() {
    for (seed, beta) in [(0.1, "auto"), (0.9, "0.3"), (1.7, "0"), (2.2, "40")] {
        let pair = Pair::new(seed);
        let [joint, jw2] = ["joint-w2", "jw2"].map(|name| pair.evaluate(&Options::new(name).set("beta", beta)));
        assert!((joint.value - jw2.value).abs() < 1e-12 * jw2.value, "{} {}", joint.value, jw2.value);
        let (g, h) = (joint.gradient.unwrap(), jw2.gradient.unwrap());
        let (soft_g, soft_h) = (g.soft_labels.unwrap(), h.soft_labels.unwrap());
        let pairs = g.features.iter().zip(&h.features).chain(soft_g.iter().zip(&soft_h));
        assert!(pairs.clone().count() == N * (D + CLASSES) && pairs.into_iter().all(|(g, h)| (g - h).abs() < 1e-12));
    }
}

#[test]
fn gradients_match_finite_differences_with_beta_held() {
    for name in ["joint-sinkhorn", "joint-energy", "joint-mmd-rbf", "joint-gaussian-w2-diag", "joint-sw2"] {
        let options = Options::new(name).set("beta", 0.7);
        let options = match name {
            "joint-sinkhorn" => options.set("epsilon", 0.5).set("tolerance", 1e-12).set("iterations", 100_000),
            "joint-mmd-rbf" => options.set("bandwidth", 1.5),
            _ => options,
        };
        let pair = Pair::new(0.4);
        let gradient = pair.evaluate(&options).gradient.unwrap();
        let check = |analytic: &[f64], moved: &dyn Fn(usize, f64) -> Pair| {
            for (k, found) in analytic.iter().enumerate() {
                let at = |step: f64| moved(k, step).evaluate(&options).value;
                let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((numeric - found).abs() < 1e-6, "{name} {k}: {numeric} {found}");
            }
        };
        check(&gradient.features, &|k, step| {
            let mut moved = Pair::new(0.4);
            moved.x[k] += step;
            moved
        });
        check(&gradient.soft_labels.unwrap(), &|k, step| {
            let mut moved = Pair::new(0.4);
            moved.s[k] += step;
            moved
        });
    }
}

#[test]
fn hard_labels_count_as_one_hot_and_have_no_gradient() {
    let (x, y) = (numbers(3 * D, 0.2), numbers(3 * D, 0.8));
    let solve = |labels: [u32; 3]| {
        let a = Cloud::new(Side::A, &x, 3, D).unwrap().with_labels(&[5, 9, 9]).unwrap();
        let b = Cloud::new(Side::B, &y, 3, D).unwrap().with_labels(&labels).unwrap();
        let metric = registry::build(&Options::new("joint-mse").set("beta", 3)).unwrap();
        Divergence::<f64>::evaluate(&*metric, &a, &b, Request::GRADIENT).unwrap()
    };
    // One of three pairs with other labels: ‖one-hot difference‖² = 2, times β = 3, over three.
    let difference = solve([5, 9, 5]).value - solve([5, 9, 9]).value;
    assert!((difference - 2.0).abs() < 1e-12, "{difference}");
    assert!(solve([5, 9, 5]).gradient.unwrap().soft_labels.is_none());
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let error = |name: &str| registry::build(&Options::new(name)).err().unwrap().to_string();
    assert!(error("joint-jw2").contains("joint already"));
    assert!(error("joint-sinkhrn").contains("joint-sinkhorn"), "{}", error("joint-sinkhrn"));
    let x = numbers(3 * D, 0.2);
    let cloud = Cloud::new(Side::A, &x, 3, D).unwrap();
    let metric = registry::build(&Options::new("joint-energy")).unwrap();
    let found = Divergence::<f64>::evaluate(&*metric, &cloud, &cloud, Request::VALUE).unwrap_err();
    assert_eq!(found, OtError::LabelsMissing { metric: "joint-energy".into(), side: Side::A });
}

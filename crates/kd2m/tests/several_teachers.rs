//! Two teachers with a loss each give what two separate losses give.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m::{
    batch::{Batch, Outputs, host},
    config::{Config, Source},
    criterion::{NetworkShapes, Shapes},
    engine::Mode,
    objective::{Backward, Objective},
    teacher::several,
};
use kd2m_nn::init::uniform;

const N: usize = 12;
const CLASSES: usize = 3;
/// The student's width, which is the second teacher's; the first is wider, so its loss learns a map.
const WIDTHS: [usize; 3] = [5, 7, 5];

fn matrix(name: &str, width: usize) -> Tensor<2> {
    let data = TensorData::new(uniform(1, name, N * width, 1.0), [N, width]);
    Tensor::from_data(data, &Device::flex())
}

fn outputs(name: &str, width: usize) -> Outputs {
    Outputs::new(matrix(&format!("{name} f"), width), matrix(&format!("{name} l"), CLASSES))
}

/// An arm of these losses; several teachers where they name one.
fn config(losses: &[(&str, f64, Option<usize>)]) -> Config {
    let one = |name: &str| format!("[[teacher]]\nmodel = \"mlp-3\"\nweights = \"w.pth\"\nname = \"{name}\"\n");
    let named = losses.iter().any(|(.., teacher)| teacher.is_some());
    let teachers = if named { one("a") + &one("b") } else { "[teacher]\nmodel = \"mlp-3\"\n".to_owned() };
    let loss = |(criterion, weight, teacher): &(&str, f64, Option<usize>)| {
        let teacher = teacher.map_or(String::new(), |place| format!("teacher = {place}\n"));
        format!("[[arm.loss]]\ncriterion = \"{criterion}\"\nweight = {weight}\n{teacher}")
    };
    let losses: String = losses.iter().map(loss).collect();
    let rest = "name = \"x\"\n[data]\ndataset = \"digits\"\n[student]\nmodel = \"mlp-3\"\n[train]\nce_weight = 0\n[[arm]]\nname = \"a\"\n";
    Source::parse("x", &format!("{rest}{losses}{teachers}")).unwrap().resolve().unwrap()
}

/// Value and gradient at the student's features and logits of one batch, and the value of each term.
fn trained(losses: &[(&str, f64, Option<usize>)], teacher: &Outputs, shapes: NetworkShapes) -> (Vec<f64>, Vec<f32>) {
    let config = config(losses);
    let student = outputs("student", WIDTHS[0]);
    let maps = Vec::new();
    let shapes = Shapes {
        student: NetworkShapes { features: WIDTHS[0], maps },
        teacher: shapes,
        classes: CLASSES,
        train: Vec::new(),
    };
    let mut objective = Objective::new(&config, &config.arms[0], &shapes, &Device::flex(), 3).unwrap();
    let labels: Vec<u32> = (0..N as u32).map(|i| i % CLASSES as u32).collect();
    let indices: Vec<u32> = (0..N as u32).collect();
    let batch =
        Batch { labels: &labels, indices: &indices, seed: 1, mode: Mode::Train, ..Batch::new(&student, teacher) };
    let mut value = objective.evaluate(&batch, 1.0).unwrap();
    let how = Backward { batches: 1, told: false };
    let gradients = objective.backward(&mut value, &student, None, how).unwrap();
    let terms = value.terms.iter().map(|term| term.weighted).collect();
    let [features, logits] = [gradients.features, gradients.logits].map(|g| g.map_or(vec![], |g| host(&g).unwrap()));
    let padded = |values: Vec<f32>, width: usize| if values.is_empty() { vec![0.0; N * width] } else { values };
    (terms, [padded(features, WIDTHS[0]), padded(logits, CLASSES)].concat())
}

#[test]
fn two_teachers_with_a_loss_each_are_two_separate_losses() {
    let [a, b] = [outputs("a", WIDTHS[1]), outputs("b", WIDTHS[2])];
    let vectors = |width: usize| NetworkShapes { features: width, maps: Vec::new() };
    let together = {
        let features = Tensor::cat(vec![a.features.clone(), b.features.clone()], 1);
        let maps = several::as_maps(0, &a).into_iter().chain(several::as_maps(1, &b)).collect();
        Outputs { maps, ..Outputs::new(features, (a.logits.clone() + b.logits.clone()) / 2.0) }
    };
    let shapes = NetworkShapes {
        features: WIDTHS[1] + WIDTHS[2],
        maps: several::shapes([[WIDTHS[1], CLASSES], [WIDTHS[2], CLASSES]].into_iter()),
    };
    let named = [("w2", 0.5, Some(0)), ("mse", 0.25, Some(1)), ("hinton", 2.0, Some(1))];
    let (terms, gradient) = trained(&named, &together, shapes);
    let alone = [
        trained(&[("w2", 0.5, None)], &a, vectors(WIDTHS[1])),
        trained(&[("mse", 0.25, None)], &b, vectors(WIDTHS[2])),
        trained(&[("hinton", 2.0, None)], &b, vectors(WIDTHS[2])),
    ];
    for (term, (separate, _)) in terms.iter().zip(&alone) {
        assert!((term - separate[0]).abs() <= 1e-9 * separate[0].abs(), "{terms:?}");
    }
    let sum = |at: usize| alone.iter().map(|(_, gradient)| f64::from(gradient[at])).sum::<f64>();
    assert_eq!(gradient.len(), N * (WIDTHS[0] + CLASSES));
    for (at, found) in gradient.iter().enumerate() {
        assert!((f64::from(*found) - sum(at)).abs() < 1e-6, "{at}: {found} for {}", sum(at));
    }
    // And what the definition says: the mean over samples of squared distances, in f64.
    let (x, y) = (host(&outputs("student", WIDTHS[0]).features).unwrap(), host(&b.features).unwrap());
    let mse = x.iter().zip(&y).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum::<f64>() / N as f64;
    assert!((terms[1] - 0.25 * mse).abs() < 1e-6 * mse, "{} for {mse}", terms[1]);
}

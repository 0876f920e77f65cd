//! Knowledge review: from the deepest stage to the shallowest the student's maps are fused with what came from deeper ones, by learned
//! attention (ABF), and each fused map is compared with the teacher's at several scales (HCL). Chen, Liu, Zhao and Jia 2021, "Distilling
//! knowledge via knowledge review". As the authors' CIFAR code: the features are the deepest map, of one position; widths in between are
//! min(512, feature width); a batch norm behind both convolutions, here with the batch's statistics in evaluation too.

use burn::tensor::{
    Device, Int, Tensor, TensorData,
    activation::sigmoid,
    module::{adaptive_avg_pool2d, conv2d},
    ops::ConvOptions,
};
use kd2m_nn::init::uniform;

use crate::{
    batch::Batch,
    criterion::{Criterion, Recipe, Term},
    entry::Entry,
    error::CriterionError,
    parameters::ParameterSet,
    shapes::{Needs, Shapes},
    stages::{Choice, StageChoice, Stages},
};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "review",
    aliases: &["reviewkd"],
    formula: "Σ over stages of HCL(fused F_S, F_T): squared differences at full size and pooled to 4, 2, 1, weights 1, ½, ¼, …",
    source: "Chen et al. 2021, Knowledge review",
    cost: "O(n·h·w·mid·(c_S + 9·c_T)) a stage, mid = min(512, d)",
    when: "the strongest of the methods on maps in most tables; long training, wide networks",
    weight: 1.0,
    options: &[Choice::All.option()],
    build: |o| Ok(Box::new(ReviewOptions { stages: StageChoice::parse(o, Choice::All)? })),
};

/// The widest that fused maps are.
const WIDEST: usize = 512;
/// PyTorch's default.
const BATCH_NORM_EPS: f64 = 1e-5;

/// Which stages.
#[derive(Debug, Clone)]
struct ReviewOptions {
    stages: StageChoice,
}

impl Recipe for ReviewOptions {
    fn needs(&self) -> Needs {
        Needs { features: true, ..self.stages.needs() }
    }

    fn init(&self, shapes: &Shapes, device: &Device, seed: u64) -> Result<Box<dyn Criterion>, CriterionError> {
        let (stages, mut parameters) = (self.stages.resolve(shapes)?, ParameterSet::new(device));
        let middle = shapes.student.features.min(WIDEST);
        let named = stages.pairs().map(|(pair, size)| {
            let widths = [size.student_channels, middle, size.teacher_channels];
            (pair.student.clone(), widths)
        });
        let features = ("features".to_owned(), [shapes.student.features, middle, shapes.teacher.features]);
        let all: Vec<(String, [usize; 3])> = named.chain([features]).collect();
        let deepest = all.len() - 1;
        let fusions = all.iter().enumerate();
        let fusions = fusions.map(|(at, (key, widths))| Fusion::new(&mut parameters, key, *widths, at < deepest, seed));
        Ok(Box::new(Review { fusions: fusions.collect(), stages, parameters }))
    }
}

/// Cost O(n · h · w · mid · (c_S + 9 c_T)) a stage. Choose it for long training on maps.
struct Review {
    stages: Stages,
    /// One a stage, the shallowest first, and one of the features.
    fusions: Vec<Fusion>,
    parameters: ParameterSet,
}

impl Criterion for Review {
    fn needs(&self) -> Needs {
        Needs { features: true, ..self.stages.needs() }
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Term, CriterionError> {
        let one_position = |x: &Tensor<2>| {
            let [n, d] = x.dims();
            x.clone().reshape([n, d, 1, 1])
        };
        let mut maps = self.stages.maps(batch)?;
        maps.push([one_position(&batch.student.features), one_position(&batch.teacher.features)]);
        let mut deeper = None;
        let mut losses = Vec::with_capacity(maps.len());
        for (fusion, [student, teacher]) in self.fusions.iter().zip(maps).rev() {
            let (fused, seen) = fusion.forward(&self.parameters, student, deeper.take(), &teacher);
            losses.push(at_several_scales(fused, teacher));
            deeper = Some(seen);
        }
        Ok(Term::sum(batch, losses.into_iter()))
    }

    fn learned(&mut self) -> Option<&mut ParameterSet> {
        Some(&mut self.parameters)
    }
}

/// A convolution without bias with batch norm behind it.
struct Convolution {
    weight: usize,
    scale: usize,
    shift: usize,
    padding: usize,
}

impl Convolution {
    fn new(parameters: &mut ParameterSet, key: &str, [from, to]: [usize; 2], side: usize, seed: u64) -> Self {
        let weight_key = format!("{key}.weight");
        let fan = from * side * side;
        let weight = uniform(seed, &weight_key, to * fan, 1.0 / (fan as f32).sqrt());
        Self {
            weight: parameters.push(&weight_key, &[to, from, side, side], weight),
            scale: parameters.push(&format!("{key}.scale"), &[to], vec![1.0; to]),
            shift: parameters.push(&format!("{key}.shift"), &[to], vec![0.0; to]),
            padding: side / 2,
        }
    }

    fn forward(&self, parameters: &ParameterSet, map: Tensor<4>) -> Tensor<4> {
        let tracked = map.is_autodiff();
        let options = ConvOptions::new([1, 1], [self.padding; 2], [1, 1], 1);
        let y = conv2d(map, parameters.get::<4>(self.weight, tracked), None, options);
        let [_, c, _, _] = y.dims();
        let channel = |index| parameters.get::<1>(index, tracked).reshape([1, c, 1, 1]);
        let over = |x: Tensor<4>| x.mean_dim(0).mean_dim(2).mean_dim(3);
        let centred = y.clone() - over(y);
        let variance = over(centred.clone().square());
        centred / (variance + BATCH_NORM_EPS).sqrt() * channel(self.scale) + channel(self.shift)
    }
}

/// Attention-based fusion of a stage with what came from deeper ones.
struct Fusion {
    squeeze: Convolution,
    spread: Convolution,
    /// Weight `[2, 2 · mid, 1, 1]` and bias `[2]` of the attention; none of the deepest.
    attention: Option<[usize; 2]>,
}

impl Fusion {
    fn new(
        parameters: &mut ParameterSet,
        key: &str,
        [student, middle, teacher]: [usize; 3],
        fuses: bool,
        seed: u64,
    ) -> Self {
        let squeeze = Convolution::new(parameters, &format!("{key}.squeeze"), [student, middle], 1, seed);
        let spread = Convolution::new(parameters, &format!("{key}.spread"), [middle, teacher], 3, seed);
        let attention = fuses.then(|| {
            let (weight, bias) = (format!("{key}.attention.weight"), format!("{key}.attention.bias"));
            let bound = 1.0 / ((2 * middle) as f32).sqrt();
            let values = uniform(seed, &weight, 4 * middle, bound);
            [
                parameters.push(&weight, &[2, 2 * middle, 1, 1], values),
                parameters.push(&bias, &[2], uniform(seed, &bias, 2, bound)),
            ]
        });
        Self { squeeze, spread, attention }
    }

    /// What is compared with the teacher's map, and what the next shallower stage sees.
    fn forward(
        &self,
        parameters: &ParameterSet,
        map: Tensor<4>,
        deeper: Option<Tensor<4>>,
        teacher: &Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        let tracked = map.is_autodiff();
        let mut own = self.squeeze.forward(parameters, map);
        if let (Some([weight, bias]), Some(deeper)) = (&self.attention, deeper) {
            let [_, _, h, w] = own.dims();
            let deeper = nearest(deeper, [h, w]);
            let both = Tensor::cat(vec![own.clone(), deeper.clone()], 1);
            let bias = Some(parameters.get::<1>(*bias, tracked));
            let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
            let attention = sigmoid(conv2d(both, parameters.get::<4>(*weight, tracked), bias, options));
            own = own * attention.clone().narrow(1, 0, 1) + deeper * attention.narrow(1, 1, 1);
        }
        let [_, _, h, w] = teacher.dims();
        let own = nearest(own, [h, w]);
        (self.spread.forward(parameters, own.clone()), own)
    }
}

/// Nearest neighbours, as PyTorch's `interpolate` takes them.
fn nearest(map: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = map.dims();
    if [h, w] == [height, width] {
        return map;
    }
    let device = map.device().without_autodiff();
    let index = |from: usize, to: usize| {
        let places: Vec<i32> = (0..to).map(|i| (i * from / to) as i32).collect();
        Tensor::<1, Int>::from_data(TensorData::new(places, [to]), &device)
    };
    map.select(2, index(h, height)).select(3, index(w, width))
}

/// Hierarchical context loss: mean squared differences at full size and pooled to 4, 2 and 1 where these are smaller, weights halved
/// from one to the next and divided by their sum.
fn at_several_scales(student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
    let [_, _, height, _] = student.dims();
    let mut loss = (student.clone() - teacher.clone()).square().mean();
    let (mut weight, mut sum) = (1.0, 1.0);
    for side in [4, 2, 1].into_iter().filter(|side| *side < height) {
        weight /= 2.0;
        sum += weight;
        let pooled = |map: &Tensor<4>| adaptive_avg_pool2d(map.clone(), [side, side]);
        loss = loss + (pooled(&student) - pooled(&teacher)).square().mean() * weight;
    }
    loss / sum
}

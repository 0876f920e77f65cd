//! Inter-channel correlation: ‖rows(G_S) − rows(G_T)‖²_F / c, averaged over samples; G = F Fᵀ over channels (c × c) of
//! a sample, rows scaled to length 1, the student's map through a learned 1×1 convolution with batch norm. Liu et al.
//! 2021, "Exploring inter-channel correlation" (ICKD-C).

use burn::tensor::Tensor;

use crate::{
    entry::Entry,
    on_stages::{OnStages, StageLoss},
    parameters::ParameterSet,
    regressor::Regressor,
    stages::{Choice, PairShape},
    unit::{ZERO, inverse_root, positions, unit},
};

/// How it is found.
pub const ENTRY: Entry = Entry {
    name: "ickd",
    aliases: &["inter-channel"],
    formula: "‖rows(G_S) − rows(G_T)‖²_F / c, mean over samples, G = F Fᵀ over channels, r(F_S) learned",
    source: "Liu et al. 2021, Inter-channel correlation (ICKD-C)",
    cost: "O(n·h·w·c_T·(c_S + min(c_T, h·w)))",
    when: "the diversity of the teacher's channels matters; maps may differ in size",
    weight: 2.5,
    options: OnStages::<Ickd>::OPTIONS,
    build: OnStages::<Ickd>::build,
};

/// Cost O(n · h · w · c_T · (c_S + min(c_T, h · w))). Choose it where the diversity of the teacher's channels matters;
/// maps may differ in size.
struct Ickd(Regressor);

/// Σ over samples of ‖rows(G_S) − rows(G_T)‖²_F for channels `[n, c, positions]`, whose numbers of positions may
/// differ.
fn difference(student: Tensor<3>, teacher: Tensor<3>) -> Tensor<1> {
    let ([_, channels, area], [_, _, other]) = (student.dims(), teacher.dims());
    match area * other <= channels * channels {
        true => over_positions(student, teacher),
        false => (correlations(student) - correlations(teacher)).square().sum(),
    }
}

/// Inner products of a sample's channels `[n, c, c]`, each row of length 1.
fn correlations(channels: Tensor<3>) -> Tensor<3> {
    unit(channels.clone().matmul(channels.swap_dims(1, 2)), 2)
}

/// The same without a matrix over channels, for deep stages: ⟨g_i, h_i⟩ of rows g_i of S Sᵀ and h_i of T Tᵀ is s_iᵀ (Sᵀ
/// T) t_i, and unit rows differ by 2 − 2 cos.
fn over_positions(student: Tensor<3>, teacher: Tensor<3>) -> Tensor<1> {
    let products = |a: &Tensor<3>, b: &Tensor<3>| {
        let moment = a.clone().swap_dims(1, 2).matmul(b.clone());
        (a.clone().matmul(moment) * b.clone()).sum_dim(2)
    };
    let (of_student, of_teacher) = (products(&student, &student), products(&teacher, &teacher));
    // A dead channel's row is zero, of length 0 instead of 1.
    let length = |squared: &Tensor<3>| squared.clone().inner().greater_elem(ZERO).float().sum();
    let lengths = length(&of_student) + length(&of_teacher);
    let cosines = products(&student, &teacher) * inverse_root(of_student, ZERO) * inverse_root(of_teacher, ZERO);
    lengths - cosines.sum() * 2.0
}

impl StageLoss for Ickd {
    const STAGES: Choice = Choice::Last;
    const POOLED: bool = false;

    fn new(parameters: &mut ParameterSet, key: &str, size: PairShape, seed: u64) -> Self {
        let widths = [size.student_channels, size.teacher_channels];
        Self(Regressor::new(parameters, key, widths, false, seed))
    }

    fn loss(&self, parameters: &ParameterSet, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
        let (student, teacher) = (self.0.forward(parameters, student), positions(teacher));
        let [n, channels, _] = teacher.dims();
        difference(student, teacher) / (n * channels) as f64
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::batch::host;

    #[test]
    fn both_forms_give_one_value_and_gradient() {
        let device = Device::flex();
        device.seed(3);
        for (channels, area, other) in [(6, 4, 4), (5, 2, 3), (3, 4, 1)] {
            let draw = |area| Tensor::<3>::random([2, channels, area], Distribution::Normal(0.0, 1.0), &device);
            // The first channel of the student and the last of the teacher are dead.
            let dead = |x: Tensor<3>, channel: usize| {
                x.clone()
                    - x.narrow(1, channel, 1) * Tensor::<2>::eye(channels, &device).narrow(1, channel, 1).unsqueeze()
            };
            let (student, teacher) = (dead(draw(area), 0), dead(draw(other), channels - 1));
            let evaluate = |form: fn(Tensor<3>, Tensor<3>) -> Tensor<1>| {
                let leaf = crate::batch::leaf(&student);
                let loss = form(leaf.clone(), teacher.clone());
                let value = host(&loss).unwrap()[0];
                (value, leaf.grad_remove(&mut loss.backward()).map(|g| host(&g).unwrap()).unwrap())
            };
            let (value, gradient) = evaluate(over_positions);
            let (expected, slope) = evaluate(|s, t| (correlations(s) - correlations(t)).square().sum());
            assert!((value - expected).abs() < 1e-5 * expected, "{channels}: {value} {expected}");
            let worst = gradient.iter().zip(&slope).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst < 1e-4 && slope.iter().any(|g| g.abs() > 1e-2), "{channels}: off by {worst}");
        }
    }
}

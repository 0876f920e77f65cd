//! The W2 criterion in a training loop of your own, with your own Burn tensors: a linear student and the projector from its width to the
//! teacher's learn the distribution of a fixed teacher's features from unlabelled inputs (the distribution, not the map: a rotation of the
//! inputs is as good). `cargo run --release -p kd2m --example own_loop`

use burn::tensor::{Device, Distribution, Tensor};
use kd2m::{
    Batch, Outputs,
    criterion::{CriterionConfig, Shapes},
    engine::Update,
    objective::scalar,
};

/// What a linear network says about inputs `[n, 8]`: features `[n, d]`, with the first two as logits.
fn outputs(inputs: &Tensor<2>, weight: &Tensor<2>) -> Outputs {
    let features = inputs.clone().matmul(weight.clone());
    Outputs::new(features.clone(), features.narrow(1, 0, 2))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    device.seed(0);
    let mut criterion = CriterionConfig::new("w2").init(&Shapes::vectors([4, 6], 2), &device, 0)?;

    let random = |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), &device);
    let (truth, mut weight) = (random([8, 6]), random([8, 4]));
    for step in 0..200 {
        let inputs = random([128, 8]);
        let tracked = weight.clone().autodiff().require_grad();
        let (student, teacher) = (outputs(&inputs, &tracked), outputs(&inputs, &truth));
        let batch = Batch::new(&student, &teacher).step(step);
        let loss = criterion.evaluate(&batch)?.loss;
        if step % 50 == 0 {
            println!("step {step}: W2 squared {:.4}", scalar(&loss)?);
        }
        let mut gradients = loss.backward();
        if let Some(gradient) = tracked.grad(&gradients) {
            weight = weight - gradient * 0.05;
        }
        // An optimizer of Burn may step it in this one's place: what is learned is a module (see the first page of `kd2m-loss`).
        if let Some(projector) = criterion.learned() {
            projector.collect(&mut gradients);
            projector.step(&Update::sgd(0.05, 0.0));
        }
    }
    Ok(())
}

//! Several networks as one: the mean of their features and of their logits, each through its own eyes. Forward only.

use burn::tensor::{Device, Tensor};
use kd2m_nn::{NamedTensor, Weights};

use super::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update, inner::only_forward};
use crate::batch::{CopyError, Outputs};

/// Networks of equal widths.
pub struct Average {
    members: Vec<Box<dyn Engine>>,
    device: Device,
}

impl Average {
    /// Outputs are on `device`, where the members' are.
    pub fn new(members: Vec<Box<dyn Engine>>, device: Device) -> Self {
        Self { members, device }
    }
}

impl Engine for Average {
    only_forward!();

    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        let all: Vec<Outputs> =
            self.members.iter_mut().map(|member| member.forward(images, mode)).collect::<Result<_, _>>()?;
        let mean = |of: fn(&Outputs) -> &Tensor<2>| {
            let sum = all.iter().map(of).cloned().reduce(|sum, x| sum + x);
            sum.map(|sum| sum / all.len() as f32).ok_or(EngineError::NoForward)
        };
        Ok(Outputs::new(mean(|outputs| &outputs.features)?, mean(|outputs| &outputs.logits)?))
    }

    fn arithmetic(&self) -> String {
        let all: Vec<String> = self.members.iter().map(|member| member.arithmetic()).collect();
        format!("mean of {}", all.join("; "))
    }

    fn device(&self) -> Device {
        self.device.clone()
    }
}

#[cfg(test)]
mod tests {
    use kd2m_nn::{
        init::initialise,
        zoo::{self, ZooOptions},
    };

    use super::*;
    use crate::{batch::host, device::DeviceChoice, engine::choose::engine};

    #[test]
    fn outputs_are_means() {
        let graph = zoo::build("mlp-3", &ZooOptions::new(4, 1, 3, 3)).unwrap();
        let make = |seed| engine(DeviceChoice::Cpu, 1, &graph, &initialise(&graph, seed), &[], false).unwrap();
        let pixels: Vec<f32> = (0..18).map(|i| i as f32 / 18.0).collect();
        let run = |engine: &mut dyn Engine| {
            let outputs = engine.forward(Images { pixels: &pixels, n: 2 }, Mode::Evaluate).unwrap();
            [host(&outputs.features).unwrap(), host(&outputs.logits).unwrap()].concat()
        };
        let alone: Vec<Vec<f32>> = (1..=3).map(|seed| run(make(seed).as_mut())).collect();
        let all = run(&mut Average::new((1..=3).map(make).collect(), Device::flex()));
        for (i, found) in all.iter().enumerate() {
            let mean = alone.iter().map(|outputs| f64::from(outputs[i])).sum::<f64>() / 3.0;
            assert!((f64::from(*found) - mean).abs() < 1e-6, "{found} for {mean}");
        }
        let mut frozen = Average::new(vec![make(1)], Device::flex());
        assert!(matches!(frozen.backward(&OutputGradients::default(), Then::Accumulate), Err(EngineError::Frozen)));
    }
}

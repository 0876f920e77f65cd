//! Several networks as one, each through its own eyes: the mean of their features, or these side by side, the mean of their logits, and, where
//! they are asked for, the outputs of single ones. Forward only.

use burn::tensor::{Device, Tensor};
use kd2m_nn::{NamedTensor, Weights};

use super::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update, inner::only_forward};
use crate::{
    batch::{CopyError, Outputs},
    frozen::Together,
    teacher::several,
};

/// Networks that answer together.
pub struct Average {
    members: Vec<Box<dyn Engine>>,
    together: Together,
    /// The outputs of single networks that are handed out, by their names among maps.
    singles: Vec<String>,
    device: Device,
}

impl Average {
    /// Outputs are on `device`, where the members' are.
    pub fn new(members: Vec<Box<dyn Engine>>, together: Together, singles: &[String], device: Device) -> Self {
        Self { members, together, singles: singles.to_vec(), device }
    }
}

/// The mean of at least one matrix.
fn mean(matrices: impl ExactSizeIterator<Item = Tensor<2>>) -> Result<Tensor<2>, EngineError> {
    let count = matrices.len() as f32;
    matrices.reduce(|sum, x| sum + x).map(|sum| sum / count).ok_or(EngineError::NoForward)
}

impl Engine for Average {
    only_forward!();

    fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
        let all: Vec<Outputs> =
            self.members.iter_mut().map(|member| member.forward(images, mode)).collect::<Result<_, _>>()?;
        let features = all.iter().map(|outputs| outputs.features.clone());
        let features = if self.together.beside { Tensor::cat(features.collect(), 1) } else { mean(features)? };
        let logits = mean(self.together.voters.iter().map(|voter| all[*voter].logits.clone()))?;
        let maps = all.iter().enumerate().flat_map(|(member, outputs)| several::as_maps(member, outputs));
        let asked = |(name, _): &(_, _)| self.singles.iter().any(|single| **single == *AsRef::<str>::as_ref(name));
        Ok(Outputs { maps: maps.filter(asked).collect(), ..Outputs::new(features, logits) })
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
        let together = Together { beside: false, voters: vec![0, 1, 2] };
        let all = run(&mut Average::new((1..=3).map(make).collect(), together.clone(), &[], Device::flex()));
        for (i, found) in all.iter().enumerate() {
            let mean = alone.iter().map(|outputs| f64::from(outputs[i])).sum::<f64>() / 3.0;
            assert!((f64::from(*found) - mean).abs() < 1e-6, "{found} for {mean}");
        }
        let mut frozen = Average::new(vec![make(1)], together, &[], Device::flex());
        assert!(matches!(frozen.backward(&OutputGradients::default(), Then::Accumulate), Err(EngineError::Frozen)));
    }

    #[test]
    fn widths_that_differ_stand_side_by_side_and_single_ones_are_handed_out() {
        let graph = |name, classes| zoo::build(name, &ZooOptions::new(classes, 1, 8, 8)).unwrap();
        let graphs = [graph("mlp-3", 4), graph("digits-cnn-student", 7), graph("mlp-3", 4)];
        let make = |place: usize| {
            engine(DeviceChoice::Cpu, 1, &graphs[place], &initialise(&graphs[place], 1 + place as u64), &[], false)
                .unwrap()
        };
        let pixels: Vec<f32> = (0..128).map(|i| i as f32 / 128.0).collect();
        let images = Images { pixels: &pixels, n: 2 };
        let alone: Vec<Outputs> = (0..3).map(|place| make(place).forward(images, Mode::Evaluate).unwrap()).collect();
        let together = Together { beside: true, voters: vec![0, 2] };
        let asked = several::names(1);
        let mut engine = Average::new((0..3).map(make).collect(), together, &asked, Device::flex());
        let all = engine.forward(images, Mode::Evaluate).unwrap();
        assert_eq!((all.features.dims(), all.maps.len()), ([2, 128 + 64 + 128], 2));
        let row = |tensor: &Tensor<2>, row: usize| {
            let width = tensor.dims()[1];
            host(tensor).unwrap()[row * width..(row + 1) * width].to_vec()
        };
        for sample in 0..2 {
            let beside: Vec<f32> = alone.iter().flat_map(|outputs| row(&outputs.features, sample)).collect();
            assert_eq!(row(&all.features, sample), beside);
            let means = row(&alone[0].logits, sample)
                .into_iter()
                .zip(row(&alone[2].logits, sample))
                .map(|(a, b)| (a + b) / 2.0);
            assert_eq!(row(&all.logits, sample), means.collect::<Vec<f32>>());
        }
        let own = several::of_member(&all, 1).unwrap();
        assert_eq!(host(&own.features).unwrap(), host(&alone[1].features).unwrap());
        assert_eq!(host(&own.logits).unwrap(), host(&alone[1].logits).unwrap());
        assert!(several::of_member(&all, 0).is_none());
    }
}

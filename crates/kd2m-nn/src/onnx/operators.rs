//! What each ONNX operator is as a layer; an operator or a setting that no layer has is an error. An importer takes the attributes
//! that it reads out of the set, and what is left in it refuses the operator.

use super::{
    attributes::{Attributes, float_type},
    import::{Flow, Import, axis},
    proto::NodeProto,
    window::Window,
};
use crate::{
    graph::Shape,
    layer::{BatchNorm, Conv, Init, Layer, Linear, Pool},
};

const KNOWN: &str = "Add, AveragePool, BatchNormalization, Cast, Clip, Concat, Constant, Conv, Dropout, Flatten, Gemm, \
                     GlobalAveragePool, Identity, MatMul, MaxPool, ReduceMean, Relu, Reshape, Slice, Split, Squeeze, \
                     Transpose, arithmetic of sizes, and Add, Sub, Mul, Div with constants on the images";

impl Import {
    /// Adds what one operator does.
    pub fn operator(&mut self, node: &NodeProto) -> Result<(), String> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(format!("of {} is not one that a graph has", node.domain));
        }
        if node.output.first().is_some_and(|output| self.taken_in.contains(output)) {
            return Ok(());
        }
        let mut attributes = Attributes::of(node)?;
        if !self.fold(node, &mut attributes)? {
            self.layer(node, &mut attributes)?;
        }
        attributes.finish()
    }

    fn layer(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        match node.op_type.as_str() {
            "Conv" => self.conv(node, attributes),
            "BatchNormalization" => self.batch_norm(node, attributes),
            "Gemm" => self.gemm(node, attributes),
            "MatMul" => self.mat_mul(node),
            "Relu" => self.unary(node, Layer::Relu),
            "Clip" => self.clip(node, attributes),
            "Add" | "Sub" | "Mul" | "Div" if node.input.iter().any(|name| self.constants.contains_key(name)) => {
                Err("with a constant is a layer on the images only, or as the bias of a MatMul".to_owned())
            }
            "Add" => {
                let inputs = [self.input(node, 0)?, self.input(node, 1)?];
                let name = self.name(node);
                self.add(node, &name, Layer::Add, &inputs);
                Ok(())
            }
            "Concat" => self.concat(node, attributes),
            "MaxPool" => {
                attributes.only("storage_order", 0, 0)?;
                let (pool, _) = self.pool(node, attributes)?;
                self.unary(node, Layer::MaxPool(pool))
            }
            "AveragePool" => {
                let (pool, counts) = self.pool(node, attributes)?;
                if pool.padding != [0; 2] && !counts {
                    return Err("count_include_pad = 0 with padding is not a layer, only 1 is".to_owned());
                }
                self.unary(node, Layer::AvgPool(pool))
            }
            "GlobalAveragePool" => self.global_average(node, true),
            "ReduceMean" => self.reduce_mean(node, attributes),
            "Flatten" => self.flatten(node, attributes),
            "Squeeze" => self.squeeze(node, attributes),
            "Reshape" => self.reshape(node, attributes),
            "Transpose" => self.transpose(node, attributes),
            "Slice" => self.slice(node, attributes),
            "Split" => self.split(node, attributes),
            "Identity" => self.pass_on(node),
            "Cast" => {
                float_type(attributes)?;
                self.pass_on(node)
            }
            "Dropout" => self.dropout(node, attributes),
            _ => Err(format!("is not one that a graph has; it has {KNOWN}")),
        }
    }

    fn pass_on(&mut self, node: &NodeProto) -> Result<(), String> {
        let flow = self.flow(node, 0)?;
        self.bind(node, flow);
        Ok(())
    }

    /// Does nothing once training is over; a file may ask to go on dropping.
    fn dropout(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        attributes.float("ratio")?;
        attributes.int("seed")?;
        let trains = match self.constant(node, 2)? {
            None => false,
            Some(constant) => constant.integers() != Some(&[0]),
        };
        if trains {
            return Err("training_mode other than false is not a layer".to_owned());
        }
        self.pass_on(node)
    }

    fn concat(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let inputs = (0..node.input.len()).map(|i| self.input(node, i)).collect::<Result<Vec<_>, _>>()?;
        let along = attributes.int("axis")?.ok_or("needs axis")?;
        let axes = inputs.first().map_or(0, |id| self.dims(Flow::Node(*id)).len() + 1);
        if axis(along, axes)? != 1 {
            return Err(format!("axis = {along} is not a layer, only 1 is"));
        }
        let name = self.name(node);
        self.add(node, &name, Layer::Concat, &inputs);
        Ok(())
    }

    /// A pool over a map, and whether zeros of the padding count in its mean.
    fn pool(&self, node: &NodeProto, attributes: &mut Attributes) -> Result<(Pool, bool), String> {
        if node.output.iter().skip(1).any(|name| !name.is_empty()) {
            return Err("the places of maxima are not a layer".to_owned());
        }
        let counts = match node.op_type.as_str() {
            "AveragePool" => attributes.flag("count_include_pad", false)?,
            _ => false,
        };
        let window = Window::take(attributes, None, self.map(node)?, true)?;
        if window.dilation != [1; 2] {
            return Err(format!("dilations = {:?} of a pool is not a layer, only 1 is", window.dilation));
        }
        Ok((Pool { kernel: window.kernel, stride: window.stride, padding: window.padding }, counts))
    }

    /// Height and width of the map that an operator reads.
    fn map(&self, node: &NodeProto) -> Result<[usize; 2], String> {
        match self.builder.shape(self.input(node, 0)?) {
            Shape::Map { height, width, .. } => Ok([height, width]),
            Shape::Vector(length) => Err(format!("reads a vector of {length} where a map is needed")),
        }
    }

    pub fn unary(&mut self, node: &NodeProto, layer: Layer) -> Result<(), String> {
        let x = self.input(node, 0)?;
        let name = self.name(node);
        self.add(node, &name, layer, &[x]);
        Ok(())
    }

    /// The numbers and shape of an input that is a weight.
    fn floats(&self, node: &NodeProto, index: usize, what: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        let constant = self.constant(node, index)?.ok_or_else(|| format!("needs a {what}"))?;
        let values = constant.floats().ok_or_else(|| format!("{what} is of a type that is not read"))?;
        Ok((constant.shape.clone(), values.to_vec()))
    }

    /// A list of numbers that is an input; what was made of sizes that are known is one too.
    pub fn integers(&self, node: &NodeProto, index: usize, what: &str) -> Result<Vec<i64>, String> {
        let name = node.input.get(index).filter(|name| !name.is_empty()).ok_or_else(|| format!("needs {what}"))?;
        match self.sizes_of(name) {
            Some(sizes) => sizes.known().ok_or_else(|| format!("{what} depends on the number of images")),
            None if self.constants.contains_key(name) => Err(format!("{what} should be a list of integers")),
            None => Err(format!("input {name} is computed; it has to be a constant")),
        }
    }

    fn conv(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let x = self.input(node, 0)?;
        let (shape, weight) = self.floats(node, 1, "weight")?;
        let [outputs, inputs, height, width] = shape[..] else {
            return Err(format!("its weight {shape:?} is not that of a two-dimensional convolution"));
        };
        let bias = if self.constant(node, 2)?.is_some() { Some(self.floats(node, 2, "bias")?) } else { None };
        if bias.as_ref().is_some_and(|(shape, _)| *shape != [outputs]) {
            return Err(format!("its bias should be [{outputs}]"));
        }
        let groups = positive(attributes.int("group")?.unwrap_or(1), "group")?;
        let window = Window::take(attributes, Some([height, width]), self.map(node)?, false)?;
        let conv = Conv {
            in_channels: inputs.checked_mul(groups).ok_or("too many groups")?,
            out_channels: outputs,
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
            dilation: window.dilation,
            groups,
            bias: bias.is_some(),
            init: Init::TorchDefault,
        };
        let name = self.name(node);
        self.weight(format!("{name}.weight"), &shape, weight);
        if let Some((shape, values)) = bias {
            self.weight(format!("{name}.bias"), &shape, values);
        }
        self.add(node, &name, Layer::Conv(conv), &[x]);
        Ok(())
    }

    fn batch_norm(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        attributes.only("training_mode", 0, 0)?;
        attributes.only("spatial", 1, 1)?;
        if node.output.iter().skip(1).any(|name| !name.is_empty()) {
            return Err("statistics of the batch as outputs are not a layer".to_owned());
        }
        let x = self.input(node, 0)?;
        let channels = self.builder.shape(x).channels();
        let name = self.name(node);
        for (index, suffix) in ["weight", "bias", "running_mean", "running_var"].into_iter().enumerate() {
            let (shape, values) = self.floats(node, index + 1, suffix)?;
            if shape != [channels] {
                return Err(format!("{suffix} should be [{channels}] but is {shape:?}"));
            }
            self.weight(format!("{name}.{suffix}"), &shape, values);
        }
        // Rounded, or 1 − 0.9 would not give back PyTorch's 0.1.
        let momentum = ((1.0 - f64::from(attributes.float("momentum")?.unwrap_or(0.9))) * 1e6).round() / 1e6;
        let eps = attributes.float("epsilon")?.unwrap_or(1e-5);
        let norm = BatchNorm { channels, eps, momentum: momentum as f32 };
        self.add(node, &name, Layer::BatchNorm(norm), &[x]);
        Ok(())
    }

    fn gemm(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        attributes.only("transA", 0, 0)?;
        attributes.only_one("alpha")?;
        attributes.only_one("beta")?;
        let turned = attributes.flag("transB", false)?;
        let bias = if self.constant(node, 2)?.is_some() { Some(self.floats(node, 2, "bias")?) } else { None };
        self.linear(node, turned, bias)
    }

    /// A linear layer without bias, or with the one that the next operator adds.
    fn mat_mul(&mut self, node: &NodeProto) -> Result<(), String> {
        let adds = node.output.first().and_then(|output| self.sole_reader(output)).filter(|next| {
            next.op_type == "Add" && next.input.len() == 2 && next.attribute.is_empty() && next.domain == node.domain
        });
        let added = adds.and_then(|next| {
            let constant = next.input.iter().find_map(|name| self.constants.get(name))?;
            Some((next.output.first()?.clone(), constant.shape.clone(), constant.floats()?.to_vec()))
        });
        let Some((output, shape, values)) = added else { return self.linear(node, false, None) };
        self.linear(node, false, Some((shape, values)))?;
        let flow = self.flow(&NodeProto { input: node.output.clone(), ..NodeProto::default() }, 0)?;
        self.bind(&NodeProto { output: vec![output.clone()], ..NodeProto::default() }, flow);
        self.taken_in.insert(output);
        Ok(())
    }

    /// The second input's matrix is `[outputs, inputs]` where `turned`, as PyTorch's; ONNX's own is `[inputs, outputs]`.
    fn linear(&mut self, node: &NodeProto, turned: bool, bias: Option<(Vec<usize>, Vec<f32>)>) -> Result<(), String> {
        let x = self.input(node, 0)?;
        let (shape, mut weight) = self.floats(node, 1, "weight")?;
        let [mut outputs, mut inputs] = shape[..] else { return Err(format!("its weight {shape:?} is no matrix")) };
        if !turned {
            (inputs, outputs) = (outputs, inputs);
            weight = (0..outputs * inputs).map(|i| weight[i % inputs * outputs + i / inputs]).collect();
        }
        // What is added to every row: another shape would be spread over the images.
        let is_row = |shape: &[usize]| {
            shape.len() < 3
                && matches!(shape, [.., last] if *last == outputs)
                && shape.iter().product::<usize>() == outputs
        };
        if let Some((shape, _)) = bias.as_ref().filter(|(shape, _)| !is_row(shape)) {
            return Err(format!("its bias {shape:?} is not one of {outputs} numbers"));
        }
        let name = self.name(node);
        let linear = Linear { bias: bias.is_some(), ..Linear::new(inputs, outputs) };
        self.weight(format!("{name}.weight"), &[outputs, inputs], weight);
        if let Some((_, values)) = bias {
            self.weight(format!("{name}.bias"), &[outputs], values);
        }
        let id = self.add(node, &name, Layer::Linear(linear), &[x]);
        self.note_linear(x, id);
        Ok(())
    }

    /// The limits are inputs since opset 11, attributes before.
    fn clip(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let mut limit = |index: usize, name: &str| -> Result<Option<f32>, String> {
            let given = attributes.float(name)?;
            let Some(constant) = self.constant(node, index)? else { return Ok(given) };
            match constant.floats() {
                Some(&[value]) => Ok(Some(value)),
                _ => Err(format!("{name} should be one number")),
            }
        };
        // ONNX's default, the largest number of the type, is no limit. A NaN stays, and is refused.
        let open = |limit: &f32| *limit >= f32::MAX;
        let layer = match (limit(1, "min")?, limit(2, "max")?.filter(|limit| !open(limit))) {
            (Some(0.0), Some(6.0)) => Layer::Relu6,
            (Some(0.0), None) => Layer::Relu,
            (min, max) => {
                let shown = |limit: Option<f32>| limit.map_or("none".to_owned(), |limit| limit.to_string());
                return Err(format!(
                    "min = {}, max = {}: only limits 0 and 6, or 0 and none, are a layer",
                    shown(min),
                    shown(max)
                ));
            }
        };
        self.unary(node, layer)
    }

    fn global_average(&mut self, node: &NodeProto, keeps_axes: bool) -> Result<(), String> {
        let x = self.input(node, 0)?;
        let name = self.name(node);
        let id = self.add(node, &name, Layer::GlobalAvgPool, &[x]);
        if keeps_axes {
            self.bind(node, Flow::Pooled { of: id, ones: 2 });
        }
        Ok(())
    }

    /// The mean over height and width is a global pool; the axes are an input since opset 18.
    fn reduce_mean(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let given = match attributes.ints("axes")? {
            Some(axes) => axes.to_vec(),
            None => self.integers(node, 1, "axes")?,
        };
        // What becomes of no axes at all; there are some.
        attributes.flag("noop_with_empty_axes", false)?;
        let keeps = attributes.flag("keepdims", true)?;
        let rank = self.dims(self.flow(node, 0)?).len() + 1;
        let mut axes = given.iter().map(|at| axis(*at, rank)).collect::<Result<Vec<usize>, _>>()?;
        axes.sort_unstable();
        if rank != 4 || axes != [2, 3] {
            return Err(format!("axes = {given:?}: only the mean over height and width is a layer"));
        }
        self.global_average(node, keeps)
    }
}

pub(super) fn positive(value: i64, what: &str) -> Result<usize, String> {
    usize::try_from(value).ok().filter(|v| *v > 0).ok_or_else(|| format!("{what} of {value}"))
}

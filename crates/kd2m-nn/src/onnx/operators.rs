//! What each ONNX operator is as a layer; an operator or a setting that no layer has is an error.

use super::{
    import::{Flow, Import},
    proto::{Attribute, NodeProto},
};
use crate::{
    graph::Shape,
    layer::{BatchNorm, Conv, Init, Layer, Linear, Pool},
};

const KNOWN: &str = "Add, AveragePool, BatchNormalization, Clip, Concat, Constant, Conv, Dropout, Flatten, Gemm, \
                     GlobalAveragePool, Identity, MaxPool, ReduceMean, Relu, Reshape, Slice, Split, Squeeze, Transpose, \
                     and Sub, Div on the images";

impl Import {
    /// Adds what one operator does.
    pub fn operator(&mut self, node: &NodeProto) -> Result<(), String> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(format!("of {} is not one that a graph has", node.domain));
        }
        match node.op_type.as_str() {
            "Conv" => self.conv(node),
            "BatchNormalization" => self.batch_norm(node),
            "Gemm" => self.gemm(node),
            "Relu" => self.unary(node, Layer::Relu),
            "Clip" => self.clip(node),
            "Add" => {
                let inputs = [self.input(node, 0)?, self.input(node, 1)?];
                let name = self.name(node);
                self.add(node, &name, Layer::Add, &inputs);
                Ok(())
            }
            "Concat" => {
                require(node, "axis", 1, 1)?;
                let inputs = (0..node.input.len()).map(|i| self.input(node, i)).collect::<Result<Vec<_>, _>>()?;
                let name = self.name(node);
                self.add(node, &name, Layer::Concat, &inputs);
                Ok(())
            }
            "MaxPool" => {
                if ints(node, "dilations").is_some_and(|d| d.iter().any(|d| *d != 1)) {
                    return Err("dilated pooling is not a layer".to_owned());
                }
                let pool = pool(node)?;
                self.unary(node, Layer::MaxPool(pool))
            }
            "AveragePool" => {
                let pool = pool(node)?;
                if pool.padding != [0; 2] {
                    require(node, "count_include_pad", 0, 1)?;
                }
                self.unary(node, Layer::AvgPool(pool))
            }
            "GlobalAveragePool" => self.global_average(node, true),
            "ReduceMean" => self.reduce_mean(node),
            "Flatten" => {
                require(node, "axis", 1, 1)?;
                self.flatten(node)
            }
            "Squeeze" => self.flatten(node),
            "Reshape" => self.reshape(node),
            "Transpose" => self.transpose(node),
            "Slice" => self.slice(node),
            "Split" => self.split(node),
            "Identity" | "Dropout" => self.pass_on(node),
            _ => Err(format!("is not one that a graph has; it has {KNOWN}")),
        }
    }

    /// What does nothing once training is over; some writers share constants this way.
    fn pass_on(&mut self, node: &NodeProto) -> Result<(), String> {
        let constant = node.input.first().and_then(|name| self.constants.get(name)).cloned();
        if let (Some(constant), Some(output)) = (constant, node.output.first()) {
            self.constants.insert(output.clone(), constant);
            return Ok(());
        }
        let flow = self.flow(node, 0)?;
        self.bind(node, flow);
        Ok(())
    }

    fn unary(&mut self, node: &NodeProto, layer: Layer) -> Result<(), String> {
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

    fn integers(&self, node: &NodeProto, index: usize, what: &str) -> Result<Vec<i64>, String> {
        let constant = self.constant(node, index)?.ok_or_else(|| format!("needs {what}"))?;
        constant.integers().map(<[i64]>::to_vec).ok_or_else(|| format!("{what} should be integers"))
    }

    fn conv(&mut self, node: &NodeProto) -> Result<(), String> {
        let x = self.input(node, 0)?;
        let (shape, weight) = self.floats(node, 1, "weight")?;
        let [outputs, inputs, height, width] = shape[..] else {
            return Err(format!("its weight {shape:?} is not that of a two-dimensional convolution"));
        };
        let bias = if self.constant(node, 2)?.is_some() { Some(self.floats(node, 2, "bias")?) } else { None };
        let groups = positive(int(node, "group").unwrap_or(1), "group")?;
        let conv = Conv {
            in_channels: inputs.checked_mul(groups).ok_or("too many groups")?,
            out_channels: outputs,
            kernel: [height, width],
            stride: pair(node, "strides", 1)?,
            padding: padding(node)?,
            dilation: pair(node, "dilations", 1)?,
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

    fn batch_norm(&mut self, node: &NodeProto) -> Result<(), String> {
        require(node, "training_mode", 0, 0)?;
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
        let momentum = ((1.0 - f64::from(float(node, "momentum").unwrap_or(0.9))) * 1e6).round() / 1e6;
        let norm = BatchNorm { channels, eps: float(node, "epsilon").unwrap_or(1e-5), momentum: momentum as f32 };
        self.add(node, &name, Layer::BatchNorm(norm), &[x]);
        Ok(())
    }

    fn gemm(&mut self, node: &NodeProto) -> Result<(), String> {
        require(node, "transA", 0, 0)?;
        if float(node, "alpha").is_some_and(|a| a != 1.0) || float(node, "beta").is_some_and(|b| b != 1.0) {
            return Err("a scaled product is not a layer".to_owned());
        }
        let x = self.input(node, 0)?;
        let (shape, mut weight) = self.floats(node, 1, "weight")?;
        let [mut outputs, mut inputs] = shape[..] else { return Err(format!("its weight {shape:?} is no matrix")) };
        if int(node, "transB").unwrap_or(0) == 0 {
            (inputs, outputs) = (outputs, inputs);
            weight = (0..outputs * inputs).map(|i| weight[i % inputs * outputs + i / inputs]).collect();
        }
        let bias = if self.constant(node, 2)?.is_some() { Some(self.floats(node, 2, "bias")?.1) } else { None };
        if bias.as_ref().is_some_and(|b| b.len() != outputs) {
            return Err(format!("its bias is not one of {outputs} numbers"));
        }
        let name = self.name(node);
        let linear = Linear { bias: bias.is_some(), ..Linear::new(inputs, outputs) };
        self.weight(format!("{name}.weight"), &[outputs, inputs], weight);
        if let Some(values) = bias {
            self.weight(format!("{name}.bias"), &[outputs], values);
        }
        let id = self.add(node, &name, Layer::Linear(linear), &[x]);
        self.note_linear(x, id);
        Ok(())
    }

    /// The limits are inputs since opset 11, attributes before.
    fn clip(&mut self, node: &NodeProto) -> Result<(), String> {
        let limit = |index: usize, name: &str| -> Result<Option<f32>, String> {
            let constant = self.constant(node, index)?.and_then(|c| c.floats()?.first().copied());
            Ok(constant.or_else(|| float(node, name)))
        };
        let layer = match (limit(1, "min")?, limit(2, "max")?) {
            (Some(0.0), Some(6.0)) => Layer::Relu6,
            (Some(0.0), None) => Layer::Relu,
            limits => return Err(format!("only limits 0 and 6 are a layer, not {limits:?}")),
        };
        self.unary(node, layer)
    }

    fn global_average(&mut self, node: &NodeProto, keeps_axes: bool) -> Result<(), String> {
        let x = self.input(node, 0)?;
        let name = self.name(node);
        let id = self.add(node, &name, Layer::GlobalAvgPool, &[x]);
        if keeps_axes {
            self.bind(node, Flow::Pooled(id));
        }
        Ok(())
    }

    /// The mean over height and width is a global pool; the axes are an input since opset 18.
    fn reduce_mean(&mut self, node: &NodeProto) -> Result<(), String> {
        let mut axes = match ints(node, "axes") {
            Some(axes) => axes.to_vec(),
            None => self.integers(node, 1, "axes")?,
        };
        axes.iter_mut().filter(|a| **a < 0).for_each(|a| *a += 4);
        axes.sort_unstable();
        if axes != [2, 3] {
            return Err("only the mean over height and width is a layer".to_owned());
        }
        self.global_average(node, int(node, "keepdims").unwrap_or(1) != 0)
    }

    fn flatten(&mut self, node: &NodeProto) -> Result<(), String> {
        match self.flow(node, 0)? {
            Flow::Pooled(id) => self.bind(node, Flow::Node(id)),
            Flow::Node(id) if matches!(self.builder.shape(id), Shape::Vector(_)) => self.bind(node, Flow::Node(id)),
            Flow::Node(_) if node.op_type == "Squeeze" => return Err("only a pooled map is squeezed".to_owned()),
            _ => return self.unary(node, Layer::Flatten),
        }
        Ok(())
    }

    /// To vectors; or, for a channel shuffle, to groups and back.
    fn reshape(&mut self, node: &NodeProto) -> Result<(), String> {
        let sizes = self.integers(node, 1, "the new shape")?;
        match (self.flow(node, 0)?, &sizes[..]) {
            (Flow::Node(of), [_, groups, rest, ..]) if sizes.len() == rank(self.builder.shape(of)) + 1 => {
                let (groups, rest) = (positive(*groups, "groups")?, positive(*rest, "channels")?);
                if groups.checked_mul(rest) != Some(self.builder.shape(of).channels()) {
                    return Err(format!("{groups} groups of {rest} are not the channels there are"));
                }
                self.bind(node, Flow::Grouped { of, groups });
                Ok(())
            }
            (Flow::Swapped { of, groups }, _) if sizes.len() == rank(self.builder.shape(of)) => {
                let name = self.name(node);
                self.add(node, &name, Layer::ChannelShuffle { groups }, &[of]);
                Ok(())
            }
            (_, [_, _]) => self.flatten(node),
            _ => Err(format!("to {sizes:?} is not a layer")),
        }
    }

    fn transpose(&mut self, node: &NodeProto) -> Result<(), String> {
        match (self.flow(node, 0)?, ints(node, "perm")) {
            (Flow::Grouped { of, groups }, Some([0, 2, 1, rest @ ..]))
                if rest.iter().zip(3..).all(|(a, b)| *a == b) =>
            {
                self.bind(node, Flow::Swapped { of, groups });
                Ok(())
            }
            _ => Err("is known within a channel shuffle only".to_owned()),
        }
    }

    fn slice(&mut self, node: &NodeProto) -> Result<(), String> {
        let x = self.input(node, 0)?;
        let channels = self.builder.shape(x).channels() as i64;
        let (starts, ends) = (self.integers(node, 1, "starts")?, self.integers(node, 2, "ends")?);
        let axes = if self.constant(node, 3)?.is_some() { self.integers(node, 3, "axes")? } else { vec![0] };
        let steps = if self.constant(node, 4)?.is_some() { self.integers(node, 4, "steps")? } else { vec![1] };
        let ([start], [end], [1], [1]) = (&starts[..], &ends[..], &axes[..], &steps[..]) else {
            return Err("only a run of channels is a layer".to_owned());
        };
        // Negative places count from the end; the end may lie beyond it.
        let place = |at: i64| if at < 0 { at.saturating_add(channels) } else { at.min(channels) };
        let start = usize::try_from(place(*start)).map_err(|_| format!("begins at {start}"))?;
        let end = usize::try_from(place(*end)).map_err(|_| format!("ends at {end}"))?;
        self.unary(node, Layer::Slice { start, len: end.saturating_sub(start) })
    }

    /// Each part is a slice; without sizes (opset 18's `num_outputs`) they are equal, the last one smaller.
    fn split(&mut self, node: &NodeProto) -> Result<(), String> {
        require(node, "axis", 0, 1)?;
        let x = self.input(node, 0)?;
        let channels = self.builder.shape(x).channels();
        let sizes = match (ints(node, "split"), self.constant(node, 1)?) {
            (Some(sizes), _) => sizes.to_vec(),
            (None, Some(_)) => self.integers(node, 1, "sizes")?,
            (None, None) => vec![channels.div_ceil(node.output.len().max(1)) as i64; node.output.len()],
        };
        let mut start = 0;
        for (index, size) in sizes.into_iter().enumerate() {
            let len = positive(size, "a part")?.min(channels.saturating_sub(start));
            let name = self.name(node);
            let id = self.builder.push(&name, Layer::Slice { start, len }, &[x]);
            self.bind_output(node, index, Flow::Node(id));
            start += len;
        }
        Ok(())
    }
}

fn rank(shape: Shape) -> usize {
    match shape {
        Shape::Map { .. } => 4,
        Shape::Vector(_) => 2,
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|a| a.name == name)
}

fn int(node: &NodeProto, name: &str) -> Option<i64> {
    // Zero is left out of files by some writers.
    attribute(node, name).map(|a| a.i.unwrap_or(0))
}

fn float(node: &NodeProto, name: &str) -> Option<f32> {
    attribute(node, name).map(|a| a.f.unwrap_or(0.0))
}

fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|a| &a.ints[..])
}

/// An error unless an attribute, or its default, has the one value that a layer stands for.
fn require(node: &NodeProto, name: &str, default: i64, value: i64) -> Result<(), String> {
    match int(node, name).unwrap_or(default) {
        found if found == value => Ok(()),
        found => Err(format!("{name} = {found} is not a layer, only {value} is")),
    }
}

fn positive(value: i64, what: &str) -> Result<usize, String> {
    usize::try_from(value).ok().filter(|v| *v > 0).ok_or_else(|| format!("{what} of {value}"))
}

/// Of a window; the limit keeps sums of them from overflowing, whatever a file says.
fn size(value: i64, what: &str) -> Result<usize, String> {
    usize::try_from(value).ok().filter(|v| *v <= 1 << 16).ok_or_else(|| format!("{what} of {value}"))
}

/// One value for height, one for width.
fn pair(node: &NodeProto, name: &str, default: usize) -> Result<[usize; 2], String> {
    match ints(node, name) {
        None => Ok([default; 2]),
        Some(&[h, w]) => Ok([size(h, name)?, size(w, name)?]),
        Some(other) => Err(format!("{name} = {other:?} is not of two dimensions")),
    }
}

/// Zeros on both sides alike.
fn padding(node: &NodeProto) -> Result<[usize; 2], String> {
    match attribute(node, "auto_pad").and_then(|a| a.s.as_deref()) {
        None | Some(b"NOTSET") => {}
        Some(b"VALID") => return Ok([0; 2]),
        Some(other) => return Err(format!("auto_pad = {} is not read", String::from_utf8_lossy(other))),
    }
    match ints(node, "pads") {
        None => Ok([0; 2]),
        Some(&[top, left, bottom, right]) if top == bottom && left == right => {
            Ok([size(top, "padding")?, size(left, "padding")?])
        }
        Some(other) => Err(format!("pads = {other:?} differ between the sides")),
    }
}

fn pool(node: &NodeProto) -> Result<Pool, String> {
    require(node, "ceil_mode", 0, 0)?;
    if node.output.len() > 1 {
        return Err("the places of maxima are not a layer".to_owned());
    }
    Ok(Pool { kernel: pair(node, "kernel_shape", 0)?, stride: pair(node, "strides", 1)?, padding: padding(node)? })
}

//! Operators that only change how a value is laid out. A graph has maps and vectors; what leads from one to the other is a flatten,
//! what leads through groups of channels and back is a shuffle, and anything else is refused.

use super::{
    attributes::Attributes,
    import::Import,
    proto::NodeProto,
    sizes::Size,
    values::{Flow, STRUNG, axis, positive},
};
use crate::{graph::Shape, layer::Layer};

impl Import {
    pub fn flatten(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        let given = attributes.int("axis")?.unwrap_or(1);
        match axis(given, self.values.dims(flow).len() + 1)? {
            1 => self.vector(node, flow),
            _ => Err(format!("axis = {given} is not a layer, only 1 is")),
        }
    }

    /// One vector an image.
    fn vector(&mut self, node: &NodeProto, flow: Flow) -> Result<(), String> {
        match flow {
            Flow::Pooled { of, .. } => self.values.bind(node, 0, Flow::Node(of)),
            Flow::Node(id) if matches!(self.builder.shape(id), Shape::Vector(_)) => self.values.bind(node, 0, flow),
            Flow::Node(id) if matches!(self.builder.shape(id), Shape::Tokens { .. }) => {
                return Err("of tokens is not a layer, their mean is".to_owned());
            }
            Flow::Node(_) => {
                let x = self.values.input(node, 0)?;
                self.add(node, 0, Layer::Flatten, &[x]);
            }
            Flow::Grouped { .. } | Flow::Swapped { .. } => return Err("ends a channel shuffle halfway".to_owned()),
            Flow::Strung(_) => return Err("of a half-finished flatten".to_owned()),
            Flow::Places(_) | Flow::ChannelsLast(_) => return Err("of a map whose axes were moved".to_owned()),
        }
        Ok(())
    }

    /// Trailing axes of length one are taken off: of a pooled map, or of a map of one position.
    pub fn squeeze(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        let given = match attributes.ints("axes")? {
            Some(axes) => axes.to_vec(),
            None if node.input.get(1).is_some_and(|name| !name.is_empty()) => self.values.integers(node, 1, "axes")?,
            None => return Err("without axes would drop that of the images too where there is one".to_owned()),
        };
        let dims = self.values.dims(flow);
        let mut axes = given.iter().map(|at| axis(*at, dims.len() + 1)).collect::<Result<Vec<usize>, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        let from = dims.len() + 1 - axes.len().min(dims.len());
        let trailing = axes.iter().copied().eq(from..dims.len() + 1) && axes.len() == given.len();
        match flow {
            Flow::Pooled { of, ones } if trailing && axes.len() < ones => {
                self.values.bind(node, 0, Flow::Pooled { of, ones: ones - axes.len() });
                Ok(())
            }
            Flow::Pooled { ones, .. } if trailing && axes.len() == ones => self.vector(node, flow),
            Flow::Node(_) if trailing && axes == [2, 3] && dims[1..] == [1, 1] => self.vector(node, flow),
            _ => Err(format!("axes = {given:?}: only the places of a pooled map are squeezed")),
        }
    }

    /// Axes of length one behind a vector, as those of a pooled map.
    pub fn unsqueeze(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        let given = match attributes.ints("axes")? {
            Some(axes) => axes.to_vec(),
            None => self.values.integers(node, 1, "axes")?,
        };
        let rank = self.values.dims(flow).len() + 1;
        let mut axes = given.iter().map(|at| axis(*at, rank + given.len())).collect::<Result<Vec<usize>, _>>()?;
        axes.sort_unstable();
        let held = match flow {
            Flow::Node(of) if matches!(self.values.shapes[of.0], Shape::Vector(_)) => Some((of, 0)),
            Flow::Pooled { of, ones } => Some((of, ones)),
            _ => None,
        };
        match held {
            Some((of, ones)) if axes.iter().copied().eq(rank..rank + given.len()) => {
                self.values.bind(node, 0, Flow::Pooled { of, ones: ones + given.len() });
                Ok(())
            }
            _ => Err(format!("axes = {given:?}: only behind a vector axes are added")),
        }
    }

    /// All numbers of the images that the file is for in their order: how a flatten of PyTorch's channels_last is written.
    pub fn gather(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        let along = attributes.int("axis")?.unwrap_or(0);
        let Flow::Strung(of) = flow else {
            return Err("of what a layer gives is not a layer".to_owned());
        };
        let width = self.values.dims(flow).iter().product::<usize>();
        let indices = self.values.constant(node, 1)?.ok_or("needs indices")?;
        let images = self.values.batch.unwrap_or(1);
        let in_order = indices.integers().is_some_and(|all| all.iter().copied().eq(0..width as i64 * images));
        match &indices.shape[..] {
            [first, channels, ones @ ..]
                if in_order
                    && along == 0
                    && *first as i64 == images
                    && *channels == width
                    && ones.iter().all(|one| *one == 1) =>
            {
                let flow = if ones.is_empty() { Flow::Node(of) } else { Flow::Pooled { of, ones: ones.len() } };
                self.values.bind(node, 0, flow);
                Ok(())
            }
            _ => Err("of other numbers than all in their order is not a layer".to_owned()),
        }
    }

    /// To vectors; or, for a channel shuffle, to groups and back; or to what it was.
    pub fn reshape(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        let copies = !attributes.flag("allowzero", false)?;
        let name = node.input.get(1).ok_or("needs the new shape")?;
        let sizes = self
            .values
            .sizes_of(name)
            .ok_or_else(|| format!("the new shape {name} is computed from what only a run tells"))?;
        let held = self.values.dims(flow);
        // Of the images that the file is for all numbers lie in a row.
        if self.values.batch.is_some()
            && sizes.known().as_deref() == Some(&[-1])
            && let Flow::Pooled { of, .. } | Flow::Node(of) = flow
            && matches!(self.values.shapes[of.0], Shape::Vector(_))
        {
            self.values.bind(node, 0, Flow::Strung(of));
            return Ok(());
        }
        let is_vector = matches!(flow, Flow::Pooled { .. }) || matches!(held[..], [_]);
        if is_vector && sizes.known().as_deref() == Some(&[-1]) {
            return Err(STRUNG.to_owned());
        }
        let wanted = self.resolve(&sizes.all, &held, copies)?;
        let refused = || Err(format!("{held:?} of an image to {wanted:?} is not a layer"));
        match (flow, &wanted[..]) {
            // What is halfway through a shuffle goes to what it came from.
            (Flow::Swapped { of, groups }, _) if wanted == self.values.dims(Flow::Node(of)) => {
                self.add(node, 0, Layer::ChannelShuffle { groups }, &[of]);
                Ok(())
            }
            (Flow::Swapped { .. } | Flow::Grouped { .. } | Flow::Places(_) | Flow::ChannelsLast(_), _)
            | (Flow::Strung(_), _) => refused(),
            (_, _) if wanted == held => {
                self.values.bind(node, 0, flow);
                Ok(())
            }
            (Flow::Node(of), _) if matches!(self.values.shapes[of.0], Shape::Tokens { .. }) => refused(),
            (_, [_]) => self.vector(node, flow),
            (Flow::Node(of) | Flow::Pooled { of, .. }, [width, ones @ ..])
                if self.values.shapes[of.0] == Shape::Vector(*width) && ones.iter().all(|one| *one == 1) =>
            {
                self.values.bind(node, 0, Flow::Pooled { of, ones: ones.len() });
                Ok(())
            }
            (Flow::Node(of), [channels, _]) if held.len() == 3 && *channels == held[0] => {
                self.values.bind(node, 0, Flow::Places(of));
                Ok(())
            }
            (Flow::Node(of), [groups, rest, places @ ..])
                if groups.checked_mul(*rest) == Some(held[0]) && *places == held[1..] =>
            {
                self.values.bind(node, 0, Flow::Grouped { of, groups: *groups });
                Ok(())
            }
            _ => refused(),
        }
    }

    /// The sizes of one image under a new shape that leaves the images apart.
    fn resolve(&self, wanted: &[Size], held: &[usize], copies: bool) -> Result<Vec<usize>, String> {
        let shown = || {
            let one = |size: &Size| match size {
                Size::Known(value) => value.to_string(),
                Size::Batch => "n".to_owned(),
            };
            format!("[{}]", wanted.iter().map(one).collect::<Vec<_>>().join(", "))
        };
        let total = held.iter().try_fold(1_usize, |all, size| all.checked_mul(*size)).ok_or("is too large")?;
        let [images, rest @ ..] = wanted else { return Err("to nothing".to_owned()) };
        let mut open = None;
        let mut sizes = Vec::with_capacity(rest.len());
        for (at, size) in rest.iter().enumerate() {
            sizes.push(match size {
                Size::Known(-1) if open.replace(at).is_none() => 1,
                Size::Known(0) if copies => {
                    *held.get(at).ok_or_else(|| format!("{} copies what is not there", shown()))?
                }
                Size::Known(value) => positive(*value, "a size")?,
                Size::Batch => return Err(format!("{} mixes images", shown())),
            });
        }
        let product = sizes.iter().try_fold(1_usize, |all, size| all.checked_mul(*size)).ok_or("is too large")?;
        let apart = match images {
            Size::Batch => true,
            Size::Known(0) => copies,
            Size::Known(-1) => open.is_none() && product == total,
            Size::Known(value) => self.values.batch == Some(*value),
        };
        if let Some(at) = open {
            sizes[at] = total / product.max(1);
        }
        let whole = sizes.iter().product::<usize>() == total && !sizes.is_empty();
        if apart && whole {
            return Ok(sizes);
        }
        Err(format!("{held:?} of an image to {} mixes images, or is no shape of theirs", shown()))
    }

    pub fn transpose(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<(), String> {
        let flow = self.values.flow(node, 0)?;
        let axes = self.values.dims(flow).len() as i64 + 1;
        let order: Vec<i64> = match attributes.ints("perm")? {
            Some(order) => order.to_vec(),
            None => (0..axes).rev().collect(),
        };
        let swapped: Vec<i64> = [0, 2, 1].into_iter().chain(3..axes).collect();
        match flow {
            _ if order.iter().copied().eq(0..axes) => self.values.bind(node, 0, flow),
            Flow::Grouped { of, groups } if order == swapped => self.values.bind(node, 0, Flow::Swapped { of, groups }),
            Flow::Places(of) if order == [0, 2, 1] => {
                self.add(node, 0, Layer::Tokens, &[of]);
            }
            Flow::Node(of) if axes == 4 && order == [0, 2, 3, 1] => self.values.bind(node, 0, Flow::ChannelsLast(of)),
            Flow::Pooled { of, ones: 2 } if order == [0, 2, 3, 1] => self.values.bind(node, 0, Flow::ChannelsLast(of)),
            Flow::ChannelsLast(of) if order == [0, 3, 1, 2] => {
                let is_vector = matches!(self.values.shapes[of.0], Shape::Vector(_));
                self.values.bind(node, 0, if is_vector { Flow::Pooled { of, ones: 2 } } else { Flow::Node(of) });
            }
            _ => {
                return Err(format!(
                    "perm = {order:?} is known within a channel shuffle, to tokens, and for channels last and back only"
                ));
            }
        }
        Ok(())
    }
}

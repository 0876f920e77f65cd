//! Attention as exporters write it: a walk over the operators from what holds q, k and v side by side to what the heads give side by side. Of
//! every value on the way is known what it is and what its axes are, so that an order of transpositions and reshapes is not asked for.

use std::collections::HashMap;

use super::{
    attributes::Attributes,
    proto::NodeProto,
    sizes::Size,
    values::{Flow, Values, axis},
};
use crate::{parameter::NodeId, shape::Shape};

/// What tokens are when they are reshaped to `[n, t, 3, heads, each]` and attention follows.
pub(crate) struct Attended {
    pub of: NodeId,
    pub heads: usize,
    /// Outputs of all operators after the first; the last of them is what attention gives.
    pub takes_in: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Images,
    Tokens,
    /// q, k, v.
    Part,
    Head,
    /// The numbers of one head.
    Each,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Triple,
    /// 0: q, 1: k, 2: v.
    Part(usize),
    Scores,
    Shares,
    Mixed,
}

/// A value: several axes may be one, and none is an axis of length one.
#[derive(Clone)]
struct Known {
    what: What,
    axes: Vec<Vec<Axis>>,
    /// What it was multiplied by.
    factor: f32,
}

struct Walk<'v> {
    values: &'v Values,
    tokens: usize,
    heads: usize,
    each: usize,
    known: HashMap<String, Known>,
    /// In the order in which they were found.
    names: Vec<String>,
}

/// None where the reshape is another's.
///
/// # Errors
/// One that begins attention of a kind that no layer is.
pub(crate) fn read(values: &Values, first: &NodeProto) -> Result<Option<Attended>, String> {
    let Ok(Flow::Node(of)) = values.flow(first, 0) else { return Ok(None) };
    let Shape::Tokens { tokens, width } = values.shapes[of.0] else { return Ok(None) };
    let Some(sizes) = first.input.get(1).and_then(|name| values.sizes_of(name)) else { return Ok(None) };
    let [images, Size::Known(rows), Size::Known(3), Size::Known(heads), Size::Known(each)] = sizes.all[..] else {
        return Ok(None);
    };
    let (Ok(heads), Ok(each)) = (usize::try_from(heads), usize::try_from(each)) else { return Ok(None) };
    let whole = heads.checked_mul(each).and_then(|d| d.checked_mul(3)) == Some(width);
    if !whole || width == 0 || rows != tokens as i64 || !is_images(values, images) {
        return Ok(None);
    }
    let mut walk = Walk { values, tokens, heads, each, known: HashMap::new(), names: Vec::new() };
    let axes = [Axis::Images, Axis::Tokens, Axis::Part, Axis::Head, Axis::Each].map(|axis| vec![axis]);
    let output = first.output.first().ok_or("has no output")?;
    walk.found(output, Known { what: What::Triple, axes: axes.to_vec(), factor: 1.0 });
    walk.run()
        .map_err(|why| format!("begins attention of tokens, which is read as softmax(q kᵀ / √d) v only: {why}"))?;
    let takes_in = walk.names.split_off(1);
    Ok(Some(Attended { of, heads, takes_in }))
}

/// Whether a size is that of the batch.
fn is_images(values: &Values, size: Size) -> bool {
    match size {
        Size::Batch | Size::Known(-1 | 0) => true,
        Size::Known(count) => values.batch == Some(count),
    }
}

impl<'v> Walk<'v> {
    fn found(&mut self, name: &str, value: Known) {
        self.known.insert(name.to_owned(), value);
        self.names.push(name.to_owned());
    }

    /// Until what the heads give lies side by side.
    fn run(&mut self) -> Result<(), String> {
        let end = [vec![Axis::Images], vec![Axis::Tokens], vec![Axis::Head, Axis::Each]];
        loop {
            let Some(node) = self.next() else { return Err("it ends halfway".to_owned()) };
            let mut attributes = Attributes::of(node)?;
            let about = |why: String| format!("{}: {why}", node.op_type);
            let value = self.step(node, &mut attributes).map_err(about)?;
            attributes.finish().map_err(about)?;
            let [output] = &node.output[..] else { return Err("an operator with several outputs".to_owned()) };
            let ends = value.what == What::Mixed && value.axes == end;
            self.found(output, value);
            if ends {
                return self.closed();
            }
            if self.values.is_output(output) {
                return Err("a value within it is an output of the model".to_owned());
            }
        }
    }

    /// An operator whose inputs are all known and whose output is not.
    fn next(&self) -> Option<&'v NodeProto> {
        let values: &'v Values = self.values;
        let ready = |node: &&NodeProto| {
            let known = |name: &String| self.known.contains_key(name) || !values.is_computed(name);
            let new = node.output.first().is_some_and(|output| !self.known.contains_key(output));
            new && node.domain.is_empty() && node.input.iter().all(known)
        };
        self.names.iter().filter_map(|name| values.readers.get(name)).flatten().find(ready)
    }

    /// Nothing else reads what is within.
    fn closed(&self) -> Result<(), String> {
        let [inner @ .., _] = &self.names[..] else { return Ok(()) };
        let readers = inner.iter().filter_map(|name| self.values.readers.get(name)).flatten();
        let own = |node: &NodeProto| node.output.first().is_some_and(|output| self.known.contains_key(output));
        match readers.into_iter().all(own) {
            true => Ok(()),
            false => Err("another layer reads a value within it".to_owned()),
        }
    }

    fn value(&self, node: &NodeProto, index: usize) -> Result<Known, String> {
        let found = node.input.get(index).and_then(|name| self.known.get(name));
        found.cloned().ok_or_else(|| "of a constant".to_owned())
    }

    fn step(&self, node: &NodeProto, attributes: &mut Attributes) -> Result<Known, String> {
        let refused = || Err("not where it stands".to_owned());
        match node.op_type.as_str() {
            "Transpose" => {
                let Known { what, axes, factor } = self.value(node, 0)?;
                let order = attributes.ints("perm")?.ok_or("needs perm")?;
                let moved = order.iter().map(|at| axes.get(usize::try_from(*at).ok()?).cloned());
                let moved: Option<Vec<Vec<Axis>>> = moved.collect();
                match moved {
                    Some(moved) if order.len() == axes.len() => Ok(Known { what, axes: moved, factor }),
                    _ => refused(),
                }
            }
            "Reshape" => {
                let copies = !attributes.flag("allowzero", false)?;
                let Known { what, axes, factor } = self.value(node, 0)?;
                let sizes = node.input.get(1).and_then(|name| self.values.sizes_of(name)).ok_or("needs its sizes")?;
                Ok(Known { what, axes: self.regrouped(&axes, &sizes.all, copies)?, factor })
            }
            "Gather" => {
                let index = self.values.constant(node, 1)?.ok_or("needs an index")?;
                let (Known { axes, factor, .. }, Some(&[at]), true) =
                    (self.value(node, 0)?, index.integers(), index.shape.is_empty())
                else {
                    return refused();
                };
                let along = axis(attributes.int("axis")?.unwrap_or(0), axes.len())?;
                self.part(axes, along, at, factor, false)
            }
            "Slice" => {
                let Known { axes, factor, .. } = self.value(node, 0)?;
                let list = |index: usize, what: &str| self.values.integers(node, index, what);
                let (starts, ends, along) = (list(1, "starts")?, list(2, "ends")?, list(3, "axes")?);
                let steps = if node.input.len() > 4 { list(4, "steps")? } else { vec![1] };
                match (&starts[..], &ends[..], &along[..], &steps[..]) {
                    (&[start], &[end], &[along], &[1]) if end.checked_sub(start) == Some(1) => {
                        let along = axis(along, axes.len())?;
                        self.part(axes, along, start, factor, true)
                    }
                    _ => refused(),
                }
            }
            "Squeeze" => {
                let Known { what, axes, factor } = self.value(node, 0)?;
                let given = match attributes.ints("axes")? {
                    Some(given) => given.to_vec(),
                    None => self.values.integers(node, 1, "axes")?,
                };
                let off: Vec<usize> = given.iter().map(|at| axis(*at, axes.len())).collect::<Result<_, _>>()?;
                if !off.iter().all(|at| axes[*at].is_empty()) {
                    return refused();
                }
                let kept = axes.into_iter().enumerate().filter(|(at, _)| !off.contains(at)).map(|(_, axis)| axis);
                Ok(Known { what, axes: kept.collect(), factor })
            }
            "Mul" | "Div" => {
                let at = usize::from(!node.input.first().is_some_and(|name| self.known.contains_key(name)));
                let Known { what, axes, factor } = self.value(node, at)?;
                let by = self.values.constant(node, 1 - at)?.and_then(|constant| constant.floats());
                let is_divided = node.op_type == "Div";
                match (by, what) {
                    (Some(&[by]), What::Part(0 | 1) | What::Scores) if !is_divided || at == 0 => {
                        Ok(Known { what, axes, factor: if is_divided { factor / by } else { factor * by } })
                    }
                    _ => refused(),
                }
            }
            "MatMul" => {
                let (a, b) = (self.value(node, 0)?, self.value(node, 1)?);
                let shaped = |value: &Known, last: [Axis; 2]| {
                    value.axes == [Axis::Images, Axis::Head, last[0], last[1]].map(|axis| vec![axis])
                };
                let rows = [Axis::Tokens, Axis::Each];
                let of = |what: What, last: [Axis; 2], factor: f32| {
                    let axes = [Axis::Images, Axis::Head, last[0], last[1]].map(|axis| vec![axis]).to_vec();
                    Ok(Known { what, axes, factor })
                };
                match (a.what, b.what) {
                    (What::Part(0), What::Part(1)) if shaped(&a, rows) && shaped(&b, [Axis::Each, Axis::Tokens]) => {
                        of(What::Scores, [Axis::Tokens; 2], a.factor * b.factor)
                    }
                    (What::Shares, What::Part(2)) if shaped(&b, rows) && b.factor == 1.0 => of(What::Mixed, rows, 1.0),
                    _ => refused(),
                }
            }
            "Softmax" => {
                let Known { what, axes, factor } = self.value(node, 0)?;
                let along = axis(attributes.int("axis")?.unwrap_or(-1), axes.len())?;
                if what != What::Scores || along != 3 {
                    return refused();
                }
                let wanted = 1.0 / (self.each as f32).sqrt();
                if (factor / wanted - 1.0).abs() > 1e-3 {
                    return Err(format!("scores are multiplied by {factor}, not by {wanted}"));
                }
                Ok(Known { what: What::Shares, axes, factor: 1.0 })
            }
            _ => Err("is not known there".to_owned()),
        }
    }

    /// q, k or v; what is left of the axis is of length one where it `stays`.
    fn part(&self, mut axes: Vec<Vec<Axis>>, along: usize, at: i64, factor: f32, stays: bool) -> Result<Known, String> {
        if axes[along] != [Axis::Part] || !(0..3).contains(&at) {
            return Err("of another axis than that of q, k and v".to_owned());
        }
        axes[along].clear();
        if !stays {
            axes.remove(along);
        }
        Ok(Known { what: What::Part(at as usize), axes, factor })
    }

    /// The same numbers under other sizes; only the first may hold the images.
    fn regrouped(&self, axes: &[Vec<Axis>], sizes: &[Size], copies: bool) -> Result<Vec<Vec<Axis>>, String> {
        let length = |axis: &Axis| match axis {
            Axis::Images => None,
            Axis::Tokens => Some(self.tokens),
            Axis::Part => Some(3),
            Axis::Head => Some(self.heads),
            Axis::Each => Some(self.each),
        };
        let mut left: Vec<Axis> = axes.concat();
        let [first, rest @ ..] = sizes else { return Err("to nothing".to_owned()) };
        let mut groups = Vec::new();
        for (at, size) in rest.iter().enumerate().rev() {
            let wanted = match size {
                Size::Known(0) if copies => axes.get(at + 1).and_then(|group| group.iter().map(length).product()),
                Size::Known(size) => usize::try_from(*size).ok(),
                Size::Batch => None,
            };
            let (wanted, mut group, mut product) = (wanted.ok_or("to sizes that are not told")?, Vec::new(), 1_usize);
            while product < wanted {
                let axis = left.pop().filter(|axis| length(axis).is_some()).ok_or("mixes images")?;
                product *= length(&axis).unwrap_or(1);
                group.insert(0, axis);
            }
            if product != wanted {
                return Err("cuts an axis".to_owned());
            }
            groups.insert(0, group);
        }
        let alone = left == [Axis::Images] && is_images(self.values, *first);
        let in_a_row = left.first() == Some(&Axis::Images) && *first == Size::Known(-1);
        match alone || in_a_row {
            true => groups.insert(0, left),
            false => return Err("mixes images".to_owned()),
        }
        Ok(groups)
    }
}

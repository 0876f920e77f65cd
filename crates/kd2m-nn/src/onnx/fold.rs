//! What is known before the model runs: constants through the operators that exporters wrap them in, and arithmetic of sizes, as in
//! `x.view(x.size(0), -1)`, where the number of images stays open.

use super::{
    attributes::Attributes,
    evaluate::evaluate,
    proto::{INT32, INT64, NodeProto},
    sizes::{Size, Sizes, number},
    tensor::{Constant, Data},
    values::{Values, axis},
};

impl Values {
    /// Folds an operator that reads nothing but what is known; false for all others.
    ///
    /// # Errors
    /// Settings that are not read, and arithmetic that is none.
    pub fn fold(&mut self, node: &NodeProto, attributes: &mut Attributes) -> Result<bool, String> {
        let Some(output) = node.output.first() else { return Ok(false) };
        if node.op_type == "Shape" {
            let sizes = self.shape_of(node, attributes)?;
            self.sizes.insert(output.clone(), sizes);
            return Ok(true);
        }
        let inputs: Vec<&String> = node.input.iter().filter(|name| !name.is_empty()).collect();
        if inputs.is_empty() || !inputs.iter().all(|name| self.is_known(name)) {
            return Ok(false);
        }
        // Where none depends on the number of images, all are numbers.
        let numbers: Option<Vec<Option<Constant>>> = node.input.iter().map(|name| self.number_of(name)).collect();
        if let Some(numbers) = numbers {
            let numbers: Vec<Option<&Constant>> = numbers.iter().map(Option::as_ref).collect();
            if let Some(constant) = evaluate(node, attributes, &numbers)? {
                self.constants.insert(output.clone(), constant);
                return Ok(true);
            }
        }
        let sizes = inputs.iter().map(|name| self.sizes_of(name)).collect::<Option<Vec<Sizes>>>();
        let Some(sizes) = sizes.filter(|_| is_arithmetic(&node.op_type)) else { return Ok(false) };
        let folded = arithmetic(node, attributes, &sizes)?;
        self.sizes.insert(output.clone(), folded);
        Ok(true)
    }

    fn is_known(&self, name: &str) -> bool {
        self.constants.contains_key(name) || self.sizes.contains_key(name)
    }

    /// A value as sizes; none if it is anything else.
    pub fn sizes_of(&self, name: &str) -> Option<Sizes> {
        if let Some(sizes) = self.sizes.get(name) {
            return Some(sizes.clone());
        }
        let constant = self.constants.get(name).filter(|c| c.shape.len() < 2)?;
        let all = constant.integers()?.iter().map(|value| Size::Known(*value)).collect();
        Some(Sizes { all, scalar: constant.shape.is_empty() })
    }

    /// A value that is known as numbers; nothing for an input that is left out.
    fn number_of(&self, name: &str) -> Option<Option<Constant>> {
        if name.is_empty() {
            return Some(None);
        }
        if let Some(constant) = self.constants.get(name) {
            return Some(Some(constant.clone()));
        }
        let sizes = self.sizes.get(name)?;
        let values = sizes.known()?;
        let shape = if sizes.scalar { Vec::new() } else { vec![values.len()] };
        Some(Some(Constant { shape, data: Data::Integers(values) }))
    }

    fn shape_of(&self, node: &NodeProto, attributes: &mut Attributes) -> Result<Sizes, String> {
        let name = node.input.first().map_or("", String::as_str);
        let known = |sizes: &[usize]| sizes.iter().map(|d| Size::Known(*d as i64)).collect::<Vec<Size>>();
        let all: Vec<Size> = match self.constants.get(name) {
            Some(constant) => known(&constant.shape),
            None => {
                let images = self.batch.filter(|_| self.counted).map_or(Size::Batch, Size::Known);
                std::iter::once(images).chain(known(&self.dims_of(name)?)).collect()
            }
        };
        let start = attributes.int("start")?.unwrap_or(0);
        let end = attributes.int("end")?.unwrap_or(i64::MAX);
        let range = place(start, all.len())..place(end, all.len());
        Ok(Sizes::list(all.get(range).unwrap_or_default().to_vec()))
    }
}

fn is_arithmetic(operator: &str) -> bool {
    matches!(
        operator,
        "Gather"
            | "Unsqueeze"
            | "Squeeze"
            | "Concat"
            | "Slice"
            | "Cast"
            | "Identity"
            | "Reshape"
            | "Add"
            | "Sub"
            | "Mul"
            | "Div"
    )
}

/// A place in a list, negative ones from its end, held within it.
fn place(at: i64, length: usize) -> usize {
    let length = length as i64;
    let at = if at < 0 { at.saturating_add(length) } else { at };
    at.clamp(0, length) as usize
}

fn arithmetic(node: &NodeProto, attributes: &mut Attributes, inputs: &[Sizes]) -> Result<Sizes, String> {
    let [first, more @ ..] = inputs else { return Err("needs an input".to_owned()) };
    // What is a list or number of its own in later opsets.
    let known = |index: usize| -> Result<Option<Vec<i64>>, String> {
        let Some(sizes) = more.get(index) else { return Ok(None) };
        sizes.known().map(Some).ok_or_else(|| "depends on the number of images".to_owned())
    };
    let first_axis = |axes: Option<Vec<i64>>, rank: usize| match axes.as_deref() {
        None => Ok(()),
        Some([only]) if axis(*only, rank)? == 0 => Ok(()),
        Some(other) => Err(format!("axes = {other:?} of a list of sizes")),
    };
    match node.op_type.as_str() {
        "Identity" => Ok(first.clone()),
        "Cast" => match attributes.int("to")? {
            Some(to) if to == i64::from(INT64) || to == i64::from(INT32) => Ok(first.clone()),
            to => Err(format!("to = {} of sizes, which are whole numbers", to.unwrap_or(0))),
        },
        "Gather" => {
            axis(attributes.int("axis")?.unwrap_or(0), 1)?;
            let [indices] = more else { return Err("needs indices".to_owned()) };
            let pick = |index: &Size| {
                let at = axis(number(index)?, first.all.len())?;
                Ok::<_, String>(first.all[at])
            };
            Ok(Sizes { all: indices.all.iter().map(pick).collect::<Result<_, _>>()?, scalar: indices.scalar })
        }
        "Unsqueeze" => {
            let axes = attributes.ints("axes")?.map(<[i64]>::to_vec);
            first_axis(axes.or(known(0)?), 1)?;
            if first.scalar { Ok(Sizes::list(first.all.clone())) } else { Err("of a list of sizes".to_owned()) }
        }
        "Squeeze" => {
            let axes = attributes.ints("axes")?.map(<[i64]>::to_vec);
            first_axis(axes.or(known(0)?), 1)?;
            match first.all[..] {
                [only] => Ok(Sizes { all: vec![only], scalar: true }),
                _ => Err("of several sizes".to_owned()),
            }
        }
        "Concat" => {
            axis(attributes.int("axis")?.ok_or("needs axis")?, 1)?;
            Ok(Sizes::list(inputs.iter().flat_map(|sizes| sizes.all.clone()).collect()))
        }
        "Reshape" => {
            attributes.flag("allowzero", false)?;
            match known(0)?.as_deref() {
                Some([-1]) => Ok(Sizes::list(first.all.clone())),
                Some([]) if first.all.len() == 1 => Ok(Sizes { all: first.all.clone(), scalar: true }),
                other => Err(format!("sizes to {other:?}")),
            }
        }
        "Slice" => {
            let listed = |attributes: &mut Attributes, name: &str, index: usize| {
                Ok::<_, String>(attributes.ints(name)?.map(<[i64]>::to_vec).or(known(index)?))
            };
            let (starts, ends) = (listed(attributes, "starts", 0)?, listed(attributes, "ends", 1)?);
            first_axis(listed(attributes, "axes", 2)?, 1)?;
            match (starts.as_deref(), ends.as_deref(), known(3)?.as_deref()) {
                (Some([start]), Some([end]), None | Some([1])) => {
                    let range = place(*start, first.all.len())..place(*end, first.all.len());
                    Ok(Sizes::list(first.all.get(range).unwrap_or_default().to_vec()))
                }
                _ => Err("of sizes is read as one run of them".to_owned()),
            }
        }
        operator => elementwise(operator, first, more.first().ok_or("needs two inputs")?),
    }
}

fn elementwise(operator: &str, a: &Sizes, b: &Sizes) -> Result<Sizes, String> {
    let one = |x: &Size, y: &Size| {
        // Once, or plus nothing: as x.size(0) * 1.
        match (operator, x, y) {
            ("Mul" | "Div", Size::Batch, Size::Known(1)) | ("Add" | "Sub", Size::Batch, Size::Known(0)) => {
                return Ok(*x);
            }
            ("Mul", Size::Known(1), Size::Batch) | ("Add", Size::Known(0), Size::Batch) => return Ok(*y),
            _ => {}
        }
        let (x, y) = (number(x)?, number(y)?);
        let value = match operator {
            "Add" => x.checked_add(y),
            "Sub" => x.checked_sub(y),
            "Mul" => x.checked_mul(y),
            _ => x.checked_div(y),
        };
        value.map(Size::Known).ok_or_else(|| format!("{x} and {y} give no whole number"))
    };
    let all = match (a.all.len(), b.all.len()) {
        (n, m) if n == m => a.all.iter().zip(&b.all).map(|(x, y)| one(x, y)).collect::<Result<_, _>>()?,
        (_, 1) => a.all.iter().map(|x| one(x, &b.all[0])).collect::<Result<_, _>>()?,
        (1, _) => b.all.iter().map(|y| one(&a.all[0], y)).collect::<Result<_, _>>()?,
        (n, m) => return Err(format!("{n} sizes and {m}")),
    };
    Ok(Sizes { all, scalar: a.scalar && b.scalar })
}

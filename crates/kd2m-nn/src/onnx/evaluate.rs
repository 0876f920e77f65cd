//! What operators give of constants alone, as exporters leave them where a size or a padding is computed: `Ceil`, arithmetic, and what
//! picks, joins and lays out numbers.

use super::{
    attributes::Attributes,
    proto::{BFLOAT16, BOOL, DOUBLE, FLOAT, FLOAT16, INT32, INT64, NodeProto},
    tensor::{Constant, Data},
    values::axis,
};

/// Numbers that one operator may give: these are sizes, not pictures.
const MOST: usize = 1 << 20;

/// The constant that an operator gives; none where it is not one of these.
///
/// # Errors
/// Inputs that it does not take.
pub(super) fn evaluate(
    node: &NodeProto,
    attributes: &mut Attributes,
    inputs: &[Option<&Constant>],
) -> Result<Option<Constant>, String> {
    let at = |index: usize| inputs.get(index).copied().flatten();
    let Some(first) = at(0) else { return Ok(None) };
    let list = |attributes: &mut Attributes, name: &str, index: usize| -> Result<Option<Vec<i64>>, String> {
        match (attributes.ints(name)?, at(index)) {
            (Some(values), _) => Ok(Some(values.to_vec())),
            (None, Some(constant)) => {
                constant.integers().map(|v| Some(v.to_vec())).ok_or_else(|| format!("{name} should be whole numbers"))
            }
            (None, None) => Ok(None),
        }
    };
    Ok(Some(match node.op_type.as_str() {
        "Identity" => first.clone(),
        "Ceil" => map(first, f64::ceil)?,
        "Floor" => map(first, f64::floor)?,
        "Neg" => map(first, |x| -x)?,
        "Sqrt" => map(first, f64::sqrt)?,
        "Add" => pairs(first, at(1), |a, b| a + b, i64::checked_add)?,
        "Sub" => pairs(first, at(1), |a, b| a - b, i64::checked_sub)?,
        "Mul" => pairs(first, at(1), |a, b| a * b, i64::checked_mul)?,
        "Div" => pairs(first, at(1), |a, b| a / b, i64::checked_div)?,
        "Max" if inputs.len() == 2 => pairs(first, at(1), f64::max, |a, b| Some(a.max(b)))?,
        "Min" if inputs.len() == 2 => pairs(first, at(1), f64::min, |a, b| Some(a.min(b)))?,
        "Clip" => {
            let low =
                at(1).map_or(Ok(first.clone()), |low| pairs(first, Some(low), f64::max, |a, b| Some(a.max(b))))?;
            at(2).map_or(Ok(low.clone()), |high| pairs(&low, Some(high), f64::min, |a, b| Some(a.min(b))))?
        }
        "Cast" => cast(first, attributes)?,
        "DequantizeLinear" => dequantised(first, at(1).ok_or("needs a scale")?, at(2), attributes)?,
        "Unsqueeze" => unsqueeze(first, &list(attributes, "axes", 1)?.ok_or("needs axes")?)?,
        "Squeeze" => squeeze(first, list(attributes, "axes", 1)?)?,
        "Concat" => concat(attributes, inputs)?,
        "ConstantOfShape" => filled(first, attributes)?,
        "Reshape" => {
            attributes.flag("allowzero", false)?;
            reshape(first, at(1).and_then(Constant::integers).ok_or("needs the new shape")?)?
        }
        "Range" => range([Some(first), at(1), at(2)])?,
        "Transpose" => transpose(first, attributes)?,
        "Gather" => gather(first, at(1).ok_or("needs indices")?, attributes)?,
        "Slice" => {
            let starts = list(attributes, "starts", 1)?.ok_or("needs starts")?;
            let ends = list(attributes, "ends", 2)?.ok_or("needs ends")?;
            let axes = list(attributes, "axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
            let steps = list(attributes, "steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
            slice(first, &starts, &ends, &axes, &steps)?
        }
        _ => return Ok(None),
    }))
}

/// Most numbers of a range: a file of a few bytes may ask for any.
const LONGEST_RANGE: usize = 1 << 20;

/// Whole numbers from the first on, below the second, in steps of the third.
fn range(given: [Option<&Constant>; 3]) -> Result<Constant, String> {
    let one = |constant: Option<&Constant>| match constant.and_then(Constant::integers) {
        Some(&[value]) => Ok(value),
        _ => Err("is read of three whole numbers".to_owned()),
    };
    let [start, end, step] = given.map(one);
    let (start, end) = (start?, end?);
    let step = usize::try_from(step?).ok().filter(|step| *step > 0).ok_or("is read in steps above 0")?;
    let values: Vec<i64> = (start..end).step_by(step).take(LONGEST_RANGE + 1).collect();
    match values.len() > LONGEST_RANGE {
        true => Err(format!("of more than {LONGEST_RANGE} numbers")),
        false => Ok(Constant { shape: vec![values.len()], data: Data::Integers(values) }),
    }
}

fn map(x: &Constant, f: impl Fn(f64) -> f64) -> Result<Constant, String> {
    let data = match &x.data {
        Data::Floats(values) => Data::Floats(values.iter().map(|v| f(f64::from(*v)) as f32).collect()),
        // Of whole numbers these are exact below 2⁵³, which no size reaches.
        Data::Integers(values) => Data::Integers(values.iter().map(|v| f(*v as f64) as i64).collect()),
        Data::Other => return Err("of a type that is not read".to_owned()),
    };
    Ok(Constant { shape: x.shape.clone(), data })
}

/// Two constants, spread over each other as ONNX does.
fn pairs(
    a: &Constant,
    b: Option<&Constant>,
    floats: impl Fn(f64, f64) -> f64,
    integers: impl Fn(i64, i64) -> Option<i64>,
) -> Result<Constant, String> {
    let b = b.ok_or("needs two inputs")?;
    let rank = a.shape.len().max(b.shape.len());
    let padded = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
    let (left, right) = (padded(&a.shape), padded(&b.shape));
    let both = left.iter().zip(&right).map(|(x, y)| match (*x, *y) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(format!("{:?} and {:?} do not go together", a.shape, b.shape)),
    });
    let shape: Vec<usize> = both.collect::<Result<_, _>>()?;
    let count = count(&shape)?;
    let from = |own: &[usize], at: usize| {
        let (mut rest, mut place, mut stride) = (at, 0, 1);
        for axis in (0..rank).rev() {
            let here = rest % shape[axis];
            rest /= shape[axis];
            place += if own[axis] == 1 { 0 } else { here * stride };
            stride *= own[axis];
        }
        place
    };
    let data = match (&a.data, &b.data) {
        (Data::Floats(x), Data::Floats(y)) => {
            let one = |i| floats(f64::from(x[from(&left, i)]), f64::from(y[from(&right, i)])) as f32;
            Data::Floats((0..count).map(one).collect())
        }
        (Data::Integers(x), Data::Integers(y)) => {
            let one = |i| integers(x[from(&left, i)], y[from(&right, i)]).ok_or("gives no whole number");
            Data::Integers((0..count).map(one).collect::<Result<_, _>>()?)
        }
        _ => return Err("of two types".to_owned()),
    };
    Ok(Constant { shape, data })
}

fn count(shape: &[usize]) -> Result<usize, String> {
    let total = shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s));
    total.filter(|n| *n <= MOST).ok_or_else(|| format!("of {shape:?}, too large for a size that is computed"))
}

fn cast(x: &Constant, attributes: &mut Attributes) -> Result<Constant, String> {
    attributes.flag("saturate", true)?;
    let to = attributes.int("to")?.unwrap_or(0);
    let is = |kinds: &[i32]| kinds.iter().any(|kind| i64::from(*kind) == to);
    let data = match &x.data {
        data @ Data::Floats(_) if is(&[FLOAT, DOUBLE, FLOAT16, BFLOAT16]) => data.clone(),
        Data::Integers(v) if is(&[FLOAT, DOUBLE, FLOAT16, BFLOAT16]) => {
            Data::Floats(v.iter().map(|v| *v as f32).collect())
        }
        data @ Data::Integers(_) if is(&[INT64, INT32]) => data.clone(),
        Data::Integers(v) if is(&[BOOL]) => Data::Integers(v.iter().map(|v| i64::from(*v != 0)).collect()),
        Data::Floats(v) if is(&[INT64, INT32]) => Data::Integers(v.iter().map(|v| *v as i64).collect()),
        _ => return Err(format!("to = {to} of such numbers")),
    };
    Ok(Constant { shape: x.shape.clone(), data })
}

/// Weights of eight bits as what they stand for.
fn dequantised(
    x: &Constant,
    step: &Constant,
    zero: Option<&Constant>,
    attributes: &mut Attributes,
) -> Result<Constant, String> {
    let given = attributes.int("axis")?;
    let (whole, steps) =
        Option::zip(x.integers(), step.floats()).ok_or("of whole numbers by a floating-point scale only")?;
    let zeros = match zero {
        Some(zero) => zero.integers().ok_or("zero points should be whole numbers")?.to_vec(),
        None => vec![0; steps.len()],
    };
    let along = match steps {
        [_] => None,
        _ => Some(axis(given.unwrap_or(1), x.shape.len())?),
    };
    if along.is_some_and(|along| x.shape[along] != steps.len()) || zeros.len() != steps.len() {
        return Err(format!("{} scales and {} zero points for a shape of {:?}", steps.len(), zeros.len(), x.shape));
    }
    let inner: usize = along.map_or(1, |along| x.shape[along + 1..].iter().product::<usize>().max(1));
    let channel = |i: usize| i / inner % steps.len();
    let value = |(i, q): (usize, &i64)| (q - zeros[channel(i)]) as f32 * steps[channel(i)];
    Ok(Constant { shape: x.shape.clone(), data: Data::Floats(whole.iter().enumerate().map(value).collect()) })
}

fn unsqueeze(x: &Constant, axes: &[i64]) -> Result<Constant, String> {
    let rank = x.shape.len() + axes.len();
    let mut at = axes.iter().map(|a| axis(*a, rank)).collect::<Result<Vec<usize>, _>>()?;
    at.sort_unstable();
    let mut shape = x.shape.clone();
    at.into_iter().for_each(|at| shape.insert(at.min(shape.len()), 1));
    Ok(Constant { shape, data: x.data.clone() })
}

fn squeeze(x: &Constant, axes: Option<Vec<i64>>) -> Result<Constant, String> {
    let rank = x.shape.len();
    let off = match axes {
        Some(axes) => axes.iter().map(|a| axis(*a, rank)).collect::<Result<Vec<usize>, _>>()?,
        None => (0..rank).filter(|i| x.shape[*i] == 1).collect(),
    };
    if off.iter().any(|i| x.shape[*i] != 1) {
        return Err(format!("of {:?} along an axis that is not one long", x.shape));
    }
    let left = x.shape.iter().enumerate().filter(|(i, _)| !off.contains(i)).map(|(_, s)| *s);
    Ok(Constant { shape: left.collect(), data: x.data.clone() })
}

fn concat(attributes: &mut Attributes, inputs: &[Option<&Constant>]) -> Result<Constant, String> {
    let all: Vec<&Constant> = inputs.iter().copied().flatten().collect();
    axis(attributes.int("axis")?.ok_or("needs axis")?, 1)?;
    if all.iter().any(|c| c.shape.len() != 1) {
        return Err("of constants that are no lists".to_owned());
    }
    if let Some(parts) = all.iter().map(|c| c.integers()).collect::<Option<Vec<&[i64]>>>() {
        let values = parts.concat();
        return Ok(Constant { shape: vec![values.len()], data: Data::Integers(values) });
    }
    let parts = all.iter().map(|c| c.floats()).collect::<Option<Vec<&[f32]>>>().ok_or("of two types")?;
    let values = parts.concat();
    Ok(Constant { shape: vec![values.len()], data: Data::Floats(values) })
}

fn filled(shape: &Constant, attributes: &mut Attributes) -> Result<Constant, String> {
    let size = |s: &i64| usize::try_from(*s).map_err(|_| format!("a size of {s}"));
    let shape = shape.integers().ok_or("needs a shape")?.iter().map(size).collect::<Result<Vec<usize>, _>>()?;
    let count = count(&shape)?;
    let data = match attributes.tensor("value")?.map(Constant::read).transpose()?.map(|c| c.data) {
        None => Data::Floats(vec![0.0; count]),
        Some(Data::Floats(v)) if v.len() == 1 => Data::Floats(vec![v[0]; count]),
        Some(Data::Integers(v)) if v.len() == 1 => Data::Integers(vec![v[0]; count]),
        Some(_) => return Err("value should be one number".to_owned()),
    };
    Ok(Constant { shape, data })
}

fn reshape(x: &Constant, to: &[i64]) -> Result<Constant, String> {
    let held: usize = count(&x.shape)?;
    let known = to.iter().enumerate().filter(|(_, s)| **s != -1).map(|(i, s)| match *s {
        0 => x.shape.get(i).copied().ok_or_else(|| format!("{to:?} copies what is not there")),
        s => usize::try_from(s).map_err(|_| format!("a size of {s}")),
    });
    let known: usize = known.collect::<Result<Vec<usize>, _>>()?.iter().product();
    let size = |(i, s): (usize, &i64)| match *s {
        -1 => held / known.max(1),
        0 => x.shape.get(i).copied().unwrap_or(0),
        s => s as usize,
    };
    let shape: Vec<usize> = to.iter().enumerate().map(size).collect();
    match shape.iter().product::<usize>() == held {
        true => Ok(Constant { shape, data: x.data.clone() }),
        false => Err(format!("{:?} to {to:?}", x.shape)),
    }
}

/// The numbers at these places.
fn pick(x: &Constant, shape: Vec<usize>, places: impl Iterator<Item = usize>) -> Result<Constant, String> {
    let data = match &x.data {
        Data::Floats(values) => Data::Floats(places.map(|at| values[at]).collect()),
        Data::Integers(values) => Data::Integers(places.map(|at| values[at]).collect()),
        Data::Other => return Err("of a type that is not read".to_owned()),
    };
    Ok(Constant { shape, data })
}

fn transpose(x: &Constant, attributes: &mut Attributes) -> Result<Constant, String> {
    let rank = x.shape.len();
    let order: Vec<usize> = match attributes.ints("perm")? {
        Some(order) => order.iter().map(|a| axis(*a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Err(format!("perm = {order:?} of {rank} axes"));
    }
    let strides: Vec<usize> = (0..rank).map(|i| x.shape[i + 1..].iter().product()).collect();
    let shape: Vec<usize> = order.iter().map(|i| x.shape[*i]).collect();
    let total: usize = shape.iter().product();
    let from = |at: usize| {
        let (mut rest, mut place) = (at, 0);
        for axis in (0..rank).rev() {
            place += rest % shape[axis] * strides[order[axis]];
            rest /= shape[axis];
        }
        place
    };
    pick(x, shape.clone(), (0..total).map(from))
}

fn gather(x: &Constant, indices: &Constant, attributes: &mut Attributes) -> Result<Constant, String> {
    let along = axis(attributes.int("axis")?.unwrap_or(0), x.shape.len())?;
    let size = x.shape[along];
    let wanted = indices.integers().ok_or("indices should be whole numbers")?;
    let wanted = wanted.iter().map(|at| axis(*at, size)).collect::<Result<Vec<usize>, _>>()?;
    let (outer, inner): (usize, usize) = (x.shape[..along].iter().product(), x.shape[along + 1..].iter().product());
    let shape = [&x.shape[..along], &indices.shape, &x.shape[along + 1..]].concat();
    count(&shape)?;
    let places =
        (0..outer).flat_map(|o| wanted.iter().flat_map(move |w| (0..inner).map(move |i| (o * size + w) * inner + i)));
    pick(x, shape, places)
}

fn slice(x: &Constant, starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]) -> Result<Constant, String> {
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("has lists of different lengths".to_owned());
    }
    let mut result = x.clone();
    for i in 0..starts.len() {
        let along = axis(axes[i], result.shape.len())?;
        let (size, step) = (result.shape[along] as i64, steps[i]);
        let place = |at: i64, low: i64, high: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(low, high);
        let wanted: Vec<usize> = match step {
            1.. => (place(starts[i], 0, size)..place(ends[i], 0, size))
                .step_by(step as usize)
                .map(|v| v as usize)
                .collect(),
            0 => return Err("in steps of 0".to_owned()),
            _ => {
                let (start, end) = (place(starts[i], -1, size - 1), place(ends[i], -1, size - 1));
                (end + 1..=start).rev().step_by(step.unsigned_abs() as usize).map(|v| v as usize).collect()
            }
        };
        let (outer, inner): (usize, usize) =
            (result.shape[..along].iter().product(), result.shape[along + 1..].iter().product());
        let mut shape = result.shape.clone();
        shape[along] = wanted.len();
        let size = size as usize;
        let places = (0..outer)
            .flat_map(|o| wanted.iter().flat_map(move |w| (0..inner).map(move |i| (o * size + w) * inner + i)));
        result = pick(&result, shape, places)?;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers(shape: &[usize], values: &[i64]) -> Constant {
        Constant { shape: shape.to_vec(), data: Data::Integers(values.to_vec()) }
    }

    fn floats(values: &[f32]) -> Constant {
        Constant { shape: vec![values.len()], data: Data::Floats(values.to_vec()) }
    }

    fn run(operator: &str, inputs: &[&Constant]) -> Constant {
        let node = NodeProto { op_type: operator.to_owned(), ..NodeProto::default() };
        let inputs: Vec<Option<&Constant>> = inputs.iter().map(|c| Some(*c)).collect();
        evaluate(&node, &mut Attributes::of(&node).unwrap(), &inputs).unwrap().unwrap()
    }

    #[test]
    fn values_are_numpy_s() {
        // (np.arange(6).reshape(2, 3) + [[10], [20]]), [:, ::-1], .T, [1, 0] along axis 0.
        let x = integers(&[2, 3], &[0, 1, 2, 3, 4, 5]);
        let sum = run("Add", &[&x, &integers(&[2, 1], &[10, 20])]);
        assert_eq!(sum, integers(&[2, 3], &[10, 11, 12, 23, 24, 25]));
        let [one, minus, low] = [integers(&[1], &[1]), integers(&[1], &[-1]), integers(&[1], &[i64::MIN])];
        assert_eq!(run("Slice", &[&x, &minus, &low, &one, &minus]), integers(&[2, 3], &[2, 1, 0, 5, 4, 3]));
        assert_eq!(run("Transpose", &[&x]), integers(&[3, 2], &[0, 3, 1, 4, 2, 5]));
        assert_eq!(run("Gather", &[&x, &integers(&[2], &[-1, 0])]), integers(&[2, 3], &[3, 4, 5, 0, 1, 2]));
        assert_eq!(run("Reshape", &[&x, &integers(&[2], &[-1, 2])]), integers(&[3, 2], &[0, 1, 2, 3, 4, 5]));
        assert_eq!(run("Div", &[&integers(&[], &[-7]), &integers(&[], &[2])]), integers(&[], &[-3]));
        assert_eq!(run("Ceil", &[&floats(&[1.2, -1.2])]), floats(&[2.0, -1.0]));
        assert_eq!(run("Clip", &[&floats(&[-1.0, 0.5]), &floats(&[0.0])]), floats(&[0.0, 0.5]));
        assert_eq!(run("ConstantOfShape", &[&integers(&[1], &[2])]), floats(&[0.0, 0.0]));
        let number = |value| integers(&[], &[value]);
        assert_eq!(run("Range", &[&number(3), &number(10), &number(3)]), integers(&[3], &[3, 6, 9]));
        assert_eq!(run("Unsqueeze", &[&floats(&[1.0]), &integers(&[1], &[0])]).shape, [1, 1]);
    }
}

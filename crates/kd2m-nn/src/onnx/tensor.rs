//! Constants of an ONNX model, between its tensors and numbers.

use super::proto::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_FLOATS, ATTRIBUTE_INT, ATTRIBUTE_INTS, Attribute, BFLOAT16, BOOL, DOUBLE, FLOAT,
    FLOAT16, INT8, INT32, INT64, Tensor, UINT8,
};
use crate::weights::Number;

/// A constant: weights, or the sizes and limits that operators take as inputs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constant {
    pub shape: Vec<usize>,
    pub data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    /// Of a type that no operator here reads.
    Other,
}

impl Constant {
    /// The numbers of a tensor.
    ///
    /// # Errors
    /// Numbers kept in another file, or fewer or more of them than the shape says.
    pub fn read(tensor: &Tensor) -> Result<Self, String> {
        if tensor.data_location != 0 {
            return Err("its numbers are in another file; export the model as one file".to_owned());
        }
        let shape = tensor.dims.iter().map(|d| usize::try_from(*d).map_err(|_| format!("a size of {d}")));
        let shape: Vec<usize> = shape.collect::<Result<_, _>>()?;
        let floats = |number: Number| Data::Floats(number.to_f32(&tensor.raw_data));
        let data = match tensor.data_type {
            FLOAT if tensor.raw_data.is_empty() => Data::Floats(tensor.float_data.clone()),
            DOUBLE if tensor.raw_data.is_empty() => {
                Data::Floats(tensor.double_data.iter().map(|v| *v as f32).collect())
            }
            INT64 if tensor.raw_data.is_empty() => Data::Integers(tensor.int64_data.clone()),
            FLOAT => floats(Number::F32),
            DOUBLE => floats(Number::F64),
            FLOAT16 | BFLOAT16 if tensor.raw_data.is_empty() => {
                // Bits of two bytes, each in a number of its own.
                let bits: Vec<u8> = tensor.int32_data.iter().flat_map(|v| (*v as u16).to_le_bytes()).collect();
                let number = if tensor.data_type == FLOAT16 { Number::F16 } else { Number::Bf16 };
                Data::Floats(number.to_f32(&bits))
            }
            INT32 | BOOL | INT8 | UINT8 if tensor.raw_data.is_empty() => {
                Data::Integers(tensor.int32_data.iter().map(|v| i64::from(*v)).collect())
            }
            INT8 => Data::Integers(tensor.raw_data.iter().map(|b| i64::from(b.cast_signed())).collect()),
            UINT8 => Data::Integers(tensor.raw_data.iter().map(|b| i64::from(*b)).collect()),
            FLOAT16 => floats(Number::F16),
            BFLOAT16 => floats(Number::Bf16),
            INT32 => Data::Integers(
                tensor.raw_data.as_chunks().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect(),
            ),
            BOOL => Data::Integers(tensor.raw_data.iter().map(|b| i64::from(*b)).collect()),
            INT64 => Data::Integers(tensor.raw_data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            _ => Data::Other,
        };
        let count = match &data {
            Data::Floats(values) => Some(values.len()),
            Data::Integers(values) => Some(values.len()),
            Data::Other => None,
        };
        let expected = shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s));
        match count {
            Some(count) if expected != Some(count) => Err(format!("{count} numbers for a shape of {shape:?}")),
            _ => Ok(Self { shape, data }),
        }
    }

    /// Any of the forms of a `Constant` operator.
    ///
    /// # Errors
    /// As [`read`](Self::read), and none of the forms or several.
    pub fn of_operator(attributes: &[Attribute]) -> Result<Self, String> {
        let [attribute] = attributes else { return Err("a Constant has one attribute".to_owned()) };
        let scalar = |data| Self { shape: Vec::new(), data };
        let kind = |expected: i32| matches!(attribute.r#type, 0) || attribute.r#type == expected;
        Ok(match attribute.name.as_str() {
            "value" => return Self::read(attribute.t.as_ref().ok_or("its value is no tensor")?),
            "value_float" if kind(ATTRIBUTE_FLOAT) => scalar(Data::Floats(vec![attribute.f.unwrap_or(0.0)])),
            "value_int" if kind(ATTRIBUTE_INT) => scalar(Data::Integers(vec![attribute.i.unwrap_or(0)])),
            "value_floats" if kind(ATTRIBUTE_FLOATS) => {
                Self { shape: vec![attribute.floats.len()], data: Data::Floats(attribute.floats.clone()) }
            }
            "value_ints" if kind(ATTRIBUTE_INTS) => {
                Self { shape: vec![attribute.ints.len()], data: Data::Integers(attribute.ints.clone()) }
            }
            // Text and sparse tensors: refused where one is used.
            _ => scalar(Data::Other),
        })
    }

    /// Its numbers if they are floating point.
    pub fn floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::Floats(values) => Some(values),
            _ => None,
        }
    }

    /// Its numbers if they are integers.
    pub fn integers(&self) -> Option<&[i64]> {
        match &self.data {
            Data::Integers(values) => Some(values),
            _ => None,
        }
    }
}

/// A tensor of floats under its name.
pub(crate) fn floats(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: shape.iter().map(|d| *d as i64).collect(),
        data_type: FLOAT,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

/// A list of integers under its name.
pub(crate) fn integers(name: &str, values: &[i64]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: INT64,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

/// Signed bytes under their name.
pub(crate) fn bytes(name: &str, shape: &[usize], values: &[i8]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: shape.iter().map(|d| *d as i64).collect(),
        data_type: INT8,
        raw_data: values.iter().map(|v| v.cast_unsigned()).collect(),
        ..Tensor::default()
    }
}

/// Whole numbers of 32 bits under their name.
pub(crate) fn words(name: &str, shape: &[usize], values: &[i32]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: shape.iter().map(|d| *d as i64).collect(),
        data_type: INT32,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

//! The safetensors format, read into f32 and written from it.
//! The crate `safetensors` checks header and offsets; here are the conversion of types and the words for what is wrong.

use std::{borrow::Cow, collections::HashMap};

use half::f16;
use safetensors::{
    SafeTensorError, SafeTensors,
    tensor::{Dtype, TensorView, View},
};

use super::{
    NamedTensor, Precision, Weights,
    number::Number,
    slot::{Dict, Slot},
};

/// A file, its header read and checked.
pub(super) struct Flat<'a>(SafeTensors<'a>);

impl<'a> Flat<'a> {
    /// # Errors
    /// Damage, in words.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        SafeTensors::deserialize(bytes).map(Self).map_err(|e| explain(&e, bytes))
    }

    /// The only state dict that there is.
    pub fn dict(&self) -> Dict {
        let slot = |tensor: &TensorView| match Number::of_dtype(tensor.dtype()) {
            Some(_) => Slot::Tensor(tensor.shape().to_vec()),
            None => Slot::Other(format!("is stored as {}, which is no weight's type", tensor.dtype())),
        };
        Dict { key: String::new(), slots: self.0.iter().map(|(name, t)| (name.to_owned(), slot(&t))).collect() }
    }

    /// The tensors of these names.
    pub fn values(&self, wanted: &dyn Fn(&str) -> bool) -> Weights {
        let tensor = |(name, tensor): (&str, TensorView)| {
            let values = Number::of_dtype(tensor.dtype())?.to_f32(tensor.data());
            Some((name.to_owned(), NamedTensor { shape: tensor.shape().to_vec(), values }))
        };
        self.0.iter().filter(|(name, _)| wanted(name)).filter_map(tensor).collect()
    }
}

/// The key under which our own text lies in a header.
const METADATA: &str = "kd2m";

/// Our own text in a header, if this is one and it holds some.
pub(super) fn metadata(header: &[u8]) -> Option<String> {
    let header: serde_json::Value = serde_json::from_slice(header).ok()?;
    header.get("__metadata__")?.get(METADATA)?.as_str().map(str::to_owned)
}

/// The bytes of a file with these tensors and at most one metadata entry: several would be written in random order.
pub(super) fn encode(
    weights: &Weights,
    metadata: Option<&str>,
    precision: Precision,
) -> Result<Vec<u8>, SafeTensorError> {
    let metadata = metadata.map(|text| HashMap::from([(METADATA.to_owned(), text.to_owned())]));
    safetensors::serialize(weights.iter().map(|(name, tensor)| (name, Written { tensor, precision })), metadata)
}

/// A tensor as it is written.
struct Written<'a> {
    tensor: &'a NamedTensor,
    precision: Precision,
}

impl View for Written<'_> {
    fn dtype(&self) -> Dtype {
        match self.precision {
            Precision::Single => Dtype::F32,
            Precision::Half => Dtype::F16,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.tensor.values.iter();
        match self.precision {
            Precision::Single => values.flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>(),
            Precision::Half => values.flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        }
        .into()
    }

    fn data_len(&self) -> usize {
        self.tensor.values.len() * self.precision.bytes()
    }
}

/// The crate's error, with the two sizes where the file was cut short.
fn explain(error: &SafeTensorError, bytes: &[u8]) -> String {
    let declared = bytes.first_chunk().map(|b| u64::from_le_bytes(*b));
    match (error, declared) {
        (SafeTensorError::HeaderTooSmall, _) => format!("it has {} bytes; a header alone takes 8", bytes.len()),
        (SafeTensorError::InvalidHeaderLength | SafeTensorError::HeaderTooLarge, Some(n)) => {
            format!("its header claims {n} bytes of the file's {}; it is truncated or not safetensors", bytes.len())
        }
        (SafeTensorError::MetadataIncompleteBuffer, _) => {
            format!("its {} bytes are not what the header promises; it is truncated or was overwritten", bytes.len())
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dtype: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#, data.len());
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Weights, String> {
        Flat::open(bytes).map(|file| file.values(&|_| true))
    }

    #[test]
    fn half_and_double_precision_become_f32() {
        // 1.5 and −2 in each type's bits.
        for (dtype, data) in [
            ("F16", vec![0x00, 0x3e, 0x00, 0xc0]),
            ("BF16", vec![0xc0, 0x3f, 0x00, 0xc0]),
            ("F8_E4M3", vec![0x3c, 0xc0]),
            ("F8_E5M2", vec![0x3e, 0xc0]),
            ("F64", [1.5_f64.to_le_bytes(), (-2.0_f64).to_le_bytes()].concat()),
        ] {
            let weights = decode(&file(dtype, "[2]", &data)).unwrap();
            assert_eq!(weights["w"].values, [1.5, -2.0], "{dtype}");
        }
    }

    #[test]
    fn damage_is_explained() {
        let good = file("F32", "[2]", &[0; 8]);
        assert!(decode(&good).is_ok());
        for (bytes, words) in [
            (&good[..5], "it has 5 bytes"),
            (&good[..20], "header claims"),
            (&good[..good.len() - 1], "truncated"),
            (&[b"PK not safetensors at all".as_slice()].concat(), "not safetensors"),
            (&file("F32", "[3]", &[0; 8]), "shape"),
            (&file("F32", "[18446744073709551615,2]", &[0; 8]), "overflow"),
        ] {
            let reason = decode(bytes).unwrap_err();
            assert!(reason.contains(words), "{words}: {reason}");
        }
    }

    #[test]
    fn whole_numbers_are_named_as_what_they_are() {
        let bytes = file("I32", "[2]", &[0; 8]);
        let slots = Flat::open(&bytes).unwrap().dict().slots;
        assert_eq!(slots["w"], Slot::Other("is stored as I32, which is no weight's type".into()));
        assert!(decode(&bytes).unwrap().is_empty());
    }

    #[test]
    fn equal_weights_make_equal_bytes() {
        let tensor = NamedTensor { shape: vec![2], values: vec![1.0, f32::MIN_POSITIVE] };
        let weights = Weights::from([("b".to_owned(), tensor.clone()), ("a".to_owned(), tensor)]);
        let bytes = encode(&weights, Some("note"), Precision::Single).unwrap();
        assert_eq!(bytes, encode(&weights, Some("note"), Precision::Single).unwrap());
        assert_eq!(decode(&bytes).unwrap(), weights);
    }

    #[test]
    fn half_precision_rounds_to_the_nearest_and_to_even() {
        // Between 1 and 2 halves are 2⁻¹⁰ apart; below 2⁻²⁵ there is none but zero.
        let step = 2f32.powi(-10);
        let values = vec![1.0 + 0.5 * step, 1.0 + 1.5 * step, -65504.0, 2f32.powi(-24), 2f32.powi(-26), 0.1];
        let weights = Weights::from([("w".to_owned(), NamedTensor { shape: vec![2, 3], values })]);
        let found = decode(&encode(&weights, None, Precision::Half).unwrap()).unwrap();
        let expected = vec![1.0, 1.0 + 2.0 * step, -65504.0, 2f32.powi(-24), 0.0, 0.099_975_586];
        assert_eq!(found["w"], NamedTensor { shape: vec![2, 3], values: expected });
    }
}

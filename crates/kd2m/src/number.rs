//! Numbers in JSON. JSON has no NaN and no infinity: `serde_json` writes both as null, so every field that may hold one reads null
//! again, as NaN; `#[serde(deserialize_with = "crate::number::or_nan")]` on every float that is no `Option`. Finite numbers keep every bit:
//! the feature `float_roundtrip` of `serde_json` is on, without which one in twenty accuracies comes back another number.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// Reads a float, or floats in lists, maps and tuples, null being NaN.
///
/// # Errors
/// Anything that is neither a number nor null.
pub fn or_nan<'d, D: Deserializer<'d>, T: Lenient>(deserializer: D) -> Result<T, D::Error> {
    T::Wire::deserialize(deserializer).map(T::of)
}

/// What has floats in it, and how that looks in JSON.
pub trait Lenient: Sized {
    /// The same with null for each float that is no number.
    type Wire: DeserializeOwned;

    /// Null becomes NaN.
    fn of(wire: Self::Wire) -> Self;
}

impl Lenient for f64 {
    type Wire = Option<f64>;

    fn of(wire: Self::Wire) -> Self {
        wire.unwrap_or(f64::NAN)
    }
}

impl Lenient for f32 {
    type Wire = Option<f32>;

    fn of(wire: Self::Wire) -> Self {
        wire.unwrap_or(f32::NAN)
    }
}

/// An index beside floats.
impl Lenient for usize {
    type Wire = usize;

    fn of(wire: usize) -> Self {
        wire
    }
}

impl<T: Lenient> Lenient for Vec<T> {
    type Wire = Vec<T::Wire>;

    fn of(wire: Self::Wire) -> Self {
        wire.into_iter().map(T::of).collect()
    }
}

impl<T: Lenient> Lenient for [T; 2]
where
    [T::Wire; 2]: DeserializeOwned,
{
    type Wire = [T::Wire; 2];

    fn of(wire: Self::Wire) -> Self {
        wire.map(T::of)
    }
}

impl<A: Lenient, B: Lenient, C: Lenient> Lenient for (A, B, C) {
    type Wire = (A::Wire, B::Wire, C::Wire);

    fn of((a, b, c): Self::Wire) -> Self {
        (A::of(a), B::of(b), C::of(c))
    }
}

impl<T: Lenient> Lenient for BTreeMap<String, T> {
    type Wire = BTreeMap<String, T::Wire>;

    fn of(wire: Self::Wire) -> Self {
        wire.into_iter().map(|(name, value)| (name, T::of(value))).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::Value;

    /// Checks that a struct with every field filled in can be read with any of its floats null, one after another and all at once.
    pub fn every_float_may_be_null<T: Serialize + DeserializeOwned>(filled: &T) {
        let text = serde_json::to_string(filled).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap();
        let mut paths = Vec::new();
        floats(&whole, String::new(), &mut paths);
        assert!(!paths.is_empty(), "nothing was tried: {text}");
        let mut all = whole.clone();
        for path in &paths {
            let mut one = whole.clone();
            *one.pointer_mut(path).unwrap() = Value::Null;
            *all.pointer_mut(path).unwrap() = Value::Null;
            let read = serde_json::from_str::<T>(&one.to_string());
            assert!(read.is_ok(), "{path} null: {}", read.err().unwrap());
        }
        let read = serde_json::from_str::<T>(&all.to_string());
        assert!(read.is_ok(), "{}", read.err().unwrap());
    }

    fn floats(value: &Value, path: String, found: &mut Vec<String>) {
        match value {
            Value::Number(number) if number.is_f64() => found.push(path),
            Value::Array(all) => all.iter().enumerate().for_each(|(i, v)| floats(v, format!("{path}/{i}"), found)),
            Value::Object(all) => all.iter().for_each(|(k, v)| floats(v, format!("{path}/{k}"), found)),
            _ => {}
        }
    }

    #[derive(Serialize, Deserialize)]
    struct Held {
        #[serde(deserialize_with = "or_nan")]
        one: f64,
        #[serde(deserialize_with = "or_nan")]
        single: f32,
        #[serde(deserialize_with = "or_nan")]
        list: Vec<f64>,
        #[serde(deserialize_with = "or_nan")]
        points: Vec<[f32; 2]>,
        #[serde(deserialize_with = "or_nan")]
        entries: Vec<(usize, usize, f64)>,
        #[serde(deserialize_with = "or_nan")]
        named: BTreeMap<String, f64>,
    }

    fn held(x: f64) -> Held {
        let y = x as f32;
        Held {
            one: x,
            single: y,
            list: vec![x, 0.5],
            points: vec![[y, 0.5]],
            entries: vec![(1, 2, x)],
            named: [("a".to_owned(), x)].into(),
        }
    }

    #[test]
    fn what_is_not_finite_is_written_as_null_and_read_as_nan() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let text = serde_json::to_string(&held(x)).unwrap();
            assert_eq!(text.matches("null").count(), 6, "{text}");
            let back: Held = serde_json::from_str(&text).unwrap();
            assert!(back.one.is_nan() && back.single.is_nan() && back.list[0].is_nan() && back.list[1] == 0.5);
            assert!(back.points[0][0].is_nan() && back.entries[0].2.is_nan() && back.named["a"].is_nan());
            assert_eq!(back.entries[0].0, 1);
        }
        every_float_may_be_null(&held(0.25));
        assert!(serde_json::from_str::<Held>("{\"one\": \"1\"}").is_err());
    }

    #[test]
    fn every_accuracy_on_360_images_comes_back() {
        // Without `float_roundtrip` 22 of these 361 do not: 95.83333333333333 was 95.83333333333331.
        for right in 0..=360 {
            let accuracy = 100.0 * f64::from(right) / 360.0;
            let back: Held = serde_json::from_str(&serde_json::to_string(&held(accuracy)).unwrap()).unwrap();
            assert_eq!(back.one.to_bits(), accuracy.to_bits(), "{accuracy}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn every_bit_of_a_finite_number_comes_back(bits: u64, single: u32) {
            let (x, y) = (f64::from_bits(bits), f32::from_bits(single));
            let text = serde_json::to_string(&held(x)).unwrap();
            let back: Held = serde_json::from_str(&text).unwrap();
            let same = if x.is_finite() { back.one.to_bits() == bits } else { back.one.is_nan() };
            prop_assert!(same, "{x:e} of bits {bits:#x} came back as {:e}", back.one);
            let text = serde_json::to_string(&Held { single: y, ..held(1.5) }).unwrap();
            let back: Held = serde_json::from_str(&text).unwrap();
            let same = if y.is_finite() { back.single.to_bits() == single } else { back.single.is_nan() };
            prop_assert!(same, "{y:e} of bits {single:#x} came back as {:e}", back.single);
        }
    }
}

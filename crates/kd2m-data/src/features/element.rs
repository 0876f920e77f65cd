//! The number types that files hold, and their bytes as numbers: widening only, so that no value changes on the way in.

use half::{bf16, f16};

/// One number type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    Bf16,
    F32,
    F64,
}

impl Element {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Element::Bool | Element::I8 | Element::U8 => 1,
            Element::I16 | Element::U16 | Element::F16 | Element::Bf16 => 2,
            Element::I32 | Element::U32 | Element::F32 => 4,
            Element::I64 | Element::U64 | Element::F64 => 8,
        }
    }

    /// Its usual short name.
    pub fn name(self) -> &'static str {
        match self {
            Element::Bool => "bool",
            Element::I8 => "i8",
            Element::I16 => "i16",
            Element::I32 => "i32",
            Element::I64 => "i64",
            Element::U8 => "u8",
            Element::U16 => "u16",
            Element::U32 => "u32",
            Element::U64 => "u64",
            Element::F16 => "f16",
            Element::Bf16 => "bf16",
            Element::F32 => "f32",
            Element::F64 => "f64",
        }
    }

    /// True for types whose every value is an `f32`.
    pub fn fits_f32(self) -> bool {
        matches!(self, Element::F16 | Element::Bf16 | Element::F32)
    }

    /// Appends little-endian bytes as `f64`; 64-bit integers beyond 2⁵³ are rounded.
    pub fn extend_f64(self, bytes: &[u8], out: &mut Vec<f64>) {
        match self {
            Element::Bool | Element::U8 => each(bytes, |b| f64::from(u8::from_le_bytes(b)), out),
            Element::I8 => each(bytes, |b| f64::from(i8::from_le_bytes(b)), out),
            Element::I16 => each(bytes, |b| f64::from(i16::from_le_bytes(b)), out),
            Element::I32 => each(bytes, |b| f64::from(i32::from_le_bytes(b)), out),
            Element::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64, out),
            Element::U16 => each(bytes, |b| f64::from(u16::from_le_bytes(b)), out),
            Element::U32 => each(bytes, |b| f64::from(u32::from_le_bytes(b)), out),
            Element::U64 => each(bytes, |b| u64::from_le_bytes(b) as f64, out),
            Element::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f64(), out),
            Element::Bf16 => each(bytes, |b| bf16::from_le_bytes(b).to_f64(), out),
            Element::F32 => each(bytes, |b| f64::from(f32::from_le_bytes(b)), out),
            Element::F64 => each(bytes, f64::from_le_bytes, out),
        }
    }

    /// Appends little-endian bytes as `f32`; for the types of [`Element::fits_f32`].
    pub fn extend_f32(self, bytes: &[u8], out: &mut Vec<f32>) {
        match self {
            Element::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32(), out),
            Element::Bf16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32(), out),
            _ => each(bytes, f32::from_le_bytes, out),
        }
    }
}

fn each<const K: usize, T>(bytes: &[u8], of: impl Fn([u8; K]) -> T, out: &mut Vec<T>) {
    out.extend(bytes.as_chunks::<K>().0.iter().map(|b| of(*b)));
}

/// A number type that results are written in.
pub trait Number: Copy {
    /// Its short name, as `f32`.
    const NAME: &'static str;
    /// NumPy's name of the type.
    const DESCR: &'static str;
    /// Appends its little-endian bytes.
    fn put(self, out: &mut Vec<u8>);
}

macro_rules! number {
    ($($t:ty = $descr:literal),*) => {$(
        impl Number for $t {
            const NAME: &'static str = stringify!($t);
            const DESCR: &'static str = $descr;
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
number!(f32 = "<f4", f64 = "<f8", i32 = "<i4", i64 = "<i8");

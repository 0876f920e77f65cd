//! The floating-point types that weights are stored in.

use safetensors::tensor::Dtype;

/// One of them; f32 is what networks compute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    F16,
    Bf16,
    F32,
    F64,
    /// One of eight bits: its exponent bits, their bias, and what its last exponent stands for.
    F8(F8),
}

/// The types of eight bits (<https://arxiv.org/abs/2209.05433>; `Fnuz` are those of Graphcore and AMD, E8M0 is that of OCP MX).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum F8 {
    E4m3,
    E5m2,
    E4m3Fnuz,
    E5m2Fnuz,
    E8m0,
}

impl F8 {
    /// The value of a byte.
    fn to_f32(self, byte: u8) -> f32 {
        let (exponent_bits, bias) = match self {
            Self::E4m3 => (4, 7),
            Self::E4m3Fnuz => (4, 8),
            Self::E5m2 => (5, 15),
            Self::E5m2Fnuz => (5, 16),
            // A power of two without a sign.
            Self::E8m0 if byte == 0xff => return f32::NAN,
            Self::E8m0 => return 2_f64.powi(i32::from(byte) - 127) as f32,
        };
        let mantissa_bits = 7 - exponent_bits;
        let (exponent, mantissa) = ((byte & 0x7f) >> mantissa_bits, byte & ((1 << mantissa_bits) - 1));
        match (self, byte & 0x7f) {
            (Self::E4m3, 0x7f) => return f32::NAN,
            (Self::E4m3Fnuz | Self::E5m2Fnuz, 0) if byte == 0x80 => return f32::NAN,
            (Self::E5m2, 0x7c) => return if byte == 0x7c { f32::INFINITY } else { f32::NEG_INFINITY },
            (Self::E5m2, 0x7d..) => return f32::NAN,
            _ => {}
        }
        let unit = 2_f32.powi(i32::from(exponent.max(1)) - bias - mantissa_bits);
        let whole = f32::from(mantissa) + if exponent == 0 { 0.0 } else { f32::from(1_u8 << mantissa_bits) };
        whole * unit * if byte & 0x80 == 0 { 1.0 } else { -1.0 }
    }
}

impl Number {
    /// Of a safetensors entry.
    pub fn of_dtype(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::Bf16),
            Dtype::F32 => Some(Self::F32),
            Dtype::F64 => Some(Self::F64),
            Dtype::F8_E4M3 => Some(Self::F8(F8::E4m3)),
            Dtype::F8_E5M2 => Some(Self::F8(F8::E5m2)),
            Dtype::F8_E4M3FNUZ => Some(Self::F8(F8::E4m3Fnuz)),
            Dtype::F8_E5M2FNUZ => Some(Self::F8(F8::E5m2Fnuz)),
            Dtype::F8_E8M0 => Some(Self::F8(F8::E8m0)),
            _ => None,
        }
    }

    /// Of PyTorch's storage classes and of its types, by their names.
    pub fn of_torch(name: &str) -> Option<Self> {
        match name {
            "HalfStorage" | "float16" => Some(Self::F16),
            "BFloat16Storage" | "bfloat16" => Some(Self::Bf16),
            "FloatStorage" | "float32" => Some(Self::F32),
            "DoubleStorage" | "float64" => Some(Self::F64),
            "Float8_e4m3fnStorage" | "float8_e4m3fn" => Some(Self::F8(F8::E4m3)),
            "Float8_e5m2Storage" | "float8_e5m2" => Some(Self::F8(F8::E5m2)),
            "Float8_e4m3fnuzStorage" | "float8_e4m3fnuz" => Some(Self::F8(F8::E4m3Fnuz)),
            "Float8_e5m2fnuzStorage" | "float8_e5m2fnuz" => Some(Self::F8(F8::E5m2Fnuz)),
            "float8_e8m0fnu" => Some(Self::F8(F8::E8m0)),
            _ => None,
        }
    }

    /// Bytes of one.
    pub fn width(self) -> usize {
        match self {
            Self::F8(_) => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Little-endian bytes as f32; bytes of an incomplete last number are left out.
    pub fn to_f32(self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks::<N>().0.iter().map(|c| convert(*c)).collect()
        }
        match self {
            Self::F8(kind) => bytes.iter().map(|b| kind.to_f32(*b)).collect(),
            Self::F16 => each(bytes, |b| half::f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => each(bytes, |b| half::bf16::from_le_bytes(b).to_f32()),
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As torch 2.15.0 gives them, `torch.arange(256, dtype=torch.uint8).view(dtype).float()`: the values of 0x01, 0x38, 0x7b and 0xfe, the sum
    /// of the magnitudes of all that are finite, how many are NaN and how many infinite.
    #[test]
    #[allow(clippy::excessive_precision, reason = "the digits are those that torch prints")]
    fn numbers_of_eight_bits_are_pytorch_s() {
        let nan = f32::NAN;
        let cases = [
            (F8::E4m3, [0.001953125, 1.0, 352.0, -448.0], 10815.75, 2, 0),
            (F8::E5m2, [1.52587890625e-05, 0.5, 57344.0, nan], 720895.9995117188, 6, 2),
            (F8::E4m3Fnuz, [0.0009765625, 0.5, 176.0, -224.0], 5887.875, 1, 0),
            (F8::E5m2Fnuz, [7.62939453125e-06, 0.25, 28672.0, -49152.0], 720895.9997558594, 1, 0),
            (
                F8::E8m0,
                [1.1754943508222875e-38, 4.235164736271502e-22, 0.0625, 1.7014118346046923e38],
                3.402823669209385e38,
                1,
                0,
            ),
        ];
        for (kind, right, sum, nans, infinite) in cases {
            let found = [0x01, 0x38, 0x7b, 0xfe].map(|byte| kind.to_f32(byte));
            let same = found.iter().zip(right).all(|(x, y)| *x == y || (x.is_nan() && y.is_nan()));
            assert!(same, "{kind:?}: {found:?}");
            let all: Vec<f32> = (0..=255).map(|byte| kind.to_f32(byte)).collect();
            let magnitudes: f64 = all.iter().filter(|x| x.is_finite()).map(|x| f64::from(x.abs())).sum();
            assert!((magnitudes / sum - 1.0).abs() < 1e-12, "{kind:?}: {magnitudes}");
            assert_eq!(all.iter().filter(|x| x.is_nan()).count(), nans, "{kind:?}");
            assert_eq!(all.iter().filter(|x| x.is_infinite()).count(), infinite, "{kind:?}");
        }
    }
}

//! Proof that the processor adds up products of bytes and of 16-bit integers (AVX-512 VNNI), for kernels that need no more than that.

/// The token, beside those of [`super::Isa`].
#[derive(Debug, Clone, Copy)]
pub struct Vnni(());

impl Vnni {
    /// The token, where the processor has the instructions.
    pub fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("fma");
        has.then_some(Self(()))
    }
}

//! Instruction sets: tokens that exist only where the processor has them. Which one a process takes, [`kd2m_simd::isa`] says.
//! The tokens are those of the crate `pulp` (weighed against `fearless_simd` 1.2, which offers the same sets: `pulp` is in the tree already through `gemm` and `faer`).
//! Read next: `lanes.rs`, the few vector operations that every kernel is written in.

mod lanes;

pub use lanes::{Kernel, Lanes, Portable};

use std::fmt;

use kd2m_simd::isa as simd;
pub use kd2m_simd::isa::IsaError;

/// The vector instructions of every 64-bit Arm processor.
#[cfg(target_arch = "aarch64")]
pub use pulp::aarch64::Neon;
/// AVX2 with FMA (x86-64-v3).
#[cfg(target_arch = "x86_64")]
pub use pulp::x86::V3 as Avx2;
/// AVX-512 F, BW, CD, DQ and VL (x86-64-v4).
#[cfg(target_arch = "x86_64")]
pub use pulp::x86::V4 as Avx512;

/// An instruction set that this processor has: each variant carries the proof.
#[derive(Clone, Copy, Debug)]
pub enum Isa {
    /// 16 numbers a register.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// 8 numbers a register.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// 4 numbers a register.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// Plain Rust and the `gemm` crate: works everywhere.
    Portable,
}

impl Isa {
    /// The instruction set to use in this process: the one that `KD2M_ISA` names, else the widest.
    ///
    /// # Errors
    /// When `KD2M_ISA` names a set that does not exist or that this processor lacks.
    pub fn current() -> Result<Isa, IsaError> {
        simd::Isa::requested().and_then(Isa::of)
    }

    /// The widest set that this processor has, whatever the environment says.
    pub fn widest() -> Isa {
        Isa::available().next().unwrap_or(Isa::Portable)
    }

    /// The sets that this processor has, widest first; [`Isa::Portable`] is always the last.
    pub fn available() -> impl Iterator<Item = Isa> {
        [
            #[cfg(target_arch = "x86_64")]
            Avx512::try_new().map(Isa::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx2::try_new().map(Isa::Avx2),
            #[cfg(target_arch = "aarch64")]
            Neon::try_new().map(Isa::Neon),
            Some(Isa::Portable),
        ]
        .into_iter()
        .flatten()
    }

    /// The set of this name: `avx512`, `avx2`, `neon` or `portable`.
    ///
    /// # Errors
    /// When no set has this name, or when this processor lacks it.
    pub fn named(name: &str) -> Result<Isa, IsaError> {
        simd::Isa::named(name).and_then(Isa::of)
    }

    /// The token that goes with a set.
    fn of(chosen: simd::Isa) -> Result<Isa, IsaError> {
        let own = Isa::available().find(|isa| isa.name() == chosen.name());
        // Pulp asks the processor for a little more than a set's vectors.
        own.ok_or_else(|| IsaError::of(chosen.name().to_owned()))
    }

    /// The name that [`Isa::named`] and `KD2M_ISA` take.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(_) => "neon",
            Isa::Portable => "portable",
        }
    }

    /// Runs a kernel compiled for this set.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(token) => token.vectorized(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(token) => token.vectorized(kernel),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(token) => token.vectorized(kernel),
            Isa::Portable => Portable.vectorized(kernel),
        }
    }
}

impl PartialEq for Isa {
    fn eq(&self, other: &Isa) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Isa {}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_set_is_found_by_its_name() {
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()), Ok(isa));
        }
        assert_eq!(Isa::available().last(), Some(Isa::Portable));
        assert!(matches!(Isa::named("sse9"), Err(IsaError::Unknown { .. })));
    }
}

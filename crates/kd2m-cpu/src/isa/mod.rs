//! Instruction sets: tokens that exist only where the processor has them, one detection at run time, one environment variable to force one.
//! The tokens are those of the crate `pulp` (weighed against `fearless_simd` 1.2, which offers the same sets: `pulp` is in the tree already through `gemm` and `faer`).
//! Read next: `lanes.rs`, the few vector operations that every kernel is written in.

mod cache;
mod lanes;

pub use cache::second_level;
pub use lanes::{Kernel, Lanes, Portable};

use std::fmt;
use std::sync::OnceLock;

/// The vector instructions of every 64-bit Arm processor.
#[cfg(target_arch = "aarch64")]
pub use pulp::aarch64::Neon;
/// AVX2 with FMA (x86-64-v3).
#[cfg(target_arch = "x86_64")]
pub use pulp::x86::V3 as Avx2;
/// AVX-512 F, BW, CD, DQ and VL (x86-64-v4).
#[cfg(target_arch = "x86_64")]
pub use pulp::x86::V4 as Avx512;

/// The environment variable that forces an instruction set by its name.
pub const ISA_VARIABLE: &str = "KD2M_ISA";

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

/// Why a wanted instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// No set has this name.
    #[error("unknown instruction set `{name}`: {ISA_VARIABLE} takes one of {known}")]
    Unknown {
        /// As it was given.
        name: String,
        /// All that there are.
        known: String,
    },
    /// A set of other processors.
    #[error("this processor has no `{name}`: unset {ISA_VARIABLE}, or set it to one of {available}")]
    Unavailable {
        /// As it was given.
        name: String,
        /// Those of this one.
        available: String,
    },
}

/// Every name that [`Isa::named`] knows, on any processor.
const NAMES: [&str; 4] = ["avx512", "avx2", "neon", "portable"];

impl Isa {
    /// The instruction set to use in this process: the one that `KD2M_ISA` names, else the widest; looked up once.
    ///
    /// # Errors
    /// When `KD2M_ISA` names a set that does not exist or that this processor lacks.
    pub fn current() -> Result<Isa, IsaError> {
        static CURRENT: OnceLock<Result<Isa, IsaError>> = OnceLock::new();
        CURRENT
            .get_or_init(|| match std::env::var_os(ISA_VARIABLE) {
                Some(name) if !name.is_empty() => Isa::named(&name.to_string_lossy()),
                _ => Ok(Isa::widest()),
            })
            .clone()
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
        let name = name.trim().to_ascii_lowercase();
        if let Some(isa) = Isa::available().find(|isa| isa.name() == name) {
            return Ok(isa);
        }
        let list = |names: &mut dyn Iterator<Item = &'static str>| {
            names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
        };
        if NAMES.contains(&name.as_str()) {
            let available = list(&mut Isa::available().map(Isa::name));
            Err(IsaError::Unavailable { name, available })
        } else {
            let known = list(&mut NAMES.into_iter());
            Err(IsaError::Unknown { name, known })
        }
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
            assert_eq!(Isa::named(&isa.name().to_uppercase()), Ok(isa));
            assert!(NAMES.contains(&isa.name()));
        }
        assert_eq!(Isa::available().last(), Some(Isa::Portable));
    }

    #[test]
    fn an_unknown_set_is_an_error_that_lists_the_known_ones() {
        let message = Isa::named("sse9").unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown instruction set `sse9`: KD2M_ISA takes one of `avx512`, `avx2`, `neon`, `portable`"
        );
    }

    #[test]
    fn a_set_of_another_processor_is_an_error_that_lists_what_there_is() {
        let foreign = if cfg!(target_arch = "aarch64") { "avx2" } else { "neon" };
        let message = Isa::named(foreign).unwrap_err().to_string();
        assert!(message.starts_with(&format!("this processor has no `{foreign}`")), "{message}");
        assert!(message.ends_with("`portable`"), "{message}");
    }
}

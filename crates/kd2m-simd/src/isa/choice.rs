//! Which instruction set a process takes: the one that `KD2M_ISA` names, else the widest. The one place that reads the variable, for every
//! kernel of every crate, those that pulp compiles ([`arch`]) included.

use std::sync::OnceLock;

use pulp::Arch;

use super::{Isa, Portable};

/// The environment variable that forces an instruction set by its name.
pub const VARIABLE: &str = "KD2M_ISA";

/// Why a wanted instruction set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// No set has this name.
    #[error("unknown instruction set `{name}`: {VARIABLE} takes one of {known}")]
    Unknown {
        /// As it was given.
        name: String,
        /// All that there are.
        known: String,
    },
    /// A set of other processors.
    #[error("this processor has no `{name}`: unset {VARIABLE}, or set it to one of {available}")]
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
    /// The set that [`Isa::requested`] gives, or the widest where that is an error: a program asks for it first, and refuses to start.
    #[inline]
    pub fn detect() -> Isa {
        static CHOICE: OnceLock<Isa> = OnceLock::new();
        *CHOICE.get_or_init(|| Isa::requested().unwrap_or_else(|_| Isa::widest()))
    }

    /// The set that `KD2M_ISA` names, else the widest; looked up once.
    ///
    /// # Errors
    /// A name that no set has, or whose set this processor lacks.
    pub fn requested() -> Result<Isa, IsaError> {
        static REQUESTED: OnceLock<Result<Isa, IsaError>> = OnceLock::new();
        let look_up = || match std::env::var_os(VARIABLE) {
            Some(name) if !name.is_empty() => Isa::named(&name.to_string_lossy()),
            _ => Ok(Isa::widest()),
        };
        REQUESTED.get_or_init(look_up).clone()
    }

    /// The set of this name, in any case.
    ///
    /// # Errors
    /// No set has this name, or this processor lacks it.
    pub fn named(name: &str) -> Result<Isa, IsaError> {
        let name = name.trim().to_ascii_lowercase();
        match Isa::available().into_iter().find(|isa| isa.name() == name) {
            Some(isa) => Ok(isa),
            None => Err(IsaError::of(name)),
        }
    }

    /// The widest set that this processor has, whatever the environment says.
    pub fn widest() -> Isa {
        Isa::available().first().copied().unwrap_or(Isa::Portable(Portable))
    }
}

impl IsaError {
    /// For a name that cannot be used.
    pub fn of(name: String) -> Self {
        let list = |names: Vec<&str>| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        if NAMES.contains(&name.as_str()) {
            let available = list(Isa::available().into_iter().map(Isa::name).collect());
            return IsaError::Unavailable { name, available };
        }
        IsaError::Unknown { name, known: list(NAMES.to_vec()) }
    }
}

/// The instructions that loops are compiled for which pulp dispatches: those of [`Isa::detect`], as far as pulp knows them.
#[inline]
pub fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| match Isa::detect() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => Arch::new(),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(_) => Arch::new(),
        Isa::Portable(_) => Arch::Scalar,
    })
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
        assert_eq!(Isa::available().last(), Some(&Isa::Portable(Portable)));
    }

    #[test]
    fn an_unknown_set_is_an_error_that_lists_the_known_ones() {
        assert_eq!(
            Isa::named("sse9").unwrap_err().to_string(),
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

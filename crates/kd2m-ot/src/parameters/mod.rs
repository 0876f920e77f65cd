//! One declaration of a divergence's parameters: the struct with its `Default` and setters, the ranges that text and Rust are held to,
//! and the table for help pages. A default is one token; its text is that token. Next: [`domain`] for ranges, [`words`] for
//! parameters that are one of a few words.

pub(crate) mod domain;
#[cfg(test)]
pub(crate) mod tests;

use crate::{error::OtError, options::Options};

/// What [`parameters`] makes of a declaration.
pub(crate) trait Parameters: Sized {
    /// Reads them from options whose names were checked.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    fn read(options: &Options) -> Result<Self, OtError>;

    /// Refuses values that were set in Rust as their text would be.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    fn check(&self, metric: &str) -> Result<(), OtError>;
}

/// Parameters that are a divergence.
pub(crate) trait Named: Parameters {
    /// What errors call it.
    const NAME: &'static str;
}

/// Declares the parameters of a divergence, in the file that holds its `ENTRY`:
///
/// ```ignore
/// parameters! {
///     /// What it is.
///     pub struct Sliced for ENTRY {
///         /// help of the option, and documentation of the setter
///         directions: usize = 128 in ROWS,
///         /// `None` is written as this word
///         size: Option<usize> = "auto" in COUNT,
///         // A type by [`words`] brings its default, its help and its range along; another default is a variant's name.
///         estimator: Estimator,
///     }
///     keeping { drawn: Drawn }        // state, made by `Default`
/// }
/// ```
///
/// Without `for ENTRY` they are parameters of something else, and `checked by f` adds a rule over several of them.
macro_rules! parameters {
    // A divergence without parameters.
    ($(#[$meta:meta])* $visibility:vis struct $name:ident for $entry:ident;) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        $visibility struct $name;

        impl $name {
            /// The options that its text form takes: none.
            pub const OPTIONS: &'static [$crate::options::OptionSpec] = &[];
        }

        impl $crate::parameters::Parameters for $name {
            fn read(_: &$crate::options::Options) -> Result<Self, $crate::error::OtError> {
                Ok(Self)
            }

            fn check(&self, _: &str) -> Result<(), $crate::error::OtError> {
                Ok(())
            }
        }

        $crate::parameters::divergence!($name for $entry);
    };

    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident $(for $entry:ident)? {
            $(
                $(#[doc = $help:literal])*
                $field:ident: $type:ident $(<$inner:ident>)? $(= $default:tt)? $(in $domain:expr)?
            ),* $(,)?
        }
        $(keeping { $($state:ident: $of:ty),* })?
        $(checked by $also:path)?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $visibility struct $name {
            $($field: $type $(<$inner>)?,)*
            $($($state: $of,)*)?
        }

        impl Default for $name {
            #[allow(clippy::unnecessary_cast)]
            fn default() -> Self {
                Self {
                    $($field: $crate::parameters::parameter!(@default $type $(<$inner>)? $(= $default)?),)*
                    $($($state: <$of>::default(),)*)?
                }
            }
        }

        impl $name {
            /// The options that its text form takes, with their defaults.
            pub const OPTIONS: &'static [$crate::options::OptionSpec] = &[$(
                $crate::options::OptionSpec {
                    name: stringify!($field),
                    default: $crate::parameters::parameter!(@text $type $(<$inner>)? $(= $default)?),
                    help: $crate::parameters::parameter!(@help $type $($help)*),
                }
            ),*];

            $($crate::parameters::parameter! { @setter [$($help)*] $field $type $(<$inner>)? })*
        }

        impl $crate::parameters::Parameters for $name {
            fn read(options: &$crate::options::Options) -> Result<Self, $crate::error::OtError> {
                let Self { $($field,)* .. } = Self::default();
                $(let $field = $crate::parameters::parameter!(
                    @read options $field $type $(<$inner>)? $(= $default)? => $(in $domain)?
                )?;)*
                let read = Self { $($field,)* $($($state: <$of>::default(),)*)? };
                $($also(&read, options.metric())?;)?
                Ok(read)
            }

            fn check(&self, metric: &str) -> Result<(), $crate::error::OtError> {
                $($crate::parameters::parameter!(@check self metric $field $type $(<$inner>)? => $(in $domain)?)?;)*
                $($also(self, metric)?;)?
                Ok(())
            }
        }

        $($crate::parameters::divergence!($name for $entry);)?
    };
}

/// What every divergence has beside its parameters.
macro_rules! divergence {
    ($name:ident for $entry:ident) => {
        impl $crate::parameters::Named for $name {
            const NAME: &'static str = $entry.name;
        }

        impl $name {
            /// The same, once every parameter is known to lie in its range.
            ///
            /// # Errors
            /// [`OtError::BadOption`]($crate::OtError::BadOption), in the words that its text would be refused with.
            pub fn checked(self) -> Result<Self, $crate::error::OtError> {
                $crate::parameters::Parameters::check(&self, <Self as $crate::parameters::Named>::NAME)?;
                Ok(self)
            }

            /// Reads the parameters from text, as a command line or a configuration file has them.
            ///
            /// # Errors
            /// An unknown option, or a value out of its range.
            pub fn from_options(options: &$crate::options::Options) -> Result<Self, $crate::error::OtError> {
                options.check_names(Self::OPTIONS)?;
                $crate::parameters::Parameters::read(options)
            }

            /// Compares A with B, in the precision of the clouds.
            ///
            /// # Errors
            /// A parameter out of its range, or clouds that do not fit this divergence.
            pub fn evaluate<T: $crate::real::Real>(
                &self,
                a: &$crate::cloud::Cloud<T>,
                b: &$crate::cloud::Cloud<T>,
                request: $crate::divergence::Request,
            ) -> Result<$crate::solution::Solution<T>, $crate::error::OtError>
            where
                Self: $crate::divergence::Divergence<T>,
            {
                $crate::divergence::Divergence::evaluate(self, a, b, request)
            }
        }
    };
}

/// One parameter, by the form of its declaration.
macro_rules! parameter {
    (@default Option<$inner:ident> = $word:literal) => { None };
    (@default $type:ident = $number:literal) => { $number as $type };
    (@default $type:ident = $variant:ident) => { $type::$variant };
    (@default $type:ident) => { $type::DEFAULT };

    (@text Option<$inner:ident> = $word:literal) => { $word };
    (@text $type:ident = $number:literal) => { stringify!($number) };
    (@text $type:ident = $variant:ident) => { $type::$variant.word() };
    (@text $type:ident) => { $type::DEFAULT.word() };

    (@help $type:ident) => { <$type as $crate::parameters::domain::Choice>::HELP };
    // A documentation comment begins with the space behind its slashes.
    (@help $type:ident $($help:literal)+) => { concat!($($help),+).split_at(1).1 };

    (@setter [$($help:literal)*] $field:ident Option<$inner:ident>) => {
        $(#[doc = $help])*
        #[must_use]
        pub fn $field(mut self, $field: impl Into<Option<$inner>>) -> Self {
            self.$field = $field.into();
            self
        }
    };
    (@setter [$($help:literal)+] $field:ident $type:ident) => {
        $(#[doc = $help])+
        #[must_use]
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
    };
    (@setter [] $field:ident $type:ident) => {
        #[doc = concat!("Sets the [`", stringify!($type), "`].")]
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$type>) -> Self {
            self.$field = $field.into();
            self
        }
    };

    (@domain $type:ident => in $domain:expr) => { $domain };
    (@domain $type:ident =>) => { <$type as $crate::parameters::domain::Choice>::DOMAIN };

    (@read $options:ident $field:ident Option<$inner:ident> = $word:literal => $($in:tt)*) => {{
        // The default of such a parameter is what its word stands for.
        debug_assert!($field.is_none());
        $crate::parameters::parameter!(@domain $inner => $($in)*).read_unless($options, stringify!($field), $word)
    }};
    (@read $options:ident $field:ident $type:ident $(= $default:tt)? => $($in:tt)*) => {
        $crate::parameters::parameter!(@domain $type => $($in)*).read($options, stringify!($field), $field)
    };

    (@check $self:ident $metric:ident $field:ident Option<$inner:ident> => $($in:tt)*) => {
        $self.$field.as_ref().map_or(Ok(()), |value| {
            $crate::parameters::parameter!(@domain $inner => $($in)*).check($metric, stringify!($field), value)
        })
    };
    (@check $self:ident $metric:ident $field:ident $type:ident => $($in:tt)*) => {
        $crate::parameters::parameter!(@domain $type => $($in)*).check($metric, stringify!($field), &$self.$field)
    };
}

/// A parameter that is one of a few words, each documented by what it chooses; the first is the default, and help is made of them all.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            #[doc = $first_help:literal] $first:ident = $first_word:literal,
            $(#[doc = $help:literal] $variant:ident = $word:literal),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        $visibility enum $name {
            #[doc = $first_help]
            #[default]
            $first,
            $(#[doc = $help] $variant,)*
        }

        impl $name {
            /// What is chosen where nothing is said.
            pub const DEFAULT: Self = Self::$first;
            /// The word of its text form.
            pub const fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl $crate::parameters::domain::Value for $name {
            fn read(text: &str) -> Option<Self> {
                [Self::$first $(, Self::$variant)*].into_iter().find(|value| value.word() == text)
            }

            fn write(&self) -> String {
                self.word().to_owned()
            }
        }

        impl $crate::parameters::domain::Choice for $name {
            const DOMAIN: $crate::parameters::domain::Domain<Self> =
                $crate::parameters::domain::Domain::new(concat!($first_word $(, " | ", $word)*), |_| true);
            const HELP: &'static str = concat!($first_word, ":", $first_help $(, "; ", $word, ":", $help)*);
        }
    };
}

pub(crate) use {divergence, parameter, parameters, words};

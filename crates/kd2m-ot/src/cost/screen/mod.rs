//! Row minima of costs less column potentials at the speed of bytes: products of bytes leave out all columns but those that may be
//! nearest, and these few are computed in `f64`. So minima are those of exact costs, several times as fast as single precision finds them.

#[cfg(target_arch = "x86_64")]
mod bytes;
#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub(crate) use bytes::Screen;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use none::Screen;

/// What is known of a row's least c_ij − v_j.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Least {
    /// No column so far has less.
    pub certain: f64,
    /// One has this, but for rounding.
    found: f64,
}

impl Least {
    /// Of no columns.
    pub(crate) const NONE: Self = Self { certain: f64::INFINITY, found: f64::INFINITY };

    /// Lowers it to what other columns have for certain.
    pub(crate) fn lower(&mut self, certain: f64) {
        self.certain = self.certain.min(certain);
    }
}

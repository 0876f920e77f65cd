//! No screen: processors whose products of bytes are not used.

use super::Least;
use crate::{cloud::Cloud, real::Real, stop::Stop};

/// What no processor of this kind has.
pub(crate) enum Screen {}

impl Screen {
    pub(crate) fn new<T: Real>(_: &Cloud<T>, _: &[T]) -> Option<Self> {
        None
    }

    pub(crate) fn lower<T: Real>(&self, _: &Cloud<T>, _: &[T], _: &[T], _: &mut [Least], _: &Stop) -> bool {
        match *self {}
    }
}

//! The cost of a pair as a function of its squared distance. Next: [`super::rows`].

use super::centring::Centring;
use crate::real::Real;

/// The cost of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// ‖x − y‖², less what [`Centring::Each`] takes away.
    Squared,
    /// ‖x − y‖.
    Distance,
}

impl Ground {
    /// How features may be centred without a change of plan.
    pub(crate) fn centring(self) -> Centring {
        match self {
            Ground::Squared => Centring::Each,
            Ground::Distance => Centring::Common,
        }
    }

    /// The cost of a squared distance.
    pub(crate) fn of_squared(self, squared: f64) -> f64 {
        match self {
            Ground::Squared => squared,
            Ground::Distance => squared.sqrt(),
        }
    }

    /// What an error of a squared distance means for the cost that comes of it: |√p − √q| is at most √|p − q|, and |p − q| / √p where
    /// that is less; one more rounding for the root itself.
    pub(crate) fn of_error(self, squared: f64, cost: f64) -> f64 {
        match self {
            Ground::Squared => squared,
            Ground::Distance => squared.sqrt().min(squared / cost.max(f64::MIN_POSITIVE)) + f64::EPSILON * cost,
        }
    }

    /// What one unit of a cost is whose features were multiplied by `scale`, in the features' units.
    pub(crate) fn unit(self, scale: f64) -> f64 {
        match self {
            Ground::Squared => 1.0 / (scale * scale),
            Ground::Distance => 1.0 / scale,
        }
    }

    /// How far costs of a row may be off whose squared distances are by `squared`: the least cost of the row is `least`, no sample's
    /// norm is above `norm`, and `epsilon` is that of their precision.
    pub(crate) fn rounding<T: Real>(self, squared: f64, least: f64, norm: f64, epsilon: T) -> f64 {
        match self {
            Ground::Squared => squared,
            // |√p − √q| is at most √|p − q|, and |p − q| / √p where that is less; one more rounding for the root itself.
            Ground::Distance => {
                squared.sqrt().min(squared / least.max(f64::MIN_POSITIVE)) + 2.0 * norm * epsilon.wide()
            }
        }
    }
}

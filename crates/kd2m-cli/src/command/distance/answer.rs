//! What a metric says of two sets, as it is shown and written.

use kd2m_ot::Solution;

/// One metric's answer, and how long it took.
pub struct Answer<T> {
    pub solution: Solution<T>,
    pub seconds: f64,
}

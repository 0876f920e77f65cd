//! Marginals as whole numbers: flows then add and subtract without rounding, ties are ties, and a strongly feasible tree stays one,
//! which is what guarantees the end of the simplex. The unit is below 2⁻⁵⁹ of the total mass, finer than `f64` weights.

/// Log₂ of the total mass in units, at most: leaves headroom in `i64` for sums of both sides.
const TOTAL_BITS: u32 = 60;

/// Both marginals in units of 1/total.
pub struct Masses {
    pub a: Vec<i64>,
    pub b: Vec<i64>,
    total: i64,
}

impl Masses {
    /// Rounds weights that sum to one; equal weights stay equal, so that their ties survive.
    pub fn new(a: &[f64], b: &[f64]) -> Self {
        let (n, m) = (a.len() as i64, b.len() as i64);
        let total = n * m * ((1i64 << TOTAL_BITS) / (n * m)).max(1);
        Self { a: round(a, total), b: round(b, total), total }
    }

    /// Units as a share of the total mass.
    pub fn share(&self, units: i64) -> f64 {
        units as f64 / self.total as f64
    }
}

fn round(weights: &[f64], total: i64) -> Vec<i64> {
    let count = weights.len() as i64;
    if weights.iter().all(|w| *w == weights[0]) {
        return vec![total / count; weights.len()];
    }
    let sum: f64 = weights.iter().sum();
    let mut units: Vec<i64> = weights.iter().map(|w| (w / sum * total as f64).round() as i64).collect();
    // What rounding left over is far less than the largest weight, which takes it.
    let left = total - units.iter().sum::<i64>();
    if let Some(largest) = units.iter_mut().max() {
        *largest += left;
    }
    units
}

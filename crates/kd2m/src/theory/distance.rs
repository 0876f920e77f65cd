//! Distances between two clouds of features through `kd2m-ot`, each as an interval that holds the true value: an exact solver's
//! certificate, or certified bounds where the clouds are too large for one. Next: `transfer`, `moments`.

use kd2m_ot::{
    Cloud, Options, Plan, Side,
    divergence::{AnyDivergence, Divergence, Request, registry},
};

use crate::Error;

/// Samples up to which a coupling is computed exactly unless an option says otherwise.
pub const EXACT_LIMIT: usize = 20_000;

/// Two row-major clouds `[n, width]` of the same samples.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The first cloud.
    pub a: &'a [f64],
    /// The second, of the same size.
    pub b: &'a [f64],
    /// Features of a sample.
    pub width: usize,
    /// Samples up to which a coupling is computed exactly.
    pub exact_limit: usize,
}

impl<'a> Pair<'a> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.a.len() / self.width
    }

    /// Never: a split has samples.
    pub fn is_empty(&self) -> bool {
        self.a.is_empty()
    }

    fn clouds(&self) -> Result<(Cloud<'a, f64>, Cloud<'a, f64>), Error> {
        let n = self.len();
        Ok((Cloud::new(Side::A, self.a, n, self.width)?, Cloud::new(Side::B, self.b, n, self.width)?))
    }

    /// A divergence that is a formula.
    ///
    /// # Errors
    /// Features that are not finite, or too few samples for it.
    pub fn closed(&self, options: &Options) -> Result<f64, Error> {
        let (a, b) = self.clouds()?;
        Ok(evaluate(registry::build(options)?.as_ref(), &a, &b)?.value)
    }

    /// [lower, upper] of W₂².
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn w2(&self) -> Result<[f64; 2], Error> {
        self.transport(if self.len() <= self.exact_limit { "w2" } else { "bounds" })
    }

    /// The same with a coupling that has this cost, where one is computed.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn coupled(&self) -> Result<([f64; 2], Option<Plan>), Error> {
        if self.len() > self.exact_limit {
            return Ok((self.w2()?, None));
        }
        let (a, b) = self.clouds()?;
        let metric = registry::build(&Options::new("w2"))?;
        let request = Request { plan: true, ..Request::VALUE };
        let found = Divergence::<f64>::evaluate(metric.as_ref(), &a, &b, request)?;
        Ok((ends(&found), found.plan))
    }

    /// [lower, upper] of W₁; for clouds that are too large, ‖difference of means‖ ≤ W₁ ≤ W₂.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn w1(&self) -> Result<[f64; 2], Error> {
        if self.len() <= self.exact_limit {
            return self.transport("w1");
        }
        Ok([self.closed(&Options::new("mmd-linear"))?.sqrt(), self.w2()?[1].sqrt()])
    }

    fn transport(&self, metric: &str) -> Result<[f64; 2], Error> {
        let (a, b) = self.clouds()?;
        let found = evaluate(registry::build(&Options::new(metric))?.as_ref(), &a, &b)?;
        Ok(ends(&found))
    }
}

/// [lower, upper] of what was computed.
fn ends(found: &kd2m_ot::Solution<f64>) -> [f64; 2] {
    [(found.value - found.gap.unwrap_or(0.0)).max(0.0), found.value]
}

fn evaluate(
    divergence: &dyn AnyDivergence,
    a: &Cloud<f64>,
    b: &Cloud<f64>,
) -> Result<kd2m_ot::Solution<f64>, kd2m_ot::OtError> {
    Divergence::<f64>::evaluate(divergence, a, b, Request::VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::testing::{Random, normal};

    #[test]
    fn certified_bounds_enclose_the_exact_distances() {
        let mut random = Random::new(5);
        let (a, b) = (normal(&mut random, 60 * 4), normal(&mut random, 60 * 4));
        let exact = Pair { a: &a, b: &b, width: 4, exact_limit: 60 };
        let wide = Pair { exact_limit: 10, ..exact };
        for (exact, wide) in [(exact.w1().unwrap(), wide.w1().unwrap()), (exact.w2().unwrap(), wide.w2().unwrap())] {
            assert!(exact[1] - exact[0] < 1e-7 * exact[1], "{exact:?}");
            assert!(wide[0] <= exact[1] && exact[0] <= wide[1] * (1.0 + 1e-9), "{wide:?} {exact:?}");
        }
    }
}

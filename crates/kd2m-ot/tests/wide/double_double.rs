//! Numbers of twice the digits of `f64`, as an unevaluated sum of two: what references are computed in.
//! Error-free sums after Knuth, products by fused multiply–add; Dekker (1971), Hida, Li and Bailey (2001).

use std::ops::{Add, Div, Mul, Neg, Sub};

/// high + low, |low| at most half a unit in the last place of high: about 32 digits.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Wide {
    high: f64,
    low: f64,
}

impl From<f64> for Wide {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

fn sum_of(a: f64, b: f64) -> Wide {
    let high = a + b;
    let back = high - a;
    Wide { high, low: (a - (high - back)) + (b - back) }
}

fn quick_sum(high: f64, low: f64) -> Wide {
    let sum = high + low;
    Wide { high: sum, low: low - (sum - high) }
}

impl Add for Wide {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (sum_of(self.high, other.high), sum_of(self.low, other.low));
        let first = quick_sum(high.high, high.low + low.high);
        quick_sum(first.high, first.low + low.low)
    }
}

impl Neg for Wide {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Sub for Wide {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Wide {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let high = self.high * other.high;
        let low = self.high.mul_add(other.high, -high) + (self.high * other.low + self.low * other.high);
        quick_sum(high, low)
    }
}

impl Div for Wide {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self - other * first.into();
        let second = rest.high / other.high;
        let rest = rest - other * second.into();
        quick_sum(first, second) + (rest.high / other.high).into()
    }
}

impl std::iter::Sum for Wide {
    fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
        terms.fold(0.0.into(), |sum, term| sum + term)
    }
}

impl Wide {
    pub fn value(self) -> f64 {
        self.high + self.low
    }

    pub fn square(self) -> Self {
        self * self
    }

    pub fn sqrt(self) -> Self {
        if self.high <= 0.0 {
            return 0.0.into();
        }
        let root = Wide::from(self.high.sqrt());
        (root + self / root) * 0.5.into()
    }

    /// By the series of exp(x/2ᵏ), squared k times.
    pub fn exp(self) -> Self {
        if self.high < -700.0 {
            return 0.0.into();
        }
        if self.high < 0.0 {
            return Self::from(1.0) / (-self).exp();
        }
        const HALVINGS: i32 = 12;
        let small = self * 0.5f64.powi(HALVINGS).into();
        // exp(x) − 1, so that squaring loses nothing: (1 + e)² − 1 = e (2 + e).
        let mut term = small;
        let mut rest = small;
        for k in 2..14 {
            term = term * small / f64::from(k).into();
            rest = rest + term;
        }
        for _ in 0..HALVINGS {
            rest = rest * (rest + 2.0.into());
        }
        rest + 1.0.into()
    }

    /// Two steps of Newton from the logarithm of `f64`.
    pub fn ln(self) -> Self {
        let mut log = Wide::from(self.high.ln());
        for _ in 0..2 {
            log = log + self * (-log).exp() - 1.0.into();
        }
        log
    }
}

#[test]
fn keeps_twice_the_digits() {
    let third = Wide::from(1.0) / 3.0.into();
    assert!((third * 3.0.into() - 1.0.into()).value().abs() < 1e-31);
    let two = Wide::from(2.0);
    assert!((two.sqrt().square() - two).value().abs() < 1e-30);
    for x in [-30.0, -1.5, 1e-9, 0.3, 20.0] {
        let x = Wide::from(x);
        assert!((x.exp() * (-x).exp() - 1.0.into()).value().abs() < 1e-27, "{x:?}");
        assert!(
            ((x.exp() + 1.0.into()).ln().exp() - x.exp() - 1.0.into()).value().abs() < 1e-27 * x.exp().value().max(1.0)
        );
    }
}

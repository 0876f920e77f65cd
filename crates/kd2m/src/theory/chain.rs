//! Quantities that a proof puts in order: each at most the next. A [`Link`] between neighbours holds, tight or loose, or is
//! violated, which is a bug in this program and never a property of the data. Proofs: `docs/theory.md`; next: [`super::analysis`].

use serde::Serialize;

/// Relative rounding that sums and products in `f64` are allowed.
const ROUNDING: f64 = 1e-9;
/// From this share of its right side on, the left side of an inequality makes it tight.
const TIGHT: f64 = 0.9;
/// Below this share it is loose.
const LOOSE: f64 = 0.1;

/// A quantity that is known to lie in an interval; exact values have both ends equal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// Its formula in plain text.
    pub name: String,
    /// The least that it can be.
    pub lower: f64,
    /// What is shown, and what bounds the terms before it.
    pub upper: f64,
    /// What it bounds, or is.
    pub meaning: &'static str,
}

impl Term {
    /// A value computed to rounding.
    pub fn new(name: impl Into<String>, value: f64, meaning: &'static str) -> Self {
        Self { name: name.into(), lower: value, upper: value, meaning }
    }

    /// A value known to lie between two.
    pub fn between(name: impl Into<String>, [lower, upper]: [f64; 2], meaning: &'static str) -> Self {
        Self { name: name.into(), lower, upper, meaning }
    }
}

/// Terms of which each is at most the next, with the number of the statement in `docs/theory.md` that proves it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chain {
    /// What the chain says, for people.
    pub title: String,
    /// Its number in `docs/theory.md`.
    pub statement: u32,
    /// In ascending order.
    pub terms: Vec<Term>,
    /// Rounding in units of the terms that cancellation may leave, beside the relative one.
    pub rounding: f64,
}

/// How an inequality turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The left side is nine tenths of the right one or more.
    Tight,
    /// Between the two.
    Holds,
    /// The left side is less than a tenth of the right one.
    Loose,
    /// Impossible unless the program is wrong.
    Violated,
}

/// One inequality of a chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// Name of the lesser term.
    pub left: String,
    /// Name of the greater one.
    pub right: String,
    /// Left over right, 1 where both are zero.
    pub ratio: f64,
    /// How it turned out.
    pub verdict: Verdict,
    /// The chain's number in `docs/theory.md`.
    pub statement: u32,
}

impl Chain {
    /// A chain without cancellation.
    pub fn new(title: impl Into<String>, statement: u32, terms: Vec<Term>) -> Self {
        Self { title: title.into(), statement, terms, rounding: 0.0 }
    }

    /// The same with this absolute rounding.
    pub fn with_rounding(mut self, rounding: f64) -> Self {
        self.rounding = rounding;
        self
    }

    /// Every inequality between neighbours.
    pub fn links(&self) -> Vec<Link> {
        self.terms.windows(2).map(|pair| self.link(&pair[0], &pair[1])).collect()
    }

    fn link(&self, left: &Term, right: &Term) -> Link {
        let slack = self.rounding + ROUNDING * left.lower.abs().max(right.upper.abs()) + f64::MIN_POSITIVE;
        let ratio = match right.upper {
            right if right.abs() <= slack && left.upper.abs() <= slack => 1.0,
            right => left.upper / right,
        };
        // Written so that a value that is no number is a violation too.
        let holds = left.lower <= right.upper + slack;
        let verdict = match ratio {
            _ if !holds => Verdict::Violated,
            ratio if ratio >= TIGHT => Verdict::Tight,
            ratio if ratio < LOOSE => Verdict::Loose,
            _ => Verdict::Holds,
        };
        Link { left: left.name.clone(), right: right.name.clone(), ratio, verdict, statement: self.statement }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(values: &[f64]) -> Vec<Verdict> {
        let terms = values.iter().enumerate().map(|(i, v)| Term::new(i.to_string(), *v, "")).collect();
        Chain::new("", 0, terms).links().iter().map(|l| l.verdict).collect()
    }

    #[test]
    fn links_are_judged_by_ratio_and_rounding() {
        use Verdict::*;
        assert_eq!(verdicts(&[0.1, 2.0, 10.0, 10.5]), [Loose, Holds, Tight]);
        assert_eq!(verdicts(&[1.0 + 1e-12, 1.0, 0.999]), [Tight, Violated]);
        assert_eq!(verdicts(&[0.0, 0.0, f64::NAN]), [Tight, Violated]);
        assert_eq!(verdicts(&[-1.0, 0.5]), [Loose]);
    }

    #[test]
    fn intervals_are_violated_only_where_they_lie_apart() {
        let verdict = |left, right, rounding| {
            let terms = vec![Term::between("left", left, ""), Term::between("right", right, "")];
            Chain::new("", 0, terms).with_rounding(rounding).links()[0].verdict
        };
        assert_ne!(verdict([1.0, 3.0], [0.5, 2.0], 0.0), Verdict::Violated);
        assert_eq!(verdict([2.1, 3.0], [0.5, 2.0], 0.0), Verdict::Violated);
        assert_ne!(verdict([2.1, 3.0], [0.5, 2.0], 0.2), Verdict::Violated);
    }
}

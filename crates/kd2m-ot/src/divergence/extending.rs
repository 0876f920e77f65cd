use super::{
    Divergence, Request,
    entry::{Entry, Traits, build},
};
use crate::{
    cloud::{Cloud, equal_widths},
    error::OtError,
    parameters::{Parameters, domain::COUNT, parameters},
    real::Real,
    solution::Solution,
};

/// The line of the registry.
pub const ENTRY: Entry = Entry {
    name: "max-mean",
    aliases: &[],
    formula: "‖mean A − mean B‖∞",
    source: "an example",
    cost: "O((n + m) d)",
    when: "one feature decides",
    traits: Traits::PLAIN, // or Traits { any_widths: true, ..Traits::SQUARED }
    options: MaxMean::OPTIONS,
    build: build::<MaxMean>,
};

parameters! {
    /// Largest difference of two means.
    pub struct MaxMean for ENTRY {
        /// how many of the features are looked at, from the first on
        features: Option<usize> = "all" in COUNT,
    }
}

impl<T: Real> Divergence<T> for MaxMean {
    fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
        self.check(ENTRY.name)?;
        equal_widths(ENTRY.name, a, b)?;
        let d = a.width();
        let mean = |c: &Cloud<T>, k: usize| (0..c.len()).map(|i| c.weight(i) * c.row(i)[k].wide()).sum::<f64>();
        let difference = |k: &usize| mean(a, *k) - mean(b, *k);
        let looked_at = 0..self.features.unwrap_or(d).min(d);
        let most = looked_at.max_by(|k, l| difference(k).abs().total_cmp(&difference(l).abs())).unwrap_or(0);
        // With respect to A, row-major [n, d].
        let gradient = request.gradient.then(|| {
            let slope = |i: usize, k: usize| if k == most { a.weight(i) * difference(&most).signum() } else { 0.0 };
            (0..a.len()).flat_map(|i| (0..d).map(move |k| T::of(slope(i, k)))).collect()
        });
        Ok(Solution::closed(difference(&most).abs()).with_gradient(gradient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Side, testing};

    #[test]
    fn is_the_largest_difference_and_has_its_gradient() {
        let (x, y) = ([0.0, 1.0, 2.0, 5.0], [1.0, 1.0, 2.0, 0.0]);
        let (a, b) = (Cloud::new(Side::A, &x, 2, 2).unwrap(), Cloud::new(Side::B, &y, 2, 2).unwrap());
        assert_eq!(MaxMean::default().evaluate(&a, &b, Request::VALUE).unwrap().value, 2.5);
        assert_eq!(MaxMean::default().features(1).evaluate(&a, &b, Request::VALUE).unwrap().value, 0.5);
        let none = MaxMean::default().features(0);
        let error = none.evaluate(&a, &b, Request::VALUE).unwrap_err();
        assert_eq!(error, none.checked().unwrap_err());
        assert_eq!(error, MaxMean::from_options(&crate::Options::new("max-mean").set("features", 0)).unwrap_err());
        testing::check_gradient(&MaxMean::default(), &x, 2, &y, 2, 2, 1e-7);
        crate::parameters::tests::holds::<MaxMean>(&ENTRY);
    }

    #[test]
    fn the_page_on_extending_shows_this_declaration() {
        let page = include_str!("../../../../docs/extending.md");
        let file = include_str!("extending.rs");
        let start = file.find("parameters! {\n    ///").unwrap();
        let shown = &file[start..start + file[start..].find("\n}\n").unwrap() + 3];
        assert!(
            page.contains(&format!("```rust\n{shown}```\n")),
            "copy the declaration into docs/extending.md:\n{shown}"
        );
    }
}

//! `class-NAME`: any divergence within each class, averaged over the classes that both clouds hold.
//! CW2² = (1/n_c) Σ_y W₂²(P(z|y), Q(z|y)) of KD²M; with priors, the weights that bound a classifier's risk.
//! Next: [`crate::divergence::registry::build`], which strips the prefix and makes this wrapper.

use std::collections::BTreeMap;

use crate::{
    cloud::{Cloud, Labels},
    divergence::{AnyDivergence, Divergence, Request},
    error::{OtError, Side},
    options::Options,
    parameters::{Parameters as _, parameters},
    precision::{Estimate, combined, reported},
    real::Real,
    solution::{Gradient, Plan, Potentials, Solution, Status},
};

parameters! {
    /// The wrapper's own parameters.
    #[derive(Copy, Eq)]
    pub struct Parameters {
        /// true: weight each class by the mean of its mass in A and in B, renormalised over the classes used; false: plain mean over classes
        priors: bool = false,
        /// true: the plain sum over classes, as in KD²M's reference code, where the paper has the mean; not with priors
        sum: bool = false,
        /// true: a class that occurs in one cloud only is an error; false: it is left out and counted
        strict: bool = false,
    }
    checked by priors_or_sum
}

/// A sum has no weights.
fn priors_or_sum(parameters: &Parameters, metric: &str) -> Result<(), OtError> {
    match (parameters.priors, parameters.sum) {
        (true, true) => {
            let expected = "false where priors = true: weights by priors sum to one";
            Err(Options::new(metric).bad("sum", "true", expected))
        }
        _ => Ok(()),
    }
}

/// A divergence evaluated within each class. Classes too small for it are skipped and counted; none left: value 0.
///
/// The plan of the answer couples the samples of each class with total mass the class's weight.
pub struct ClassConditional {
    name: String,
    inner: Box<dyn AnyDivergence>,
    parameters: Parameters,
}

impl ClassConditional {
    /// Wraps `inner`; error messages call it `name`.
    ///
    /// # Errors
    /// [`OtError::BadOption`].
    pub fn new(name: &str, inner: impl AnyDivergence + 'static, parameters: Parameters) -> Result<Self, OtError> {
        parameters.check(name)?;
        Ok(Self { name: name.to_owned(), inner: Box::new(inner), parameters })
    }

    /// Compares A with B, in the precision of the clouds.
    ///
    /// # Errors
    /// Missing labels, a class on one side only where that is refused, and what the divergence inside refuses.
    pub fn evaluate<T: Real>(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError>
    where
        Self: Divergence<T>,
    {
        Divergence::evaluate(self, a, b, request)
    }
}

// A trait object holds its two precisions as two traits, so the generic code takes the one it needs as a parameter.
impl Divergence<f32> for ClassConditional {
    fn evaluate(&self, a: &Cloud<f32>, b: &Cloud<f32>, request: Request) -> Result<Solution<f32>, OtError> {
        self.over_classes(&*self.inner, a, b, request)
    }
}

impl Divergence<f64> for ClassConditional {
    fn evaluate(&self, a: &Cloud<f64>, b: &Cloud<f64>, request: Request) -> Result<Solution<f64>, OtError> {
        self.over_classes(&*self.inner, a, b, request)
    }
}

/// One class on both sides with its answer.
struct Part<T> {
    rows: [Vec<u32>; 2],
    mass: f64,
    solution: Solution<T>,
}

impl ClassConditional {
    fn over_classes<T: Real, D: Divergence<T> + ?Sized>(
        &self,
        inner: &D,
        a: &Cloud<T>,
        b: &Cloud<T>,
        request: Request,
    ) -> Result<Solution<T>, OtError> {
        let classes_a = self.rows_of_classes(a)?;
        let mut classes_b = self.rows_of_classes(b)?;
        let (mut parts, mut one_side, mut skipped) = (Vec::new(), 0usize, 0usize);
        for (class, rows_a) in classes_a {
            let Some(rows_b) = classes_b.remove(&class) else {
                self.refuse_if_strict(class, Side::A)?;
                one_side += 1;
                continue;
            };
            let (sub_a, sub_b) = (Subset::new(a, &rows_a), Subset::new(b, &rows_b));
            let start = request.start.and_then(|p| gather_potentials(p, a.len(), b.len(), &rows_a, &rows_b));
            let inner_request = Request { start: start.as_ref(), ..request };
            match inner.evaluate(&sub_a.cloud()?, &sub_b.cloud()?, inner_request) {
                Ok(solution) => {
                    let mass = 0.5 * (sub_a.mass + sub_b.mass);
                    parts.push(Part { rows: [rows_a, rows_b], mass, solution });
                }
                Err(OtError::TooFewSamples { .. }) => skipped += 1,
                Err(error) => return Err(error),
            }
        }
        if let Some(&class) = classes_b.keys().next() {
            self.refuse_if_strict(class, Side::B)?;
        }
        one_side += classes_b.len();
        let (mut solution, error) = self.combine(&parts, a, b, request);
        solution.diagnostics = vec![
            ("classes", parts.len() as f64),
            ("classes_too_small", skipped as f64),
            ("classes_on_one_side", one_side as f64),
        ];
        reported(&self.name, Estimate::new(solution, error))
    }

    /// The rows of each class, those without mass left out: a class of weight zero is not present.
    fn rows_of_classes<T: Real>(&self, cloud: &Cloud<T>) -> Result<BTreeMap<u32, Vec<u32>>, OtError> {
        let Labels::Hard(labels) = cloud.labels() else {
            return Err(OtError::LabelsMissing { metric: self.name.clone(), side: cloud.side() });
        };
        let mut rows = BTreeMap::<u32, Vec<u32>>::new();
        for (i, &class) in labels.iter().enumerate() {
            rows.entry(class).or_default().push(i as u32);
        }
        rows.retain(|_, rows| rows.iter().any(|&i| cloud.weight(i as usize) > 0.0));
        Ok(rows)
    }

    fn refuse_if_strict(&self, class: u32, present: Side) -> Result<(), OtError> {
        if self.parameters.strict {
            return Err(OtError::ClassOnOneSide { metric: self.name.clone(), class, present });
        }
        Ok(())
    }

    /// The weighted sum of the classes' answers, scattered back to the rows they came from, and how far it may be off.
    fn combine<T: Real>(&self, parts: &[Part<T>], a: &Cloud<T>, b: &Cloud<T>, request: Request) -> (Solution<T>, f64) {
        let d = a.width();
        let total: f64 = parts.iter().map(|p| p.mass).sum();
        let share = |part: &Part<T>| match (self.parameters.priors, self.parameters.sum) {
            (true, _) => part.mass / total,
            (false, true) => 1.0,
            (false, false) => 1.0 / parts.len() as f64,
        };
        let mut gradient = vec![T::zero(); if request.gradient { a.len() * d } else { 0 }];
        let mut soft: Option<Vec<T>> = None;
        let mut potentials = Potentials { u: vec![0.0; a.len()], v: vec![0.0; b.len()] };
        let mut entries = Vec::new();
        let mut result = Solution::closed(0.0);
        for part in parts {
            let (share, solution) = (share(part), &part.solution);
            let [rows_a, rows_b] = &part.rows;
            result.value += share * solution.value;
            result.iterations += solution.iterations;
            result.status = worse(result.status, &solution.status);
            if let Some(Gradient { features, soft_labels }) = &solution.gradient {
                scatter(features, rows_a, d, share, &mut gradient);
                if let Some(values) = soft_labels {
                    let classes = values.len() / rows_a.len();
                    let all = soft.get_or_insert_with(|| vec![T::zero(); a.len() * classes]);
                    scatter(values, rows_a, classes, share, all);
                }
            }
            if let Some(plan) = &solution.plan {
                entries.extend(plan.entries().into_iter().map(|(i, j, g)| (rows_a[i], rows_b[j], share * g)));
            }
            if let Some(p) = &solution.potentials {
                rows_a.iter().zip(&p.u).for_each(|(&i, &u)| potentials.u[i as usize] = u);
                rows_b.iter().zip(&p.v).for_each(|(&j, &v)| potentials.v[j as usize] = v);
            }
        }
        if request.gradient {
            result.gradient = Some(Gradient { features: gradient, soft_labels: soft });
        }
        if request.plan && parts.iter().all(|p| p.solution.plan.is_some()) {
            entries.sort_unstable_by_key(|&(i, j, _)| (i, j));
            result.plan = Some(Plan::Sparse { n: a.len(), m: b.len(), entries });
        }
        if !parts.is_empty() {
            result.gap = parts.iter().map(|p| p.solution.gap.map(|gap| share(p) * gap)).sum();
            result.potentials = parts.iter().all(|p| p.solution.potentials.is_some()).then_some(potentials);
        }
        let error = combined(parts.iter().map(|part| (share(part), &part.solution)));
        (result, error)
    }
}

/// The samples of one class, copied, with their weights.
struct Subset<T> {
    side: Side,
    features: Vec<T>,
    d: usize,
    labels: Vec<u32>,
    weights: Option<Vec<f64>>,
    mass: f64,
}

impl<T: Real> Subset<T> {
    fn new(cloud: &Cloud<T>, rows: &[u32]) -> Self {
        let indices = || rows.iter().map(|&i| i as usize);
        let labels = match cloud.labels() {
            Labels::Hard(labels) => indices().map(|i| labels[i]).collect(),
            _ => Vec::new(),
        };
        Self {
            side: cloud.side(),
            features: indices().flat_map(|i| cloud.row(i).iter().copied()).collect(),
            d: cloud.width(),
            labels,
            weights: cloud.masses().map(|w| indices().map(|i| w[i]).collect()),
            mass: indices().map(|i| cloud.weight(i)).sum(),
        }
    }

    fn cloud(&self) -> Result<Cloud<'_, T>, OtError> {
        let cloud = Cloud::new(self.side, &self.features, self.labels.len(), self.d)?.with_labels(&self.labels)?;
        match &self.weights {
            Some(weights) => cloud.with_weights(weights),
            None => Ok(cloud),
        }
    }
}

/// The start of one class out of a start for the whole clouds, if that start fits them.
fn gather_potentials(start: &Potentials, n: usize, m: usize, rows_a: &[u32], rows_b: &[u32]) -> Option<Potentials> {
    let pick = |values: &[f64], rows: &[u32]| rows.iter().map(|&i| values[i as usize]).collect();
    (start.u.len() == n && start.v.len() == m)
        .then(|| Potentials { u: pick(&start.u, rows_a), v: pick(&start.v, rows_b) })
}

fn scatter<T: Real>(block: &[T], rows: &[u32], width: usize, scale: f64, into: &mut [T]) {
    for (source, &row) in block.chunks_exact(width).zip(rows) {
        let target = &mut into[row as usize * width..][..width];
        target.iter_mut().zip(source).for_each(|(t, s)| *t = T::of(s.wide() * scale));
    }
}

/// The less trustworthy of two outcomes; of two that stopped, the larger error.
fn worse(x: Status, y: &Status) -> Status {
    let rank = |s: &Status| match s {
        Status::Closed => 0,
        Status::Optimal => 1,
        Status::Converged => 2,
        Status::Stopped { .. } => 3,
    };
    match (&x, y) {
        (Status::Stopped { error: e }, Status::Stopped { error: f }) => Status::Stopped { error: e.max(*f) },
        _ if rank(y) > rank(&x) => y.clone(),
        _ => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ‖mean A − mean B‖², needs two samples a side: small enough to know every answer by hand.
    struct Means;

    impl<T: Real> Divergence<T> for Means {
        fn evaluate(&self, a: &Cloud<T>, b: &Cloud<T>, request: Request) -> Result<Solution<T>, OtError> {
            for cloud in [a, b] {
                if cloud.len() < 2 {
                    let (side, found) = (cloud.side(), cloud.len());
                    return Err(OtError::TooFewSamples { metric: "means".into(), side, needed: 2, found });
                }
            }
            let mean = |c: &Cloud<T>, k: usize| (0..c.len()).map(|i| c.weight(i) * c.row(i)[k].wide()).sum::<f64>();
            let difference: Vec<f64> = (0..a.width()).map(|k| mean(a, k) - mean(b, k)).collect();
            let gradient = (0..a.len())
                .flat_map(|i| difference.iter().map(move |x| T::of(2.0 * x * a.weight(i))).collect::<Vec<_>>())
                .collect();
            Ok(Solution::closed(difference.iter().map(|x| x * x).sum())
                .with_gradient(request.gradient.then_some(gradient)))
        }
    }

    fn wrapper(parameters: Parameters) -> ClassConditional {
        ClassConditional::new("class-means", Means, parameters).unwrap()
    }

    fn options() -> Parameters {
        Parameters::default()
    }

    // Class 7: means 1 and 3, distance 4. Class 2: means 10 and 11, distance 1. Class 5 only in A, class 6 only in B.
    const A: [f64; 6] = [0.0, 10.0, 2.0, 10.0, 99.0, 10.0];
    const LABELS_A: [u32; 6] = [7, 2, 7, 2, 5, 2];
    const B: [f64; 5] = [11.0, 3.0, 11.0, 3.0, -5.0];
    const LABELS_B: [u32; 5] = [2, 7, 2, 7, 6];

    fn clouds() -> (Cloud<'static, f64>, Cloud<'static, f64>) {
        (
            Cloud::new(Side::A, &A, 6, 1).unwrap().with_labels(&LABELS_A).unwrap(),
            Cloud::new(Side::B, &B, 5, 1).unwrap().with_labels(&LABELS_B).unwrap(),
        )
    }

    #[test]
    fn mean_over_classes_present_on_both_sides() {
        let (a, b) = clouds();
        let s = wrapper(options()).evaluate(&a, &b, Request::GRADIENT).unwrap();
        assert!((s.value - 2.5).abs() < 1e-12);
        assert_eq!(s.diagnostics, vec![("classes", 2.0), ("classes_too_small", 0.0), ("classes_on_one_side", 2.0)]);
        // ∂/∂x_i = ½ · 2 (mean_A − mean_B) / n_y
        let expected = [-1.0, -1.0 / 3.0, -1.0, -1.0 / 3.0, 0.0, -1.0 / 3.0];
        for (g, e) in s.gradient.unwrap().features.iter().zip(expected) {
            assert!((g - e).abs() < 1e-12);
        }
    }

    #[test]
    fn priors_weight_by_mean_mass_renormalised() {
        let (a, b) = clouds();
        let s = wrapper(options().priors(true)).evaluate(&a, &b, Request::VALUE).unwrap();
        let (seven, two) = (0.5 * (2.0 / 6.0 + 2.0 / 5.0), 0.5 * (3.0 / 6.0 + 2.0 / 5.0));
        assert!((s.value - (seven * 4.0 + two * 1.0) / (seven + two)).abs() < 1e-12);
    }

    #[test]
    fn the_sum_is_the_mean_times_the_classes_and_goes_not_with_priors() {
        let (a, b) = clouds();
        let s = wrapper(options().sum(true)).evaluate(&a, &b, Request::GRADIENT).unwrap();
        assert!((s.value - 5.0).abs() < 1e-12);
        let expected = [-2.0, -2.0 / 3.0, -2.0, -2.0 / 3.0, 0.0, -2.0 / 3.0];
        for (g, e) in s.gradient.unwrap().features.iter().zip(expected) {
            assert!((g - e).abs() < 1e-12);
        }
        let both = ClassConditional::new("class-means", Means, options().sum(true).priors(true));
        assert!(matches!(both, Err(OtError::BadOption { .. })));
    }

    #[test]
    fn weights_inside_and_between_classes() {
        let (a, b) = clouds();
        let a = a.with_weights(&[3.0, 1.0, 1.0, 0.0, 0.0, 1.0]).unwrap();
        // Class 7 of A has mean 0.5 under its weights, distance 6.25; class 5 has no mass and is not present.
        let s = wrapper(options().priors(true)).evaluate(&a, &b, Request::VALUE).unwrap();
        let (seven, two) = (0.5 * (4.0 / 6.0 + 0.4), 0.5 * (2.0 / 6.0 + 0.4));
        assert!((s.value - (seven * 6.25 + two) / (seven + two)).abs() < 1e-12);
        assert_eq!(s.diagnostics[2], ("classes_on_one_side", 1.0));
    }

    #[test]
    fn small_classes_are_skipped_and_none_left_is_zero() {
        let (x, labels) = ([1.0, 2.0], [0, 1]);
        let a = Cloud::new(Side::A, &x, 2, 1).unwrap().with_labels(&labels).unwrap();
        let s: Solution<f64> = wrapper(options()).evaluate(&a, &a, Request::ALL).unwrap();
        assert_eq!((s.value, s.gradient.unwrap().features), (0.0, vec![0.0, 0.0]));
        assert_eq!(s.diagnostics[1], ("classes_too_small", 2.0));
    }

    #[test]
    fn strict_names_the_class_and_labels_are_required() {
        let (a, b) = clouds();
        let strict = wrapper(options().strict(true));
        let error = strict.evaluate(&a, &b, Request::VALUE).unwrap_err();
        assert_eq!(error, OtError::ClassOnOneSide { metric: "class-means".into(), class: 5, present: Side::A });
        let unlabelled = Cloud::new(Side::B, &B, 5, 1).unwrap();
        let error = strict.evaluate(&a, &unlabelled, Request::VALUE).unwrap_err();
        assert_eq!(error, OtError::LabelsMissing { metric: "class-means".into(), side: Side::B });
    }
}

//! Accuracy and distance to the teacher against λ, as the paper draws them: one line a criterion that was run at several
//! weights, λ = 0 as the level to compare with.

use std::collections::BTreeMap;

use super::figure::{Line, lines, power};

/// One criterion at one weight.
pub struct Point {
    pub criterion: String,
    pub weight: f64,
    /// Percent, mean and deviation over seeds.
    pub accuracy: (f64, Option<f64>),
    pub w2_to_teacher: Option<f64>,
}

/// Figures with their titles; none where no criterion has two weights.
pub fn figures(points: &[Point], what: &str) -> Vec<(String, String)> {
    let mut by_name: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for point in points.iter().filter(|p| p.weight > 0.0) {
        by_name.entry(&point.criterion).or_default().push(point);
    }
    for all in by_name.values_mut() {
        all.sort_by(|a, b| a.weight.total_cmp(&b.weight));
        all.dedup_by(|a, b| a.weight == b.weight);
    }
    by_name.retain(|_, all| all.len() > 1);
    if by_name.is_empty() {
        return Vec::new();
    }
    let weights = || by_name.values().flatten().map(|p| p.weight.log10());
    let (least, most) = (weights().fold(f64::INFINITY, f64::min), weights().fold(f64::NEG_INFINITY, f64::max));
    let none = points.iter().find(|p| p.weight == 0.0);
    let figure = |title: &str, pick: &dyn Fn(&Point) -> Option<(f64, f64)>| {
        let line = |(name, all): (&&str, &Vec<&Point>)| {
            let found = all.iter().filter_map(|p| Some((p.weight.log10(), pick(p)?)));
            let (points, spread): (Vec<_>, Vec<_>) = found.map(|(x, (y, s))| ((x, y), s)).unzip();
            Line { spread, ..Line::new(name, points) }
        };
        let mut all: Vec<Line> = by_name.iter().map(line).filter(|l| !l.points.is_empty()).collect();
        if let (Some((level, _)), false) = (none.and_then(pick), all.is_empty()) {
            all.push(Line::new("λ = 0", vec![(least, level), (most, level)]));
        }
        (!all.is_empty()).then(|| (title.to_owned(), lines(title, "λ", &all, power, true)))
    };
    let accuracy = figure(&format!("{what} against λ"), &|p| Some((p.accuracy.0, p.accuracy.1.unwrap_or(0.0))));
    let distance = figure("W₂² to the teacher's features against λ", &|p| Some((p.w2_to_teacher?, 0.0)));
    accuracy.into_iter().chain(distance).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(criterion: &str, weight: f64) -> Point {
        Point { criterion: criterion.to_owned(), weight, accuracy: (90.0 + weight, Some(0.5)), w2_to_teacher: None }
    }

    #[test]
    fn a_criterion_with_several_weights_is_a_line_and_lambda_zero_its_level() {
        let points = [point("none", 0.0), point("w2", 1.0), point("w2", 0.01), point("mse", 0.1)];
        let found = figures(&points, "accuracy");
        assert_eq!(found.len(), 1, "no distances, no second figure");
        let svg = &found[0].1;
        assert!(svg.contains(">w2<") && svg.contains(">λ = 0<") && !svg.contains(">mse<"), "{svg}");
        assert!(figures(&points[..2], "accuracy").is_empty());
    }
}

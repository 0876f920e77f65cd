//! Accuracy and distance to the teacher against λ, as the paper draws them: one plot a criterion that was run at several weights.

use super::figure::panels::{Mark, Panel, panels};

/// One criterion at one weight.
pub struct Point {
    pub criterion: String,
    pub weight: f64,
    /// Percent, mean and deviation over seeds; `None`: its training diverged.
    pub accuracy: Option<(f64, Option<f64>)>,
    pub w2_to_teacher: Option<f64>,
    /// The one that was chosen on validation.
    pub chosen: bool,
}

/// Figures with their titles, criteria in the order of their points; none where no criterion has two weights. A point at λ = 0 is
/// the level to compare with.
pub fn figures(points: &[Point], what: &str) -> Vec<(String, String)> {
    let mut criteria: Vec<(&str, Vec<&Point>)> = Vec::new();
    for point in points.iter().filter(|p| p.weight > 0.0) {
        match criteria.iter_mut().find(|(name, _)| *name == point.criterion) {
            Some((_, all)) => all.push(point),
            None => criteria.push((&point.criterion, vec![point])),
        }
    }
    for (_, all) in &mut criteria {
        all.sort_by(|a, b| a.weight.total_cmp(&b.weight));
        all.dedup_by(|a, b| a.weight == b.weight);
    }
    criteria.retain(|(_, all)| all.len() > 1);
    let none = points.iter().find(|p| p.weight == 0.0);
    let figure = |title: String, pick: &dyn Fn(&Point) -> Option<(f64, f64)>| {
        let mark = |p: &&Point| Mark {
            weight: p.weight,
            value: pick(p).map(|(value, _)| value),
            spread: pick(p).map_or(0.0, |(_, spread)| spread),
            chosen: p.chosen,
        };
        let panel = |(name, all): &(&str, Vec<&Point>)| Panel {
            name: (*name).to_owned(),
            points: all.iter().map(mark).collect(),
        };
        let measured = criteria.iter().flat_map(|(_, all)| all).any(|p| pick(p).is_some());
        let level = none.and_then(pick).map(|(level, _)| level);
        measured.then(|| (title.clone(), panels(&title, &criteria.iter().map(panel).collect::<Vec<_>>(), level)))
    };
    let accuracy = figure(format!("{what} against λ"), &|p| p.accuracy.map(|(mean, std)| (mean, std.unwrap_or(0.0))));
    let distance = figure("W₂² to the teacher's features against λ".to_owned(), &|p| Some((p.w2_to_teacher?, 0.0)));
    accuracy.into_iter().chain(distance).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(criterion: &str, weight: f64) -> Point {
        let accuracy = Some((90.0 + weight, Some(0.5)));
        Point { criterion: criterion.to_owned(), weight, accuracy, w2_to_teacher: None, chosen: weight == 1.0 }
    }

    #[test]
    fn a_criterion_with_several_weights_is_a_plot_and_lambda_zero_its_level() {
        let points = [point("none", 0.0), point("w2", 1.0), point("w2", 0.01), point("mse", 0.1)];
        let found = figures(&points, "accuracy");
        assert_eq!(found.len(), 1, "no distances, no second figure");
        let svg = &found[0].1;
        assert!(svg.contains(">w2<") && svg.contains("λ = 0: 90") && !svg.contains(">mse<"), "{svg}");
        assert!(svg.contains("chosen") && figures(&points[..2], "accuracy").is_empty());
    }
}

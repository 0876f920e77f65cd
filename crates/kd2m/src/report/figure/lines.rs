//! Lines over a common axis with a legend: learning curves.

use std::fmt::Write;

use super::{Frame, bounds, escape, key, stroke};

/// A named polyline.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Line {
    /// A line through these points.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points }
    }
}

/// Draws lines; `mark` writes the ticks of the horizontal axis.
pub fn lines(title: &str, x_label: &str, lines: &[Line], mark: fn(f64) -> Option<String>) -> String {
    let all = || lines.iter().flat_map(|l| &l.points);
    let frame = Frame::new(bounds(all().map(|p| p.0)), bounds(all().map(|p| p.1)));
    let mut svg = frame.open(title, x_label, mark);
    for (i, line) in lines.iter().enumerate() {
        let place = |p: &(f64, f64)| (frame.across(p.0), frame.down(p.1));
        let finite = line.points.iter().filter(|p| p.1.is_finite());
        let points: Vec<String> = finite.clone().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let name = escape(&line.name);
        let stroke = stroke(i);
        let _ = write!(
            svg,
            r#"<polyline class="curve" {stroke} points="{}"><title>{name}</title></polyline>"#,
            points.join(" ")
        );
        // Where there are few, a point is a measurement and not a bend.
        if line.points.len() < 3 {
            for (x, y) in finite.map(place) {
                let _ = write!(svg, r#"<circle r="2.6" cx="{x:.1}" cy="{y:.1}" style="fill:{}"/>"#, super::color(i));
            }
        }
    }
    svg += r#"</svg><p class="legend">"#;
    for (i, line) in lines.iter().enumerate() {
        let _ = write!(svg, "<span>{}{}</span> ", key(i), escape(&line.name));
    }
    svg + "</p>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_gaps_left_out() {
        let line = Line::new("<script>", vec![(0.0, 1.0), (1.0, f64::NAN)]);
        let svg = lines("<b>", "epoch", &[line], super::super::plain);
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && svg.contains("&lt;script&gt;"));
        assert!(!svg.contains("NaN"));
    }
}

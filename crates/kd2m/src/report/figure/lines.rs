//! Lines over a common axis with a legend: learning curves, and quantities against λ with their spread.

use std::fmt::Write;

use super::{Frame, bounds, escape, key, stroke};

/// A named polyline.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    /// Half heights of error bars, one a point; empty for none.
    pub spread: Vec<f64>,
}

impl Line {
    /// Without error bars.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, spread: Vec::new() }
    }
}

/// Draws lines; `mark` writes the ticks of the horizontal axis, `wide` takes two columns of the page.
pub fn lines(title: &str, x_label: &str, lines: &[Line], mark: fn(f64) -> Option<String>, wide: bool) -> String {
    let x = bounds(lines.iter().flat_map(|l| l.points.iter().map(|p| p.0)));
    let reach = |l: &Line| {
        let spread = l.spread.iter().copied().chain(std::iter::repeat(0.0));
        l.points.iter().zip(spread).flat_map(|(p, s)| [p.1 - s, p.1 + s]).collect::<Vec<f64>>()
    };
    let mut frame = Frame::new(x, bounds(lines.iter().flat_map(reach)));
    if wide {
        (frame.width, frame.height) = (660.0, 330.0);
    }
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
        for (p, s) in line.points.iter().zip(&line.spread).filter(|(p, _)| p.1.is_finite()) {
            let (at, low, high) = (frame.across(p.0), frame.down(p.1 - s), frame.down(p.1 + s));
            let _ =
                write!(svg, r#"<line class="bar" {stroke} x1="{at:.1}" x2="{at:.1}" y1="{low:.1}" y2="{high:.1}"/>"#);
        }
        // Where there are few, a point is a measurement and not a bend.
        if !line.spread.is_empty() || line.points.len() < 3 {
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
        let line = Line { spread: vec![0.5, 0.5], ..Line::new("<script>", vec![(0.0, 1.0), (1.0, f64::NAN)]) };
        let svg = lines("<b>", "epoch", &[line], super::super::plain, false);
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && svg.contains("&lt;script&gt;"));
        assert!(!svg.contains("NaN"));
    }
}

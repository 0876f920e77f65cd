//! Lines over a common axis with a legend: learning curves.

use std::fmt::Write;

use super::{Frame, bounds, escape, key, short, stroke};

/// A named polyline.
pub struct Line {
    pub name: String,
    /// Which of the page's series it is: its colour, the same in every figure.
    pub series: usize,
    pub points: Vec<(f64, f64)>,
}

impl Line {
    /// A line through these points.
    pub fn new(name: &str, series: usize, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), series, points }
    }
}

/// Points of a line that tell their value under the mouse: of long runs every second, third …
const TOLD: usize = 40;

/// How many times the range of the second halves the vertical axis may reach beyond it.
const REACH: f64 = 2.0;

/// Draws lines; `mark` writes the ticks of the horizontal axis. What lies far above or below the second halves of all lines, as at the
/// beginning of a training, is drawn at the edge, with its value under the mouse.
pub fn lines(title: &str, x_label: &str, lines: &[Line], mark: fn(f64) -> Option<String>) -> String {
    let all = || lines.iter().flat_map(|l| &l.points);
    let across = bounds(all().map(|p| p.0));
    let settled = bounds(all().filter(|p| p.0 >= (across.0 + across.1) / 2.0).map(|p| p.1));
    let (whole, reach) = (bounds(all().map(|p| p.1)), REACH * (settled.1 - settled.0));
    let frame = Frame::new(across, (whole.0.max(settled.0 - reach), whole.1.min(settled.1 + reach)));
    let mut svg = frame.open(title, x_label, mark);
    for line in lines {
        let place = |p: &(f64, f64)| (frame.across(p.0), frame.down(p.1.clamp(frame.y.0, frame.y.1)));
        let finite: Vec<&(f64, f64)> = line.points.iter().filter(|p| p.1.is_finite()).collect();
        let points: Vec<String> = finite.iter().map(|p| place(p)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let (name, color) = (escape(&line.name), super::color(line.series));
        let _ = write!(
            svg,
            r#"<g class="series" data-arm="{name}"><polyline class="curve" {} points="{}"><title>{name}</title></polyline>"#,
            stroke(line.series),
            points.join(" ")
        );
        // Where there are few, a point is a measurement and not a bend.
        let class = if line.points.len() < 3 { "" } else { r#" class="told""# };
        for p in finite.iter().step_by(finite.len().div_ceil(TOLD).max(1)) {
            let (x, y) = place(p);
            let _ = write!(
                svg,
                r#"<circle{class} r="2.6" cx="{x:.1}" cy="{y:.1}" style="fill:{color}"><title>{name}, {x_label} {}: {}</title></circle>"#,
                short(p.0),
                short(p.1)
            );
        }
        svg += "</g>";
    }
    svg += r#"</svg><p class="legend">"#;
    for line in lines {
        let name = escape(&line.name);
        let _ = write!(svg, r#"<button class="pick" data-arm="{name}">{}{name}</button> "#, key(line.series));
    }
    svg + "</p>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_gaps_left_out() {
        let line = Line::new("<script>", 0, vec![(0.0, 1.0), (1.0, f64::NAN)]);
        let svg = lines("<b>", "epoch", &[line], super::super::plain);
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && svg.contains("&lt;script&gt;"));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn a_spike_is_drawn_at_the_edge_and_a_line_keeps_its_colour() {
        let calm = Line::new("calm", 0, (0..9).map(|k| (f64::from(k), 1.0 + 0.1 * f64::from(k))).collect());
        let spiked = Line::new("spiked", 3, vec![(0.0, 5e5), (1.0, 1.5), (2.0, 1.4)]);
        let svg = lines("loss", "epoch", &[calm, spiked], super::super::whole);
        assert!(svg.contains("<title>spiked, epoch 0: 5e5</title>") && svg.contains("stroke:var(--s3)"), "{svg}");
        assert!(!svg.contains(">5e5<") && !svg.contains(">10<"), "{svg}");
    }
}

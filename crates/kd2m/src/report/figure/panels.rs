//! One small plot a criterion over its λ, all with one vertical axis: as many criteria as there are can be read, where lines over
//! each other cannot. What lies far beyond the others is drawn at the edge as a triangle, so that it does not flatten them.

use std::fmt::Write;

use super::{Frame, bounds, escape, robust, short};

/// A criterion's plot.
pub struct Panel {
    pub name: String,
    pub points: Vec<Mark>,
}

/// One weight.
pub struct Mark {
    pub weight: f64,
    /// `None`: its training diverged.
    pub value: Option<f64>,
    /// Half the height of its error bar.
    pub spread: f64,
    pub chosen: bool,
}

/// Draws them side by side; `level` is λ = 0.
pub fn panels(what: &str, all: &[Panel], level: Option<f64>) -> String {
    let values = all.iter().flat_map(|p| &p.points).filter_map(|m| m.value);
    let y = robust(values.chain(level).collect());
    let drawn: String = all.iter().map(|p| panel(what, p, y, level)).collect();
    format!(r#"<div class="panels">{drawn}</div>"#)
}

fn panel(what: &str, panel: &Panel, y: (f64, f64), level: Option<f64>) -> String {
    let logs = || panel.points.iter().map(|m| m.weight.log10());
    let frame = Frame { width: 178.0, height: 124.0, ..Frame::new(bounds(logs()), y) };
    let frame = Frame { margin: [frame.margin[0] - 10.0, 8.0, 8.0, 20.0], ..frame };
    let mut svg = frame.open(&format!("{what}: {}", panel.name), "", |_| None);
    let below = frame.height - frame.margin[3] + 14.0;
    for (at, anchor, pick) in
        [(frame.x.0, "start", f64::min as fn(f64, f64) -> f64), (frame.x.1, "end", f64::max as fn(f64, f64) -> f64)]
    {
        let weight = panel.points.iter().map(|m| m.weight).reduce(pick).unwrap_or_default();
        let x = frame.across(at);
        let _ = write!(
            svg,
            r#"<text class="tick" x="{x:.1}" y="{below:.1}" text-anchor="{anchor}">{}</text>"#,
            power(weight)
        );
    }
    if let Some(level) = level {
        let at = frame.down(level.clamp(y.0, y.1));
        let (left, right) = (frame.margin[0], frame.width - frame.margin[1]);
        let _ = write!(
            svg,
            r#"<line class="ideal" x1="{left}" x2="{right}" y1="{at:.1}" y2="{at:.1}"><title>λ = 0: {}</title></line>"#,
            short(level)
        );
    }
    let place = |m: &Mark| {
        let value = m.value.filter(|v| v.is_finite())?;
        Some((frame.across(m.weight.log10()), frame.down(value.clamp(y.0, y.1))))
    };
    let curve: Vec<String> = panel.points.iter().filter_map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = write!(svg, r#"<polyline class="curve" style="stroke:var(--s0)" points="{}"/>"#, curve.join(" "));
    for mark in &panel.points {
        svg += &point(mark, &frame, place(mark));
    }
    format!("<div><h4>{}</h4>{svg}</svg></div>", escape(&panel.name))
}

fn point(mark: &Mark, frame: &Frame, place: Option<(f64, f64)>) -> String {
    let said = |value: &str| {
        let chosen = if mark.chosen { ", chosen" } else { "" };
        format!("<title>λ = {}: {value}{chosen}</title>", mark.weight)
    };
    let (Some(value), Some((x, y))) = (mark.value, place) else {
        let (x, y) = (frame.across(mark.weight.log10()), frame.height - frame.margin[3] - 5.0);
        return format!(
            r#"<path class="lost" d="M{:.1} {:.1}l7 7m0 -7l-7 7">{}</path>"#,
            x - 3.5,
            y - 3.5,
            said("diverged")
        );
    };
    let said = said(&short((value * 100.0).round() / 100.0));
    let beyond = value < frame.y.0 || value > frame.y.1;
    if beyond {
        let tip = if value < frame.y.0 { 5.0 } else { -5.0 };
        return format!(r#"<path class="dot" d="M{:.1} {y:.1}h8l-4 {tip}z">{said}</path>"#, x - 4.0);
    }
    let mut svg = String::new();
    if mark.spread > 0.0 {
        let ends = [value - mark.spread, value + mark.spread].map(|v| frame.down(v.clamp(frame.y.0, frame.y.1)));
        let _ = write!(
            svg,
            r#"<line class="bar" style="stroke:var(--s0)" x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{:.1}"/>"#,
            ends[0], ends[1]
        );
    }
    let (class, r) = if mark.chosen { ("chosen", 5.0) } else { ("tried", 2.6) };
    svg + &format!(r#"<circle class="{class}" r="{r}" cx="{x:.1}" cy="{y:.1}">{said}</circle>"#)
}

/// A weight as it is said: 0.03, 1e-5.
fn power(weight: f64) -> String {
    if (0.001..1e4).contains(&weight) { short(weight) } else { format!("{weight:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_lost_and_clipped_weights_are_marked() {
        let mark = |weight, value, chosen| Mark { weight, value, spread: 0.0, chosen };
        let points = vec![
            mark(1e-5, Some(97.0), false),
            mark(1e-3, Some(98.0), true),
            mark(0.1, Some(10.0), false),
            mark(1.0, None, false),
        ];
        let more =
            Panel { name: "a<b".to_owned(), points: vec![mark(0.1, Some(97.5), false), mark(0.2, Some(97.6), false)] };
        let svg = panels("accuracy", &[Panel { name: "w2".to_owned(), points }, more], Some(97.4));
        assert!(svg.contains("<title>λ = 0.001: 98, chosen</title>") && svg.contains("λ = 1: diverged"), "{svg}");
        assert!(svg.contains(r#"class="dot" d="#) && svg.contains("λ = 0: 97.4") && svg.contains("a&lt;b"), "{svg}");
        assert!(svg.contains(">1e-5<") && svg.contains(">1<"), "{svg}");
    }
}

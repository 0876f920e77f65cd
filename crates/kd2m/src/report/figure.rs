//! Figures as SVG text. Colours and fonts come from the page's style sheet, so that one drawing serves light and dark.

use std::fmt::Write;

use super::collect::{Embedding, PlanPicture};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 280.0;
/// Left, right, top, bottom.
const MARGIN: [f64; 4] = [52.0, 12.0, 14.0, 40.0];

/// The colour of the i-th series: a CSS variable of the page.
pub fn color(i: usize) -> String {
    format!("var(--s{})", i % 10)
}

/// A named polyline.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Round numbers between `low` and `high`, about `count` of them.
pub fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let raw = (high - low) / count as f64;
    if raw <= 0.0 || !raw.is_finite() {
        return vec![low];
    }
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|s| *s >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|k| k as f64 * step).collect()
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match low < high {
        true => (low, high),
        false if low.is_finite() => (low - 0.5, high + 0.5),
        false => (0.0, 1.0),
    }
}

fn short(value: f64) -> String {
    let text = if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.4}") };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Lines over a common axis, with a legend below.
pub fn lines(title: &str, x_label: &str, lines: &[Line]) -> String {
    let (x0, x1) = bounds(lines.iter().flat_map(|l| l.points.iter().map(|p| p.0)));
    let (y0, y1) = bounds(lines.iter().flat_map(|l| l.points.iter().map(|p| p.1)));
    let [left, right, top, bottom] = MARGIN;
    let x = |v: f64| left + (v - x0) / (x1 - x0) * (WIDTH - left - right);
    let y = |v: f64| HEIGHT - bottom - (v - y0) / (y1 - y0) * (HEIGHT - top - bottom);
    let mut svg = String::new();
    let _ = write!(svg, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#, escape(title));
    for t in ticks(y0, y1, 5) {
        let at = y(t);
        let _ = write!(svg, r#"<line class="grid" x1="{left}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/>"#, WIDTH - right);
        let _ = write!(
            svg,
            r#"<text class="tick" x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            left - 6.0,
            at + 3.5,
            short(t)
        );
    }
    for t in ticks(x0, x1, 6) {
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
            x(t),
            HEIGHT - bottom + 16.0,
            short(t)
        );
    }
    let _ = write!(
        svg,
        r#"<text class="tick" x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
        (left + WIDTH - right) / 2.0,
        HEIGHT - 6.0,
        escape(x_label)
    );
    for (i, line) in lines.iter().enumerate() {
        let points: Vec<String> =
            line.points.iter().filter(|p| p.1.is_finite()).map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let _ = write!(
            svg,
            r#"<polyline class="curve" style="stroke:{}" points="{}"><title>{}</title></polyline>"#,
            color(i),
            points.join(" "),
            escape(&line.name)
        );
    }
    svg += "</svg>";
    svg += r#"<p class="legend">"#;
    for (i, line) in lines.iter().enumerate() {
        let _ = write!(svg, r#"<span><i style="background:{}"></i>{}</span> "#, color(i), escape(&line.name));
    }
    svg + "</p>"
}

/// Teacher's (rings) and student's (dots) features in one plane, coloured by class.
pub fn scatter(embedding: &Embedding) -> String {
    let all = || embedding.teacher.iter().chain(&embedding.student);
    let ((x0, x1), (y0, y1)) = (bounds(all().map(|p| p[0])), bounds(all().map(|p| p[1])));
    let (side, margin) = (340.0, 10.0);
    // One scale for both axes: distances in the picture are distances in the plane.
    let scale = (side - 2.0 * margin) / (x1 - x0).max(y1 - y0);
    let place = |p: &[f64; 2]| (margin + (p[0] - x0) * scale, margin + (y1 - p[1]) * scale);
    let height = 2.0 * margin + (y1 - y0) * scale;
    let mut svg =
        format!(r#"<svg viewBox="0 0 {side} {height:.0}" role="img" aria-label="features in two dimensions">"#);
    for (p, label) in embedding.teacher.iter().zip(&embedding.labels) {
        let (x, y) = place(p);
        let color = color(*label as usize);
        let _ = write!(svg, r#"<circle class="ring" cx="{x:.1}" cy="{y:.1}" r="3.2" style="stroke:{color}"/>"#);
    }
    for (p, label) in embedding.student.iter().zip(&embedding.labels) {
        let (x, y) = place(p);
        let color = color(*label as usize);
        let _ = write!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="2" style="fill:{color}"/>"#);
    }
    svg + "</svg>"
}

/// A coupling as a matrix, rows and columns sorted by class; mass off the class blocks is mass moved between classes.
pub fn plan(picture: &PlanPicture) -> String {
    let n = picture.labels.len().max(1) as f64;
    let side = 300.0;
    let cell = side / n;
    let mut svg = format!(r#"<svg viewBox="0 0 {side} {side}" role="img" aria-label="transport plan of one batch">"#);
    let _ = write!(svg, r#"<rect class="frame" x="0" y="0" width="{side}" height="{side}"/>"#);
    let mut start = 0;
    while start < picture.labels.len() {
        let run = picture.labels[start..].iter().take_while(|l| **l == picture.labels[start]).count();
        let (at, size) = (start as f64 * cell, run as f64 * cell);
        let _ = write!(
            svg,
            r#"<rect x="{at:.1}" y="{at:.1}" width="{size:.1}" height="{size:.1}" style="fill:{};opacity:.18"/>"#,
            color(picture.labels[start] as usize)
        );
        start += run;
    }
    let largest = picture.entries.iter().map(|e| e.2).fold(0.0, f64::max);
    for (i, j, mass) in &picture.entries {
        let class = if picture.labels[*i] == picture.labels[*j] { "mass" } else { "mass stray" };
        let (x, y) = (*j as f64 * cell, *i as f64 * cell);
        let opacity = 0.15 + 0.85 * mass / largest;
        let _ = write!(
            svg,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{w:.1}" style="opacity:{opacity:.2}"/>"#,
            w = cell.max(1.5)
        );
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let found = ticks(0.0, 97.0, 5);
        assert_eq!(found, vec![0.0, 20.0, 40.0, 60.0, 80.0]);
        assert_eq!(ticks(1.0, 1.0, 5), vec![1.0]);
    }

    #[test]
    fn names_are_escaped() {
        let svg = lines("<b>", "epoch", &[Line { name: "<script>".into(), points: vec![(0.0, 1.0), (1.0, f64::NAN)] }]);
        assert!(!svg.contains("<script>") && !svg.contains("<b>") && svg.contains("&lt;script&gt;"));
        assert!(!svg.contains("NaN"));
    }
}

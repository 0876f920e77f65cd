//! A coupling as a matrix, rows and columns sorted by class; mass off the class blocks is mass moved between classes.

use std::fmt::Write;

use super::{super::picture::PlanPicture, color};

/// Draws it.
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

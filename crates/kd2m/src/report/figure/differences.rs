//! Differences to λ = 0 with their intervals, largest first: a forest plot.

use std::fmt::Write;

use super::{escape, short, ticks};

/// One arm's difference.
pub struct Difference<'a> {
    pub name: &'a str,
    pub mean: f64,
    /// Of its interval.
    pub half_width: f64,
    /// `better`, `worse` or neither: the colour.
    pub verdict: &'a str,
}

/// How wide a character of a name is, and how much of the figure names may take.
const CHARACTER: f64 = 6.2;
const MOST: f64 = 170.0;

/// Draws them in their order; nothing of none.
pub fn differences(all: &[Difference]) -> Option<String> {
    if all.is_empty() {
        return None;
    }
    let low = all.iter().map(|d| d.mean - d.half_width).fold(0.0, f64::min);
    let high = all.iter().map(|d| d.mean + d.half_width).fold(0.0, f64::max);
    let longest = all.iter().map(|d| d.name.chars().count()).max().unwrap_or(0);
    let left = (longest as f64 * CHARACTER + 12.0).min(MOST);
    let (width, right, step) = (340.0, 12.0, 18.0);
    let x = |v: f64| left + (v - low) / (high - low).max(1e-9) * (width - left - right);
    let height = step * all.len() as f64 + 30.0;
    let mut svg = format!(r#"<svg viewBox="0 0 {width} {height}" role="img" aria-label="differences to none">"#);
    for tick in ticks(low, high, 5) {
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="4" y2="{:.0}"/><text class="tick" x="{at:.1}" y="{:.0}" text-anchor="middle">{}</text>"#,
            height - 22.0,
            height - 8.0,
            short((tick * 100.0).round() / 100.0),
            at = x(tick)
        );
    }
    let _ = write!(svg, r#"<line class="zero" x1="{0:.1}" x2="{0:.1}" y1="4" y2="{1:.0}"/>"#, x(0.0), height - 22.0);
    for (i, d) in all.iter().enumerate() {
        let y = 13.0 + step * i as f64;
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.0}" y="{:.1}" text-anchor="end">{}</text><g class="{}"><line x1="{:.1}" x2="{:.1}" y1="{y}" y2="{y}"/><circle cx="{:.1}" cy="{y}" r="3.5"/></g>"#,
            left - 8.0,
            y + 3.5,
            escape(&cut(d.name)),
            d.verdict.replace(' ', "-"),
            x(d.mean - d.half_width),
            x(d.mean + d.half_width),
            x(d.mean)
        );
    }
    Some(svg + "</svg>")
}

/// A name that fits.
fn cut(name: &str) -> String {
    let fits = ((MOST - 12.0) / CHARACTER) as usize;
    if name.chars().count() <= fits { name.to_owned() } else { name.chars().take(fits - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stand_within_the_figure() {
        let of = |name| differences(&[Difference { name, mean: 1.0, half_width: 0.5, verdict: "better" }]).unwrap();
        let svg = of("class-gaussian-w2-diag");
        assert!(svg.contains(r#"x="140""#) && svg.contains(">class-gaussian-w2-diag<"), "{svg}");
        assert!(of("a-name-that-nobody-should-give-to-an-arm").contains("a-name-that-nobody-shoul…"));
    }
}

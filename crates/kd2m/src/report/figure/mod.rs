//! Figures as SVG text, one file each. Colours and fonts come from the page's style sheet, so that one drawing serves light and
//! dark. Drawn about 340 units wide: a column of the page and a phone show it at its own size.

pub mod confusion;
pub mod differences;
#[cfg(feature = "bench")]
pub mod gain;
pub mod heat;
pub mod lines;
pub mod panels;
pub mod plan;
pub mod reliability;
pub mod scatter;
#[cfg(feature = "bench")]
pub mod tried;

use std::fmt::Write;

pub use lines::{Line, lines};

/// Colours of the style sheet.
const COLORS: usize = 10;
/// Beyond ten series the colours come again, dashed otherwise: forty can be told apart.
const DASHES: [&str; 4] = ["", "6 3", "2 2.5", "9 3 2 3"];

/// The colour of the i-th series: a CSS variable of the page.
pub fn color(i: usize) -> String {
    format!("var(--s{})", i % COLORS)
}

/// Colour and dashes of the i-th series, as attributes of a line.
pub fn stroke(i: usize) -> String {
    let dash = DASHES[i / COLORS % DASHES.len()];
    let dash = if dash.is_empty() { String::new() } else { format!(r#" stroke-dasharray="{dash}""#) };
    format!(r#"style="stroke:{}"{dash}"#, color(i))
}

/// A piece of the i-th series' line for a legend.
pub fn key(i: usize) -> String {
    format!(
        r#"<svg class="key" viewBox="0 0 24 8" aria-hidden="true"><line x1="0" x2="24" y1="4" y2="4" {}/></svg>"#,
        stroke(i)
    )
}

/// Text as it may stand in SVG.
pub fn escape(text: &str) -> String {
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

/// Least and largest finite value, never equal.
pub fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match low < high {
        true => (low, high),
        false if low.is_finite() => (low - 0.5, high + 0.5),
        false => (0.0, 1.0),
    }
}

/// How much further from the middle than the other end a value may lie and still stretch an axis.
const REACH: f64 = 4.0;

/// So few values are all worth seeing: which of them lies beyond the others?
const FEW: usize = 4;

/// Least and largest value for an axis, each brought in where it lies [`REACH`] times as far from the median as the other: a spike does
/// not flatten everything else.
pub fn robust(mut values: Vec<f64>) -> (f64, f64) {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    let (low, high) = bounds(values.iter().copied());
    let Some(&median) = values.get(values.len() / 2).filter(|_| values.len() > FEW) else { return (low, high) };
    let reach = |other: f64| REACH * (median - other).abs();
    bounds([low.max(median - reach(high)), high.min(median + reach(low)), median].into_iter())
}

/// A number of a tick, without needless digits: what lies far from 1 in powers of ten.
pub fn short(value: f64) -> String {
    if value != 0.0 && value.is_finite() && !(1e-3..1e5).contains(&value.abs()) {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let text = if value.abs() >= 1000.0 { format!("{value:.0}") } else { format!("{value:.4}") };
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    if text == "-0" { "0".to_owned() } else { text }
}

/// How wide a character of a tick is.
const DIGIT: f64 = 6.4;

/// A plot's area with its two axes.
pub struct Frame {
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub width: f64,
    pub height: f64,
    /// Left, right, top, bottom.
    pub margin: [f64; 4],
}

impl Frame {
    /// Around these ranges, in the usual size, with room for the numbers of the vertical axis.
    pub fn new(x: (f64, f64), y: (f64, f64)) -> Self {
        let longest = ticks(y.0, y.1, 5).into_iter().map(|t| short(t).chars().count()).max().unwrap_or(0);
        let left = (longest as f64 * DIGIT + 12.0).max(46.0);
        Self { x, y, width: 340.0, height: 230.0, margin: [left, 10.0, 10.0, 36.0] }
    }

    /// Place of a value along the page.
    pub fn across(&self, v: f64) -> f64 {
        let [left, right, ..] = self.margin;
        left + (v - self.x.0) / (self.x.1 - self.x.0) * (self.width - left - right)
    }

    /// Place of a value down the page.
    pub fn down(&self, v: f64) -> f64 {
        let [.., top, bottom] = self.margin;
        self.height - bottom - (v - self.y.0) / (self.y.1 - self.y.0) * (self.height - top - bottom)
    }

    /// Opens the drawing: grid, ticks of both axes, the name of the horizontal one. `mark` writes a tick of the latter.
    pub fn open(&self, title: &str, x_label: &str, mark: impl Fn(f64) -> Option<String>) -> String {
        let ([left, right, ..], Self { width, height, .. }) = (self.margin, self);
        let mut svg = format!(r#"<svg viewBox="0 0 {width} {height}" role="img" aria-label="{}">"#, escape(title));
        for t in ticks(self.y.0, self.y.1, 5) {
            let at = self.down(t);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{left}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                width - right,
                left - 6.0,
                at + 3.5,
                short(t)
            );
        }
        let below = height - self.margin[3] + 15.0;
        for t in ticks(self.x.0, self.x.1, 6) {
            if let Some(text) = mark(t) {
                let _ = write!(
                    svg,
                    r#"<text class="tick" x="{:.1}" y="{below:.1}" text-anchor="middle">{text}</text>"#,
                    self.across(t)
                );
            }
        }
        let middle = (left + width - right) / 2.0;
        let _ = write!(
            svg,
            r#"<text class="tick" x="{middle:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            height - 5.0,
            escape(x_label)
        );
        svg
    }
}

/// A tick that is a whole number, as epochs are; none between.
pub fn whole(value: f64) -> Option<String> {
    ((value - value.round()).abs() < 1e-9).then(|| short(value))
}

/// A tick as the number that it is.
pub fn plain(value: f64) -> Option<String> {
    Some(short(value))
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
    fn what_lies_far_beyond_does_not_stretch_the_axis() {
        let (low, high) = robust(vec![64.0, 97.0, 97.5, 97.8, 98.0]);
        assert!((low - (97.5 - 2.0)).abs() < 1e-9 && high == 98.0, "{low} {high}");
        assert_eq!(robust(vec![1.0, f64::NAN, 2.0, 3.0]), (1.0, 3.0));
        assert_eq!(robust(vec![5.0]), (4.5, 5.5));
        assert_eq!(robust(vec![60.0, 97.4, 97.0]), (60.0, 97.4), "two candidates and a level");
    }

    #[test]
    fn numbers_of_any_size_stay_short_and_fit_their_axis() {
        let said = [0.0, 12.5, 99999.0, 322_330.0, 16_822_329.0, 0.05, 0.00025, -2e6].map(short);
        assert_eq!(said, ["0", "12.5", "99999", "3.223e5", "1.682e7", "0.05", "2.5e-4", "-2e6"]);
        assert!(Frame::new((0.0, 1.0), (0.0, 1.7e7)).margin[0] >= 46.0);
    }

    #[test]
    fn forty_series_are_told_apart() {
        let all: std::collections::HashSet<String> = (0..40).map(stroke).collect();
        assert_eq!(all.len(), 40);
    }
}

//! What a criterion costs against what it gains: a dot an arm with its name and interval, costs on a logarithmic axis.

use std::fmt::Write;

use super::{Frame, bounds, escape, short};

/// One arm.
pub struct Gain<'a> {
    pub name: &'a str,
    /// Milliseconds of a step.
    pub cost: f64,
    /// Points over λ = 0, and half of its interval.
    pub gain: f64,
    pub half_width: f64,
}

/// A place taken by a dot or a name: left, right, top, bottom.
type Taken = [f64; 4];

/// Draws arms that cost something; nothing of fewer than two.
pub fn gain(all: &[Gain]) -> Option<String> {
    let shown: Vec<&Gain> = all.iter().filter(|g| g.cost.is_finite() && g.cost > 0.0 && g.gain.is_finite()).collect();
    if shown.len() < 2 {
        return None;
    }
    let (low, high) = bounds(shown.iter().map(|g| g.cost.log10()));
    let reach = bounds(shown.iter().flat_map(|g| [g.gain - g.half_width, g.gain + g.half_width, 0.0]));
    let mut frame = Frame::new((low - 0.1, high + 0.25), reach);
    // A few arms need no room for many names.
    (frame.width, frame.height) = (660.0, (110.0 + 22.0 * shown.len() as f64).min(330.0));
    let mut svg = frame.open("cost against gain", "criterion's time in a step, ms", |_| None);
    for (value, at) in marks(frame.x, (low, high)).into_iter().map(|v| (v, frame.across(v.log10()))) {
        let below = frame.height - frame.margin[3] + 15.0;
        let _ =
            write!(svg, r#"<text class="tick" x="{at:.1}" y="{below}" text-anchor="middle">{}</text>"#, short(value));
    }
    let zero = frame.down(0.0);
    let _ = write!(
        svg,
        r#"<line class="zero" x1="{}" x2="{}" y1="{zero:.1}" y2="{zero:.1}"/>"#,
        frame.margin[0],
        frame.width - 10.0
    );
    let place = |g: &Gain| (frame.across(g.cost.log10()), frame.down(g.gain));
    let mut taken: Vec<Taken> =
        shown.iter().map(|g| place(g)).map(|(x, y)| [x - 4.0, x + 4.0, y - 4.0, y + 4.0]).collect();
    for g in &shown {
        let (x, y) = place(g);
        let (a, b) = (frame.down(g.gain - g.half_width), frame.down(g.gain + g.half_width));
        let _ = write!(svg, r#"<line class="faint" x1="{x:.1}" x2="{x:.1}" y1="{a:.1}" y2="{b:.1}"/>"#);
        let at = free(x, y, g.name.chars().count() as f64 * 6.2, frame.width, &taken);
        taken.push(at);
        let _ = write!(
            svg,
            r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="3.5"/><text class="name" x="{:.1}" y="{:.1}">{}</text>"#,
            at[0],
            at[3] - 2.5,
            escape(g.name)
        );
    }
    Some(svg + "</svg>")
}

/// 1, 2 and 5 of each power of ten between two logarithms; where these are fewer than two, the ends of what is measured.
fn marks((low, high): (f64, f64), measured: (f64, f64)) -> Vec<f64> {
    let powers = low.floor() as i32..=high.ceil() as i32;
    let all = powers.flat_map(|k| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(k)));
    let found: Vec<f64> = all.filter(|v| (low..=high).contains(&v.log10())).collect();
    if found.len() > 1 {
        return found;
    }
    // Of two digits, as the others.
    let round = |log: f64| format!("{:.1e}", 10f64.powf(log)).parse().unwrap_or_default();
    vec![round(measured.0), round(measured.1)]
}

/// Where a name of this width may stand beside its dot: the nearest place that nothing takes, or else to the right.
fn free(x: f64, y: f64, width: f64, page: f64, taken: &[Taken]) -> Taken {
    let around = [0.0, -11.0, 11.0, -22.0, 22.0, -33.0, 33.0];
    let places = around
        .iter()
        .flat_map(|dy| [x + 6.0, x - 6.0 - width].map(|left| [left, left + width, y + dy - 6.0, y + dy + 6.0]));
    let clear = |at: &Taken| {
        let apart = |other: &Taken| at[1] < other[0] || other[1] < at[0] || at[3] < other[2] || other[3] < at[2];
        at[0] > 46.0 && at[1] < page && taken.iter().all(apart)
    };
    places.clone().find(clear).or_else(|| places.clone().next()).unwrap_or([x, x + width, y - 6.0, y + 6.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_marked_at_round_values() {
        assert_eq!(marks((-1.1, 0.4), (-1.0, 0.15)), [0.1, 0.2, 0.5, 1.0, 2.0]);
        let near = [0.11f64, 0.123].map(f64::log10);
        assert_eq!(marks((near[0] - 0.1, near[1] + 0.25), (near[0], near[1])), [0.1, 0.2]);
        assert_eq!(marks((near[0], near[1]), (near[0], near[1])), [0.11, 0.12]);
    }

    #[test]
    fn names_do_not_cover_each_other() {
        let first = free(100.0, 100.0, 40.0, 600.0, &[]);
        let second = free(102.0, 101.0, 40.0, 600.0, &[first]);
        assert_eq!(first, [106.0, 146.0, 94.0, 106.0]);
        assert!(second[1] < first[0] || second[2] > first[3] || second[3] < first[2], "{second:?}");
    }
}

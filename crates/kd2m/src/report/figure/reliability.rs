//! The reliability diagram: accuracy against confidence, bin by bin. On the dashed diagonal confidence can be believed; a bar
//! below it is a network too sure of itself. The fuller a bar, the more samples.

use std::fmt::Write;

use super::{Frame, plain};
use crate::measure::Calibration;

/// Draws it.
pub fn reliability(found: &Calibration) -> String {
    let frame = Frame::new((0.0, 100.0), (0.0, 100.0));
    let mut svg = frame.open("accuracy against confidence", "confidence of the prediction, %", plain);
    let width = 100.0 / found.bins.len().max(1) as f64;
    let most = found.bins.iter().map(|b| b.count).max().unwrap_or(1).max(1) as f64;
    for (i, bin) in found.bins.iter().enumerate().filter(|(_, b)| b.count > 0) {
        let (x0, x1) = (frame.across(i as f64 * width), frame.across((i as f64 + 1.0) * width));
        let (top, floor) = (frame.down(bin.accuracy), frame.down(0.0));
        let _ = write!(
            svg,
            r#"<rect class="heat" x="{:.1}" y="{top:.1}" width="{:.1}" height="{:.1}" style="opacity:{:.2}"><title>{} samples: {:.1} % right at {:.1} % confidence</title></rect>"#,
            x0 + 0.5,
            x1 - x0 - 1.0,
            floor - top,
            0.3 + 0.7 * (bin.count as f64 / most).sqrt(),
            bin.count,
            bin.accuracy,
            bin.confidence
        );
        let (at, level) = (frame.across(bin.confidence), frame.down(bin.confidence));
        let class = if bin.accuracy < bin.confidence { "gap stray" } else { "gap" };
        let _ = write!(svg, r#"<line class="{class}" x1="{at:.1}" x2="{at:.1}" y1="{top:.1}" y2="{level:.1}"/>"#);
    }
    let _ = write!(
        svg,
        r#"<line class="ideal" x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/></svg>"#,
        frame.across(0.0),
        frame.down(0.0),
        frame.across(100.0),
        frame.down(100.0)
    );
    svg
}
